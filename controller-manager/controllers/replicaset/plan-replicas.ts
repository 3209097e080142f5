/** How many Pods to make, or which to delete. Pure. */
import type { Pod } from '../../../api/generated/core-v1.js';
import { rankForDeletion } from './rank-for-deletion.js';
import type { RankingFacts } from './rank-for-deletion.js';

/** Most Pods that one reconciliation makes or deletes; the rest follows in the next. */
export const burstLimit = 500;

export type ReplicaPlan =
  | { readonly kind: 'enough' }
  | { readonly kind: 'create'; readonly count: number }
  | { readonly kind: 'delete'; readonly pods: readonly Pod[] };

/** `active` are the Pods that count: neither ended nor being deleted. */
export function planReplicas(desired: number, active: readonly Pod[], facts: RankingFacts): ReplicaPlan {
  const missing = desired - active.length;
  if (missing === 0) return { kind: 'enough' };
  if (missing > 0) return { kind: 'create', count: Math.min(missing, burstLimit) };
  return { kind: 'delete', pods: rankForDeletion(active, facts).slice(0, Math.min(-missing, burstLimit)) };
}
