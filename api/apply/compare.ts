/** What changed between two objects, as sets of fields. */
import { isJsonObject } from '../patch/merge-patch.js';
import type { FieldSet, MutableFieldSet } from './field-set.js';
import { emptySet, insertPath, isEmptySet, isMemberNode, union } from './field-set.js';
import { hasNoKeys, listOrEmpty, objectOrEmpty, own, sameJson } from './json-values.js';
import type { ListMergeType } from './list-items.js';
import { groupItems } from './list-items.js';
import type { MergeType } from './merge-type.js';
import { fieldElement } from './path-element.js';

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/**
 * Compares two objects of a type. A struct, map, list element or map key that came or went is in the result along with
 * everything below it. The order of lists with keys and of sets does not count.
 */
export function compareObjects(
  type: MergeType,
  before: unknown,
  after: unknown,
  options: {
    /** Fields that nobody manages: they and all below them are not looked at. */
    readonly unmanaged?: FieldSet;
  } = {},
): Comparison {
  const walk = new Walk();
  compare(walk, type, before, after, options.unmanaged);
  return walk;
}

/** Added and modified fields: what the writer has put there. */
export function writtenFields(comparison: Comparison): FieldSet {
  return union(comparison.added, comparison.modified);
}

export function isSameComparison({ added, modified, removed }: Comparison): boolean {
  return isEmptySet(added) && isEmptySet(modified) && isEmptySet(removed);
}

class Walk implements Comparison {
  readonly path: string[] = [];
  added: MutableFieldSet = emptySet;
  modified: MutableFieldSet = emptySet;
  removed: MutableFieldSet = emptySet;

  add(to: keyof Comparison): void {
    // Most comparisons find nothing: sets are made when the first path comes.
    if (this[to] === emptySet) this[to] = {};
    insertPath(this[to], this.path);
  }

  addElement(to: keyof Comparison, element: string): void {
    this.path.push(element);
    this.add(to);
    this.path.pop();
  }
}

function compare(
  walk: Walk,
  type: MergeType,
  before: unknown,
  after: unknown,
  unmanaged: FieldSet | undefined,
): void {
  switch (type.kind) {
    case 'leaf':
      compareLeaf(walk, before, after);
      return;
    case 'struct':
    case 'map':
      compareAsObject(walk, type, before, after, unmanaged);
      return;
    case 'free':
      if (isJsonObject(before ?? after) && isJsonObject(after ?? before))
        compareAsObject(walk, type, before, after, unmanaged);
      else compareLeaf(walk, before, after);
      return;
    case 'set':
    case 'keyed':
      compareLists(walk, type, before, after);
  }
}

function compareLeaf(walk: Walk, before: unknown, after: unknown): void {
  if (before === undefined) walk.add('added');
  else if (after === undefined) walk.add('removed');
  else if (!sameJson(before, after)) walk.add('modified');
}

type ObjectMergeType = Extract<MergeType, { kind: 'struct' | 'map' | 'free' }>;

function compareAsObject(
  walk: Walk,
  type: ObjectMergeType,
  before: unknown,
  after: unknown,
  unmanaged: FieldSet | undefined,
): void {
  const left = objectOrEmpty(before);
  const right = objectOrEmpty(after);
  if (hasNoKeys(left) && hasNoKeys(right)) {
    // Nothing to descend into: whether it is there at all is what can change.
    compareLeaf(walk, before, after);
    return;
  }
  for (const key in left) compareMember(walk, type, key, left[key], own(right, key), unmanaged);
  for (const key in right)
    if (own(left, key) === undefined) compareMember(walk, type, key, undefined, right[key], unmanaged);
  if (walk.path.length === 0) return;
  if (before === undefined) walk.add('added');
  else if (after === undefined) walk.add('removed');
}

function compareMember(
  walk: Walk,
  type: ObjectMergeType,
  key: string,
  before: unknown,
  after: unknown,
  unmanaged: FieldSet | undefined,
): void {
  if (before === after) return;
  let element: string;
  let memberType: MergeType;
  if (type.kind === 'struct') {
    const field = type.fields.get(key);
    if (field === undefined) return;
    element = field.element;
    memberType = field.type;
  } else {
    element = fieldElement(key);
    memberType = type.kind === 'map' ? type.of : type;
  }
  const below = unmanaged?.[element];
  if (below !== undefined && isMemberNode(below)) return;
  walk.path.push(element);
  compare(walk, memberType, before, after, below);
  walk.path.pop();
}

function compareLists(walk: Walk, type: ListMergeType, before: unknown, after: unknown): void {
  const left = listOrEmpty(before);
  const right = listOrEmpty(after);
  if (left.length === 0 && right.length === 0) {
    compareLeaf(walk, before, after);
    return;
  }
  if (sameJson(left, right)) return;
  const groupsBefore = groupItems(type, left);
  const groupsAfter = groupItems(type, right);
  for (const [element, items] of groupsBefore)
    compareGroup(walk, type, element, items, groupsAfter.get(element) ?? []);
  for (const [element, items] of groupsAfter)
    if (!groupsBefore.has(element)) compareGroup(walk, type, element, [], items);
  if (before === undefined) walk.add('added');
  else if (after === undefined) walk.add('removed');
}

/** The items of one path element; there is more than one only where an update has brought duplicates. */
function compareGroup(
  walk: Walk,
  type: ListMergeType,
  element: string,
  before: readonly unknown[],
  after: readonly unknown[],
): void {
  if (before.length > 1 && after.length > 1) {
    if (!sameJson(before, after)) walk.addElement('modified', element);
    return;
  }
  // Duplicates are one member as a whole: becoming one, or ceasing to be, replaces what was there.
  const single = (items: readonly unknown[]): unknown => (items.length > 1 ? undefined : items[0]);
  const itemBefore = single(before);
  const itemAfter = before.length > 1 ? after[0] : single(after);
  if (itemBefore !== undefined || itemAfter !== undefined)
    compareItem(walk, type, element, itemBefore, itemAfter);
  if (before.length > 1) walk.addElement('removed', element);
  if (after.length > 1) walk.addElement('added', element);
}

function compareItem(
  walk: Walk,
  type: ListMergeType,
  element: string,
  before: unknown,
  after: unknown,
): void {
  walk.path.push(element);
  if (type.kind === 'set') compareLeaf(walk, before, after);
  else compare(walk, type.of, before, after, undefined);
  walk.path.pop();
}
