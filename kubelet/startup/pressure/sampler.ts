/** Reads how busy the machine's devices are. What the kernel does not have is left out. */
import { join } from 'node:path';
import type { Clock } from '../../../common/clock.js';
import type { DeviceFinder } from '../devices/backing-device.js';
import { computeSamples } from './compute-samples.js';
import type { Counters, DeviceSample } from './compute-samples.js';
import { parseDiskstats, parseMountstats, parsePressureTotal } from './kernel-counters.js';
import type { DiskCounters } from './kernel-counters.js';
import { readSmallFile } from './read-small-file.js';

/** One call at a time. */
export interface Sampler {
  /**
   * Since the call before, by the device's key; empty the first time. A device of which nothing is counted (FUSE without
   * a loop device on it) is not in it. Rejects when the kernel's files are there and cannot be read.
   */
  sample(): Promise<ReadonlyMap<string, DeviceSample>>;
}

/** The texts of the kernel; undefined what it does not have. */
export interface KernelTexts {
  /** /proc/pressure/io, and io.pressure of cgroups whose tasks are to be looked at by themselves. */
  pressures(): Promise<readonly (string | undefined)[]>;
  /** /proc/diskstats */
  diskstats(): Promise<string | undefined>;
  /** /proc/self/mountstats */
  mountstats(): Promise<string | undefined>;
}

/**
 * Of this machine. `cgroupFolders` are folders of cgroup v2: the kernel takes the mean over all processors that are not
 * idle, so that others' work hides half of what Pods wait for; a cgroup's own file looks at its tasks alone.
 */
export function machineTexts(cgroupFolders: readonly string[]): KernelTexts {
  const pressures = ['/proc/pressure/io', ...cgroupFolders.map((folder) => join(folder, 'io.pressure'))];
  return {
    pressures: () => Promise.all(pressures.map(readSmallFile)),
    diskstats: () => readSmallFile('/proc/diskstats'),
    mountstats: () => readSmallFile('/proc/self/mountstats'),
  };
}

export const systemTexts = machineTexts([]);

/** How long a node without NFS is believed to have none. */
const nfsCheckMs = 10_000;

export function createSampler(options: {
  readonly texts: KernelTexts;
  readonly finder: DeviceFinder;
  readonly clock: Clock;
}): Sampler {
  const { texts, finder, clock } = options;
  let before: Counters | undefined;
  let nfsCheckedMs = -Infinity;
  let hasNfs = false;
  // Its text is long on a node with many mounts, and of use on few nodes.
  const mountstats = async (): Promise<string | undefined> => {
    const nowMs = clock.monotonicMs();
    if (!hasNfs && nowMs - nfsCheckedMs < nfsCheckMs) return undefined;
    const text = await texts.mountstats();
    nfsCheckedMs = nowMs;
    hasNfs = text !== undefined && / with fstype nfs4? /.test(text);
    return text;
  };
  return {
    sample: async () => {
      const now = await readCounters({ ...texts, mountstats }, clock);
      const last = before;
      before = now;
      if (last === undefined) return new Map();
      return computeSamples(last, now, await rowsOfDevices(finder, now.rows));
    },
  };
}

async function readCounters(texts: KernelTexts, clock: Clock): Promise<Counters> {
  const [pressures, diskstats, mountstats] = await Promise.all([
    texts.pressures(),
    texts.diskstats(),
    texts.mountstats(),
  ]);
  const rows = new Map<string, DiskCounters>(parseDiskstats(diskstats ?? ''));
  for (const [source, counters] of parseMountstats(mountstats ?? '')) rows.set(`nfs ${source}`, counters);
  return {
    atMs: clock.monotonicMs(),
    waitedMicroseconds: pressures.map((text) => (text === undefined ? undefined : parsePressureTotal(text))),
    rows,
  };
}

/**
 * Which rows count for a device: its own, else the lowest above it. What goes through a partition or a device mapper is
 * counted in the rows of its disks as well.
 */
async function rowsOfDevices(
  finder: DeviceFinder,
  rows: ReadonlyMap<string, DiskCounters>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const rowsOf = new Map<string, string[]>();
  for (const [row, { requests, inFlight }] of rows) {
    // Most loop devices are never used.
    if (requests === 0 && inFlight === 0) continue;
    for (const key of await devicesCountedIn(finder, row)) rowsOf.set(key, [...(rowsOf.get(key) ?? []), row]);
  }
  return rowsOf;
}

async function devicesCountedIn(finder: DeviceFinder, row: string): Promise<readonly string[]> {
  if (row.startsWith('nfs ')) return (await finder.findNetwork('nfs', row.slice(4))).map(({ key }) => key);
  const devices = await finder.findBlockDevice(row);
  return devices.filter(({ diskstats }) => diskstats.at(-1) === row).map(({ key }) => key);
}
