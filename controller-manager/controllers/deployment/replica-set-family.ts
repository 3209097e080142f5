/** The ReplicaSets of a Deployment: which one is of the current template, and how large they are together. Pure. */
import type { Deployment, ReplicaSet } from '../../../api/generated/apps-v1.js';
import { isSameTemplate } from './template-identity.js';

export interface ReplicaSetFamily {
  /** The one of the current template, when there is one. */
  readonly current: ReplicaSet | undefined;
  /** All others, oldest first. */
  readonly old: readonly ReplicaSet[];
  readonly all: readonly ReplicaSet[];
}

/** Of several with the current template (a label was changed and changed back by hand) the oldest is the current one. */
export function familyOf(deployment: Deployment, replicaSets: readonly ReplicaSet[]): ReplicaSetFamily {
  const byAge = [...replicaSets].sort(compareByAge);
  const current = byAge.find(({ spec }) => isSameTemplate(spec.template, deployment.spec.template));
  return {
    current,
    old: byAge.filter((replicaSet) => replicaSet !== current),
    all: byAge,
  };
}

/** Oldest first. */
export function compareByAge(a: ReplicaSet, b: ReplicaSet): number {
  return (
    Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp) ||
    (a.metadata.name < b.metadata.name ? -1 : 1)
  );
}

export function sizeOf(replicaSet: ReplicaSet): number {
  return replicaSet.spec.replicas ?? 1;
}

/** Pods that are asked for. */
export function totalSize(replicaSets: readonly ReplicaSet[]): number {
  return replicaSets.reduce((sum, replicaSet) => sum + sizeOf(replicaSet), 0);
}

export function totalOf(
  replicaSets: readonly ReplicaSet[],
  count: 'replicas' | 'readyReplicas' | 'availableReplicas' | 'terminatingReplicas',
): number {
  return replicaSets.reduce((sum, { status }) => sum + (status[count] ?? 0), 0);
}

export function isActive(replicaSet: ReplicaSet): boolean {
  return sizeOf(replicaSet) > 0;
}
