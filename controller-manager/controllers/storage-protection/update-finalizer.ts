/** Adds or removes one finalizer; writes nothing when nothing changes. */
import type { KubernetesObject } from '../../../api/objects.js';
import { isStatusError } from '../../../api/status-error.js';
import type { ResourceClient } from '../../../client/types.js';

/** Rejects with StatusError (Conflict above all). An object that is gone needs nothing. */
export async function updateFinalizer<T extends KubernetesObject>(
  resource: ResourceClient<T>,
  object: T,
  finalizer: string,
  wanted: boolean,
): Promise<void> {
  const before = object.metadata.finalizers ?? [];
  if (before.includes(finalizer) === wanted) return;
  const finalizers = wanted ? [...before, finalizer] : before.filter((one) => one !== finalizer);
  try {
    await resource.update({ ...object, metadata: { ...object.metadata, finalizers } });
  } catch (error) {
    if (!isStatusError(error, 'NotFound')) throw error;
  }
}
