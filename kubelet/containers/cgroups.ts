/**
 * The cgroups of Pods: `kubepods[/burstable|/besteffort]/pod<uid>`, below which the runtime makes one for each container.
 *
 * One small adapter for v1 (a folder in each controller's hierarchy) and v2 (one folder); a hybrid machine counts as v1.
 * Every method is idempotent and may be called concurrently for different Pods. All reject with the error of the file
 * system; a value that the kernel refuses is one of them.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../api/generated/core-v1.js';
import { podQosClass } from '../../api/pod-helpers.js';
import { cgroupFiles, controllersOfV2, readLimit, workingSetBytes } from './cgroup-files.js';
import type { CgroupFile } from './cgroup-files.js';
import type { CgroupLimits } from './resources.js';
import { readCgroupFile } from './read-cgroup-file.js';

export interface CgroupUsage {
  /** All that is charged, with what the kernel could take back. */
  readonly usageBytes: number;
  readonly workingSetBytes: number;
  readonly processes: number;
}

export interface CgroupManager {
  readonly version: 1 | 2;
  /** Whether a kind of limit can be set on this machine: `hugetlb`, `pids`. */
  has(controller: string): boolean;
  /** The path to give to the runtime as the sandbox's parent. */
  pathOf(pod: Pod): string;
  /** Makes the Pod's cgroup with these limits, or gives these limits to the one that is there. */
  ensure(pod: Pod, limits: CgroupLimits): Promise<void>;
  /** What holds now for all processes of the Pod; undefined when it has no cgroup. */
  limits(pod: Pod): Promise<Pick<CgroupLimits, 'cpuQuota' | 'memoryLimitBytes'> | undefined>;
  /** Removes the Pod's cgroup with all below it. Processes in it must have ended. */
  remove(uid: string): Promise<void>;
  /** The uids of all Pods that have a cgroup. */
  list(): Promise<readonly string[]>;
  /** Limits of all Pods together, and the CPU weights of the classes below. */
  ensureRoot(all: CgroupLimits): Promise<void>;
  setQosShares(shares: { readonly burstable: number; readonly besteffort: number }): Promise<void>;
  /** Gives limits to a cgroup that somebody else made. Rejects when it is not there. */
  limitForeign(path: string, files: readonly CgroupFile[]): Promise<void>;
  /** Undefined when the Pod has no cgroup. */
  usage(pod: Pod): Promise<CgroupUsage | undefined>;
  /** Of all Pods together. */
  totalUsage(): Promise<CgroupUsage | undefined>;
}

const v1Controllers = [
  'cpu',
  'cpuacct',
  'cpuset',
  'memory',
  'devices',
  'freezer',
  'blkio',
  'pids',
  'hugetlb',
  'systemd',
  // Beside the others on a hybrid machine: the runtime makes folders there, too.
  'unified',
];
const qosFolders = ['', 'burstable', 'besteffort'];

/** The cgroup driver `cgroupfs`. `mountPoint` is `/sys/fs/cgroup`, `root` the folder of all Pods, `/kubepods`. */
export function createCgroupManager(options: {
  readonly mountPoint?: string;
  readonly root?: string;
}): CgroupManager {
  return new CgroupfsManager(options.mountPoint ?? '/sys/fs/cgroup', options.root ?? '/kubepods');
}

class CgroupfsManager implements CgroupManager {
  readonly version: 1 | 2;
  readonly #mountPoint: string;
  readonly #root: string;
  readonly #controllers: ReadonlySet<string>;

  constructor(mountPoint: string, root: string) {
    this.#mountPoint = mountPoint;
    this.#root = root;
    const list = join(mountPoint, 'cgroup.controllers');
    this.version = existsSync(list) ? 2 : 1;
    this.#controllers = new Set(
      this.version === 2
        ? readFileSync(list, 'utf8').trim().split(' ')
        : v1Controllers.filter((name) => existsSync(join(mountPoint, name))),
    );
  }

  has(controller: string): boolean {
    return this.#controllers.has(controller);
  }

  pathOf(pod: Pod): string {
    const qos = podQosClass(pod.spec);
    return join(this.#root, qos === 'Guaranteed' ? '' : qos.toLowerCase(), `pod${pod.metadata.uid}`);
  }

  async ensure(pod: Pod, limits: CgroupLimits): Promise<void> {
    await this.#ensure(this.pathOf(pod), cgroupFiles(this.version, limits));
  }

  async limits(pod: Pod): Promise<Pick<CgroupLimits, 'cpuQuota' | 'memoryLimitBytes'> | undefined> {
    const path = this.pathOf(pod);
    const isV2 = this.version === 2;
    const [quota, memory] = await Promise.all([
      readCgroupFile(join(this.#folder('cpu', path), isV2 ? 'cpu.max' : 'cpu.cfs_quota_us')),
      readCgroupFile(join(this.#folder('memory', path), isV2 ? 'memory.max' : 'memory.limit_in_bytes')),
    ]);
    if (quota === undefined || memory === undefined) return undefined;
    return { cpuQuota: readLimit(quota.split(' ')[0]), memoryLimitBytes: readLimit(memory) };
  }

  async ensureRoot(all: CgroupLimits): Promise<void> {
    await this.#ensure(this.#root, cgroupFiles(this.version, all));
  }

  async setQosShares(shares: { readonly burstable: number; readonly besteffort: number }): Promise<void> {
    for (const qos of ['burstable', 'besteffort'] as const) {
      const none = { cpuQuota: 0, cpuPeriod: 100_000, memoryLimitBytes: 0, pidsLimit: 0, hugepages: [] };
      const [weight] = cgroupFiles(this.version, { ...none, cpuShares: shares[qos] });
      if (weight !== undefined) await this.#ensure(join(this.#root, qos), [weight]);
    }
  }

  async limitForeign(path: string, files: readonly CgroupFile[]): Promise<void> {
    for (const file of files)
      await writeFile(join(this.#folder(file.controller, path), file.name), file.value);
  }

  async remove(uid: string): Promise<void> {
    const places = (await this.#hierarchies()).flatMap((hierarchy) =>
      qosFolders.map((qos) => join(hierarchy, this.#root, qos, `pod${uid}`)),
    );
    await Promise.all(places.map(removeTree));
  }

  async list(): Promise<readonly string[]> {
    const folders = (await this.#hierarchies()).flatMap((hierarchy) =>
      qosFolders.map((qos) => join(hierarchy, this.#root, qos)),
    );
    const names = (await Promise.all(folders.map(childFolders))).flat();
    return [...new Set(names.filter((name) => name.startsWith('pod')).map((name) => name.slice(3)))];
  }

  usage(pod: Pod): Promise<CgroupUsage | undefined> {
    return this.#usage(this.pathOf(pod));
  }

  totalUsage(): Promise<CgroupUsage | undefined> {
    return this.#usage(this.#root);
  }

  async #usage(path: string): Promise<CgroupUsage | undefined> {
    const memory = this.#folder('memory', path);
    const isV2 = this.version === 2;
    const [usage, stat, processes] = await Promise.all([
      readCgroupFile(join(memory, isV2 ? 'memory.current' : 'memory.usage_in_bytes')),
      readCgroupFile(join(memory, 'memory.stat')),
      readCgroupFile(join(this.#folder('pids', path), 'pids.current')),
    ]);
    if (usage === undefined || stat === undefined) return undefined;
    return {
      usageBytes: Number(usage),
      workingSetBytes: workingSetBytes(this.version, Number(usage), stat),
      processes: Number(processes ?? 0),
    };
  }

  async #ensure(path: string, files: readonly CgroupFile[]): Promise<void> {
    if (this.version === 2) await this.#makeFolderOfV2(path);
    for (const file of files) {
      if (!this.has(file.controller)) continue;
      const folder = this.#folder(file.controller, path);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, file.name), file.value);
    }
  }

  async #makeFolderOfV2(path: string): Promise<void> {
    let folder = this.#mountPoint;
    for (const part of path.split('/').filter((one) => one !== '')) {
      await enableControllers(folder);
      folder = join(folder, part);
      await mkdir(folder, { recursive: true });
    }
    await enableControllers(folder);
  }

  #folder(controller: string, path: string): string {
    return this.version === 2 ? join(this.#mountPoint, path) : join(this.#mountPoint, controller, path);
  }

  /** Also those that no limit of ours is in: the runtime makes its cgroups in each, `unified` of a hybrid machine too. */
  async #hierarchies(): Promise<string[]> {
    if (this.version === 2) return [this.#mountPoint];
    return (await childFolders(this.#mountPoint)).map((name) => join(this.#mountPoint, name));
  }
}

/** Hands the controllers that are there on to the folders below. */
async function enableControllers(folder: string): Promise<void> {
  const available = (await readFile(join(folder, 'cgroup.controllers'), 'utf8')).trim().split(' ');
  const enabled = (await readFile(join(folder, 'cgroup.subtree_control'), 'utf8')).trim().split(' ');
  const missing = controllersOfV2.filter((name) => available.includes(name) && !enabled.includes(name));
  if (missing.length > 0)
    await writeFile(join(folder, 'cgroup.subtree_control'), missing.map((name) => `+${name}`).join(' '));
}

/**
 * A cgroup's files cannot be deleted: folders are removed from the leaves up. Processes that are still there belong to
 * nobody any more (a runtime that was killed while it made a container has forgotten them): they are killed, and the
 * removal is refused until they have gone.
 */
async function removeTree(folder: string): Promise<void> {
  for (const name of await childFolders(folder)) await removeTree(join(folder, name));
  try {
    await rmdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    if (code === 'EBUSY' || code === 'ENOTEMPTY') await killProcesses(folder);
    throw error;
  }
}

async function killProcesses(folder: string): Promise<void> {
  const file = join(folder, 'cgroup.procs');
  if (!existsSync(file)) return;
  const pids = (await readFile(file, 'utf8')).split('\n').map(Number);
  for (const pid of pids.filter((one) => one > 1)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

async function childFolders(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
