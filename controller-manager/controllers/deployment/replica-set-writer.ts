/** Creates, resizes and deletes the ReplicaSets of a Deployment, with the Events that people read in `describe`. */
import { controllerOf, controllerReference } from '../../../api/objects.js';
import type { Draft } from '../../../api/objects.js';
import { replicaSets } from '../../../api/resources.js';
import { isStatusError } from '../../../api/status-error.js';
import type { Deployment, ReplicaSet } from '../../../api/generated/apps-v1.js';
import type { ApiClient, EventRecorder } from '../../../client/types.js';
import type { Resize } from './plan-rollout.js';
import { sizeOf } from './replica-set-family.js';
import { newReplicaSetAnnotations, sizeAnnotations } from './revision-annotations.js';
import { hashTemplate, isSameTemplate, podTemplateHashLabel } from './template-identity.js';

export interface ReplicaSetWriterContext {
  readonly client: ApiClient;
  readonly recorder: EventRecorder;
}

/** The ReplicaSet of the current template, as it is to be created. Pure. */
export function draftReplicaSet(deployment: Deployment, size: number, revision: number): Draft<ReplicaSet> {
  const { template, selector, minReadySeconds } = deployment.spec;
  const hash = hashTemplate(template, deployment.status.collisionCount ?? 0);
  const labels = { ...template.metadata.labels, [podTemplateHashLabel]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      namespace: deployment.metadata.namespace,
      name: `${deployment.metadata.name}-${hash}`,
      labels,
      annotations: newReplicaSetAnnotations(deployment, undefined, revision),
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas: size,
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [podTemplateHashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
    },
  };
}

export type CreateReplicaSetResult =
  | { readonly kind: 'created' | 'exists'; readonly replicaSet: ReplicaSet }
  /** The name is taken by something else: the hash must change. */
  | { readonly kind: 'collision' };

/** Rejects with StatusError when the server refuses for another reason. */
export async function createReplicaSet(
  { client, recorder }: ReplicaSetWriterContext,
  deployment: Deployment,
  size: number,
  revision: number,
): Promise<CreateReplicaSetResult> {
  const resource = client.resource(replicaSets);
  const draft = draftReplicaSet(deployment, size, revision);
  try {
    const replicaSet = await resource.create(draft);
    if (size > 0) recordScaling(recorder, deployment, replicaSet.metadata.name, 0, size);
    return { kind: 'created', replicaSet };
  } catch (error) {
    if (!isStatusError(error, 'AlreadyExists')) throw error;
    // Ours, and the cache has not shown it yet (a lost answer, a restart)? Or the hash of another template?
    const namespace = deployment.metadata.namespace;
    const existing = await resource.get({ namespace, name: draft.metadata.name ?? '' });
    const isOurs =
      controllerOf(existing)?.uid === deployment.metadata.uid &&
      isSameTemplate(existing.spec.template, deployment.spec.template);
    return isOurs ? { kind: 'exists', replicaSet: existing } : { kind: 'collision' };
  }
}

/** Writes what differs in size or annotations; returns the ReplicaSet as it is then. */
export async function resizeReplicaSet(
  { client, recorder }: ReplicaSetWriterContext,
  deployment: Deployment,
  { replicaSet, size }: Resize,
): Promise<ReplicaSet> {
  const before = sizeOf(replicaSet);
  const annotations = sizeAnnotations(deployment);
  const annotated = Object.entries(annotations).every(
    ([name, value]) => replicaSet.metadata.annotations?.[name] === value,
  );
  if (before === size && annotated) return replicaSet;
  const written = await client.resource(replicaSets).update({
    ...replicaSet,
    metadata: {
      ...replicaSet.metadata,
      annotations: { ...replicaSet.metadata.annotations, ...annotations },
    },
    spec: { ...replicaSet.spec, replicas: size },
  });
  if (before !== size) recordScaling(recorder, deployment, replicaSet.metadata.name, before, size);
  return written;
}

function recordScaling(
  recorder: EventRecorder,
  deployment: Deployment,
  name: string,
  from: number,
  to: number,
): void {
  const direction = to > from ? 'up' : 'down';
  const message = `Scaled ${direction} replica set ${name} from ${String(from)} to ${String(to)}`;
  recorder.event(deployment, 'Normal', 'ScalingReplicaSet', message);
}

/** Keeps the current ReplicaSet's annotations and `minReadySeconds` as the Deployment has them. */
export async function updateCurrentReplicaSet(
  { client }: ReplicaSetWriterContext,
  deployment: Deployment,
  current: ReplicaSet,
  revision: number,
): Promise<ReplicaSet> {
  const annotations = newReplicaSetAnnotations(deployment, current, revision);
  const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
  const sameAnnotations = Object.entries(annotations).every(
    ([name, value]) => current.metadata.annotations?.[name] === value,
  );
  if (sameAnnotations && (current.spec.minReadySeconds ?? 0) === minReadySeconds) return current;
  return client.resource(replicaSets).update({
    ...current,
    metadata: { ...current.metadata, annotations },
    spec: { ...current.spec, minReadySeconds },
  });
}

/** Old revisions beyond the limit. One that is gone already is as good. */
export async function deleteReplicaSets(
  { client }: ReplicaSetWriterContext,
  superfluous: readonly ReplicaSet[],
): Promise<void> {
  for (const replicaSet of superfluous) {
    const { uid, resourceVersion } = replicaSet.metadata;
    try {
      // The version, too: it must still have no Pods.
      await client.resource(replicaSets).delete(replicaSet.metadata, {
        preconditions: { uid, resourceVersion },
        propagationPolicy: 'Background',
      });
    } catch (error) {
      if (!isStatusError(error, 'NotFound')) throw error;
    }
  }
}
