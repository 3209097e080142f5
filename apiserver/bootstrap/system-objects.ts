/** Objects that the server itself needs: the basic namespaces, and the Service that leads to it. */
import type { Namespace } from '../../api/generated/core-v1.js';
import type { Draft, KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { namespaces } from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import type { ServerParts } from '../handlers/context.js';
import { initializeMeta } from '../resources/object-meta.js';

export const systemNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** Creates what is missing. Idempotent; several servers may do it at once. */
export async function ensureNamespaces(parts: ServerParts): Promise<void> {
  await Promise.all(
    systemNamespaces.map((name) =>
      createUnlessThere<Namespace>(parts, namespaces, {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name },
        spec: {},
      }),
    ),
  );
}

/**
 * Creates an object on the server's own behalf: as from a client, but for admission. True when it was created, false
 * when it was there.
 */
export async function createUnlessThere<T extends KubernetesObject>(
  parts: ServerParts,
  definition: ResourceDefinition<T>,
  draft: Draft<T>,
): Promise<boolean> {
  const { storage, strategy } = parts.resources.of(definition);
  const { namespace = '', name = '' } = draft.metadata;
  if ((await storage.find(namespace, name)) !== undefined) return false;
  const object = structuredClone(draft) as unknown as T;
  strategy.setDefaults?.(object);
  initializeMeta(object, parts.clock.now(), strategy.tracksGeneration === true);
  strategy.prepareForCreate?.(object);
  const reservation = strategy.reserve?.(object, undefined);
  try {
    await storage.create(object);
    reservation?.commit();
    return true;
  } catch (error) {
    reservation?.release();
    if (isStatusError(error, 'AlreadyExists')) return false;
    throw error;
  }
}
