/** Label and field selectors of a request, applied to stored objects without parsing where nothing asks for it. */
import type { FieldRequirement, LabelSelector } from '../../api/selectors.js';
import { matchesLabels, parseFieldSelector, parseLabelSelector } from '../../api/selectors.js';
import type { KubernetesObject } from '../../api/objects.js';
import { StatusError } from '../../api/status-error.js';
import type { StoredObject } from '../storage/stored-object.js';
import type { ResourceRequest, ServedResource } from './context.js';

export interface Selection {
  /** False when everything is selected: nobody needs to look into the objects. */
  readonly selective: boolean;
  /** The one name that a field selector asks for, if it does. */
  readonly name: string | undefined;
  matches(stored: StoredObject): boolean;
}

/** Reads `labelSelector` and `fieldSelector`. Throws BadRequest. */
export function readSelection({ exchange, served }: ResourceRequest): Selection {
  const labelText = exchange.query.get('labelSelector') ?? '';
  const fieldText = exchange.query.get('fieldSelector') ?? '';
  const labels: LabelSelector = labelText === '' ? { requirements: [] } : parseLabelSelector(labelText);
  const fields = fieldText === '' ? [] : parseFieldSelector(fieldText).requirements;
  const readers = fields.map((requirement) => readerOf(served, requirement));
  const byName = fields.find((one) => one.field === 'metadata.name' && one.operator === '=');
  return {
    selective: labels.requirements.length > 0 || fields.length > 0,
    name: byName?.value,
    matches: ({ object }) =>
      fields.every(
        ({ operator, value }, index) => (readers[index]?.(object) === value) === (operator === '='),
      ) && matchesLabels(labels, object.metadata.labels),
  };
}

function readerOf(
  { strategy }: ServedResource,
  { field }: FieldRequirement,
): (object: KubernetesObject) => string {
  if (field === 'metadata.name') return (object) => object.metadata.name;
  if (field === 'metadata.namespace') return (object) => object.metadata.namespace ?? '';
  const reader = strategy.selectableFields?.[field];
  if (reader !== undefined) return reader;
  // kubectl puts the two selectors before these words.
  throw new StatusError('BadRequest', `field label not supported: ${field}`);
}
