/** Defaulting: fills in what the schema of a custom resource has a default for. */
import { isJsonObject } from '../patch/merge-patch.js';
import type { SchemaNode } from './schema-node.js';

/**
 * Fills in defaults in place, also inside of those that it filled in. A null where the schema allows none counts as absent:
 * it becomes the default, or goes.
 */
export function fillDefaults(value: unknown, node: SchemaNode): void {
  if (Array.isArray(value)) {
    if (node.items === undefined) return;
    for (const item of value) fillDefaults(item, node.items);
    return;
  }
  if (!isJsonObject(value)) return;
  for (const [name, property] of node.properties) fillProperty(value, name, property);
  const { additionalProperties } = node;
  if (additionalProperties === undefined || additionalProperties === true) return;
  for (const key of Object.keys(value))
    if (!node.properties.has(key)) fillProperty(value, key, additionalProperties, { isMapKey: true });
}

function fillProperty(
  object: Record<string, unknown>,
  name: string,
  node: SchemaNode,
  { isMapKey = false }: { readonly isMapKey?: boolean } = {},
): void {
  const isThere = Object.hasOwn(object, name);
  const isNull = isThere && object[name] === null;
  if (!isThere || (isNull && !node.nullable)) {
    if (node.default !== undefined && !(isMapKey && !isThere)) object[name] = structuredClone(node.default);
    else if (isNull) Reflect.deleteProperty(object, name);
  }
  if (Object.hasOwn(object, name)) fillDefaults(object[name], node);
}
