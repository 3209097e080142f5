/**
 * Measures the node, its Pods and their containers: one call of the runtime and a few files of the kernel, however many
 * ask within a second. Containers are what the runtime measures; Pods and the node are what the kernel counts.
 */
import { readdir, readFile, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../api/generated/core-v1.js';
import type { Clock } from '../../common/clock.js';
import type { CgroupManager } from '../containers/cgroups.js';
import { labels } from '../containers/names.js';
import type { ContainerRuntime, RuntimeContainerStats } from '../cri/runtime.js';
import type { PodFolders } from '../volumes/pod-folders.js';
import type { VolumeStats, VolumeUsage } from '../volumes/volume-stats.js';
import { readCgroupStats, readNodeStats } from './cgroup-stats.js';
import type { UsageStats } from './cgroup-stats.js';
import { readCgroupNetwork, readNodeNetwork } from './network-stats.js';
import type { InterfaceStats } from './network-stats.js';

export interface FilesystemStats {
  readonly timestampMs: number;
  readonly capacityBytes: number;
  readonly availableBytes: number;
  readonly usedBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

/** A usage, and how fast it grew since the last measurement; undefined at the first one. */
export interface Measured {
  readonly usage: UsageStats;
  readonly cpuNanocores: number | undefined;
}

export interface ContainerMeasured extends Measured {
  readonly name: string;
  readonly id: string;
  readonly image: string;
  /** RFC 3339; undefined while the apiserver has not been told. */
  readonly startedAt: string | undefined;
  readonly writableBytes: number | undefined;
  readonly writableInodes: number | undefined;
  readonly logBytes: number;
}

export interface PodMeasured {
  readonly pod: Pod;
  /** Below the mount point of cgroups. */
  readonly cgroup: string;
  /** Undefined when the Pod has no cgroup of its own. */
  readonly measured: Measured | undefined;
  /** Undefined for a Pod on the node's network, and where nothing of it runs. */
  readonly network?: readonly InterfaceStats[] | undefined;
  readonly containers: readonly ContainerMeasured[];
  /** Those that can be measured; none where nobody measures volumes. */
  readonly volumes?: readonly VolumeUsage[];
}

export interface StatsSnapshot {
  readonly nodeName: string;
  readonly timestampMs: number;
  readonly bootedAtMs: number;
  readonly cpuCount: number;
  readonly memoryBytes: number;
  readonly node: Measured;
  readonly nodeNetwork: readonly InterfaceStats[];
  readonly nodeFilesystem: FilesystemStats;
  readonly imageFilesystem: FilesystemStats;
  /** What images take of it. */
  readonly imageBytes: number;
  readonly pods: readonly PodMeasured[];
}

export interface StatsCollectorOptions {
  readonly runtime: Pick<ContainerRuntime, 'listContainerStats' | 'imageFilesystems'>;
  readonly cgroups: Pick<CgroupManager, 'version' | 'pathOf'>;
  readonly folders: Pick<PodFolders, 'logs'>;
  readonly pods: () => readonly Pod[];
  readonly volumes?: Pick<VolumeStats, 'ofPods'>;
  readonly rootDir: string;
  readonly nodeName: string;
  readonly cpuCount: number;
  readonly memoryBytes: number;
  readonly clock: Clock;
}

const freshMs = 1000;

export class StatsCollector {
  readonly #options: StatsCollectorOptions;
  #last: { readonly atMs: number; readonly snapshot: Promise<StatsSnapshot> } | undefined;
  /** The measurement before, by what was measured. */
  #before = new Map<string, UsageStats>();

  constructor(options: StatsCollectorOptions) {
    this.#options = options;
  }

  /** Rejects when the runtime cannot say; the next call tries again. */
  collect(): Promise<StatsSnapshot> {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#last !== undefined && nowMs - this.#last.atMs < freshMs) return this.#last.snapshot;
    const snapshot = this.#measure();
    this.#last = { atMs: nowMs, snapshot };
    snapshot.catch(() => {
      if (this.#last?.snapshot === snapshot) this.#last = undefined;
    });
    return snapshot;
  }

  /** The volumes of all Pods, ended ones included as long as they are there. */
  async volumes(): Promise<readonly VolumeUsage[]> {
    return [...(await this.#volumesByPod()).values()].flat();
  }

  /** Always asked for the same Pods, so that nobody counts files twice. */
  async #volumesByPod(): Promise<ReadonlyMap<string, readonly VolumeUsage[]>> {
    const { pods, volumes } = this.#options;
    return (await volumes?.ofPods(pods())) ?? new Map<string, readonly VolumeUsage[]>();
  }

  async #measure(): Promise<StatsSnapshot> {
    const { runtime, clock, pods, rootDir, nodeName, cpuCount, memoryBytes } = this.#options;
    const timestampMs = clock.now();
    const now = new Map<string, UsageStats>();
    const [stats, filesystems, node] = await Promise.all([
      runtime.listContainerStats(),
      runtime.imageFilesystems(),
      readNodeStats(timestampMs),
    ]);
    const [images] = filesystems.images;
    const byPod = new Map<string, RuntimeContainerStats[]>();
    for (const one of currentStats(stats)) {
      const uid = one.labels[labels.podUid] ?? '';
      byPod.set(uid, [...(byPod.get(uid) ?? []), one]);
    }
    const known = pods().filter(({ metadata }) => byPod.has(metadata.uid));
    const volumes = await this.#volumesByPod();
    const snapshot = {
      ...{ nodeName, timestampMs, cpuCount, memoryBytes },
      bootedAtMs: timestampMs - (await uptimeMs()),
      node: this.#measured('node', node, now),
      nodeNetwork: await readNodeNetwork(),
      nodeFilesystem: await filesystemStats(rootDir, timestampMs),
      imageFilesystem: await filesystemStats(images?.mountpoint ?? rootDir, timestampMs),
      imageBytes: images?.usedBytes ?? 0,
      pods: await Promise.all(
        known.map(async (pod) => ({
          ...(await this.#measurePod(pod, byPod.get(pod.metadata.uid) ?? [], now)),
          volumes: volumes.get(pod.metadata.uid) ?? [],
        })),
      ),
    };
    this.#before = now;
    return snapshot;
  }

  async #measurePod(
    pod: Pod,
    stats: readonly RuntimeContainerStats[],
    now: Map<string, UsageStats>,
  ): Promise<PodMeasured> {
    const { cgroups, folders, clock } = this.#options;
    const cgroup = cgroups.pathOf(pod);
    const [first] = stats;
    const hasOwnNetwork = pod.spec.hostNetwork !== true && first !== undefined;
    const [usage, network, logs] = await Promise.all([
      readCgroupStats(cgroups.version, cgroup, clock.now()),
      hasOwnNetwork ? readCgroupNetwork(cgroups.version, join(cgroup, first.id)) : undefined,
      Promise.all(stats.map(({ metadata }) => sizeOfFiles(join(folders.logs(pod), metadata.name)))),
    ]);
    const statuses = [
      ...(pod.status.containerStatuses ?? []),
      ...(pod.status.initContainerStatuses ?? []),
      ...(pod.status.ephemeralContainerStatuses ?? []),
    ];
    return {
      pod,
      cgroup,
      measured: usage === undefined ? undefined : this.#measured(pod.metadata.uid, usage, now),
      network,
      containers: stats.map((one, index) => {
        const status = statuses.find(({ name }) => name === one.metadata.name);
        return {
          ...this.#measured(one.id, one, now),
          name: one.metadata.name,
          id: one.id,
          image: status?.image ?? '',
          startedAt: status?.state?.running?.startedAt,
          writableBytes: one.writableLayer?.usedBytes,
          writableInodes: one.writableLayer?.usedInodes,
          logBytes: logs[index] ?? 0,
        };
      }),
    };
  }

  #measured(key: string, usage: UsageStats, now: Map<string, UsageStats>): Measured {
    now.set(key, usage);
    return { usage, cpuNanocores: nanocores(this.#before.get(key), usage) };
  }
}

/**
 * Pure: one for each container that runs. The runtime also lists those that have ended, without usage: a container that
 * was restarted would be there twice.
 */
export function currentStats(stats: readonly RuntimeContainerStats[]): RuntimeContainerStats[] {
  const newest = new Map<string, RuntimeContainerStats>();
  for (const one of stats) {
    const key = `${one.labels[labels.podUid] ?? ''}/${one.metadata.name}`;
    const attempt = newest.get(key)?.metadata.attempt ?? -1;
    if (one.cpuNanoseconds !== undefined && one.metadata.attempt > attempt) newest.set(key, one);
  }
  return [...newest.values()];
}

/** Pure: processor time a second between two measurements, in billionths of a core. */
export function nanocores(before: UsageStats | undefined, after: UsageStats): number | undefined {
  if (before?.cpuNanoseconds === undefined || after.cpuNanoseconds === undefined) return undefined;
  const elapsedMs = after.timestampMs - before.timestampMs;
  const used = after.cpuNanoseconds - before.cpuNanoseconds;
  return elapsedMs <= 0 || used < 0 ? undefined : Math.round((used / elapsedMs) * 1000);
}

async function filesystemStats(path: string, timestampMs: number): Promise<FilesystemStats> {
  const { blocks, bfree, bavail, bsize, files, ffree } = await statfs(path);
  return {
    timestampMs,
    capacityBytes: blocks * bsize,
    availableBytes: bavail * bsize,
    usedBytes: (blocks - bfree) * bsize,
    inodes: files,
    inodesFree: ffree,
  };
}

async function uptimeMs(): Promise<number> {
  return Number((await readFile('/proc/uptime', 'utf8')).split(' ')[0]) * 1000;
}

async function sizeOfFiles(folder: string): Promise<number> {
  try {
    const sizes = await Promise.all((await readdir(folder)).map((name) => stat(join(folder, name))));
    return sizes.reduce((sum, { size }) => sum + size, 0);
  } catch (error) {
    // A log that is rotated or removed meanwhile counts at the next look.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
