/**
 * The IPAM plugin host-local: hands out addresses of configured ranges and remembers them in files of this
 * host. One instance of the ranges per host: the controller manager gives each Node a subnet of its own.
 */
import { join } from 'node:path';
import { formatAddress, parseAddress } from '../lib/ipv4.js';
import { requiredObject } from '../lib/json-reader.js';
import { CniError, errorCodes } from '../lib/spec.js';
import type { AddResult, AttachmentCall, NetworkConfig, Plugin } from '../lib/spec.js';
import { AddressStore } from './address-store.js';
import { candidates, readIpamConfig } from './ranges.js';
import type { AddressRange, IpamConfig } from './ranges.js';

export const hostLocal: Plugin = {
  name: 'host-local',

  async add(call): Promise<AddResult> {
    const { ipam, store } = open(call.config);
    const held = store.find(call);
    if (held !== undefined) {
      throw new CniError(
        errorCodes.tryAgainLater,
        `container ${call.containerId} already holds ${formatAddress(held)} for ${call.interfaceName}: run DEL first`,
      );
    }
    const { address, range } = allocate(call, ipam, store);
    return {
      ips: [
        {
          address: `${formatAddress(address)}/${range.prefixLength}`,
          gateway: formatAddress(range.gateway),
        },
      ],
      routes: ipam.routes,
    };
  },

  async delete(call): Promise<void> {
    open(call.config).store.release(call);
  },

  async check(call): Promise<void> {
    if (open(call.config).store.find(call) === undefined) {
      throw new CniError(
        errorCodes.checkFailed,
        `container ${call.containerId} holds no address for ${call.interfaceName}`,
      );
    }
  },

  async collectGarbage(call): Promise<void> {
    open(call.config).store.retainOnly(call.config.validAttachments);
  },

  async status(call): Promise<void> {
    const { ipam, store } = open(call.config);
    const taken = new Set(store.list().map((reservation) => reservation.address));
    for (const { address } of candidates(ipam.ranges, undefined)) if (!taken.has(address)) return;
    throw new CniError(errorCodes.notAvailable, exhausted(call.config.name, ipam.ranges));
  },
};

function open(config: NetworkConfig): { readonly ipam: IpamConfig; readonly store: AddressStore } {
  const ipam = readIpamConfig(requiredObject(config.raw, 'ipam'));
  return { ipam, store: new AddressStore(join(ipam.dataFolder, config.name)) };
}

function allocate(
  call: AttachmentCall,
  ipam: IpamConfig,
  store: AddressStore,
): { readonly address: number; readonly range: AddressRange } {
  const wanted = wantedAddress(call);
  // Reserving is the only check that counts; skipping what is known to be taken saves failed attempts.
  const taken = new Set(store.list().map((reservation) => reservation.address));
  for (const candidate of candidates(ipam.ranges, store.readLastGiven())) {
    if (wanted !== undefined && candidate.address !== wanted) continue;
    if (taken.has(candidate.address) || !store.reserve(candidate.address, call)) continue;
    store.writeLastGiven(candidate.address);
    return candidate;
  }
  throw new CniError(
    errorCodes.rangeExhausted,
    wanted === undefined
      ? exhausted(call.config.name, ipam.ranges)
      : `the address ${formatAddress(wanted)} asked for in CNI_ARGS is taken or outside of the ranges`,
  );
}

/** CNI_ARGS `IP=10.244.0.9` asks for one address. */
function wantedAddress(call: AttachmentCall): number | undefined {
  const text = call.args['IP'];
  if (text === undefined || text === '') return undefined;
  const address = parseAddress(text);
  if (address === undefined) {
    throw new CniError(errorCodes.invalidEnvironment, `CNI_ARGS: IP=${text} is not an IPv4 address`);
  }
  return address;
}

function exhausted(network: string, ranges: readonly AddressRange[]): string {
  const text = ranges.map((range) => `${formatAddress(range.first)}-${formatAddress(range.last)}`).join(', ');
  return `no free address is left in network "${network}" (${text})`;
}
