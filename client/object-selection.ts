/** Which objects a list or watch shows: by namespace, labels and fields. */
import type { KubernetesObject } from '../api/objects.js';
import { matchesFields, matchesLabels, parseFieldSelector, parseLabelSelector } from '../api/selectors.js';

export interface Selection {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** A predicate for the selection. Throws StatusError BadRequest for a selector that cannot be read. */
export function selectionOf(selection: Selection): (object: KubernetesObject) => boolean {
  const labels = parseLabelSelector(selection.labelSelector ?? '');
  const fields = parseFieldSelector(selection.fieldSelector ?? '');
  const namespace = selection.namespace ?? '';
  return (object) => {
    if (namespace !== '' && object.metadata.namespace !== namespace) return false;
    if (!matchesLabels(labels, object.metadata.labels)) return false;
    if (fields.requirements.length === 0) return true;
    const values = fields.requirements.map(({ field }) => [field, fieldText(object, field)] as const);
    return matchesFields(fields, Object.fromEntries(values));
  };
}

/** The value at a path like `spec.nodeName` as text; absent counts as empty. */
function fieldText(object: KubernetesObject, path: string): string {
  let value: unknown = object;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null) return '';
    value = (value as Record<string, unknown>)[name];
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : '';
}
