/**
 * What to do when the number of replicas changes, in the middle of a rollout or while it is paused. Pure.
 *
 * All ReplicaSets that have Pods grow or shrink in proportion to their size, so that a rollout that may be broken does
 * not decide alone over new Pods, and Pods that serve are not all taken from one side.
 */
import type { Deployment, ReplicaSet } from '../../../api/generated/apps-v1.js';
import { compareByAge, isActive, sizeOf, totalSize } from './replica-set-family.js';
import type { ReplicaSetFamily } from './replica-set-family.js';
import type { Resize } from './plan-rollout.js';
import {
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  numberAnnotation,
} from './revision-annotations.js';
import { desiredReplicas, isRollingUpdate, rolloutLimits } from './rollout-limits.js';

/** The Deployment was scaled since its ReplicaSets were sized last. */
export function wasScaled(deployment: Deployment, family: ReplicaSetFamily): boolean {
  return family.all.filter(isActive).some((replicaSet) => {
    const then = numberAnnotation(replicaSet.metadata.annotations, desiredReplicasAnnotation);
    return then !== undefined && then !== desiredReplicas(deployment);
  });
}

/** Every entry is to be written, also where the size stays: its annotations have to follow. */
export function planScaling(deployment: Deployment, family: ReplicaSetFamily): readonly Resize[] {
  const desired = desiredReplicas(deployment);
  const alone = onlyOneThatCounts(family);
  if (alone !== undefined) return sizeOf(alone) === desired ? [] : [{ replicaSet: alone, size: desired }];
  if (family.current !== undefined && isSaturated(deployment, family.current))
    return family.old.filter(isActive).map((replicaSet) => ({ replicaSet, size: 0 }));
  return isRollingUpdate(deployment) ? scaleInProportion(deployment, family) : [];
}

/** The only one with Pods; when none has any, the current or else the youngest. Undefined when several have Pods. */
function onlyOneThatCounts({ current, old, all }: ReplicaSetFamily): ReplicaSet | undefined {
  const active = all.filter(isActive);
  if (active.length > 1) return undefined;
  return active[0] ?? current ?? old.at(-1);
}

/** All that is asked for is there, with the current template: what is left of the old ones is superfluous. */
function isSaturated(deployment: Deployment, current: ReplicaSet): boolean {
  const desired = desiredReplicas(deployment);
  return (
    sizeOf(current) === desired &&
    numberAnnotation(current.metadata.annotations, desiredReplicasAnnotation) === desired &&
    (current.status.availableReplicas ?? 0) === desired
  );
}

function scaleInProportion(deployment: Deployment, family: ReplicaSetFamily): readonly Resize[] {
  const desired = desiredReplicas(deployment);
  const active = family.all.filter(isActive);
  const allowed = desired > 0 ? desired + rolloutLimits(deployment).maxSurge : 0;
  const change = allowed - totalSize(active);
  // Larger ones first; of equal size growth goes to the younger, shrinking to the older.
  const ordered = [...active].sort(
    (a, b) => sizeOf(b) - sizeOf(a) || (change > 0 ? compareByAge(b, a) : compareByAge(a, b)),
  );
  let distributed = 0;
  const sizes = ordered.map((replicaSet) => {
    const share = proportionOf(deployment, replicaSet, change, distributed);
    distributed += share;
    return sizeOf(replicaSet) + share;
  });
  // Rounding leaves a rest: the largest takes it.
  sizes[0] = Math.max(0, (sizes[0] ?? 0) + (change - distributed));
  return ordered.map((replicaSet, index) => ({ replicaSet, size: sizes[index] ?? 0 }));
}

/** The ReplicaSet's part of the change, and no more than what is left of it. */
function proportionOf(
  deployment: Deployment,
  replicaSet: ReplicaSet,
  change: number,
  distributed: number,
): number {
  const left = change - distributed;
  if (left === 0) return 0;
  const size = sizeOf(replicaSet);
  const desired = desiredReplicas(deployment);
  if (desired === 0) return Math.max(-size, left);
  const mostThen =
    numberAnnotation(replicaSet.metadata.annotations, maxReplicasAnnotation) ??
    deployment.status.replicas ??
    0;
  const mostNow = desired + rolloutLimits(deployment).maxSurge;
  const share = mostThen === 0 ? 0 : Math.round((size * mostNow) / mostThen) - size;
  return change > 0 ? Math.min(share, left) : Math.max(share, left);
}
