/**
 * What a Kubernetes server does to an object when it is created, replaced or deleted, reduced to what controllers
 * can tell: generation, the split between spec and status, finalizers, graceful deletion. Pure: `now` is given.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Namespace, Pod } from '../api/generated/core-v1.js';
import type { KubernetesObject } from '../api/objects.js';
import { isPodTerminal } from '../api/pod-helpers.js';
import type { ResourceDefinition } from '../api/resources.js';
import { conflict } from '../api/status-error.js';
import { subjectOf } from './resource-path.js';
import { timestamp } from './timestamps.js';
import type { DeleteOptions } from './types.js';

type Fields = Record<string, unknown>;

function hasStatus(resource: ResourceDefinition): boolean {
  return resource.subresources.includes('status');
}

export interface CreationFacts {
  readonly apiVersion: string;
  readonly uid: string;
  /** RFC 3339, whole seconds. */
  readonly now: string;
  readonly generatedSuffix: string;
}

/** The object as it is stored first: named, dated, with the defaults that matter to controllers. */
export function prepareCreation(
  resource: ResourceDefinition,
  draft: { readonly metadata: Partial<KubernetesObject['metadata']> },
  facts: CreationFacts,
): KubernetesObject {
  const { metadata, ...rest } = structuredClone(draft);
  const name = metadata.name ?? `${metadata.generateName ?? ''}${facts.generatedSuffix}`;
  const object: KubernetesObject = {
    ...(rest as Fields),
    apiVersion: facts.apiVersion,
    kind: resource.kind,
    metadata: {
      ...metadata,
      name,
      uid: facts.uid,
      resourceVersion: '',
      creationTimestamp: facts.now,
      ...(hasStatus(resource) ? { generation: 1 } : {}),
    },
  };
  if (hasStatus(resource)) (object as KubernetesObject & Fields)['status'] ??= {};
  if (resource.kind === 'Pod') (object as Pod).status.phase ??= 'Pending';
  if (resource.kind === 'Namespace') prepareNamespace(object as Namespace);
  return object;
}

function prepareNamespace(namespace: Namespace): void {
  namespace.spec = { finalizers: ['kubernetes'] };
  namespace.status.phase = 'Active';
  namespace.metadata.labels = {
    ...namespace.metadata.labels,
    'kubernetes.io/metadata.name': namespace.metadata.name,
  };
}

/** Which part of the object a write may change. */
export type WriteScope = 'object' | 'status' | 'finalize';

/** What to store: the current object itself when nothing changes. Throws Conflict for a version or uid that is not current. */
export function prepareUpdate(
  resource: ResourceDefinition,
  current: KubernetesObject,
  proposed: KubernetesObject,
  scope: WriteScope,
): KubernetesObject {
  const { resourceVersion, uid } = proposed.metadata as Partial<KubernetesObject['metadata']>;
  const name = current.metadata.name;
  if ((resourceVersion ?? '') !== '' && resourceVersion !== current.metadata.resourceVersion) {
    const why = 'the object has been modified; please apply your changes to the latest version and try again';
    throw conflict(subjectOf(resource), name, why);
  }
  if ((uid ?? '') !== '' && uid !== current.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid ?? ''}, UID in object meta: ${current.metadata.uid}`;
    throw conflict(subjectOf(resource), name, why);
  }
  const next = mergeForScope(resource, current, structuredClone(proposed), scope);
  if (isDeepStrictEqual(next, current)) return current;
  return next;
}

function mergeForScope(
  resource: ResourceDefinition,
  current: KubernetesObject,
  proposed: KubernetesObject,
  scope: WriteScope,
): KubernetesObject {
  const before = current as KubernetesObject & Fields;
  const after = proposed as KubernetesObject & Fields;
  if (scope === 'status') return { ...before, status: after['status'] ?? {} } as KubernetesObject;
  if (scope === 'finalize') return { ...before, spec: after['spec'] ?? {} } as KubernetesObject;
  const { uid, creationTimestamp, generation, deletionTimestamp, deletionGracePeriodSeconds } =
    current.metadata;
  const next: KubernetesObject & Fields = {
    ...after,
    apiVersion: current.apiVersion,
    kind: current.kind,
    metadata: {
      ...after.metadata,
      uid,
      creationTimestamp,
      resourceVersion: current.metadata.resourceVersion,
      ...(generation === undefined ? {} : { generation }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
    },
  };
  if (hasStatus(resource)) next['status'] = before['status'];
  if (resource.kind === 'Namespace') next['spec'] = before['spec'];
  if (generation !== undefined && !isDeepStrictEqual(next['spec'], before['spec'])) {
    next.metadata.generation = generation + 1;
  }
  return next;
}

/** A deleted object goes for good once nobody holds it any more. */
export function isReadyToBeRemoved(object: KubernetesObject): boolean {
  if (object.metadata.deletionTimestamp === undefined) return false;
  if ((object.metadata.finalizers ?? []).length > 0) return false;
  if ((object.metadata.deletionGracePeriodSeconds ?? 0) > 0) return false;
  return object.kind !== 'Namespace' || ((object as Namespace).spec.finalizers ?? []).length === 0;
}

/**
 * The object as marked by a deletion; {@link isReadyToBeRemoved} then says whether it goes at once. Returns the
 * current object where the deletion changes nothing. Throws Conflict for a precondition that does not hold.
 */
export function prepareDeletion(
  resource: ResourceDefinition,
  current: KubernetesObject,
  options: DeleteOptions,
  nowMs: number,
): KubernetesObject {
  checkPreconditions(resource, current, options);
  const graceSeconds = graceOf(current, options);
  const finalizers = new Set(current.metadata.finalizers ?? []);
  if (options.propagationPolicy === 'Foreground') finalizers.add('foregroundDeletion');
  if (options.propagationPolicy === 'Orphan') finalizers.add('orphan');
  const { deletionTimestamp, deletionGracePeriodSeconds } = current.metadata;
  // A second deletion can shorten the grace period, never lengthen it.
  if (deletionTimestamp !== undefined && graceSeconds >= (deletionGracePeriodSeconds ?? 0)) return current;
  const marked = structuredClone(current);
  marked.metadata.deletionTimestamp = timestamp(nowMs + graceSeconds * 1000);
  marked.metadata.deletionGracePeriodSeconds = graceSeconds;
  if (finalizers.size > 0) marked.metadata.finalizers = [...finalizers];
  if (marked.kind === 'Namespace') (marked as Namespace).status.phase = 'Terminating';
  return marked;
}

function checkPreconditions(
  resource: ResourceDefinition,
  current: KubernetesObject,
  { preconditions }: DeleteOptions,
): void {
  const { uid, resourceVersion, name } = current.metadata;
  if (preconditions?.uid !== undefined && preconditions.uid !== uid) {
    const why = `Precondition failed: UID in precondition: ${preconditions.uid}, UID in object meta: ${uid}`;
    throw conflict(subjectOf(resource), name, why);
  }
  if (preconditions?.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion) {
    const why = `Precondition failed: ResourceVersion in precondition: ${preconditions.resourceVersion}, ResourceVersion in object meta: ${resourceVersion}`;
    throw conflict(subjectOf(resource), name, why);
  }
}

/** Only a Pod that runs somewhere has a grace period: nobody else would end it. */
function graceOf(object: KubernetesObject, options: DeleteOptions): number {
  if (object.kind !== 'Pod') return 0;
  const pod = object as Pod;
  if ((pod.spec.nodeName ?? '') === '' || isPodTerminal(pod)) return 0;
  return options.gracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
}
