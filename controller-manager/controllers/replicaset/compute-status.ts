/** The status of a ReplicaSet or ReplicationController from its Pods. Pure. */
import {
  isPodAvailable,
  isPodReady,
  isPodTerminal,
  podCondition,
  withCondition,
} from '../../../api/pod-helpers.js';
import { matchesLabels, selectorFromSet } from '../../../api/selectors.js';
import type { Pod, PodTemplateSpec } from '../../../api/generated/core-v1.js';
import type { OwnedPods, ReplicaCondition, ReplicaOwner, ReplicaStatus } from './replica-owner.js';

/** What went wrong with the Pods in this reconciliation, for the condition ReplicaFailure. */
export interface ReplicaFailure {
  readonly reason: 'FailedCreate' | 'FailedDelete';
  readonly message: string;
}

export interface StatusFacts {
  readonly template: PodTemplateSpec | undefined;
  readonly pods: OwnedPods;
  readonly failure: ReplicaFailure | undefined;
  readonly nowMs: number;
}

export function computeStatus(owner: ReplicaOwner, facts: StatusFacts): ReplicaStatus {
  const { active, all } = facts.pods;
  const templateLabels = selectorFromSet(facts.template?.metadata.labels ?? {});
  const minReadySeconds = owner.spec.minReadySeconds ?? 0;
  return {
    replicas: active.length,
    fullyLabeledReplicas: active.filter((pod) => matchesLabels(templateLabels, pod.metadata.labels)).length,
    readyReplicas: active.filter(isPodReady).length,
    availableReplicas: active.filter((pod) => isPodAvailable(pod, minReadySeconds, facts.nowMs)).length,
    terminatingReplicas: all.filter(
      (pod) => pod.metadata.deletionTimestamp !== undefined && !isPodTerminal(pod),
    ).length,
    observedGeneration: owner.metadata.generation ?? 0,
    conditions: failureConditions(owner, facts),
  };
}

function failureConditions(
  owner: ReplicaOwner,
  { failure, nowMs }: StatusFacts,
): readonly ReplicaCondition[] {
  const conditions: readonly ReplicaCondition[] = owner.status.conditions ?? [];
  if (failure === undefined) return conditions.filter(({ type }) => type !== 'ReplicaFailure');
  const now = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  return withCondition<ReplicaCondition>(
    conditions,
    { type: 'ReplicaFailure', status: 'True', ...failure },
    now,
  );
}

/** Fields that are absent count as zero or empty: the server leaves them out. */
export function isStatusCurrent(
  owner: ReplicaOwner,
  wanted: ReplicaStatus,
  showsTerminating: boolean,
): boolean {
  const { status } = owner;
  return (
    status.replicas === wanted.replicas &&
    (status.fullyLabeledReplicas ?? 0) === wanted.fullyLabeledReplicas &&
    (status.readyReplicas ?? 0) === wanted.readyReplicas &&
    (status.availableReplicas ?? 0) === wanted.availableReplicas &&
    (!showsTerminating ||
      ('terminatingReplicas' in status ? status.terminatingReplicas : undefined) ===
        wanted.terminatingReplicas) &&
    (status.observedGeneration ?? 0) === wanted.observedGeneration &&
    sameConditions(status.conditions ?? [], wanted.conditions)
  );
}

function sameConditions(before: readonly ReplicaCondition[], after: readonly ReplicaCondition[]): boolean {
  return before.length === after.length && after.every((condition) => before.includes(condition));
}

/** Milliseconds until the next ready Pod counts as available, if any is on the way there. */
export function nextAvailabilityMs(
  owner: ReplicaOwner,
  active: readonly Pod[],
  nowMs: number,
): number | undefined {
  const minReadySeconds = owner.spec.minReadySeconds ?? 0;
  if (minReadySeconds === 0) return undefined;
  const waits = active
    .filter((pod) => isPodReady(pod) && !isPodAvailable(pod, minReadySeconds, nowMs))
    .map(
      (pod) =>
        Date.parse(podCondition(pod, 'Ready')?.lastTransitionTime ?? '') + minReadySeconds * 1000 - nowMs,
    )
    .filter((waitMs) => !Number.isNaN(waitMs));
  return waits.length === 0 ? undefined : Math.max(1, Math.min(...waits));
}
