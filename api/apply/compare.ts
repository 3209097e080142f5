/** What changed between two objects, as sets of fields. */
import { isJsonObject } from '../patch/merge-patch.js';
import type { FieldSet, MutableFieldSet } from './field-set.js';
import { emptySet, isEmptySet, isMemberNode, selfElement, union } from './field-set.js';
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

/** Where the comparison stands, and what it has found. The sets are built along the way, never from their roots again. */
class Walk implements Comparison {
  readonly #path: string[] = [];
  /** The nodes of the path in each set, from the root down, as far as they are there. */
  readonly #nodes: Readonly<Record<keyof Comparison, MutableFieldSet[]>> = {
    added: [],
    modified: [],
    removed: [],
  };

  get added(): FieldSet {
    return this.#nodes.added[0] ?? emptySet;
  }

  get modified(): FieldSet {
    return this.#nodes.modified[0] ?? emptySet;
  }

  get removed(): FieldSet {
    return this.#nodes.removed[0] ?? emptySet;
  }

  get isAtRoot(): boolean {
    return this.#path.length === 0;
  }

  enter(element: string): void {
    this.#path.push(element);
  }

  leave(): void {
    const { added, modified, removed } = this.#nodes;
    const length = this.#path.length;
    this.#path.pop();
    if (added.length > length) added.length = length;
    if (modified.length > length) modified.length = length;
    if (removed.length > length) removed.length = length;
  }

  /** Puts the path into a set. */
  add(to: keyof Comparison): void {
    const nodes = this.#nodes[to];
    const path = this.#path;
    if (path.length === 0) return;
    if (nodes.length === 0) nodes.push({});
    let isNew = false;
    for (let depth = nodes.length; depth <= path.length; depth++) {
      const parent = nodes[depth - 1] as MutableFieldSet;
      const element = path[depth - 1] ?? '';
      let node = parent[element];
      if (node === undefined) {
        // What was a member without anything below says so from now on.
        if (!isNew && depth > 1 && isEmptySet(parent)) parent[selfElement] = {};
        node = {};
        parent[element] = node;
        isNew = true;
      } else isNew = false;
      nodes.push(node);
    }
    const last = nodes[path.length];
    if (last !== undefined && !isMemberNode(last)) last[selfElement] = {};
  }

  addElement(to: keyof Comparison, element: string): void {
    this.enter(element);
    this.add(to);
    this.leave();
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
  if (walk.isAtRoot) return;
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
  walk.enter(element);
  compare(walk, memberType, before, after, below);
  walk.leave();
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
  walk.enter(element);
  if (type.kind === 'set') compareLeaf(walk, before, after);
  else compare(walk, type.of, before, after, undefined);
  walk.leave();
}
