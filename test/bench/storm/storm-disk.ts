/** The throttled disk with the cold files of a storm, and what the kernel has counted on it. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { runCommand } from '../../../common/run-command.js';
import { UsageError } from '../../../common/usage-error.js';
import { makeSmallDisk, missingForThrottle } from '../../faults/small-disk.js';
import type { SmallDisk } from '../../faults/small-disk.js';
import { dataFileOf } from './storm-pod.js';
import type { StormFolders, StormPod } from './storm-pod.js';

const diskMegabytes = 8 * 1024;

export interface DiskCounters {
  readonly readBytes: number;
  readonly writtenBytes: number;
}

export class StormDisk {
  readonly #disk: SmallDisk;
  readonly folders: StormFolders;

  private constructor(disk: SmallDisk) {
    this.#disk = disk;
    this.folders = { data: join(disk.path, 'data'), copies: join(disk.path, 'copies') };
    for (const folder of Object.values(this.folders) as string[]) mkdirSync(folder);
  }

  /** Throws UsageError where the machine cannot have such a disk. */
  static async make(folder: string): Promise<StormDisk> {
    const missing = missingForThrottle();
    if (missing !== undefined)
      throw new UsageError(
        `a throttled disk cannot be made: ${missing}. On Debian: apt-get install nbdkit libnbd-bin`,
      );
    return new StormDisk(await makeSmallDisk(folder, diskMegabytes, true));
  }

  get path(): string {
    return this.#disk.path;
  }

  /** Bytes a second; undefined: as fast as it goes. */
  throttle(rate: number | undefined): void {
    this.#disk.throttle(rate);
  }

  /** Writes the files that the pods will read, where they are not there yet, and removes copies of an earlier storm. */
  async prepare(pods: readonly StormPod[]): Promise<void> {
    this.throttle(undefined);
    for (const copy of await readdir(this.folders.copies)) await rm(join(this.folders.copies, copy));
    for (const pod of pods) {
      const file = join(this.folders.data, dataFileOf(pod));
      if (existsSync(file)) continue;
      // Written, not allocated: a hole is read without the disk.
      const size = [`bs=1M`, `count=${pod.megabytes}`];
      await runCommand('dd', ['if=/dev/zero', `of=${file}`, ...size, 'oflag=direct', 'status=none']);
    }
    await runCommand('sync', ['--file-system', this.path]);
  }

  counters(): DiskCounters {
    const name = basename(this.#disk.device);
    const rows = readFileSync('/proc/diskstats', 'utf8').split('\n');
    const row = rows.map((line) => line.trim().split(/\s+/)).find((fields) => fields[2] === name);
    if (row === undefined) throw new Error(`/proc/diskstats has no row of ${name}`);
    const sectorBytes = 512;
    return { readBytes: Number(row[5]) * sectorBytes, writtenBytes: Number(row[9]) * sectorBytes };
  }

  async remove(): Promise<void> {
    await this.#disk.remove();
  }
}

/** Forgets what the machine has read before, so that programs and images are read from the disk again. */
export async function dropCaches(): Promise<void> {
  await runCommand('sync', []);
  await runCommand('sysctl', ['--quiet', 'vm.drop_caches=3']);
}

/** A folder on the machine's own disk with files for pods that are not to touch the slow one. */
export async function fastFolder(folder: string, pods: readonly StormPod[]): Promise<StormFolders> {
  rmSync(folder, { recursive: true, force: true });
  const folders = { data: join(folder, 'data'), copies: join(folder, 'copies') };
  for (const path of Object.values(folders)) mkdirSync(path, { recursive: true });
  for (const pod of pods)
    await runCommand('dd', [
      'if=/dev/zero',
      `of=${join(folders.data, dataFileOf(pod))}`,
      ...['bs=1M', `count=${pod.megabytes}`, 'status=none'],
    ]);
  await runCommand('sync', ['--file-system', folder]);
  return folders;
}
