/** Taking fields out of an object. */
import { isJsonObject } from '../patch/merge-patch.js';
import type { FieldSet, MutableFieldSet } from './field-set.js';
import { emptySet, isMemberNode, withSelf } from './field-set.js';
import { hasNoKeys } from './json-values.js';
import { elementOrNothing } from './list-items.js';
import type { MergeType } from './merge-type.js';
import { fieldElement } from './path-element.js';

/**
 * The object without the fields of the set and all that is below them; what is left is shared. Undefined when nothing is
 * left. Members of a leaf cannot be taken out one by one.
 */
export function removeFields(type: MergeType, object: unknown, set: FieldSet): unknown {
  if (hasNoKeys(set)) return object;
  switch (type.kind) {
    case 'leaf':
      return object;
    case 'struct':
    case 'map':
    case 'free':
      return isJsonObject(object) ? removeMembers(type, object, set) : object;
    case 'set':
    case 'keyed':
      if (!Array.isArray(object)) return object;
      return removeItems(type, object, set);
  }
}

function removeMembers(
  type: Extract<MergeType, { kind: 'struct' | 'map' | 'free' }>,
  object: Readonly<Record<string, unknown>>,
  set: FieldSet,
): unknown {
  const result: [string, unknown][] = [];
  for (const [key, value] of Object.entries(object)) {
    const below = set[fieldElement(key)];
    if (below === undefined) {
      result.push([key, value]);
      continue;
    }
    if (isMemberNode(below)) continue;
    const rest = removeFields(memberType(type, key), value, below);
    if (rest !== undefined) result.push([key, rest]);
  }
  return result.length === 0 ? undefined : Object.fromEntries(result);
}

function removeItems(
  type: Extract<MergeType, { kind: 'set' | 'keyed' }>,
  list: readonly unknown[],
  set: FieldSet,
): unknown {
  const result: unknown[] = [];
  for (const item of list) {
    const element = elementOrNothing(type, item);
    const below = element === undefined ? undefined : set[element];
    if (below === undefined) result.push(item);
    else if (!isMemberNode(below) && type.kind === 'keyed') {
      const rest = removeFields(type.of, item, below);
      if (rest !== undefined) result.push(rest);
    }
  }
  return result.length === 0 ? undefined : result;
}

/**
 * The set with the structs on the way to its members as members: a set of fields names them only where they are empty,
 * but who gives up all that is in a struct gives up the struct.
 */
export function withNamedStructs(type: MergeType, set: FieldSet): FieldSet {
  const result: MutableFieldSet = {};
  for (const element of Object.keys(set)) {
    const below = set[element] ?? emptySet;
    if (hasNoKeys(below)) {
      result[element] = {};
      continue;
    }
    const node = withNamedStructs(typeBelow(type, element), below);
    result[element] = type.kind === 'struct' && element.startsWith('f:') ? withSelf(node) : node;
  }
  return result;
}

const leaf: MergeType = { kind: 'leaf' };

function memberType(type: MergeType, key: string): MergeType {
  switch (type.kind) {
    case 'struct':
      return type.fields.get(key)?.type ?? leaf;
    case 'map':
      return type.of;
    case 'free':
      return type;
    case 'leaf':
    case 'set':
    case 'keyed':
      return leaf;
  }
}

function typeBelow(type: MergeType, element: string): MergeType {
  if (type.kind === 'keyed') return type.of;
  return memberType(type, element.slice(2));
}
