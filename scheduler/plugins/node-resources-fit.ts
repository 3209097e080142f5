/** NodeResourcesFit: what a Pod requests must be free. Among nodes that fit, the emptier one is better (LeastAllocated). */
import type { Node, Pod } from '../../api/generated/core-v1.js';
import type { ResourceAmounts } from '../../api/pod-helpers.js';
import { toPodInfo } from '../framework/pod-info.js';
import { maxNodeScore } from '../framework/extension-points.js';
import type { PluginFactory } from '../framework/extension-points.js';
import { toNodeInfo } from '../framework/node-info.js';
import type { NodeInfo } from '../framework/node-info.js';
import type { PodInfo } from '../framework/pod-info.js';
import { success, unresolvable, unschedulable } from '../framework/verdict.js';

export const nodeResourcesFit: PluginFactory = () => ({
  name: 'NodeResourcesFit',
  interests: [
    { type: 'node-added', mayHelp: (pod, event) => !('node' in event) || canEverFit(pod, event.node) },
    { type: 'node-updated', mayHelp: (pod, event) => !('node' in event) || canEverFit(pod, event.node) },
    { type: 'pod-gone' },
    { type: 'pod-updated' },
  ],
  filter: (_state, pod, node) => {
    const short = insufficientResources(pod, node);
    if (short.length === 0) return success;
    const reasons = short.map(({ reason }) => reason);
    return short.some(({ neverFits }) => neverFits) ? unresolvable(...reasons) : unschedulable(...reasons);
  },
  score: (_state, pod, node) => leastAllocatedScore(pod, node),
});

export interface InsufficientResource {
  readonly reason: string;
  /** Not even an empty node of this size would do. */
  readonly neverFits: boolean;
}

/** Every resource that the node has too little of. A resource that the Pod does not request is not looked at. */
export function insufficientResources(pod: PodInfo, node: NodeInfo): readonly InsufficientResource[] {
  const short: InsufficientResource[] = [];
  if (node.pods.length + 1 > node.allowedPods)
    short.push({ reason: 'Too many pods', neverFits: node.allowedPods === 0 });
  const allocatable = new Map(named(node.allocatable));
  const requested = new Map(named(node.requested));
  for (const [name, amount] of named(pod.requests)) {
    const total = allocatable.get(name) ?? 0;
    if (amount > 0 && amount > total - (requested.get(name) ?? 0))
      short.push({ reason: `Insufficient ${name}`, neverFits: amount > total });
  }
  return short;
}

function named(amounts: ResourceAmounts): [string, number][] {
  return [
    ['cpu', amounts.cpuMillicores],
    ['memory', amounts.memoryBytes],
    ['ephemeral-storage', amounts.ephemeralStorageBytes],
    ...Object.entries(amounts.others),
  ];
}

/** The mean share of cpu and memory that would stay free, as points. */
function leastAllocatedScore(pod: PodInfo, node: NodeInfo): number {
  const shares = [
    freeShare(
      node.allocatable.cpuMillicores,
      node.scoringRequested.cpuMillicores + pod.scoringRequests.cpuMillicores,
    ),
    freeShare(
      node.allocatable.memoryBytes,
      node.scoringRequested.memoryBytes + pod.scoringRequests.memoryBytes,
    ),
  ].filter((share) => share !== undefined);
  if (shares.length === 0) return 0;
  return Math.floor((shares.reduce((sum, share) => sum + share, 0) / shares.length) * maxNodeScore);
}

function freeShare(allocatable: number, requested: number): number | undefined {
  if (allocatable === 0) return undefined;
  return Math.max(0, allocatable - requested) / allocatable;
}

function canEverFit(pod: Pod, node: Node): boolean {
  return insufficientResources(toPodInfo(pod), toNodeInfo(node, [])).every(({ neverFits }) => !neverFits);
}
