/** Label and field selectors of a request, applied to stored objects without parsing where nothing asks for it. */
import type { FieldRequirement, LabelSelector } from '../../api/selectors.js';
import { matchesLabels, parseFieldSelector, parseLabelSelector } from '../../api/selectors.js';
import { StatusError } from '../../api/status-error.js';
import { fieldTerm, labelTerm } from '../storage/resource-index.js';
import type { SelectorTerm } from '../storage/selector-index.js';
import type { StoredObject } from '../storage/stored-object.js';
import type { ResourceRequest, ServedResource } from './context.js';

export interface Selection {
  /** False when everything is selected: nobody needs to look into the objects. */
  readonly selective: boolean;
  /** The one name that a field selector asks for, if it does. */
  readonly name: string | undefined;
  /** What every selected object satisfies, in a form that an index understands. */
  readonly terms: readonly SelectorTerm[];
  matches(stored: StoredObject): boolean;
}

/** Reads `labelSelector` and `fieldSelector`. Throws BadRequest. */
export function readSelection({ exchange, served }: ResourceRequest): Selection {
  const labelText = exchange.query.get('labelSelector') ?? '';
  const fieldText = exchange.query.get('fieldSelector') ?? '';
  const labels: LabelSelector = labelText === '' ? { requirements: [] } : parseLabelSelector(labelText);
  const requirements = fieldText === '' ? [] : parseFieldSelector(fieldText).requirements;
  for (const { field } of requirements) requireSelectable(served, field);
  const byName = requirements.find((one) => one.field === 'metadata.name' && one.operator === '=');
  return {
    selective: labels.requirements.length > 0 || requirements.length > 0,
    name: byName?.value,
    terms: equalities(labels, requirements),
    matches: (stored) => {
      const { labels: found, fields } = served.storage.selectable(stored);
      return (
        requirements.every(
          ({ field, operator, value }) => (fields[field] === value) === (operator === '='),
        ) && matchesLabels(labels, found)
      );
    },
  };
}

function equalities(labels: LabelSelector, fields: readonly FieldRequirement[]): SelectorTerm[] {
  const terms: SelectorTerm[] = [];
  for (const { field, operator, value } of fields) if (operator === '=') terms.push(fieldTerm(field, value));
  for (const { key, operator, values } of labels.requirements) {
    const [value, more] = values;
    const isEquality = (operator === '=' || operator === 'in') && more === undefined;
    if (isEquality && value !== undefined) terms.push(labelTerm(key, value));
  }
  return terms;
}

function requireSelectable({ strategy }: ServedResource, field: string): void {
  if (field === 'metadata.name' || field === 'metadata.namespace') return;
  if (Object.hasOwn(strategy.selectableFields ?? {}, field)) return;
  // kubectl puts the two selectors before these words.
  throw new StatusError('BadRequest', `field label not supported: ${field}`);
}
