/**
 * One step of a rollout: which ReplicaSets to resize now. Pure.
 *
 * A step only ever uses what the ReplicaSets report, so it can be computed again from any state: after a crash, after a
 * change of mind in the middle (a new template, an undo), after somebody scaled by hand.
 */
import type { Deployment, ReplicaSet } from '../../../api/generated/apps-v1.js';
import { isActive, sizeOf, totalOf, totalSize } from './replica-set-family.js';
import type { ReplicaSetFamily } from './replica-set-family.js';
import { desiredReplicas, isRollingUpdate, rolloutLimits } from './rollout-limits.js';

export interface Resize {
  readonly replicaSet: ReplicaSet;
  readonly size: number;
}

/** The size at which the ReplicaSet of the current template begins, or to which it may grow now. */
export function nextSizeOfCurrent(
  deployment: Deployment,
  all: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
): number {
  const desired = desiredReplicas(deployment);
  if (!isRollingUpdate(deployment)) return desired;
  const size = current === undefined ? 0 : sizeOf(current);
  const room = desired + rolloutLimits(deployment).maxSurge - totalSize(all);
  // Never shrinks here, and never grows beyond what is asked for even where surge would allow it.
  return room <= 0 ? size : size + Math.min(room, Math.max(0, desired - size));
}

/**
 * The next step of a rolling update: first the current ReplicaSet grows as far as surge allows, and when it cannot,
 * the old ones shrink as far as availability allows. Empty when there is nothing to do now.
 */
export function planRollingUpdate(deployment: Deployment, family: ReplicaSetFamily): readonly Resize[] {
  const { current, old, all } = family;
  if (current === undefined) return [];
  const desired = desiredReplicas(deployment);
  if (sizeOf(current) > desired) return [{ replicaSet: current, size: desired }];
  const grown = nextSizeOfCurrent(deployment, all, current);
  if (grown > sizeOf(current)) return [{ replicaSet: current, size: grown }];
  return shrinkOld(deployment, current, old, all);
}

function shrinkOld(
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
  all: readonly ReplicaSet[],
): readonly Resize[] {
  if (totalSize(old) === 0) return [];
  const leastAvailable = desiredReplicas(deployment) - rolloutLimits(deployment).maxUnavailable;
  const notYetAvailable = sizeOf(current) - (current.status.availableReplicas ?? 0);
  // Pods of the current ReplicaSet that are still starting are not to be relied on.
  const mayGo = totalSize(all) - leastAvailable - notYetAvailable;
  if (mayGo <= 0) return [];
  const sizes = new Map(old.map((replicaSet) => [replicaSet, sizeOf(replicaSet)]));
  removeUnhealthy(sizes, mayGo);
  removeAvailable(sizes, totalOf(all, 'availableReplicas') - leastAvailable);
  return [...sizes]
    .filter(([replicaSet, size]) => size !== sizeOf(replicaSet))
    .map(([replicaSet, size]) => ({ replicaSet, size }));
}

/** Pods that serve nobody go first: a rollout that hangs on broken old Pods would never end. */
function removeUnhealthy(sizes: Map<ReplicaSet, number>, most: number): void {
  let left = most;
  for (const [replicaSet, size] of sizes) {
    const unhealthy = size - (replicaSet.status.availableReplicas ?? 0);
    const removed = Math.max(0, Math.min(left, unhealthy, size));
    sizes.set(replicaSet, size - removed);
    left -= removed;
  }
}

function removeAvailable(sizes: Map<ReplicaSet, number>, most: number): void {
  let left = Math.max(0, most);
  for (const [replicaSet, size] of sizes) {
    const removed = Math.min(left, size);
    sizes.set(replicaSet, size - removed);
    left -= removed;
  }
}

/** Recreate, first half: all old ReplicaSets go to zero at once. */
export function planRecreateTeardown(family: ReplicaSetFamily): readonly Resize[] {
  return family.old.filter(isActive).map((replicaSet) => ({ replicaSet, size: 0 }));
}

/** Recreate, second half, once no old Pod is left. */
export function planRecreateStart(deployment: Deployment, current: ReplicaSet): readonly Resize[] {
  const desired = desiredReplicas(deployment);
  return sizeOf(current) === desired ? [] : [{ replicaSet: current, size: desired }];
}
