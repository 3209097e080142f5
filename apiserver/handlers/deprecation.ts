/** Kinds that Kubernetes asks its users to leave, in the words of its warnings. */
import type { ResourceDefinition } from '../../api/resources.js';
import { componentStatuses, endpoints } from '../../api/resources.js';

const warnings: ReadonlyMap<string, string> = new Map([
  [componentStatuses.schemaName, 'v1 ComponentStatus is deprecated in v1.19+'],
  [endpoints.schemaName, 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice'],
]);

/** What whoever asks for the kind is to be told; undefined where there is nothing to say. */
export function deprecationOf({ schemaName }: ResourceDefinition): string | undefined {
  return warnings.get(schemaName);
}
