/** Objects that the server itself needs: the basic namespaces, the highest priorities. */
import type { Namespace } from '../../api/generated/core-v1.js';
import type { PriorityClass } from '../../api/generated/scheduling-v1.js';
import type { Draft, KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { namespaces, priorityClasses } from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import type { UserInfo } from '../filters/authentication.js';
import type { ServerParts } from '../handlers/context.js';
import { releaseUnlessWritten } from '../handlers/reservation.js';
import { initializeMeta } from '../resources/object-meta.js';
import { systemClasses } from '../resources/priority-class/system-classes.js';

export const systemNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** As whom the server acts on its own behalf. */
const serverUser: UserInfo = { name: 'system:apiserver', groups: ['system:masters'] };

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

/** Creates the classes of what the cluster itself cannot do without. Idempotent. */
export async function ensurePriorityClasses(parts: ServerParts): Promise<void> {
  await Promise.all(
    systemClasses.map(({ name, value, description }) =>
      createUnlessThere<PriorityClass>(parts, priorityClasses, {
        apiVersion: 'scheduling.k8s.io/v1',
        kind: 'PriorityClass',
        metadata: { name },
        value,
        description,
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
  const served = parts.resources.of(definition);
  const { storage } = served;
  const { namespace = '', name = '' } = draft.metadata;
  if ((await storage.find(namespace, name)) !== undefined) return false;
  await served.load?.();
  const { strategy } = served;
  const object = structuredClone(draft) as unknown as T;
  strategy.setDefaults?.(object);
  initializeMeta(object, parts.clock.now(), strategy.tracksGeneration === true);
  strategy.prepareForCreate?.(object, serverUser);
  const reservation = await strategy.reserve?.(object, undefined);
  try {
    await storage.create(object);
    await reservation?.commit();
    return true;
  } catch (error) {
    await releaseUnlessWritten(reservation, error);
    if (isStatusError(error, 'AlreadyExists')) return false;
    throw error;
  }
}
