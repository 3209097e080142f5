/** Lists that are sets hold nothing twice, lists with keys no key. */
import type { Violations } from '../field-path.js';
import { isJsonObject } from '../patch/merge-patch.js';
import { childOf } from './schema-node.js';
import type { SchemaNode } from './schema-node.js';

export function checkUniqueItems(
  value: unknown,
  node: SchemaNode,
  path: string,
  violations: Violations,
): void {
  if (Array.isArray(value)) {
    if (node.listType === 'set') reportRepeated(value, path, violations);
    if (node.listType === 'map') checkKeys(value, node, path, violations);
    if (node.items !== undefined)
      for (const [index, item] of value.entries())
        checkUniqueItems(item, node.items, `${path}[${String(index)}]`, violations);
    return;
  }
  if (!isJsonObject(value)) return;
  for (const [key, item] of Object.entries(value)) {
    const child = childOf(node, key);
    if (child === undefined) continue;
    const at = node.properties.has(key) ? (path === '' ? key : `${path}.${key}`) : `${path}[${key}]`;
    checkUniqueItems(item, child, at, violations);
  }
}

function checkKeys(list: readonly unknown[], node: SchemaNode, path: string, violations: Violations): void {
  const wrong = list.findIndex((item) => item !== null && !isJsonObject(item));
  if (wrong >= 0) {
    violations.invalid(
      `${path}[${String(wrong)}]`,
      list[wrong],
      'must be an object for an array of list-type map',
    );
    return;
  }
  const keys = list.map((item) => {
    const object = isJsonObject(item) ? item : {};
    return Object.fromEntries(
      node.listMapKeys.filter((key) => Object.hasOwn(object, key)).map((key) => [key, object[key]]),
    );
  });
  reportRepeated(keys, path, violations);
}

/** Each value that comes again, once, where it does. */
function reportRepeated(values: readonly unknown[], path: string, violations: Violations): void {
  const seen = new Map<string, number>();
  for (const [index, value] of values.entries()) {
    const text = canonical(value);
    const times = (seen.get(text) ?? 0) + 1;
    seen.set(text, times);
    if (times === 2) violations.duplicate(`${path}[${String(index)}]`, value);
  }
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    isJsonObject(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
  );
}
