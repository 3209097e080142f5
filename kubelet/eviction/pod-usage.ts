/** What a Pod uses, as plain data, and sums over it. Pure. */
import type { Pod } from '../../api/generated/core-v1.js';

export interface DiskUsage {
  readonly bytes: number;
  readonly inodes: number;
}

export interface ContainerUsage {
  readonly memoryBytes: number;
  /** What it wrote beside its volumes. */
  readonly rootfs: DiskUsage;
  readonly logs: DiskUsage;
}

export interface PodUsage {
  readonly memoryBytes: number;
  readonly processes: number;
  readonly containers: ReadonlyMap<string, ContainerUsage>;
  /** Volumes that are on the node's disk and go with the Pod, by name. */
  readonly volumes: ReadonlyMap<string, DiskUsage>;
}

/** Kinds of a Pod's files; which of them are on a filesystem depends on whether images have one of their own. */
export type DiskPart = 'rootfs' | 'logs' | 'volumes';

export const noDisk: DiskUsage = { bytes: 0, inodes: 0 };

export function addDisk(usages: Iterable<DiskUsage>): DiskUsage {
  let bytes = 0;
  let inodes = 0;
  for (const usage of usages) {
    bytes += usage.bytes;
    inodes += usage.inodes;
  }
  return { bytes, inodes };
}

export function diskOf(usage: PodUsage, parts: readonly DiskPart[]): DiskUsage {
  const containers = [...usage.containers.values()];
  return addDisk([
    ...(parts.includes('rootfs') ? containers.map(({ rootfs }) => rootfs) : []),
    ...(parts.includes('logs') ? containers.map(({ logs }) => logs) : []),
    ...(parts.includes('volumes') ? usage.volumes.values() : []),
  ]);
}

/** By uid; a Pod that could not be measured is absent. */
export type PodUsages = ReadonlyMap<Pod['metadata']['uid'], PodUsage>;
