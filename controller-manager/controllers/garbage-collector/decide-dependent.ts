/** What becomes of an object, given the state of its owners. Pure. */
import type { OwnerReference } from '../../../api/generated/meta-v1.js';
import type { KubernetesObject } from '../../../api/objects.js';
import { isOrphaning, isWaitingForDependents } from './owner-graph.js';

/** `unknown`: of a kind that this server does not have; such an owner is never taken for absent. */
export type OwnerState = 'present' | 'waiting-for-dependents' | 'absent' | 'unknown';

export interface JudgedOwner {
  readonly reference: OwnerReference;
  readonly state: OwnerState;
  /** The server says that it is there, but no informer has shown it yet: look again. */
  readonly unseen?: boolean;
}

export type DependentDecision =
  | { readonly kind: 'keep' }
  /** Some owners stay: those that go are taken off its list. */
  | { readonly kind: 'release'; readonly keep: readonly OwnerReference[] }
  | { readonly kind: 'delete'; readonly propagation: 'Background' | 'Foreground' | 'Orphan' };

export function decideOnDependent(
  object: KubernetesObject,
  owners: readonly JudgedOwner[],
  hasDependents: boolean,
): DependentDecision {
  if (object.metadata.deletionTimestamp !== undefined || owners.length === 0) return { kind: 'keep' };
  const staying = owners.filter(({ state }) => state === 'present' || state === 'unknown');
  if (staying.length === owners.length) return { kind: 'keep' };
  if (staying.length > 0) return { kind: 'release', keep: staying.map(({ reference }) => reference) };
  const ownerWaits = owners.some(({ state }) => state === 'waiting-for-dependents');
  // Its own dependents must go before it, or the owner would go before them.
  if (ownerWaits && hasDependents) return { kind: 'delete', propagation: 'Foreground' };
  return { kind: 'delete', propagation: propagationOf(object) };
}

/** Finalizers that somebody put there before the deletion say how it is meant. */
function propagationOf({ metadata }: KubernetesObject): 'Background' | 'Foreground' | 'Orphan' {
  if (metadata.finalizers?.includes('orphan') === true) return 'Orphan';
  if (metadata.finalizers?.includes('foregroundDeletion') === true) return 'Foreground';
  return 'Background';
}

/** What an object that is being deleted itself is due. */
export type OwnDeletion = 'none' | 'orphan-dependents' | 'wait-for-dependents';

export function ownDeletionOf(object: KubernetesObject): OwnDeletion {
  if (isOrphaning(object)) return 'orphan-dependents';
  return isWaitingForDependents(object) ? 'wait-for-dependents' : 'none';
}
