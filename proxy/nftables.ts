/** The kernel's nftables: scripts go through `nft`, whether somebody else changed rules is asked by netlink. */
import { MessageWriter, parseAttributes } from '../common/netlink/message.js';
import { NetlinkSocket, families } from '../common/netlink/socket.js';
import { tableName } from './render-ruleset.js';
import type { TableInventory } from './render-ruleset.js';
import { CommandError, runCommand } from '../common/run-command.js';

const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_GETGEN = 16;
const NFTA_GEN_ID = 1;

export interface Nftables {
  /** Applies a script as one transaction; rejects and changes nothing when any part of it is refused. */
  apply(script: string): Promise<void>;
  inventory(): Promise<TableInventory>;
  /** A number that grows with each transaction, whoever makes it, in whatever table. */
  generation(): number;
}

export const kernelNftables: Nftables = {
  async apply(script) {
    await runCommand('nft', ['-f', '-'], { input: script });
  },

  async inventory() {
    let text: string;
    try {
      text = await runCommand('nft', ['--json', '--terse', 'list', 'table', 'ip', tableName]);
    } catch (error) {
      // No such table: that is how it begins.
      if (error instanceof CommandError && error.result?.stderr.includes('No such file') === true)
        return { chains: [], sets: [] };
      throw error;
    }
    return readInventory(JSON.parse(text));
  },

  generation() {
    const netlink = new NetlinkSocket(families.netfilter);
    try {
      const request = new MessageWriter(64).begin((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN, 0);
      const [answer] = netlink.query(request.u8(0).u8(0).u16(0).finish());
      const id = answer && parseAttributes(answer.payload.subarray(4)).get(NFTA_GEN_ID);
      if (id === undefined) throw new Error('the kernel does not tell the generation of its nftables rules');
      return id.readUInt32BE(0);
    } finally {
      netlink.close();
    }
  },
};

/** Names out of nft's JSON: `{ "nftables": [ { "chain": { "name": … } }, … ] }`. */
export function readInventory(listing: unknown): TableInventory {
  const chains: string[] = [];
  const sets: string[] = [];
  const entries = (listing as { nftables?: unknown } | null)?.nftables;
  for (const entry of Array.isArray(entries) ? (entries as unknown[]) : []) {
    const { chain, set } = entry as { chain?: { name?: unknown }; set?: { name?: unknown } };
    if (typeof chain?.name === 'string') chains.push(chain.name);
    if (typeof set?.name === 'string') sets.push(set.name);
  }
  return { chains, sets };
}
