/** Finds the objects that tokens name in the storage of the server. */
import type { KubernetesObject } from '../../api/objects.js';
import { nodes, pods, secrets, serviceAccounts } from '../../api/resources.js';
import type { ResourceDefinition } from '../../api/resources.js';
import type { ResourceTable } from '../handlers/context.js';
import type { BoundKind, FindObject, FoundObject } from './bound-objects.js';

export function findInStorage(resources: ResourceTable): FindObject {
  const definitions: Readonly<Record<BoundKind, ResourceDefinition>> = {
    'service account': serviceAccounts,
    pod: pods,
    secret: secrets,
    node: nodes,
  };
  return async (kind, namespace, name) => {
    const stored = await resources.of(definitions[kind]).storage.find(namespace, name);
    return stored === undefined ? undefined : essence(stored.object);
  };
}

function essence({ metadata }: KubernetesObject): FoundObject {
  const { uid, deletionTimestamp } = metadata;
  return { uid, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) };
}
