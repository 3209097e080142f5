import type { ResourceDefinition } from '../../api/resources.js';
import type { ErrorSubject } from '../../api/status-error.js';

/** The names under which errors speak of a resource. */
export function subjectOf(definition: Pick<ResourceDefinition, 'group' | 'plural' | 'kind'>): ErrorSubject {
  return { group: definition.group, resource: definition.plural, kind: definition.kind };
}
