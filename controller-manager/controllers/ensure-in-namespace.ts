/** Shared by controllers that keep an object in every namespace. */
import type { Namespace } from '../../api/generated/core-v1.js';
import type { Draft, KubernetesObject } from '../../api/objects.js';
import { isStatusError } from '../../api/status-error.js';
import type { ResourceClient } from '../../client/types.js';

/** A namespace that is there and not on its way out: nothing can be created in one that is. */
export function isActive(namespace: Namespace | undefined): namespace is Namespace {
  return (
    namespace !== undefined &&
    namespace.metadata.deletionTimestamp === undefined &&
    namespace.status.phase !== 'Terminating'
  );
}

/** Creates an object. That it is there already, or that its namespace is going, is as good. */
export async function createUnlessThere<T extends KubernetesObject>(
  resource: ResourceClient<T>,
  object: Draft<T>,
): Promise<void> {
  try {
    await resource.create(object);
  } catch (error) {
    if (isStatusError(error, 'AlreadyExists') || isNamespaceGoing(error)) return;
    throw error;
  }
}

/** The refusals of the server for a namespace that is gone (404) or terminating (403 with this cause). */
export function isNamespaceGoing(error: unknown): boolean {
  if (isStatusError(error, 'NotFound')) return true;
  return (
    isStatusError(error, 'Forbidden') &&
    (error.details?.causes?.some((cause) => cause.reason === 'NamespaceTerminating') === true ||
      error.message.includes('because it is being terminated'))
  );
}
