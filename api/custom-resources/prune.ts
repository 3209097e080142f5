/** Pruning: removes what the schema of a custom resource does not know. */
import { isJsonObject } from '../patch/merge-patch.js';
import { childOf } from './schema-node.js';
import type { SchemaNode } from './schema-node.js';

/** What every resource has; it is not for the schema to say so. */
const resourceFields: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/** Removes unknown fields of `value` in place. Returns their paths: `spec.list[0].name`. */
export function prune(value: Record<string, unknown>, node: SchemaNode): readonly string[] {
  const removed: string[] = [];
  pruneObject(value, node, '', { removed, isResource: true });
  return removed;
}

/** Removes unknown fields of a default in place, which is no resource but a part of one. */
export function pruneDefault(value: unknown, node: SchemaNode): void {
  pruneValue(value, node, '', []);
}

interface Walk {
  readonly removed: string[];
  /** The value is a whole resource, at the root or embedded. */
  readonly isResource: boolean;
}

function pruneValue(value: unknown, node: SchemaNode | undefined, path: string, removed: string[]): void {
  if (node === undefined) return;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries())
      if (node.items !== undefined || !node.preserveUnknownFields)
        pruneItem(item, node.items, `${path}[${String(index)}]`, removed);
    return;
  }
  if (isJsonObject(value)) pruneObject(value, node, path, { removed, isResource: node.embeddedResource });
}

/** An object in a list of which nothing is known has no known fields. */
function pruneItem(item: unknown, node: SchemaNode | undefined, path: string, removed: string[]): void {
  if (node !== undefined) pruneValue(item, node, path, removed);
  else if (isJsonObject(item)) removeAll(item, path, removed);
}

function pruneObject(
  object: Record<string, unknown>,
  node: SchemaNode,
  path: string,
  { removed, isResource }: Walk,
): void {
  for (const key of Object.keys(object)) {
    const at = path === '' ? key : `${path}.${key}`;
    if (isResource && resourceFields.has(key)) continue;
    const child = childOf(node, key);
    if (child !== undefined) pruneValue(object[key], child, at, removed);
    else if (!node.preserveUnknownFields && node.additionalProperties !== true) {
      removed.push(at);
      Reflect.deleteProperty(object, key);
    }
  }
}

function removeAll(object: Record<string, unknown>, path: string, removed: string[]): void {
  for (const key of Object.keys(object)) {
    removed.push(`${path}.${key}`);
    Reflect.deleteProperty(object, key);
  }
}
