/** The status of a Deployment from its ReplicaSets, with the conditions Available, Progressing and ReplicaFailure. Pure. */
import type { Deployment, DeploymentCondition, DeploymentStatus } from '../../../api/generated/apps-v1.js';
import { conditionOf, reasons, removeCondition, setCondition } from './deployment-conditions.js';
import { totalOf, totalSize } from './replica-set-family.js';
import type { ReplicaSetFamily } from './replica-set-family.js';
import { desiredReplicas, rolloutLimits } from './rollout-limits.js';

/** A Deployment without a deadline (absent, or the greatest 32-bit number) has no condition Progressing. */
export function hasProgressDeadline({ spec }: Deployment): boolean {
  return spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== 0x7fff_ffff;
}

/** Counts and the condition Available; the other conditions are carried over. */
export function computeCounts(
  deployment: Deployment,
  { all, current }: ReplicaSetFamily,
  nowMs: number,
): DeploymentStatus {
  const available = totalOf(all, 'availableReplicas');
  const conditions = setCondition(
    deployment.status.conditions ?? [],
    available >= desiredReplicas(deployment) - rolloutLimits(deployment).maxUnavailable
      ? {
          type: 'Available',
          status: 'True',
          reason: reasons.available,
          message: 'Deployment has minimum availability.',
        }
      : {
          type: 'Available',
          status: 'False',
          reason: reasons.unavailable,
          message: 'Deployment does not have minimum availability.',
        },
    nowMs,
  );
  const { collisionCount } = deployment.status;
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: totalOf(all, 'replicas'),
    updatedReplicas: current?.status.replicas ?? 0,
    readyReplicas: totalOf(all, 'readyReplicas'),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, totalSize(all) - available),
    terminatingReplicas: totalOf(all, 'terminatingReplicas'),
    conditions: [...conditions],
    ...(collisionCount === undefined ? {} : { collisionCount }),
  };
}

/** Everything that is asked for is there, of the current template, available, and nothing else. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const desired = desiredReplicas(deployment);
  return (
    (status.updatedReplicas ?? 0) === desired &&
    (status.replicas ?? 0) === desired &&
    (status.availableReplicas ?? 0) === desired &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

/** The new status is nearer to the goal than the old one. */
function isProgressing(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const updated = (status: DeploymentStatus): number => status.updatedReplicas ?? 0;
  const old = (status: DeploymentStatus): number => (status.replicas ?? 0) - updated(status);
  return (
    updated(after) > updated(before) ||
    old(after) < old(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

/** The status during and after a rollout: counts, and how the rollout goes. */
export function computeRolloutStatus(
  deployment: Deployment,
  family: ReplicaSetFamily,
  nowMs: number,
): DeploymentStatus {
  const status = computeCounts(deployment, family, nowMs);
  let conditions: readonly DeploymentCondition[] = status.conditions ?? [];
  if (!hasProgressDeadline(deployment)) conditions = removeCondition(conditions, 'Progressing');
  else if (!isLastRolloutOver(deployment, status))
    conditions = progressConditions(deployment, family, status, nowMs);
  conditions = failureConditions(conditions, family);
  return { ...status, conditions: [...conditions] };
}

/** Only a change of the template begins a new rollout: Pods that come and go later do not. */
function isLastRolloutOver(deployment: Deployment, status: DeploymentStatus): boolean {
  const before = conditionOf(deployment.status.conditions ?? [], 'Progressing');
  return status.replicas === status.updatedReplicas && before?.reason === reasons.newReplicaSetAvailable;
}

function progressConditions(
  deployment: Deployment,
  { current }: ReplicaSetFamily,
  status: DeploymentStatus,
  nowMs: number,
): readonly DeploymentCondition[] {
  const conditions = status.conditions ?? [];
  const subject =
    current === undefined
      ? `Deployment "${deployment.metadata.name}"`
      : `ReplicaSet "${current.metadata.name}"`;
  if (isComplete(deployment, status)) {
    return setCondition(
      conditions,
      {
        type: 'Progressing',
        status: 'True',
        reason: reasons.newReplicaSetAvailable,
        message: `${subject} has successfully progressed.`,
      },
      nowMs,
    );
  }
  if (isProgressing(deployment.status, status)) {
    // Each step forward restarts the clock of the deadline, even when reason and status stay.
    return setCondition(
      conditions,
      {
        type: 'Progressing',
        status: 'True',
        reason: reasons.replicaSetUpdated,
        message: `${subject} is progressing.`,
      },
      nowMs,
      { refresh: true },
    );
  }
  if (hasTimedOut(deployment, conditions, nowMs)) {
    return setCondition(
      conditions,
      {
        type: 'Progressing',
        status: 'False',
        reason: reasons.timedOut,
        message: `${subject} has timed out progressing.`,
      },
      nowMs,
    );
  }
  return conditions;
}

/** When the rollout counts as stuck, in milliseconds since the epoch. Undefined: it is over, paused, or stuck already. */
export function progressDeadlineMs(
  deployment: Deployment,
  conditions: readonly DeploymentCondition[],
): number | undefined {
  const condition = conditionOf(conditions, 'Progressing');
  if (!hasProgressDeadline(deployment) || condition === undefined) return undefined;
  if (condition.reason === reasons.newReplicaSetAvailable || condition.reason === reasons.timedOut)
    return undefined;
  const since = Date.parse(condition.lastUpdateTime ?? '');
  return Number.isNaN(since) ? undefined : since + (deployment.spec.progressDeadlineSeconds ?? 0) * 1000;
}

function hasTimedOut(
  deployment: Deployment,
  conditions: readonly DeploymentCondition[],
  nowMs: number,
): boolean {
  if (conditionOf(conditions, 'Progressing')?.reason === reasons.timedOut) return true;
  const deadline = progressDeadlineMs(deployment, conditions);
  return deadline !== undefined && nowMs > deadline;
}

/** A ReplicaSet that cannot make its Pods: the current one's trouble is the Deployment's, else that of an old one. */
function failureConditions(
  conditions: readonly DeploymentCondition[],
  { current, all }: ReplicaSetFamily,
): readonly DeploymentCondition[] {
  const candidates = current === undefined ? all : [current, ...all];
  const failure = candidates
    .map((replicaSet) => replicaSet.status.conditions?.find(({ type }) => type === 'ReplicaFailure'))
    .find((condition) => condition !== undefined);
  const others = removeCondition(conditions, 'ReplicaFailure');
  if (failure === undefined) return others;
  const { lastTransitionTime } = failure;
  const times =
    lastTransitionTime === undefined ? {} : { lastTransitionTime, lastUpdateTime: lastTransitionTime };
  return [...others, { ...failure, ...times }];
}

/** The condition that says that a Deployment is paused, or not any more; undefined when it says so already. */
export function pauseConditions(
  deployment: Deployment,
  nowMs: number,
): readonly DeploymentCondition[] | undefined {
  if (!hasProgressDeadline(deployment)) return undefined;
  const conditions = deployment.status.conditions ?? [];
  const reason = conditionOf(conditions, 'Progressing')?.reason;
  if (reason === reasons.timedOut) return undefined;
  const paused = deployment.spec.paused === true;
  if (paused === (reason === reasons.paused)) return undefined;
  return setCondition(
    conditions,
    paused
      ? { type: 'Progressing', status: 'Unknown', reason: reasons.paused, message: 'Deployment is paused' }
      : { type: 'Progressing', status: 'Unknown', reason: reasons.resumed, message: 'Deployment is resumed' },
    nowMs,
  );
}
