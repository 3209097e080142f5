/** A node as the scheduler sees it: what it offers, who is there already. Immutable; a change makes a new one. */
import type { Node } from '../../api/generated/core-v1.js';
import { emptyAmounts, toAmounts } from '../../api/pod-helpers.js';
import type { ResourceAmounts } from '../../api/pod-helpers.js';
import type { HostPort, PodInfo } from './pod-info.js';

export interface NodeInfo {
  readonly name: string;
  /** Read-only: it is shared with the informer's cache. */
  readonly node: Node;
  /** Pods bound here, and those that the scheduler has just decided to put here. */
  readonly pods: readonly PodInfo[];
  readonly allocatable: ResourceAmounts;
  readonly allowedPods: number;
  /** Sum of {@link PodInfo.requests}. */
  readonly requested: ResourceAmounts;
  /** Sum of {@link PodInfo.scoringRequests}. */
  readonly scoringRequested: { readonly cpuMillicores: number; readonly memoryBytes: number };
  readonly usedPorts: readonly HostPort[];
  /** Bytes of each image on the node, by each of its names. */
  readonly imageBytes: ReadonlyMap<string, number>;
}

/**
 * Computed from scratch: a node holds a hundred Pods or so, and sums that are never corrected by differences cannot
 * drift away from the truth.
 */
export function toNodeInfo(node: Node, pods: readonly PodInfo[]): NodeInfo {
  const { pods: podSlots, ...amounts } = node.status.allocatable ?? {};
  const requested = emptyAmounts();
  const scoringRequested = { cpuMillicores: 0, memoryBytes: 0 };
  for (const { requests, scoringRequests } of pods) {
    requested.cpuMillicores += requests.cpuMillicores;
    requested.memoryBytes += requests.memoryBytes;
    requested.ephemeralStorageBytes += requests.ephemeralStorageBytes;
    for (const [name, amount] of Object.entries(requests.others))
      requested.others[name] = (requested.others[name] ?? 0) + amount;
    scoringRequested.cpuMillicores += scoringRequests.cpuMillicores;
    scoringRequested.memoryBytes += scoringRequests.memoryBytes;
  }
  return {
    name: node.metadata.name,
    node,
    pods,
    allocatable: toAmounts(amounts),
    allowedPods: podSlots === undefined ? 0 : Number(podSlots),
    requested,
    scoringRequested,
    usedPorts: pods.flatMap((pod) => pod.hostPorts),
    imageBytes: imageBytes(node),
  };
}

function imageBytes(node: Node): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  for (const image of node.status.images ?? []) {
    for (const name of image.names ?? []) bytes.set(name, image.sizeBytes ?? 0);
  }
  return bytes;
}
