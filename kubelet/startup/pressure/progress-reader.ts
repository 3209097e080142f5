/** How much a Pod, or one of its containers, has read and written: whether it makes progress. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readCgroupFile } from '../../containers/read-cgroup-file.js';

/** May be called concurrently; does nothing unless it is asked. */
export interface ProgressReader {
  /**
   * Bytes since its start, by the path of its cgroup (`/kubepods/pod<uid>`, or `/kubepods/pod<uid>/<container>`), with
   * all cgroups below. Only compare it with itself: it shrinks when a process is gone. Undefined when there is no such
   * cgroup or the kernel does not count.
   */
  bytesOf(cgroupPath: string): Promise<number | undefined>;
}

export function createProgressReader(options: {
  readonly version: 1 | 2;
  readonly mountPoint?: string;
}): ProgressReader {
  const { version, mountPoint = '/sys/fs/cgroup' } = options;
  return {
    bytesOf: async (path) => {
      const folder = version === 2 ? join(mountPoint, path) : join(mountPoint, 'blkio', path);
      const file = version === 2 ? 'io.stat' : 'blkio.throttle.io_service_bytes_recursive';
      const text = await readCgroupFile(join(folder, file));
      const counted = text === undefined ? undefined : parseCgroupBytes(version, text);
      return counted ?? processBytes(folder);
    },
  };
}

/** Of `io.stat` or `blkio.throttle.io_service_bytes_recursive`: of all devices together. Undefined for no device. */
export function parseCgroupBytes(version: 1 | 2, text: string): number | undefined {
  const pattern = version === 2 ? /\b[rw]bytes=(\d+)/g : /^\d+:\d+ (?:Read|Write) (\d+)$/gm;
  const found = [...text.matchAll(pattern)].map((one) => Number(one[1]));
  return found.length === 0 ? undefined : found.reduce((all, one) => all + one, 0);
}

/** What its processes gave to read and write: that of the page cache, of FUSE and of networks, too. */
async function processBytes(folder: string): Promise<number | undefined> {
  const text = await readCgroupFile(join(folder, 'cgroup.procs'));
  if (text === undefined) return undefined;
  const pids = text.split('\n').filter((line) => line !== '');
  const own = await Promise.all(pids.map((pid) => readCgroupFile(`/proc/${pid}/io`)));
  const below = await readdir(folder, { withFileTypes: true });
  const folders = below.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
  const ofOthers = await Promise.all(folders.map(processBytes));
  return [...own.map(parseProcessBytes), ...ofOthers].reduce<number>((all, one) => all + (one ?? 0), 0);
}

/** Of /proc/PID/io. */
export function parseProcessBytes(text: string | undefined): number {
  return [...(text ?? '').matchAll(/^[rw]char: (\d+)$/gm)].reduce((all, one) => all + Number(one[1]), 0);
}
