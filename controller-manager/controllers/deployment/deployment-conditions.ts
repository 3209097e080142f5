/** Conditions of a Deployment: how they are set, and their reasons as kubectl looks for them. Pure. */
import type { DeploymentCondition } from '../../../api/generated/apps-v1.js';

export const reasons = {
  newReplicaSetCreated: 'NewReplicaSetCreated',
  newReplicaSetFound: 'FoundNewReplicaSet',
  replicaSetUpdated: 'ReplicaSetUpdated',
  newReplicaSetAvailable: 'NewReplicaSetAvailable',
  replicaSetCreateError: 'ReplicaSetCreateError',
  timedOut: 'ProgressDeadlineExceeded',
  paused: 'DeploymentPaused',
  resumed: 'DeploymentResumed',
  available: 'MinimumReplicasAvailable',
  unavailable: 'MinimumReplicasUnavailable',
} as const;

export type ConditionDraft = Pick<DeploymentCondition, 'type' | 'status'> & {
  readonly reason: string;
  readonly message: string;
};

export function conditionOf(
  conditions: readonly DeploymentCondition[],
  type: string,
): DeploymentCondition | undefined {
  return conditions.find((condition) => condition.type === type);
}

/**
 * The conditions with this one set. One with the same status and reason stays as it is, times included, unless
 * `refresh` asks for a new `lastUpdateTime`; `lastTransitionTime` moves only with the status.
 */
export function setCondition(
  conditions: readonly DeploymentCondition[],
  draft: ConditionDraft,
  nowMs: number,
  options: { readonly refresh?: boolean } = {},
): readonly DeploymentCondition[] {
  const before = conditionOf(conditions, draft.type);
  const same = before?.status === draft.status && before.reason === draft.reason;
  if (same && options.refresh !== true) return conditions;
  const now = timestamp(nowMs);
  const kept = before?.status === draft.status ? before.lastTransitionTime : undefined;
  const condition = { ...draft, lastUpdateTime: now, lastTransitionTime: kept ?? now };
  return [...removeCondition(conditions, draft.type), condition];
}

export function removeCondition(
  conditions: readonly DeploymentCondition[],
  type: string,
): readonly DeploymentCondition[] {
  return conditions.filter((condition) => condition.type !== type);
}

function timestamp(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
