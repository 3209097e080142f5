/**
 * The cgroups of Pods: `kubepods[/burstable|/besteffort]/pod<uid>`, below which the runtime makes one for each container.
 *
 * One small adapter for v1 (a folder in each controller's hierarchy) and v2 (one folder); a hybrid machine counts as v1.
 * Every method is idempotent.
 */
import { existsSync } from 'node:fs';
import { access, mkdir, readFile, readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../api/generated/core-v1.js';
import { podQosClass } from '../../api/pod-helpers.js';
import { cpuPeriodMicroseconds, cpuWeight } from './resources.js';
import type { PodCgroupLimits } from './resources.js';

export interface CgroupManager {
  readonly version: 1 | 2;
  /** The path to give to the runtime as the sandbox's parent. */
  pathOf(pod: Pod): string;
  ensure(pod: Pod, limits: PodCgroupLimits): Promise<void>;
  remove(uid: string): Promise<void>;
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
  'systemd',
];
const qosFolders = ['', 'burstable', 'besteffort'];

/** The cgroup driver `cgroupfs`. `mountPoint` is `/sys/fs/cgroup`, `root` the folder of all Pods, `/kubepods`. */
export function createCgroupManager(options: {
  readonly mountPoint?: string;
  readonly root?: string;
}): CgroupManager {
  const mountPoint = options.mountPoint ?? '/sys/fs/cgroup';
  const root = options.root ?? '/kubepods';
  const version = existsSync(join(mountPoint, 'cgroup.controllers')) ? 2 : 1;
  const hierarchies =
    version === 2
      ? [mountPoint]
      : v1Controllers.map((name) => join(mountPoint, name)).filter((path) => existsSync(path));
  const pathOf = (pod: Pod): string => {
    const qos = podQosClass(pod.spec);
    return join(root, qos === 'Guaranteed' ? '' : qos.toLowerCase(), `pod${pod.metadata.uid}`);
  };
  return {
    version,
    pathOf,
    ensure: async (pod, limits) => {
      const path = pathOf(pod);
      if (version === 2) await ensureV2(mountPoint, path, limits);
      else await ensureV1(mountPoint, path, limits);
    },
    remove: async (uid) => {
      const places = hierarchies.flatMap((hierarchy) =>
        qosFolders.map((qos) => join(hierarchy, root, qos, `pod${uid}`)),
      );
      await Promise.all(places.map(removeTree));
    },
  };
}

async function ensureV1(mountPoint: string, path: string, limits: PodCgroupLimits): Promise<void> {
  const write = async (controller: string, file: string, value: number): Promise<void> => {
    if (existsSync(join(mountPoint, controller)))
      await writeFile(join(mountPoint, controller, path, file), String(value));
  };
  for (const controller of ['cpu', 'memory'])
    if (existsSync(join(mountPoint, controller)))
      await mkdir(join(mountPoint, controller, path), { recursive: true });
  await write('cpu', 'cpu.shares', limits.cpuShares);
  if (limits.cpuQuota > 0) {
    await write('cpu', 'cpu.cfs_period_us', cpuPeriodMicroseconds);
    await write('cpu', 'cpu.cfs_quota_us', limits.cpuQuota);
  }
  if (limits.memoryLimitBytes > 0) await write('memory', 'memory.limit_in_bytes', limits.memoryLimitBytes);
}

async function ensureV2(mountPoint: string, path: string, limits: PodCgroupLimits): Promise<void> {
  let folder = mountPoint;
  for (const part of path.split('/').filter((one) => one !== '')) {
    await enableControllers(folder);
    folder = join(folder, part);
    await mkdir(folder, { recursive: true });
  }
  await enableControllers(folder);
  await writeFile(join(folder, 'cpu.weight'), String(cpuWeight(limits.cpuShares)));
  if (limits.cpuQuota > 0)
    await writeFile(join(folder, 'cpu.max'), `${limits.cpuQuota} ${cpuPeriodMicroseconds}`);
  if (limits.memoryLimitBytes > 0)
    await writeFile(join(folder, 'memory.max'), String(limits.memoryLimitBytes));
}

/** Hands the controllers that are there on to the folders below. */
async function enableControllers(folder: string): Promise<void> {
  const available = (await readFile(join(folder, 'cgroup.controllers'), 'utf8')).trim().split(' ');
  const enabled = (await readFile(join(folder, 'cgroup.subtree_control'), 'utf8')).trim().split(' ');
  const missing = ['cpu', 'memory', 'pids', 'io', 'cpuset'].filter(
    (name) => available.includes(name) && !enabled.includes(name),
  );
  if (missing.length > 0)
    await writeFile(join(folder, 'cgroup.subtree_control'), missing.map((name) => `+${name}`).join(' '));
}

/** A cgroup's files cannot be deleted: folders are removed from the leaves up. */
async function removeTree(folder: string): Promise<void> {
  try {
    await access(folder);
    for (const entry of await readdir(folder, { withFileTypes: true }))
      if (entry.isDirectory()) await removeTree(join(folder, entry.name));
    await rmdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
