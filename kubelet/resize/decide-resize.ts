/** Whether the node can promise a Pod the size that it asks for, and who is asked first when room comes up. Pure. */
import type { Pod } from '../../api/generated/core-v1.js';
import { podQosClass, podRequests, toAmounts } from '../../api/pod-helpers.js';
import { findShortage } from '../admission/admit-pod.js';
import { isStaticPod } from '../admission/pod-importance.js';

export interface ResizeInput {
  /** As it wants to be. */
  readonly wanted: Pod;
  /** As it is now allocated. */
  readonly allocated: Pod;
  /** The other Pods that are not over, as they are allocated. */
  readonly others: readonly Pod[];
  readonly allocatable: Readonly<Record<string, string>>;
}

export type ResizeDecision =
  | { readonly kind: 'granted' }
  | {
      readonly kind: 'pending';
      readonly reason: 'Deferred' | 'Infeasible';
      readonly message: string;
      /** What makes it infeasible, as metrics name it. */
      readonly detail?: InfeasibleDetail;
    };

export type InfeasibleDetail = 'static_pod' | 'insufficient_node_allocatable';

export function decideResize({ wanted, allocated, others, allocatable }: ResizeInput): ResizeDecision {
  if (isStaticPod(wanted)) return infeasible('static_pod', 'In-place resize of static-pods is not supported');
  const has = toAmounts(allocatable);
  const requests = podRequests(wanted);
  const before = podRequests(allocated);
  for (const [name, amount] of [
    ['memory', 'memoryBytes'],
    ['cpu', 'cpuMillicores'],
  ] as const)
    if (requests[amount] > has[amount])
      return infeasible(
        'insufficient_node_allocatable',
        `Node didn't have enough capacity: ${name}, requested: ${requests[amount]}, capacity: ${has[amount]}`,
      );
  // Whoever asks for no more than before has it already, also on a node that has promised too much.
  const growsIn = (resource: string): boolean =>
    resource === 'cpu'
      ? requests.cpuMillicores > before.cpuMillicores
      : resource === 'memory' && requests.memoryBytes > before.memoryBytes;
  const shortage = findShortage(wanted, others, allocatable, growsIn);
  return shortage === undefined
    ? { kind: 'granted' }
    : { kind: 'pending', reason: 'Deferred', message: shortage.message };
}

function infeasible(detail: InfeasibleDetail, message: string): ResizeDecision {
  return { kind: 'pending', reason: 'Infeasible', message, detail };
}

export interface DeferredResize {
  readonly wanted: Pod;
  readonly allocated: Pod;
  readonly sinceMs: number;
}

/**
 * In the order in which they are tried again: those that ask for no more first, since they give room to the others; then
 * by priority, Guaranteed before Burstable, and who waits longest.
 */
export function orderDeferred<T extends DeferredResize>(resizes: readonly T[]): readonly T[] {
  const keys = ({ wanted, allocated, sinceMs }: T): readonly number[] => {
    const [next, now] = [podRequests(wanted), podRequests(allocated)];
    const grows = next.cpuMillicores > now.cpuMillicores || next.memoryBytes > now.memoryBytes;
    return [
      grows ? 1 : 0,
      -(wanted.spec.priority ?? 0),
      podQosClass(wanted.spec) === 'Guaranteed' ? 0 : 1,
      sinceMs,
    ];
  };
  return resizes
    .map((resize) => ({ resize, keys: keys(resize) }))
    .sort((a, b) => {
      const at = a.keys.findIndex((key, index) => key !== b.keys[index]);
      return at < 0 ? 0 : (a.keys[at] ?? 0) - (b.keys[at] ?? 0);
    })
    .map(({ resize }) => resize);
}
