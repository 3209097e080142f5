/** What `/stats/summary` answers: the Summary of stats/v1alpha1. Pure. */
import type { VolumeUsage } from '../volumes/volume-stats.js';
import type {
  ContainerMeasured,
  FilesystemStats,
  Measured,
  PodMeasured,
  StatsSnapshot,
} from './collect-stats.js';
import type { InterfaceStats } from './network-stats.js';

type Json = Readonly<Record<string, unknown>>;

export function summaryOf(snapshot: StatsSnapshot, onlyCpuAndMemory: boolean): Json {
  const { nodeName, node, bootedAtMs, nodeFilesystem, imageFilesystem, imageBytes } = snapshot;
  const images = { ...filesystem(imageFilesystem), usedBytes: imageBytes };
  return {
    node: {
      nodeName,
      startTime: time(bootedAtMs),
      ...usage(node, snapshot.memoryBytes),
      ...(onlyCpuAndMemory
        ? {}
        : {
            ...network(snapshot.nodeNetwork, snapshot.timestampMs),
            fs: filesystem(nodeFilesystem),
            runtime: { imageFs: images, containerFs: filesystem(imageFilesystem) },
          }),
    },
    pods: snapshot.pods.map((pod) => podStats(pod, snapshot, onlyCpuAndMemory)),
  };
}

function podStats(
  { pod, measured, network: devices, containers, volumes = [] }: PodMeasured,
  { imageFilesystem: disk, timestampMs }: StatsSnapshot,
  onlyCpuAndMemory: boolean,
): Json {
  const { name, namespace, uid } = pod.metadata;
  const used = containers.reduce((sum, one) => sum + (one.writableBytes ?? 0) + one.logBytes, 0);
  return {
    podRef: { name, namespace, uid },
    startTime: pod.status.startTime ?? pod.metadata.creationTimestamp,
    containers: containers.map((one) => containerStats(one, disk, onlyCpuAndMemory)),
    ...(measured === undefined ? {} : usage(measured)),
    ...(onlyCpuAndMemory
      ? {}
      : {
          ...(devices === undefined ? {} : network(devices, timestampMs)),
          volume: volumes.map(volumeStats),
          'ephemeral-storage': { ...filesystem(disk), usedBytes: used + ephemeralBytes(volumes) },
        }),
  };
}

/** That which leads outside is told by itself, too. */
function network(devices: readonly InterfaceStats[], timestampMs: number): Json {
  const interfaces = devices.map(({ name, rxBytes, rxErrors, txBytes, txErrors }) => ({
    ...{ name, rxBytes, rxErrors, txBytes, txErrors },
  }));
  const first = interfaces.find(({ name }) => name === 'eth0');
  return { network: { time: time(timestampMs), ...first, interfaces } };
}

/** What its volumes take of the node's disk. */
function ephemeralBytes(volumes: readonly VolumeUsage[]): number {
  return volumes.reduce((sum, one) => sum + (one.isEphemeralStorage ? one.usedBytes : 0), 0);
}

function volumeStats(one: VolumeUsage): Json {
  const [namespace, name] = one.claim?.split('/') ?? [];
  return {
    time: time(one.timeMs),
    name: one.name,
    ...(name === undefined ? {} : { pvcRef: { name, namespace } }),
    capacityBytes: one.capacityBytes,
    availableBytes: one.availableBytes,
    usedBytes: one.usedBytes,
    inodes: one.inodes,
    inodesFree: one.inodesFree,
    inodesUsed: one.inodesUsed,
  };
}

function containerStats(one: ContainerMeasured, disk: FilesystemStats, onlyCpuAndMemory: boolean): Json {
  const { name, startedAt, writableBytes, writableInodes, logBytes } = one;
  return {
    name,
    ...(startedAt === undefined ? {} : { startTime: startedAt }),
    ...usage(one),
    ...(onlyCpuAndMemory
      ? {}
      : {
          rootfs: { ...filesystem(disk), usedBytes: writableBytes ?? 0, inodesUsed: writableInodes ?? 0 },
          logs: { ...filesystem(disk), usedBytes: logBytes },
        }),
  };
}

function usage({ usage, cpuNanocores }: Measured, memoryBytes?: number): Json {
  const at = time(usage.timestampMs);
  const { workingSetBytes } = usage;
  return {
    cpu: { time: at, usageNanoCores: cpuNanocores, usageCoreNanoSeconds: usage.cpuNanoseconds },
    memory: {
      time: at,
      availableBytes:
        memoryBytes === undefined || workingSetBytes === undefined
          ? undefined
          : memoryBytes - workingSetBytes,
      usageBytes: usage.usageBytes,
      workingSetBytes,
      rssBytes: usage.rssBytes,
      pageFaults: usage.pageFaults,
      majorPageFaults: usage.majorPageFaults,
    },
  };
}

function filesystem({
  timestampMs,
  availableBytes,
  capacityBytes,
  usedBytes,
  inodes,
  inodesFree,
}: FilesystemStats): Json {
  return {
    time: time(timestampMs),
    availableBytes,
    capacityBytes,
    usedBytes,
    inodesFree,
    inodes,
    inodesUsed: inodes - inodesFree,
  };
}

function time(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
