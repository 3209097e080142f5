/** The columns that a CustomResourceDefinition adds to the Tables of its objects. */
import type { CustomResourceColumnDefinition } from '../generated/apiextensions-v1.js';
import type { JsonPath } from '../json-path.js';
import { parseJsonPath } from '../json-path.js';
import type { KubernetesObject } from '../objects.js';
import type { Cell, Column } from '../tables/column.js';
import { ageColumn, nameColumn } from '../tables/column.js';
import { humanAge } from '../tables/human-duration.js';

/** Name and age, or name and what the definition names. Throws a SyntaxError for a bad path. */
export function printerColumns(
  definitions: readonly CustomResourceColumnDefinition[],
): readonly Column<KubernetesObject>[] {
  if (definitions.length === 0) return [nameColumn, { ...ageColumn, type: 'date' }];
  return [nameColumn, ...definitions.map(columnOf)];
}

function columnOf(definition: CustomResourceColumnDefinition): Column<KubernetesObject> {
  const { name, description = '', format = '', priority = 0 } = definition;
  const path = parseJsonPath(definition.jsonPath);
  const type = definition.type as Column<KubernetesObject>['type'];
  return {
    name,
    type,
    description: description === '' ? `${name} of the object, from ${definition.jsonPath}` : description,
    format,
    priority,
    cell: (object, nowMs) => cellOf(type, firstOf(path, object), nowMs),
  };
}

/** The first value that a path finds; undefined for none. */
export function firstOf(path: JsonPath, object: unknown): unknown {
  return path.find(object)[0];
}

function cellOf(type: Column<KubernetesObject>['type'], value: unknown, nowMs: number): Cell {
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'string':
      return typeof value === 'string' ? value : JSON.stringify(value);
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      if (typeof value !== 'string') return null;
      return Number.isNaN(Date.parse(value)) ? '<invalid>' : humanAge(value, nowMs);
  }
}
