/** Limits of a Pod's files on the node's disk: nothing stops a program from writing, so who wrote too much is evicted. Pure. */
import type { Pod } from '../../api/generated/core-v1.js';
import { podLimits } from '../../api/pod-helpers.js';
import { quantityBytes, quantityFromBytes } from '../../api/quantity.js';
import { diskOf } from './pod-usage.js';
import type { PodUsage } from './pod-usage.js';

export interface BrokenLimit {
  /** In Kubernetes' words. */
  readonly message: string;
  /** What evictions are counted by. */
  readonly signal: string;
}

/** Which limit the Pod broke; undefined when it keeps to all. */
export function brokenStorageLimit(pod: Pod, usage: PodUsage): BrokenLimit | undefined {
  return brokenVolume(pod, usage) ?? brokenPodLimit(pod, usage) ?? brokenContainer(pod, usage);
}

/** Only of these Pods it must be known what they have written. */
export function hasStorageLimit(pod: Pod): boolean {
  const volumes = pod.spec.volumes ?? [];
  return (
    podLimits(pod).ephemeralStorageBytes > 0 ||
    volumes.some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined && quantityBytes(emptyDir.sizeLimit) > 0)
  );
}

function brokenVolume(pod: Pod, usage: PodUsage): BrokenLimit | undefined {
  for (const { name, emptyDir } of pod.spec.volumes ?? []) {
    const sizeLimit = emptyDir?.sizeLimit;
    const limit = quantityBytes(sizeLimit);
    if (sizeLimit !== undefined && limit > 0 && (usage.volumes.get(name)?.bytes ?? 0) > limit)
      return {
        message: `Usage of EmptyDir volume "${name}" exceeds the limit "${sizeLimit}". `,
        signal: 'emptydirfs.limit',
      };
  }
  return undefined;
}

function brokenPodLimit(pod: Pod, usage: PodUsage): BrokenLimit | undefined {
  const limit = podLimits(pod).ephemeralStorageBytes;
  if (limit === 0 || diskOf(usage, ['rootfs', 'logs', 'volumes']).bytes <= limit) return undefined;
  return {
    message: `Pod ephemeral local storage usage exceeds the total limit of containers ${quantityFromBytes(limit)}. `,
    signal: 'ephemeralpodfs.limit',
  };
}

function brokenContainer(pod: Pod, usage: PodUsage): BrokenLimit | undefined {
  for (const { name, resources } of pod.spec.containers) {
    const limit = resources?.limits?.['ephemeral-storage'];
    const used = usage.containers.get(name);
    if (limit === undefined || used === undefined || quantityBytes(limit) === 0) continue;
    if (used.rootfs.bytes + used.logs.bytes > quantityBytes(limit))
      return {
        message: `Container ${name} exceeded its local ephemeral storage limit "${limit}". `,
        signal: 'ephemeralcontainerfs.limit',
      };
  }
  return undefined;
}
