/** Finds devices on this machine: remembers what was found until the mounts change, and joins what is one backend. */
import type { Clock } from '../../../common/clock.js';
import type { Logger } from '../../../common/log.js';
import type { StartupBackend } from '../../config/keys/startup.js';
import { mountOf, parseMountTable } from '../../volumes/mount-table.js';
import type { MountEntry } from '../../volumes/mount-table.js';
import type { BackingDevice, DeviceFinder } from './backing-device.js';
import { networkTerminal } from './filesystem-kind.js';
import type { MachineView, PathFacts } from './machine-view.js';
import { resolveBlockDevice, resolvePath } from './resolve-devices.js';
import type { Machine, Resolution } from './resolve-devices.js';

export interface DeviceFinderOptions {
  readonly machine: MachineView;
  readonly backends: readonly StartupBackend[];
  readonly clock: Clock;
  readonly log: Logger;
}

/** The table of mounts is read again when it is older than this: it tells nobody of changes who cannot poll it. */
const tableMs = 1000;
/** Loop devices and links may change without a mount. */
const knownMs = 30_000;

export function createDeviceFinder(options: DeviceFinderOptions): DeviceFinder {
  return new MachineDeviceFinder(options);
}

/** What was found while the table of mounts was the same. */
interface Generation {
  readonly text: string;
  readonly table: readonly MountEntry[];
  readonly machine: Machine;
  readonly sinceMs: number;
  readonly found: Map<string, Promise<readonly BackingDevice[]>>;
  /** The members of each backend. */
  readonly backends: Promise<
    readonly { readonly name: string; readonly members: readonly BackingDevice[] }[]
  >;
}

class MachineDeviceFinder implements DeviceFinder {
  readonly #options: DeviceFinderOptions;
  /** Device keys that storage classes brought to a backend. */
  readonly #learned = new Map<string, string>();
  readonly #told = new Set<string>();
  #generation: Generation | undefined;
  #read: { readonly atMs: number; readonly generation: Promise<Generation> } | undefined;

  constructor(options: DeviceFinderOptions) {
    this.#options = options;
  }

  find(path: string): Promise<readonly BackingDevice[]> {
    return this.#find(`path ${path}`, ({ machine, table }) => resolvePath(machine, table, path));
  }

  findBlockDevice(device: string): Promise<readonly BackingDevice[]> {
    return this.#find(`device ${device}`, ({ machine, table }) => resolveBlockDevice(machine, table, device));
  }

  async findNetwork(family: string, source: string): Promise<readonly BackingDevice[]> {
    const { key, about } = networkTerminal(family, source);
    return this.#join(await this.#current(), [{ key, about, diskstats: [] }]);
  }

  findBackend(
    what: { readonly storageClass: string } | { readonly registry: string },
  ): BackingDevice | undefined {
    const backend = this.#options.backends.find(({ storageClasses, registries }) =>
      'registry' in what ? registries.includes(what.registry) : storageClasses.includes(what.storageClass),
    );
    return backend === undefined ? undefined : { key: backend.name, about: about(backend), diskstats: [] };
  }

  addToBackend(name: string, devices: readonly BackingDevice[]): void {
    for (const { key } of devices) if (key !== name) this.#learned.set(key, name);
  }

  async #find(
    key: string,
    resolve: (generation: Generation) => Promise<Resolution>,
  ): Promise<readonly BackingDevice[]> {
    const generation = await this.#current();
    let found = generation.found.get(key);
    if (found === undefined) {
      found = this.#resolve(key, () => resolve(generation));
      generation.found.set(key, found);
    }
    return this.#join(generation, await found);
  }

  async #resolve(what: string, resolve: () => Promise<Resolution>): Promise<readonly BackingDevice[]> {
    try {
      const { devices, troubles } = await resolve();
      for (const trouble of troubles) this.#tell(what, trouble);
      return devices;
    } catch (error) {
      this.#tell(what, error instanceof Error ? error.message : String(error));
      return [];
    }
  }

  /** Once, however often a Pod that lies there starts. */
  #tell(what: string, trouble: string): void {
    if (this.#told.has(trouble)) return;
    if (this.#told.size > 1000) this.#told.clear();
    this.#told.add(trouble);
    this.#options.log.warn('not all devices could be found that carry it', { what, why: trouble });
  }

  /** Devices that are part of a backend become the backend. */
  async #join(
    { backends }: Generation,
    devices: readonly BackingDevice[],
  ): Promise<readonly BackingDevice[]> {
    if (this.#options.backends.length === 0) return devices;
    const joined = new Map<string, BackingDevice>();
    const all = await backends;
    for (const device of devices) {
      const name =
        this.#learned.get(device.key) ??
        all.find(({ members }) => members.some(({ key }) => key === device.key))?.name;
      const backend = this.#options.backends.find((one) => one.name === name);
      const key = backend?.name ?? device.key;
      const rows = [...(joined.get(key)?.diskstats ?? []), ...device.diskstats];
      joined.set(key, {
        key,
        about: backend === undefined ? device.about : about(backend),
        diskstats: [...new Set(rows)],
      });
    }
    return [...joined.values()];
  }

  #current(): Promise<Generation> {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#read === undefined || nowMs - this.#read.atMs >= tableMs)
      this.#read = { atMs: nowMs, generation: this.#renew(nowMs) };
    return this.#read.generation;
  }

  async #renew(nowMs: number): Promise<Generation> {
    const { machine } = this.#options;
    let text = '';
    try {
      text = await machine.mountinfo();
    } catch (error) {
      this.#tell('the table of mounts', error instanceof Error ? error.message : String(error));
    }
    const before = this.#generation;
    if (before?.text === text && nowMs - before.sinceMs < knownMs) return before;
    const table = parseMountTable(text);
    const remembering = rememberLooks(machine);
    this.#generation = {
      text,
      table,
      machine: remembering,
      sinceMs: nowMs,
      found: new Map(),
      backends: this.#membersOfAll(remembering, table),
    };
    return this.#generation;
  }

  #membersOfAll(machine: Machine, table: readonly MountEntry[]): Generation['backends'] {
    return Promise.all(
      this.#options.backends.map(async ({ name, devices, mountPoints }) => {
        const ofDevices = devices.map((device) =>
          this.#resolve(`backend ${name}`, () => ofBackend(machine, table, name, device)),
        );
        // Before something is mounted there the folder is another disk's.
        const mounted = mountPoints.filter((path) => mountOf(table, path)?.path === path);
        const ofMounts = mounted.map((path) =>
          this.#resolve(`backend ${name}`, () => resolvePath(machine, table, path)),
        );
        return { name, members: (await Promise.all([...ofDevices, ...ofMounts])).flat() };
      }),
    );
  }
}

/** A disk that is not attached yet is no member yet. */
async function ofBackend(
  machine: Machine,
  table: readonly MountEntry[],
  name: string,
  device: string,
): Promise<Resolution> {
  if (!device.startsWith('/')) return resolveBlockDevice(machine, table, device);
  const resolution = await resolvePath(machine, table, device);
  if (resolution.devices.length > 0) return resolution;
  return { devices: [], troubles: [`${device} of the backend ${name} is not there or no block device`] };
}

function about({ devices, mountPoints, storageClasses, registries }: StartupBackend): string {
  const classes = storageClasses.map((name) => `storage class ${name}`);
  return [...devices, ...mountPoints, ...classes, ...registries].join(', ');
}

/** Paths of Pods have long beginnings in common. */
function rememberLooks(machine: MachineView): Machine {
  const looks = new Map<string, Promise<PathFacts | undefined>>();
  return {
    blockDevice: (device) => machine.blockDevice(device),
    btrfsMembers: (device) => machine.btrfsMembers(device),
    look: (path) => {
      const known = looks.get(path) ?? machine.look(path);
      looks.set(path, known);
      return known;
    },
  };
}
