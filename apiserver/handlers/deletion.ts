/**
 * Deletion as a decision: at once, later, or not yet. Pure; the steps of Kubernetes' graceful deletion and of its
 * garbage collector's finalizers.
 */
import type { DeleteOptions } from '../../api/generated/meta-v1.js';
import type { KubernetesObject } from '../../api/objects.js';
import { timestamp } from '../resources/object-meta.js';
import type { Strategy } from '../resources/strategy.js';

export const orphanFinalizer = 'orphan';
export const foregroundFinalizer = 'foregroundDeletion';

export type DeletionStep =
  | { readonly kind: 'delete' }
  /** The object stays, marked, until its kubelet, its finalizers or its controller are done. */
  | { readonly kind: 'write'; readonly object: KubernetesObject }
  /** The deletion is under way already. */
  | { readonly kind: 'pending' };

/** What a DELETE does to `current`, which is the caller's own copy. */
export function decideDeletion(
  strategy: Strategy,
  current: KubernetesObject,
  options: Partial<DeleteOptions>,
  nowMs: number,
): DeletionStep {
  const meta = current.metadata;
  const finalizers = finalizersFor(strategy, withCleanup(strategy, current), options);
  const changed = !sameSet(finalizers, meta.finalizers ?? []);
  const held = finalizers.length > 0 || strategy.isHeld?.(current) === true;
  const grace = graceOf(strategy, current, options);
  if (grace.kind === 'pending' && !changed) return { kind: 'pending' };
  if (!held && grace.kind === 'now') return { kind: 'delete' };
  if (finalizers.length > 0) meta.finalizers = [...finalizers];
  else delete meta.finalizers;
  if (grace.kind !== 'pending') mark(strategy, current, grace.kind === 'now' ? 0 : grace.seconds, nowMs);
  return { kind: 'write', object: current };
}

type Grace =
  | { readonly kind: 'now' }
  | { readonly kind: 'wait'; readonly seconds: number }
  | { readonly kind: 'pending' };

function graceOf(strategy: Strategy, current: KubernetesObject, options: Partial<DeleteOptions>): Grace {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = current.metadata;
  if (deletionTimestamp === undefined) {
    const seconds = strategy.gracePeriodSeconds?.(current, options.gracePeriodSeconds) ?? 0;
    return seconds === 0 ? { kind: 'now' } : { kind: 'wait', seconds };
  }
  if (deletionGracePeriodSeconds === 0) return { kind: 'now' };
  // A second DELETE may shorten the time that the first one gave, never lengthen it.
  const wanted = options.gracePeriodSeconds;
  if (wanted === undefined) return { kind: 'pending' };
  // A negative period asks for the shortest one that still lets the kubelet end the containers.
  const seconds = wanted < 0 ? 1 : wanted;
  if (seconds >= deletionGracePeriodSeconds) return { kind: 'pending' };
  return seconds === 0 ? { kind: 'now' } : { kind: 'wait', seconds };
}

function mark(strategy: Strategy, object: KubernetesObject, seconds: number, nowMs: number): void {
  const meta = object.metadata;
  if (meta.deletionTimestamp === undefined) {
    meta.deletionTimestamp = timestamp(nowMs + seconds * 1000);
    if (meta.generation !== undefined) meta.generation += 1;
    strategy.markDeleting?.(object, nowMs);
  } else if (seconds !== meta.deletionGracePeriodSeconds) {
    const asked = Date.parse(meta.deletionTimestamp) - (meta.deletionGracePeriodSeconds ?? 0) * 1000;
    meta.deletionTimestamp = timestamp(asked + seconds * 1000);
  }
  meta.deletionGracePeriodSeconds = seconds;
}

/** The garbage collector acts on finalizers: they carry the propagation policy. */
function finalizersFor(
  strategy: Strategy,
  current: readonly string[],
  options: Partial<DeleteOptions>,
): readonly string[] {
  const others = current.filter((one) => one !== orphanFinalizer && one !== foregroundFinalizer);
  switch (policyOf(options)) {
    case 'Orphan':
      return [...others, orphanFinalizer];
    case 'Foreground':
      return [...others, foregroundFinalizer];
    case 'Background':
      return others;
    case undefined:
      // An earlier DELETE may have said it already.
      if (others.length < current.length) return current;
      return strategy.orphansByDefault === true ? [...others, orphanFinalizer] : others;
  }
}

function policyOf(options: Partial<DeleteOptions>): 'Orphan' | 'Foreground' | 'Background' | undefined {
  if (options.orphanDependents !== undefined) return options.orphanDependents ? 'Orphan' : 'Background';
  return options.propagationPolicy as 'Orphan' | 'Foreground' | 'Background' | undefined;
}

function withCleanup({ cleanupFinalizer }: Strategy, { metadata }: KubernetesObject): readonly string[] {
  const { finalizers = [], deletionTimestamp } = metadata;
  if (cleanupFinalizer === undefined || deletionTimestamp !== undefined) return finalizers;
  return finalizers.includes(cleanupFinalizer) ? finalizers : [...finalizers, cleanupFinalizer];
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one) => b.includes(one));
}

/** True when an update removes what an object that is being deleted was still waiting for. */
export function endsByUpdate(strategy: Strategy, next: KubernetesObject, before: KubernetesObject): boolean {
  if (before.metadata.deletionTimestamp === undefined) return false;
  if ((next.metadata.finalizers ?? []).length > 0 || strategy.isHeld?.(next) === true) return false;
  return strategy.mayEndByUpdate?.(before) ?? (before.metadata.deletionGracePeriodSeconds ?? 0) === 0;
}
