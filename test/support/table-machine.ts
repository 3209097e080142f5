/** A machine of tables, for what is to be tried on mounts and devices that this one does not have. */
import type { BlockDeviceFacts, MachineView, PathFacts } from '../../kubelet/startup/devices/machine-view.js';

/** What a machine's kernel would tell. */
export interface MachineTables {
  readonly mountinfo: readonly string[];
  /** By `major:minor`; `disk`, `members` and `backingFile` as in sysfs. */
  readonly blocks?: Readonly<Record<string, Partial<BlockDeviceFacts> & { readonly name: string }>>;
  /** Links (a text) and block devices (`{ device }`) by path. */
  readonly paths?: Readonly<Record<string, string | { readonly device: string }>>;
  /** Nothing is at or below these; everything else is there. */
  readonly missing?: readonly string[];
  /** Members of each filesystem. */
  readonly btrfs?: readonly (readonly string[])[];
}

export class TableMachine implements MachineView {
  tables: MachineTables;
  /** Paths that were looked at, and how often the table of mounts was read. */
  readonly looked: string[] = [];
  reads = 0;

  constructor(tables: MachineTables) {
    this.tables = tables;
  }

  async mountinfo(): Promise<string> {
    this.reads++;
    return `${this.tables.mountinfo.join('\n')}\n`;
  }

  async look(path: string): Promise<PathFacts | undefined> {
    this.looked.push(path);
    if (this.tables.missing?.some((one) => path === one || path.startsWith(`${one}/`)) === true)
      return undefined;
    const known = this.tables.paths?.[path];
    if (known === undefined) return { kind: 'other' };
    return typeof known === 'string' ? { kind: 'link', target: known } : { kind: 'block', ...known };
  }

  async blockDevice(device: string): Promise<BlockDeviceFacts | undefined> {
    const facts = this.tables.blocks?.[device];
    return facts && { disk: undefined, members: [], backingFile: undefined, ...facts };
  }

  async btrfsMembers(device: string): Promise<readonly string[]> {
    return this.tables.btrfs?.find((members) => members.includes(device)) ?? [];
  }
}
