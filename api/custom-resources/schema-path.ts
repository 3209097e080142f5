/** Finds the field of a schema that a path of dots leads to: `.spec.size`, `.spec['odd.name']`. */
import type { JSONSchemaProps } from '../generated/apiextensions-v1.js';
import { schemaOf } from './schema-node.js';

export type FoundField =
  | { readonly kind: 'found'; readonly schema: JSONSchemaProps; readonly names: readonly string[] }
  | { readonly kind: 'absent'; readonly why: string };

export function findField(root: JSONSchemaProps, path: string): FoundField {
  const names = splitPath(path);
  if (names === undefined) return { kind: 'absent', why: `cannot be read as a path of fields: ${path}` };
  let schema = root;
  for (const name of names) {
    const next = schema.properties?.[name] ?? schemaOf(schema.additionalProperties);
    if (next === undefined) return { kind: 'absent', why: `does not refer to a valid field` };
    schema = next;
  }
  return { kind: 'found', schema, names };
}

/** Undefined for a text that is no such path. */
function splitPath(path: string): readonly string[] | undefined {
  const names: string[] = [];
  let rest = path;
  while (rest !== '') {
    const match = /^\.([A-Za-z_][\w-]*)|^\['((?:[^'\\]|\\.)+)'\]/.exec(rest);
    if (match === null) return undefined;
    names.push(match[1] ?? (match[2] ?? '').replaceAll(/\\(.)/g, '$1'));
    rest = rest.slice(match[0].length);
  }
  return names.length === 0 ? undefined : names;
}
