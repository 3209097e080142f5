/**
 * Sets of field paths, in the form in which Kubernetes stores them (`FieldsV1`): a tree of path elements.
 *
 * An element is `f:<name>` for a field or a key of a map, `k:{"name":"web"}` for an element of a list with keys,
 * `v:<JSON>` for a member of a set, `i:<index>` for a place in a list. `{}` below an element makes the path up to it a
 * member; with other elements below, it is a member only if `.` is among them:
 *
 * ```json
 * {"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:replicas":{}}}
 * ```
 *
 * holds `.metadata.labels`, `.metadata.labels.app` and `.spec.replicas`. The empty tree is the empty set. Sets are
 * read-only and share their parts: an operation that changes nothing returns its first operand itself, which is how
 * callers notice it.
 */
import { hasNoKeys } from './json-values.js';

export interface FieldSet {
  readonly [element: string]: FieldSet;
}

/** Path elements from the root of the object. */
export type FieldSetPath = readonly string[];

/** A set that is being built, by whoever created it. */
export interface MutableFieldSet {
  [element: string]: MutableFieldSet;
}

/** Stands for the path itself where there are paths below it. */
export const selfElement = '.';

export const emptySet: FieldSet = Object.freeze({});
const onlySelf: FieldSet = Object.freeze({ [selfElement]: emptySet });

export function isEmptySet(set: FieldSet): boolean {
  return hasNoKeys(set);
}

/** Whether the path of this element is itself a member, given what is below it. */
export function isMemberNode(node: FieldSet): boolean {
  return node[selfElement] !== undefined || isEmptySet(node);
}

/** The node below an element that makes its path a member, and keeps the members below. */
export function withSelf(node: FieldSet | undefined): FieldSet {
  if (node === undefined || isEmptySet(node)) return emptySet;
  return node[selfElement] === undefined ? { [selfElement]: emptySet, ...node } : node;
}

/** Adds a path, or its first `length` elements. */
export function insertPath(set: MutableFieldSet, path: FieldSetPath, length = path.length): void {
  let node = set;
  for (let index = 0; index < length; index++) {
    const element = path[index] ?? '';
    const isLast = index === length - 1;
    let next = node[element];
    if (next === undefined) {
      next = {};
      node[element] = next;
    } else if (isLast) {
      if (!isMemberNode(next)) next[selfElement] = {};
    } else if (isEmptySet(next)) {
      // It was a member without anything below.
      next[selfElement] = {};
    }
    node = next;
  }
}

export function hasPath(set: FieldSet, path: FieldSetPath): boolean {
  let node = set;
  for (const element of path) {
    const next = node[element];
    if (next === undefined) return false;
    node = next;
  }
  return path.length > 0 && isMemberNode(node);
}

/** All that is in `a` or in `b`. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmptySet(b)) return a;
  if (isEmptySet(a)) return b;
  let result: MutableFieldSet | undefined;
  for (const element of Object.keys(b)) {
    const mine = a[element];
    const theirs = b[element] ?? emptySet;
    const merged = mine === undefined ? theirs : unionNode(mine, theirs);
    if (merged !== mine) (result ??= { ...a })[element] = merged;
  }
  return result ?? a;
}

function unionNode(mine: FieldSet, theirs: FieldSet): FieldSet {
  if (isEmptySet(mine)) return isEmptySet(theirs) ? mine : withSelf(theirs);
  return isEmptySet(theirs) ? withSelf(mine) : union(mine, theirs);
}

/** All that is in `a` and in `b`. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return a;
  const result: MutableFieldSet = {};
  for (const element of Object.keys(a)) {
    const theirs = b[element];
    if (theirs === undefined) continue;
    const mine = a[element] ?? emptySet;
    const common = element === selfElement ? emptySet : close(intersection(open(mine), open(theirs)));
    if (common !== undefined) result[element] = common;
  }
  return result;
}

/** All that is in `a` but not in `b`. A path in `b` does not take the paths below it along. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  let result: MutableFieldSet | undefined;
  for (const element of Object.keys(a)) {
    const theirs = b[element];
    if (theirs === undefined) continue;
    const mine = a[element] ?? emptySet;
    const rest = element === selfElement ? undefined : differenceNode(mine, theirs);
    if (rest === mine) continue;
    result ??= { ...a };
    if (rest === undefined) Reflect.deleteProperty(result, element);
    else result[element] = rest;
  }
  return result ?? a;
}

function differenceNode(mine: FieldSet, theirs: FieldSet): FieldSet | undefined {
  if (isEmptySet(mine)) return isMemberNode(theirs) ? undefined : mine;
  return close(difference(mine, open(theirs)));
}

export function sameSet(a: FieldSet, b: FieldSet): boolean {
  return a === b || (isEmptySet(difference(a, b)) && isEmptySet(difference(b, a)));
}

/** A node with its own membership written out, so that `.` is an element like the others. */
function open(node: FieldSet): FieldSet {
  return isEmptySet(node) ? onlySelf : node;
}

/** The reverse of {@link open}; undefined when nothing is left. */
function close(node: FieldSet): FieldSet | undefined {
  const elements = Object.keys(node);
  if (elements.length === 0) return undefined;
  return elements.length === 1 && elements[0] === selfElement ? emptySet : node;
}

/** Every member: the order is that of the tree, a path before those below it. */
export function* pathsOf(set: FieldSet, prefix: FieldSetPath = []): Generator<FieldSetPath> {
  for (const element of Object.keys(set)) {
    if (element === selfElement) continue;
    const node = set[element] ?? emptySet;
    const path = [...prefix, element];
    if (isMemberNode(node)) yield path;
    yield* pathsOf(node, path);
  }
}

/** A set of these paths. */
export function setOf(...paths: readonly FieldSetPath[]): FieldSet {
  const set: MutableFieldSet = {};
  for (const path of paths) insertPath(set, path);
  return set;
}
