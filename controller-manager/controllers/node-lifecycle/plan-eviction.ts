/** Whether and when a Pod must leave its node because of taints with the effect NoExecute. Pure. */
import type { Pod, Taint } from '../../../api/generated/core-v1.js';
import { toleratesTaint } from '../../../api/tolerations.js';

export type EvictionPlan =
  | { readonly kind: 'stay' }
  /** `at` is in milliseconds since the epoch. */
  | { readonly kind: 'evict'; readonly at: number };

/**
 * A taint that the Pod does not tolerate drives it off at once; one that it tolerates for a time, when that time has
 * passed since the taint was added. Of several limits the shortest counts.
 */
export function planEviction(pod: Pod, taints: readonly Taint[], nowMs: number): EvictionPlan {
  let at = Number.POSITIVE_INFINITY;
  for (const taint of taints) {
    if (taint.effect !== 'NoExecute') continue;
    const matching = (pod.spec.tolerations ?? []).filter((toleration) => toleratesTaint(toleration, taint));
    if (matching.length === 0) return { kind: 'evict', at: nowMs };
    const limits = matching.flatMap(({ tolerationSeconds }) => tolerationSeconds ?? []);
    if (limits.length === 0) continue;
    const added = Date.parse(taint.timeAdded ?? '');
    const from = Number.isNaN(added) ? nowMs : added;
    at = Math.min(at, from + Math.max(0, Math.min(...limits)) * 1000);
  }
  return at === Number.POSITIVE_INFINITY ? { kind: 'stay' } : { kind: 'evict', at };
}
