/**
 * Who owns whom, by uid, over all resources. Pure state: each change answers with the uids that need a look.
 *
 * An owner that is referred to but was not seen is a virtual node: it may be on its way, or gone. The collector asks
 * the server before it believes the latter.
 */
import { isDeepStrictEqual } from 'node:util';
import type { OwnerReference } from '../../../api/generated/meta-v1.js';
import type { KubernetesObject } from '../../../api/objects.js';

export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

export interface GraphNode {
  readonly uid: string;
  /** The object as the informer has it; undefined for a virtual node. */
  object: KubernetesObject | undefined;
  readonly dependents: Set<GraphNode>;
}

export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>();

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  /** Uids of all objects that have owners. */
  dependents(): string[] {
    return [...this.#nodes.values()]
      .filter(({ object }) => ownersOf(object).length > 0)
      .map(({ uid }) => uid);
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** An object was seen, new or changed. Returns the uids to look at. */
  observe(object: KubernetesObject): string[] {
    const node = this.#nodeOf(object.metadata.uid);
    const before = node.object;
    node.object = object;
    const lookAt = this.#relink(node, before, object);
    if (isWaitingForDependents(object) && !isWaitingForDependents(before)) {
      lookAt.push(...[...node.dependents].map(({ uid }) => uid), node.uid);
    }
    if (isOrphaning(object) && !isOrphaning(before)) lookAt.push(node.uid);
    return lookAt;
  }

  /** An object is gone for good, or a virtual owner turned out never to come. Returns the uids to look at. */
  remove(uid: string): string[] {
    const node = this.#nodes.get(uid);
    if (node === undefined) return [];
    const lookAt = [...node.dependents].map((dependent) => dependent.uid);
    for (const owner of ownersOf(node.object)) {
      const ownerNode = this.#nodes.get(owner.uid);
      if (ownerNode === undefined) continue;
      ownerNode.dependents.delete(node);
      // It may have been the last one that a foreground deletion waits for.
      if (isWaitingForDependents(ownerNode.object)) lookAt.push(owner.uid);
      this.#dropIfUseless(ownerNode);
    }
    node.object = undefined;
    // Dependents stay linked to a virtual node until they are gone or owned by others.
    this.#dropIfUseless(node);
    return lookAt;
  }

  #nodeOf(uid: string): GraphNode {
    let node = this.#nodes.get(uid);
    if (node === undefined) this.#nodes.set(uid, (node = { uid, object: undefined, dependents: new Set() }));
    return node;
  }

  #relink(node: GraphNode, before: KubernetesObject | undefined, after: KubernetesObject): string[] {
    const lookAt: string[] = [];
    const old = ownersOf(before);
    const current = ownersOf(after);
    if (old === current || isDeepStrictEqual(old, current)) return lookAt;
    for (const { uid } of old) {
      const owner = this.#nodes.get(uid);
      if (owner === undefined) continue;
      if (isWaitingForDependents(owner.object)) lookAt.push(uid);
      if (current.some((one) => one.uid === uid)) continue;
      owner.dependents.delete(node);
      this.#dropIfUseless(owner);
    }
    for (const reference of current) {
      const owner = this.#nodeOf(reference.uid);
      owner.dependents.add(node);
      // Never seen, leaving, or another one: whether the dependent may stay must be found out.
      const isFine =
        owner.object !== undefined &&
        !isWaitingForDependents(owner.object) &&
        isMeantBy(reference, owner.object, after.metadata.namespace);
      if (!isFine) lookAt.push(node.uid);
    }
    return lookAt;
  }

  #dropIfUseless(node: GraphNode): void {
    if (node.object === undefined && node.dependents.size === 0) this.#nodes.delete(node.uid);
  }
}

export function ownersOf(object: KubernetesObject | undefined): readonly OwnerReference[] {
  return object?.metadata.ownerReferences ?? none;
}
const none: readonly OwnerReference[] = [];

/** An object elsewhere with the same uid is not what was meant: owners live in the same namespace, or in none. */
export function isMeantBy(
  reference: OwnerReference,
  owner: KubernetesObject,
  namespace: string | undefined,
): boolean {
  const home = owner.metadata.namespace ?? '';
  return (
    owner.kind === reference.kind &&
    owner.metadata.name === reference.name &&
    (home === '' || home === namespace)
  );
}

/** Being deleted in the foreground: it goes when its dependents have gone. */
export function isWaitingForDependents(object: KubernetesObject | undefined): boolean {
  return isDeletedWith(object, foregroundFinalizer);
}

/** Being deleted with its dependents to be left behind. */
export function isOrphaning(object: KubernetesObject | undefined): boolean {
  return isDeletedWith(object, orphanFinalizer);
}

function isDeletedWith(object: KubernetesObject | undefined, finalizer: string): boolean {
  return (
    object?.metadata.deletionTimestamp !== undefined &&
    object.metadata.finalizers?.includes(finalizer) === true
  );
}

/** Dependents that keep a foreground deletion waiting: those whose reference says that they block it. */
export function blockingDependents(node: GraphNode): GraphNode[] {
  return [...node.dependents].filter((dependent) =>
    ownersOf(dependent.object).some((owner) => owner.uid === node.uid && owner.blockOwnerDeletion === true),
  );
}
