/** Looks at the node and at its Pods: what the decisions about pressure are made from. */
import { lstat, opendir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../api/generated/core-v1.js';
import type { CgroupManager } from '../containers/cgroups.js';
import { labels } from '../containers/names.js';
import type { ContainerRuntime, RuntimeContainerStats } from '../cri/runtime.js';
import { readMachineUsage } from '../node/machine-facts.js';
import type { PodFolders } from '../volumes/pod-folders.js';
import { addDisk, noDisk } from './pod-usage.js';
import type { ContainerUsage, DiskUsage, PodUsage, PodUsages } from './pod-usage.js';
import type { Observations } from './signals.js';

export interface Measurer {
  /** Rejects when the machine or the runtime cannot say. */
  observe(signal: AbortSignal): Promise<Observations>;
  /** A Pod that is going away while it is measured is absent. */
  measurePods(pods: readonly Pod[], signal: AbortSignal): Promise<PodUsages>;
  /** Whether images are on a filesystem of their own. */
  hasImageFilesystem(signal: AbortSignal): Promise<boolean>;
}

export interface MeasurerOptions {
  readonly runtime: ContainerRuntime;
  readonly cgroups: CgroupManager;
  readonly folders: PodFolders;
  readonly rootDir: string;
  /** What the cgroup of all Pods may use; 0 is no limit. */
  readonly allPodsMemoryBytes: number;
}

/** Folder in which the files of an emptyDir on the node's disk are. */
const emptyDirFolder = 'kubernetes.io~empty-dir';

export function createMeasurer(options: MeasurerOptions): Measurer {
  const { runtime, cgroups, folders, rootDir, allPodsMemoryBytes } = options;
  // Where it is does not change while the runtime runs.
  let known: string | undefined;
  const imageFolder = async (signal: AbortSignal): Promise<string> => {
    known ??= (await runtime.imageFilesystems(signal)).images[0]?.mountpoint;
    return known ?? rootDir;
  };
  return {
    observe: async (signal) => {
      const [node, nodeDisk, imageDisk, total] = await Promise.all([
        readMachineUsage(),
        observeDisk(rootDir),
        imageFolder(signal).then(observeDisk),
        cgroups.totalUsage(),
      ]);
      const isLimited = total !== undefined && allPodsMemoryBytes > 0;
      return {
        'memory.available': { available: node.memoryAvailableBytes, capacity: node.memoryBytes },
        'nodefs.available': nodeDisk.bytes,
        'nodefs.inodesFree': nodeDisk.inodes,
        'imagefs.available': imageDisk.bytes,
        'imagefs.inodesFree': imageDisk.inodes,
        'pid.available': { available: node.maxProcesses - node.processes, capacity: node.maxProcesses },
        ...(isLimited
          ? {
              'allocatableMemory.available': {
                available: Math.max(0, allPodsMemoryBytes - total.workingSetBytes),
                capacity: allPodsMemoryBytes,
              },
            }
          : {}),
      };
    },
    measurePods: async (pods, signal) => {
      const stats = await runtime.listContainerStats({}, signal);
      const usages = await Promise.all(
        pods.map(async (pod) => [pod.metadata.uid, await measurePod(pod, stats, cgroups, folders)] as const),
      );
      return new Map(usages.flatMap(([uid, usage]) => (usage === undefined ? [] : [[uid, usage]])));
    },
    hasImageFilesystem: async (signal) => {
      const [node, images] = await Promise.all([
        lstat(rootDir),
        imageFolder(signal).then((path) => lstat(path)),
      ]);
      return node.dev !== images.dev;
    },
  };
}

async function observeDisk(path: string): Promise<{
  readonly bytes: { readonly available: number; readonly capacity: number };
  readonly inodes: { readonly available: number; readonly capacity: number } | undefined;
}> {
  const { bavail, blocks, bsize, ffree, files } = await statfs(path);
  return {
    bytes: { available: bavail * bsize, capacity: blocks * bsize },
    // A filesystem that makes inodes as it needs them tells of none.
    inodes: files === 0 ? undefined : { available: ffree, capacity: files },
  };
}

async function measurePod(
  pod: Pod,
  allStats: readonly RuntimeContainerStats[],
  cgroups: CgroupManager,
  folders: PodFolders,
): Promise<PodUsage | undefined> {
  const { uid } = pod.metadata;
  const stats = allStats.filter((one) => one.labels[labels.podUid] === uid);
  const onDisk = (pod.spec.volumes ?? []).filter(
    ({ emptyDir }) => emptyDir !== undefined && !emptyDir.medium,
  );
  const [cgroup, logs, volumes] = await Promise.all([
    cgroups.usage(pod),
    Promise.all(stats.map(({ metadata }) => diskUsageOf(join(folders.logs(pod), metadata.name)))),
    Promise.all(onDisk.map(({ name }) => diskUsageOf(folders.volume(uid, emptyDirFolder, name)))),
  ]);
  const containers = stats.map((one, index): [string, ContainerUsage] => [
    one.metadata.name,
    {
      memoryBytes: one.workingSetBytes ?? 0,
      rootfs: {
        bytes: one.writableLayer?.usedBytes ?? 0,
        inodes: one.writableLayer?.usedInodes ?? 0,
      },
      logs: logs[index] ?? noDisk,
    },
  ]);
  if (cgroup === undefined && stats.length === 0) return undefined;
  const memoryOfContainers = containers.reduce((sum, [, { memoryBytes }]) => sum + memoryBytes, 0);
  return {
    memoryBytes: cgroup?.workingSetBytes ?? memoryOfContainers,
    processes: cgroup?.processes ?? 0,
    containers: new Map(containers),
    volumes: new Map(onDisk.map(({ name }, index) => [name, volumes[index] ?? noDisk])),
  };
}

/**
 * Blocks and inodes below a folder, as `du` counts them: a sparse file is as large as its blocks. What goes away
 * meanwhile is not counted; other filesystems that are mounted below are not entered.
 */
export async function diskUsageOf(path: string): Promise<DiskUsage> {
  try {
    const top = await lstat(path);
    return await usageBelow(path, top.dev, { bytes: top.blocks * 512, inodes: 1 });
  } catch (error) {
    if (isGone(error)) return noDisk;
    throw error;
  }
}

async function usageBelow(folder: string, device: number, own: DiskUsage): Promise<DiskUsage> {
  const usages = [own];
  for await (const entry of await opendir(folder)) {
    const path = join(folder, entry.name);
    try {
      const { dev, blocks } = await lstat(path);
      if (dev !== device) continue;
      const one = { bytes: blocks * 512, inodes: 1 };
      usages.push(entry.isDirectory() ? await usageBelow(path, device, one) : one);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
  return addDisk(usages);
}

function isGone(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
