/** Which old ReplicaSets are not needed any more, not even for an undo. Pure. */
import type { Deployment, ReplicaSet } from '../../../api/generated/apps-v1.js';
import { sizeOf } from './replica-set-family.js';
import { revisionOf } from './revision-annotations.js';

/** Oldest revisions beyond `spec.revisionHistoryLimit`; never one that has Pods or that has not settled yet. */
export function planCleanup(deployment: Deployment, old: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const limit = deployment.spec.revisionHistoryLimit;
  if (limit === undefined) return [];
  const alive = old.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const superfluous = alive.length - limit;
  if (superfluous <= 0) return [];
  return [...alive]
    .sort((a, b) => revisionOf(a) - revisionOf(b))
    .slice(0, superfluous)
    .filter(
      (replicaSet) =>
        replicaSet.status.replicas === 0 &&
        sizeOf(replicaSet) === 0 &&
        (replicaSet.metadata.generation ?? 0) <= (replicaSet.status.observedGeneration ?? 0),
    );
}
