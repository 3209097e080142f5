/** How much a Pod, or one of its containers, has read and written: whether it makes progress. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../../common/clock.js';
import type { Clock } from '../../../common/clock.js';
import type { BackingDevice } from '../devices/backing-device.js';
import { readSmallFile } from './read-small-file.js';

/** May be called concurrently; does nothing unless it is asked. */
export interface ProgressReader {
  /**
   * Bytes since its start, by the path of its cgroup (`/kubepods/pod<uid>`, or `/kubepods/pod<uid>/<container>`), with
   * all cgroups below. Only to be compared with an earlier answer: any difference is progress (it shrinks when a process
   * is gone). `devices` are those that the Pod lies on. Undefined when there is no such cgroup.
   *
   * On block devices only what the disk had to do counts. FUSE and networks have no such counter: there all that was
   * given to read and write counts, also from the page cache and between processes.
   */
  bytesOf(cgroupPath: string, devices?: readonly BackingDevice[]): Promise<number | undefined>;
}

/**
 * `io.stat` of cgroup v2 counts for each cgroup, those below and processes that are gone included. That of v1
 * (`blkio.throttle.io_service_bytes`) stays empty for disks that nobody has set a limit for: there, the processes'
 * own counters are added up.
 */
export function createProgressReader(options: {
  readonly version: 1 | 2;
  readonly clock?: Clock;
  readonly mountPoint?: string;
}): ProgressReader {
  const { version, clock = systemClock, mountPoint = '/sys/fs/cgroup' } = options;
  const processes = new ProcessLists(clock);
  return {
    bytesOf: async (path, devices = []) => {
      const folder = version === 2 ? join(mountPoint, path) : join(mountPoint, 'cpu', path);
      const which = devices.every(({ diskstats }) => diskstats.length > 0) ? 'disk' : 'all';
      const counted =
        version === 2 && which === 'disk' ? await readSmallFile(join(folder, 'io.stat')) : undefined;
      if (counted !== undefined) return parseCgroupBytes(counted);
      const pids = await processes.in(folder);
      if (pids === undefined) return undefined;
      const texts = await Promise.all(pids.map((pid) => readSmallFile(`/proc/${pid}/io`)));
      return sum(texts.map((text) => parseProcessBytes(text ?? '', which)));
    },
  };
}

/** How long a list of processes holds: what a process that is younger reads is seen when it is older, or has ended. */
const listMs = 2000;
const maxLists = 1000;

/** Which processes are in a cgroup and those below. To find out costs several times what their counters do. */
class ProcessLists {
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly atMs: number; readonly pids: readonly string[] }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined when there is no such cgroup. */
  async in(folder: string): Promise<readonly string[] | undefined> {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#known.get(folder);
    if (known !== undefined && nowMs - known.atMs < listMs) return known.pids;
    const pids = await processesIn(folder);
    if (this.#known.size >= maxLists) this.#known.clear();
    if (pids === undefined) this.#known.delete(folder);
    else this.#known.set(folder, { atMs: nowMs, pids });
    return pids;
  }
}

async function processesIn(folder: string): Promise<readonly string[] | undefined> {
  const [text, folders] = await Promise.all([readSmallFile(join(folder, 'cgroup.procs')), foldersIn(folder)]);
  if (text === undefined) return undefined;
  const below = await Promise.all(folders.map((name) => processesIn(join(folder, name))));
  return [...text.split('\n').filter((line) => line !== ''), ...below.flatMap((pids) => pids ?? [])];
}

/** Of `io.stat`: of all devices together. */
export function parseCgroupBytes(text: string): number {
  return sum([...text.matchAll(/\b[rw]bytes=(\d+)/g)].map((found) => Number(found[1])));
}

/** Of /proc/PID/io. Reads of memory that is mapped to a file are seen by the disk's counters only. */
export function parseProcessBytes(text: string, which: 'disk' | 'all'): number {
  const pattern =
    which === 'disk' ? /^(?:read|write)_bytes: (\d+)$/gm : /^(?:[rw]char|(?:read|write)_bytes): (\d+)$/gm;
  return sum([...text.matchAll(pattern)].map((found) => Number(found[1])));
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}
