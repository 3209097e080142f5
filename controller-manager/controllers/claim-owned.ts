/**
 * Who belongs to whom: adoption and release of objects by their controller reference.
 *
 * An owner with a selector takes charge of matching objects that have no controller (it adopts them) and lets go of
 * its own that no longer match (it releases them). It never touches what another controller manages. While the owner
 * is being deleted it does neither: the garbage collector decides then.
 */
import { controllerOf, controllerReference } from '../../api/objects.js';
import type { KubernetesObject } from '../../api/objects.js';
import { matchesLabels } from '../../api/selectors.js';
import type { LabelSelector } from '../../api/selectors.js';
import { isStatusError } from '../../api/status-error.js';
import type { ResourceClient } from '../../client/types.js';

/** Index functions for the informer of what is owned: by the uid of the controller, and orphans by namespace. */
export const ownershipIndexes = {
  controller: (object: KubernetesObject): readonly string[] => {
    const owner = controllerOf(object);
    return owner === undefined ? [] : [owner.uid];
  },
  orphans: (object: KubernetesObject): readonly string[] =>
    controllerOf(object) === undefined ? [object.metadata.namespace ?? ''] : [],
} as const;

export interface ClaimPlan<T> {
  /** Ours, and it stays so. */
  readonly keep: readonly T[];
  readonly adopt: readonly T[];
  readonly release: readonly T[];
}

/** Pure: what an owner should do about its own objects and about the orphans of its namespace. */
export function planClaims<T extends KubernetesObject>(
  owner: KubernetesObject,
  selector: LabelSelector,
  owned: readonly T[],
  orphans: readonly T[],
): ClaimPlan<T> {
  if (owner.metadata.deletionTimestamp !== undefined) return { keep: owned, adopt: [], release: [] };
  const matches = (object: T): boolean => matchesLabels(selector, object.metadata.labels);
  const isLeaving = (object: T): boolean => object.metadata.deletionTimestamp !== undefined;
  return {
    keep: owned.filter((object) => matches(object) || isLeaving(object)),
    adopt: orphans.filter((object) => matches(object) && !isLeaving(object)),
    release: owned.filter((object) => !matches(object) && !isLeaving(object)),
  };
}

export interface ClaimContext<T extends KubernetesObject> {
  readonly client: ResourceClient<T>;
  readonly owner: KubernetesObject;
  /** Reads the owner from the server: an adoption must not follow from a cache that has missed its deletion. */
  readonly readOwner: () => Promise<KubernetesObject>;
}

/**
 * Carries a plan out and returns what belongs to the owner afterwards. Objects that are gone meanwhile are left out.
 * Throws StatusError: Conflict when an object changed meanwhile; the next reconciliation looks again.
 */
export async function claimOwned<T extends KubernetesObject>(
  context: ClaimContext<T>,
  plan: ClaimPlan<T>,
): Promise<readonly T[]> {
  for (const object of plan.release) await release(context, object);
  if (plan.adopt.length === 0 || !(await mayAdopt(context))) return plan.keep;
  const adopted: T[] = [];
  for (const object of plan.adopt) {
    const own = await writeOwners(context, object, [
      ...(object.metadata.ownerReferences ?? []),
      controllerReference(context.owner),
    ]);
    if (own !== undefined) adopted.push(own);
  }
  return [...plan.keep, ...adopted];
}

async function mayAdopt<T extends KubernetesObject>({ owner, readOwner }: ClaimContext<T>): Promise<boolean> {
  try {
    const fresh = await readOwner();
    return fresh.metadata.uid === owner.metadata.uid && fresh.metadata.deletionTimestamp === undefined;
  } catch (error) {
    if (isStatusError(error, 'NotFound')) return false;
    throw error;
  }
}

async function release<T extends KubernetesObject>(context: ClaimContext<T>, object: T): Promise<void> {
  const others = object.metadata.ownerReferences?.filter(({ uid }) => uid !== context.owner.metadata.uid);
  await writeOwners(context, object, others ?? []);
}

/** Undefined when the object is gone. The resourceVersion makes it a compare-and-swap. */
async function writeOwners<T extends KubernetesObject>(
  { client }: ClaimContext<T>,
  { metadata }: T,
  ownerReferences: KubernetesObject['metadata']['ownerReferences'],
): Promise<T | undefined> {
  const { resourceVersion, uid } = metadata;
  try {
    return await client.patch(metadata, 'merge', { metadata: { resourceVersion, uid, ownerReferences } });
  } catch (error) {
    if (isStatusError(error, 'NotFound')) return undefined;
    throw error;
  }
}
