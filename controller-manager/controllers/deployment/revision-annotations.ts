/** Revisions and sizes, kept in annotations of ReplicaSets, where `kubectl rollout history` and `undo` read them. Pure. */
import type { Deployment, ReplicaSet } from '../../../api/generated/apps-v1.js';
import type { KubernetesObject } from '../../../api/objects.js';
import { desiredReplicas, rolloutLimits } from './rollout-limits.js';

export const revisionAnnotation = 'deployment.kubernetes.io/revision';
export const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history';
export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas';

/** What belongs to the Deployment alone, or is written by the controller itself. */
const notCopied = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
]);

/** Longest history of revisions that a ReplicaSet keeps, in characters. */
const historyLimit = 2000;

/** 0 where there is none. */
export function revisionOf({ metadata }: KubernetesObject): number {
  return numberAnnotation(metadata.annotations, revisionAnnotation) ?? 0;
}

export function maxRevision(replicaSets: readonly ReplicaSet[]): number {
  return replicaSets.reduce((highest, replicaSet) => Math.max(highest, revisionOf(replicaSet)), 0);
}

export function numberAnnotation(
  annotations: Readonly<Record<string, string>> | undefined,
  name: string,
): number | undefined {
  const text = annotations?.[name];
  return text !== undefined && /^[0-9]+$/.test(text) ? Number(text) : undefined;
}

/** Sizes at the time of the last scaling: what a later scaling is in proportion to. */
export function sizeAnnotations(deployment: Deployment): Record<string, string> {
  const desired = desiredReplicas(deployment);
  return {
    [desiredReplicasAnnotation]: String(desired),
    [maxReplicasAnnotation]: String(desired + rolloutLimits(deployment).maxSurge),
  };
}

/**
 * The annotations of the ReplicaSet of the current template: those of the Deployment, with this revision unless it
 * has a higher one. A ReplicaSet that gets a new revision, because an old template has come back, remembers the old one.
 */
export function newReplicaSetAnnotations(
  deployment: Deployment,
  existing: ReplicaSet | undefined,
  revision: number,
): Record<string, string> {
  const annotations = { ...existing?.metadata.annotations };
  for (const [name, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!notCopied.has(name)) annotations[name] = value;
  }
  const before = numberAnnotation(annotations, revisionAnnotation) ?? 0;
  if (before < revision) {
    annotations[revisionAnnotation] = String(revision);
    if (before > 0) annotations[revisionHistoryAnnotation] = extendHistory(annotations, before);
  }
  return existing === undefined ? { ...annotations, ...sizeAnnotations(deployment) } : annotations;
}

function extendHistory(annotations: Readonly<Record<string, string>>, revision: number): string {
  const history = (annotations[revisionHistoryAnnotation] ?? '').split(',').filter((entry) => entry !== '');
  history.push(String(revision));
  while (history.join(',').length > historyLimit) history.shift();
  return history.join(',');
}
