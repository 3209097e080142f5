/** What of the machine the resolution of devices reads: a seam, so that it can be tried on any machine's tables. */
import { lstat, readFile, readdir, readlink } from 'node:fs/promises';
import { basename } from 'node:path';

/** What a path is itself; links are not followed. */
export type PathFacts =
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'block'; readonly device: string }
  | { readonly kind: 'other' };

/** A block device, as sysfs shows it. Devices are `major:minor`. */
export interface BlockDeviceFacts {
  /** `sda1`, `dm-0`. */
  readonly name: string;
  /** Of a partition: its disk. */
  readonly disk: string | undefined;
  /** What a device mapper or RAID device is put together from. */
  readonly members: readonly string[];
  /** Of a loop device: the path of its file, when it was attached. */
  readonly backingFile: string | undefined;
}

export interface MachineView {
  /** The text of /proc/self/mountinfo. */
  mountinfo(): Promise<string>;
  /** Undefined when nothing is there. */
  look(path: string): Promise<PathFacts | undefined>;
  blockDevice(device: string): Promise<BlockDeviceFacts | undefined>;
  /** All devices of the btrfs filesystem that has this one; empty when there is none. */
  btrfsMembers(device: string): Promise<readonly string[]>;
}

/** This machine. Rejects with errors of the file system other than "not there". */
export const systemMachine: MachineView = {
  mountinfo: () => readFile('/proc/self/mountinfo', 'utf8'),
  look: async (path) => {
    const found = await unlessMissing(lstat(path));
    if (found === undefined) return undefined;
    if (found.isSymbolicLink()) {
      const target = await unlessMissing(readlink(path));
      return target === undefined ? undefined : { kind: 'link', target };
    }
    return found.isBlockDevice() ? { kind: 'block', device: deviceText(found.rdev) } : { kind: 'other' };
  },
  blockDevice: async (device) => {
    // Not joined: the folder is a link, and `..` must lead to the parent of what it leads to.
    const folder = `/sys/dev/block/${device}`;
    const uevent = await read(`${folder}/uevent`);
    if (uevent === undefined) return undefined;
    const [isPartition, members, backingFile] = await Promise.all([
      read(`${folder}/partition`),
      devicesIn(`${folder}/slaves`),
      read(`${folder}/loop/backing_file`),
    ]);
    return {
      name: /^DEVNAME=(.*)$/m.exec(uevent)?.[1] ?? device,
      disk: isPartition === undefined ? undefined : await read(`${folder}/../dev`),
      members,
      backingFile,
    };
  },
  btrfsMembers: async (device) => {
    for (const name of (await unlessMissing(readdir('/sys/fs/btrfs'))) ?? []) {
      const members = await devicesIn(`/sys/fs/btrfs/${name}/devices`);
      if (members.includes(device)) return members;
    }
    return [];
  },
};

/** Links to block devices, by name: what is in `slaves` of a device. */
async function devicesIn(folder: string): Promise<readonly string[]> {
  const names = (await unlessMissing(readdir(folder))) ?? [];
  const devices = await Promise.all(names.map((name) => read(`/sys/class/block/${basename(name)}/dev`)));
  return devices.filter((device) => device !== undefined);
}

async function read(path: string): Promise<string | undefined> {
  return (await unlessMissing(readFile(path, 'utf8')))?.trim();
}

/** Linux' own packing of a device number, which is that of glibc. */
export function deviceText(number: number): string {
  const value = BigInt(number);
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xfffff000n);
  const minor = (value & 0xffn) | ((value >> 12n) & 0xffffff00n);
  return `${String(major)}:${String(minor)}`;
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A device may go while it is looked at: ENODEV, ENXIO; a path may lead through a file: ENOTDIR; EINVAL: no link any more.
    if (['ENOENT', 'ENODEV', 'ENXIO', 'ENOTDIR', 'EINVAL'].includes(code ?? '')) return undefined;
    throw error;
  }
}
