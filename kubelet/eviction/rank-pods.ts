/**
 * In which order Pods are evicted, worst first. Pure, and Kubernetes' documented order: those that use more than they
 * asked for before those that do not, then by priority, then by how much more. For processes, only priority and number
 * count: nobody asks for processes. Who could not be measured goes first.
 */
import type { Pod } from '../../api/generated/core-v1.js';
import { podRequests } from '../../api/pod-helpers.js';
import { diskOf } from './pod-usage.js';
import type { DiskPart, PodUsage, PodUsages } from './pod-usage.js';
import type { StarvedResource } from './signals.js';

/** `parts` are the files that are on the filesystem which is short of room. */
export function rankPods(
  pods: readonly Pod[],
  usages: PodUsages,
  resource: StarvedResource,
  parts: readonly DiskPart[],
): readonly Pod[] {
  const facts = pods.map((pod) => ({
    pod,
    priority: pod.spec.priority ?? 0,
    ...excessOf(pod, usages.get(pod.metadata.uid), resource, parts),
  }));
  const byExcess = resource !== 'pids';
  facts.sort(
    (a, b) =>
      (byExcess ? Number(b.exceeds) - Number(a.exceeds) : 0) ||
      a.priority - b.priority ||
      b.excess - a.excess,
  );
  return facts.map(({ pod }) => pod);
}

function excessOf(
  pod: Pod,
  usage: PodUsage | undefined,
  resource: StarvedResource,
  parts: readonly DiskPart[],
): { readonly exceeds: boolean; readonly excess: number } {
  if (usage === undefined) return { exceeds: true, excess: Number.MAX_SAFE_INTEGER };
  const requests = podRequests(pod);
  const used = {
    memory: () => usage.memoryBytes - requests.memoryBytes,
    'ephemeral-storage': () => diskOf(usage, parts).bytes - requests.ephemeralStorageBytes,
    inodes: () => diskOf(usage, parts).inodes,
    pids: () => usage.processes,
  };
  const excess = used[resource]();
  return { exceeds: excess > 0, excess };
}
