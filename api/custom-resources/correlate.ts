/** Finds what a part of a custom resource was before an update. */
import { sameJson } from '../apply/json-values.js';
import { isJsonObject } from '../patch/merge-patch.js';
import type { SchemaNode } from './schema-node.js';

/** The earlier value of a field; undefined where there was none. */
export function fieldBefore(before: unknown, key: string): unknown {
  return isJsonObject(before) && Object.hasOwn(before, key) ? before[key] : undefined;
}

/**
 * The earlier value of a list's item. Only lists with keys have items that stay the same one from update to update;
 * undefined elsewhere.
 */
export function itemBefore(before: unknown, item: unknown, list: SchemaNode): unknown {
  if (list.listType !== 'map' || !Array.isArray(before) || !isJsonObject(item)) return undefined;
  return before.find(
    (other) =>
      isJsonObject(other) &&
      list.listMapKeys.every((key) => sameJson(keyOf(other, key, list), keyOf(item, key, list))),
  );
}

function keyOf(item: Readonly<Record<string, unknown>>, key: string, list: SchemaNode): unknown {
  return item[key] ?? list.items?.properties.get(key)?.default;
}
