/**
 * From a path or a block device to the devices that carry it, level by level: mount → overlay's folder → partition →
 * device mapper → loop → the file's mount → … until a disk, a program or a network is reached.
 *
 * Everything known of the machine comes through the view. A path is walked here and not by the kernel, so that nothing
 * below a FUSE or network mount is touched: a server that does not answer would hold up whoever asks.
 */
import { mountOf } from '../../volumes/mount-table.js';
import type { MountEntry } from '../../volumes/mount-table.js';
import type { BackingDevice } from './backing-device.js';
import { filesystemKind, mayHang } from './filesystem-kind.js';
import type { MachineView, PathFacts } from './machine-view.js';

export type Machine = Omit<MachineView, 'mountinfo'>;

export interface Resolution {
  readonly devices: readonly BackingDevice[];
  /** What could not be found out; the devices are then a guess from what is known. */
  readonly troubles: readonly string[];
}

export async function resolvePath(
  machine: Machine,
  table: readonly MountEntry[],
  path: string,
): Promise<Resolution> {
  const walk = new Walk(machine, table);
  return { devices: unique(await walk.path(path, [])), troubles: walk.troubles };
}

/** `device` is `major:minor`. */
export async function resolveBlockDevice(
  machine: Machine,
  table: readonly MountEntry[],
  device: string,
): Promise<Resolution> {
  const walk = new Walk(machine, table);
  return { devices: unique(await walk.block(device, [])), troubles: walk.troubles };
}

/** What has been passed on the way: mounts by id, block devices by number. */
type Way = readonly string[];

/** As many links as the kernel follows. */
const maxLinks = 40;

class Walk {
  readonly troubles: string[] = [];
  readonly #machine: Machine;
  readonly #table: readonly MountEntry[];

  constructor(machine: Machine, table: readonly MountEntry[]) {
    this.#machine = machine;
    this.#table = table;
  }

  async path(path: string, way: Way): Promise<readonly BackingDevice[]> {
    const { reached, device } = await this.#follow(path);
    if (device !== undefined) return this.block(device, way);
    const mount = mountOf(this.#table, reached);
    if (mount !== undefined) return this.#mount(mount, way);
    this.troubles.push(`no mount is known above ${reached}`);
    return [];
  }

  async block(device: string, way: Way): Promise<readonly BackingDevice[]> {
    const facts = await this.#machine.blockDevice(device);
    const name = facts?.name ?? device;
    const end = [terminal(device, facts === undefined ? device : `/dev/${name}`, [...way, device])];
    if (way.includes(device)) {
      this.troubles.push(`block device ${name} lies on itself`);
      return end;
    }
    const next = [...way, device];
    if (facts === undefined) return end;
    if (/^z?ram\d/.test(name)) return [];
    if (facts.disk !== undefined) return this.block(facts.disk, next);
    if (facts.members.length > 0) return this.#all(facts.members.map((one) => this.block(one, next)));
    // A loop device without a file is not in use.
    if (facts.backingFile === undefined) return /^loop\d/.test(name) ? [] : end;
    return this.path(facts.backingFile.replace(/ \(deleted\)$/, ''), next);
  }

  async #mount(mount: MountEntry, way: Way): Promise<readonly BackingDevice[]> {
    const found = filesystemKind(mount);
    switch (found.kind) {
      case 'memory':
        return [];
      case 'block':
        return this.block(found.device, way);
      case 'overlay': {
        const step = `mount ${mount.id}`;
        // Its folder is in another mount namespace, as that of a container's root: here the path leads to itself.
        return way.includes(step) ? this.#unknown(mount, way) : this.path(found.upper, [...way, step]);
      }
      case 'sources':
        return this.#sources(mount, found.paths, way);
      case 'terminal':
        return [terminal(found.key, found.about, way)];
      case 'unknown':
        return this.#unknown(mount, way);
    }
  }

  async #sources(mount: MountEntry, paths: readonly string[], way: Way): Promise<readonly BackingDevice[]> {
    const devices = new Set<string>();
    for (const path of paths) {
      const { device } = await this.#follow(path);
      if (device === undefined) continue;
      devices.add(device);
      for (const member of await this.#machine.btrfsMembers(device)) devices.add(member);
    }
    if (devices.size === 0) return this.#unknown(mount, way);
    return this.#all([...devices].map((device) => this.block(device, way)));
  }

  /** A filesystem whose data cannot be found is a device of its own. */
  #unknown({ type, device, path, source }: MountEntry, way: Way): readonly BackingDevice[] {
    this.troubles.push(`cannot tell what the ${type} filesystem on ${path} (source ${source}) lies on`);
    return [terminal(`${type} ${device}`, `${type} on ${path}`, way)];
  }

  async #all(walks: readonly Promise<readonly BackingDevice[]>[]): Promise<readonly BackingDevice[]> {
    return (await Promise.all(walks)).flat();
  }

  /** The path without links, as far as it is there, and the number of the block device that it may be. */
  async #follow(path: string): Promise<{ readonly reached: string; readonly device?: string }> {
    let reached = '/';
    const ahead = path.split('/');
    for (let links = 0; ahead.length > 0;) {
      const name = ahead.shift() ?? '';
      if (name === '' || name === '.') continue;
      if (name === '..') {
        reached = parentOf(reached);
        continue;
      }
      const next = reached === '/' ? `/${name}` : `${reached}/${name}`;
      const mount = mountOf(this.#table, next);
      if (mount !== undefined && mayHang(mount)) return { reached: next };
      const facts = await this.#look(next);
      if (facts === undefined) return { reached };
      if (facts.kind === 'block') return { reached: next, device: facts.device };
      if (facts.kind === 'other') {
        reached = next;
        continue;
      }
      if (++links > maxLinks) {
        this.troubles.push(`${path} leads through too many symbolic links`);
        return { reached };
      }
      ahead.unshift(...facts.target.split('/'));
      if (facts.target.startsWith('/')) reached = '/';
    }
    return { reached };
  }

  async #look(path: string): Promise<PathFacts | undefined> {
    try {
      return await this.#machine.look(path);
    } catch (error) {
      this.troubles.push(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function terminal(key: string, about: string, way: Way): BackingDevice {
  return { key, about, diskstats: way.filter((step) => !step.startsWith('mount ')) };
}

/** One way to a device is enough. */
function unique(devices: readonly BackingDevice[]): readonly BackingDevice[] {
  return devices.filter(({ key }, index) => devices.findIndex((one) => one.key === key) === index);
}
