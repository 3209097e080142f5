/** NodeResourcesBalancedAllocation: prefers nodes where cpu and memory would be used to a similar degree. */
import { maxNodeScore } from '../framework/extension-points.js';
import type { PluginFactory } from '../framework/extension-points.js';
import type { NodeInfo } from '../framework/node-info.js';
import type { PodInfo } from '../framework/pod-info.js';
import { skip, success } from '../framework/verdict.js';

export const nodeResourcesBalancedAllocation: PluginFactory = () => ({
  name: 'NodeResourcesBalancedAllocation',
  // A Pod that requests nothing moves no balance.
  preScore: (_state, { requests }) =>
    requests.cpuMillicores === 0 && requests.memoryBytes === 0 ? skip : success,
  score: (_state, pod, node) => balanceScore(pod, node),
});

/** 100 minus the standard deviation of the used shares, in points. */
function balanceScore(pod: PodInfo, node: NodeInfo): number {
  const { allocatable, requested } = node;
  const shares = [
    usedShare(allocatable.cpuMillicores, requested.cpuMillicores + pod.requests.cpuMillicores),
    usedShare(allocatable.memoryBytes, requested.memoryBytes + pod.requests.memoryBytes),
  ].filter((share) => share !== undefined);
  const [cpu, memory] = shares;
  // Of two values the standard deviation is half of their distance; of one it is nothing.
  const deviation = cpu === undefined || memory === undefined ? 0 : Math.abs(cpu - memory) / 2;
  return Math.floor((1 - deviation) * maxNodeScore);
}

function usedShare(allocatable: number, requested: number): number | undefined {
  return allocatable === 0 ? undefined : Math.min(1, requested / allocatable);
}
