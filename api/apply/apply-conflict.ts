/** Conflicts of server-side apply: fields that others manage, in the words that kubectl shows. */
import type { StatusCause } from '../generated/meta-v1.js';
import { StatusError } from '../status-error.js';
import type { FieldSet } from './field-set.js';
import { difference, emptySet, isEmptySet, pathsOf, union } from './field-set.js';
import { encodeFieldsV1 } from './fields-v1.js';
import type { FieldManager } from './managed-fields.js';
import { compareTexts, showPath } from './path-element.js';

/** The fields of another manager that a configuration would change. */
export interface ApplyConflict {
  readonly manager: FieldManager;
  readonly fields: FieldSet;
}

/** All fields that are in conflict. */
export function conflictingFields(conflicts: readonly ApplyConflict[]): FieldSet {
  return conflicts.reduce((all, { fields }) => union(all, fields), emptySet);
}

/** The conflicts that are left when some fields do not count. */
export function withoutFields(
  conflicts: readonly ApplyConflict[],
  fields: FieldSet,
): readonly ApplyConflict[] {
  return conflicts
    .map((conflict) => ({ ...conflict, fields: difference(conflict.fields, fields) }))
    .filter((conflict) => !isEmptySet(conflict.fields));
}

/** The 409 of a configuration that was not forced, with one cause for each field. */
export function applyConflictError(conflicts: readonly ApplyConflict[]): StatusError {
  const sorted = [...conflicts].sort((a, b) => compareTexts(showManager(a.manager), showManager(b.manager)));
  const causes: StatusCause[] = [];
  const lists: string[] = [];
  for (const { manager, fields } of sorted) {
    const shown = showManager(manager);
    const paths = Array.from(pathsOf(encodeFieldsV1(fields)), showPath);
    for (const field of paths)
      causes.push({ reason: 'FieldManagerConflict', message: `conflict with ${shown}`, field });
    lists.push(`conflicts with ${shown}:`, ...paths.map((path) => `- ${path}`));
  }
  const [only] = causes;
  const what =
    causes.length === 1 && only !== undefined
      ? `1 conflict: ${only.message ?? ''}: ${only.field ?? ''}`
      : `${causes.length} conflicts: ${lists.join('\n')}`;
  return new StatusError('Conflict', `Apply failed with ${what}`, { details: { causes } });
}

function showManager({ manager, operation, apiVersion, subresource }: FieldManager): string {
  const name =
    subresource === '' ? quote(manager) : `${quote(manager)} with subresource ${quote(subresource)}`;
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
