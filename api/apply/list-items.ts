/** The elements of a list with their path elements. */
import { isJsonObject } from '../patch/merge-patch.js';
import type { MergeType } from './merge-type.js';
import { keyElement, valueElement } from './path-element.js';

export type ListMergeType = Extract<MergeType, { kind: 'set' | 'keyed' }>;

/** What is wrong with an element that has no path element. */
export class ListItemError extends Error {
  override readonly name = 'ListItemError';
}

/** Throws {@link ListItemError}. */
export function elementOfItem(type: ListMergeType, item: unknown): string {
  if (type.kind === 'set') {
    if (item === null) throw new ListItemError('associative list without keys has an element that is null');
    if (typeof item === 'object')
      throw new ListItemError("associative list without keys has an element that's a map or a list type");
    return valueElement(item);
  }
  if (item === null) throw new ListItemError('associative list with keys may not have a null element');
  if (!isJsonObject(item))
    throw new ListItemError('associative list with keys may not have non-map elements');
  const keys: [string, unknown][] = [];
  for (const key of type.keys) {
    const value = item[key.name] ?? key.default;
    if (value === undefined)
      throw new ListItemError(
        `associative list with keys has an element that omits key field "${key.name}" (and doesn't have default value)`,
      );
    keys.push([key.name, value]);
  }
  return keyElement(keys);
}

/**
 * The items of a stored list under their elements, in their order; equal ones stand together. What has no path element
 * (written before the rules were as they are) belongs to nobody and is left out.
 */
export function groupItems(type: ListMergeType, list: readonly unknown[]): ReadonlyMap<string, unknown[]> {
  const groups = new Map<string, unknown[]>();
  for (const item of list) {
    const element = elementOrNothing(type, item);
    if (element === undefined) continue;
    const group = groups.get(element);
    if (group === undefined) groups.set(element, [item]);
    else group.push(item);
  }
  return groups;
}

/** The path element of a stored item; undefined when it has none. */
export function elementOrNothing(type: ListMergeType, item: unknown): string | undefined {
  try {
    return elementOfItem(type, item);
  } catch (error) {
    if (error instanceof ListItemError) return undefined;
    throw error;
  }
}
