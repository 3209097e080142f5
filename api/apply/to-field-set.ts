/** From an object to the set of all fields that it has. */
import { isJsonObject } from '../patch/merge-patch.js';
import type { FieldSet, MutableFieldSet } from './field-set.js';
import { emptySet, isEmptySet, isMemberNode, withSelf } from './field-set.js';
import { hasNoKeys, listOrEmpty, objectOrEmpty } from './json-values.js';
import type { ListMergeType } from './list-items.js';
import { elementOfItem, elementOrNothing, ListItemError } from './list-items.js';
import type { MergeType } from './merge-type.js';
import { fieldElement, showPath } from './path-element.js';

export interface ToFieldSetOptions {
  /** Fields that nobody manages: they and all below them are left out. */
  readonly unmanaged?: FieldSet;
  /** Collects what is wrong with a configuration, worded with its path; without it, a stored object is read leniently. */
  readonly problems?: string[];
}

/**
 * The fields of an object that are leaves (an atomic list counts as one), the elements of its lists and the keys of its
 * maps. A list element that stands there more than once is one member, without what is in it.
 */
export function toFieldSet(type: MergeType, object: unknown, options: ToFieldSetOptions = {}): FieldSet {
  const set = walk({ ...options, path: [] }, type, object, options.unmanaged);
  return set === undefined || set === emptySet ? emptySet : set;
}

interface Walk {
  readonly path: string[];
  readonly problems?: string[];
}

/** The node below an element; undefined when it holds nothing and is no member itself. */
function walk(
  context: Walk,
  type: MergeType,
  value: unknown,
  unmanaged: FieldSet | undefined,
): FieldSet | undefined {
  switch (type.kind) {
    case 'leaf':
      return emptySet;
    case 'struct':
      return walkStruct(context, type.fields, objectOrEmpty(value), unmanaged);
    case 'map':
      return walkMap(context, type.of, objectOrEmpty(value), unmanaged);
    case 'free':
      return isJsonObject(value) ? walkMap(context, type, value, unmanaged) : emptySet;
    case 'set':
    case 'keyed':
      return walkList(context, type, listOrEmpty(value));
  }
}

function walkStruct(
  context: Walk,
  fields: Extract<MergeType, { kind: 'struct' }>['fields'],
  object: Readonly<Record<string, unknown>>,
  unmanaged: FieldSet | undefined,
): FieldSet | undefined {
  const result: MutableFieldSet = {};
  for (const name of Object.keys(object)) {
    const field = fields.get(name);
    if (field === undefined) {
      context.problems?.push(
        `${showPath([...context.path, fieldElement(name)])}: field not declared in schema`,
      );
      continue;
    }
    const below = unmanaged?.[field.element];
    if (below !== undefined && isMemberNode(below)) continue;
    const value = object[name];
    if (value === undefined) continue;
    context.path.push(field.element);
    const node = walk(context, field.type, value, below);
    context.path.pop();
    if (value === null || (isJsonObject(value) && hasNoKeys(value))) result[field.element] = {};
    else if (node !== undefined) result[field.element] = node;
  }
  return isEmptySet(result) ? undefined : result;
}

function walkMap(
  context: Walk,
  of: MergeType,
  object: Readonly<Record<string, unknown>>,
  unmanaged: FieldSet | undefined,
): FieldSet | undefined {
  const result: MutableFieldSet = {};
  for (const key of Object.keys(object)) {
    const element = fieldElement(key);
    const below = unmanaged?.[element];
    if (below !== undefined && isMemberNode(below)) continue;
    context.path.push(element);
    result[element] = withSelf(walk(context, of, object[key], below));
    context.path.pop();
  }
  return isEmptySet(result) ? undefined : result;
}

function walkList(context: Walk, type: ListMergeType, list: readonly unknown[]): FieldSet | undefined {
  const result: MutableFieldSet = {};
  for (const item of list) {
    const element = elementOf(context, type, item);
    if (element === undefined) continue;
    if (result[element] !== undefined) {
      reportDuplicate(context, element);
      result[element] = {};
      continue;
    }
    context.path.push(element);
    const node = type.kind === 'set' ? emptySet : walk(context, type.of, item, undefined);
    context.path.pop();
    result[element] = withSelf(node);
  }
  return isEmptySet(result) ? undefined : result;
}

function elementOf({ path, problems }: Walk, type: ListMergeType, item: unknown): string | undefined {
  if (problems === undefined) return elementOrNothing(type, item);
  try {
    return elementOfItem(type, item);
  } catch (error) {
    if (!(error instanceof ListItemError)) throw error;
    problems.push(`${showPath(path)}: ${error.message}`);
    return undefined;
  }
}

function reportDuplicate({ path, problems }: Walk, element: string): void {
  const problem = `${showPath(path)}: duplicate entries for key ${showPath([element])}`;
  if (problems?.includes(problem) === false) problems.push(problem);
}
