/** Reads how busy the machine's devices are. What the kernel does not have is left out. */
import { readFile } from 'node:fs/promises';
import type { Clock } from '../../../common/clock.js';
import type { DeviceFinder } from '../devices/backing-device.js';
import { computeSamples } from './compute-samples.js';
import type { Counters, DeviceSample } from './compute-samples.js';
import { parseDiskstats, parseMountstats, parsePressureTotal } from './kernel-counters.js';
import type { DiskCounters } from './kernel-counters.js';

/** One call at a time. */
export interface Sampler {
  /**
   * Since the call before, by the device's key; empty the first time. A device of which nothing is counted (FUSE without
   * a loop device on it) is not in it. Never rejects.
   */
  sample(): Promise<ReadonlyMap<string, DeviceSample>>;
}

/** The texts of the kernel; undefined what it does not have. */
export interface KernelTexts {
  /** /proc/pressure/io */
  pressure(): Promise<string | undefined>;
  /** /proc/diskstats */
  diskstats(): Promise<string | undefined>;
  /** /proc/self/mountstats */
  mountstats(): Promise<string | undefined>;
}

export const systemTexts: KernelTexts = {
  pressure: () => readOptional('/proc/pressure/io'),
  diskstats: () => readOptional('/proc/diskstats'),
  mountstats: () => readOptional('/proc/self/mountstats'),
};

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
  const [pressure, diskstats, mountstats] = await Promise.all([
    texts.pressure(),
    texts.diskstats(),
    texts.mountstats(),
  ]);
  const rows = new Map<string, DiskCounters>(parseDiskstats(diskstats ?? ''));
  for (const [source, counters] of parseMountstats(mountstats ?? '')) rows.set(`nfs ${source}`, counters);
  return {
    atMs: clock.monotonicMs(),
    waitedMicroseconds: pressure === undefined ? undefined : parsePressureTotal(pressure),
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

/** PSI may be there and switched off: EOPNOTSUPP. */
async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (['ENOENT', 'EOPNOTSUPP', 'EACCES', 'EPERM'].includes(code ?? '')) return undefined;
    throw error;
  }
}
