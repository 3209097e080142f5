/** The shape that all API objects share, and the names by which they are known. */
import type { ObjectMeta, OwnerReference } from './generated/meta-v1.js';

export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** An object that is yet to be created: the server fills in uid, resourceVersion, timestamps and status. */
export type Draft<T extends KubernetesObject> = Omit<T, 'metadata' | 'status'> & {
  metadata: Partial<T['metadata']>;
} & (T extends { status: infer S } ? { status?: Partial<S> } : unknown);

/** 'namespace/name', or 'name' for a cluster-scoped object: the key in informers, queues and logs. */
export function keyOf(object: { metadata: { namespace?: string; name: string } }): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** The inverse of {@link keyOf}. */
export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/');
  return slash < 0
    ? { namespace: '', name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The owner that manages the object, if any. At most one owner reference is the controller. */
export function controllerOf(object: KubernetesObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

/** An owner reference that makes `owner` the managing controller and blocks its foreground deletion. */
export function controllerReference(owner: KubernetesObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}
