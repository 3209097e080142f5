/**
 * Kubernetes' strategic merge patch: a merge patch that knows from the schema which lists to merge, and by which key.
 *
 * Beside plain values a patch may hold directives: `$patch: replace|delete|merge` in an object or in an element of a
 * list, `$retainKeys`, `$setElementOrder/<list>` and `$deleteFromPrimitiveList/<list>`.
 */
import type { FieldDef, ObjectDef, Schema, TypeRef } from '../schema/model.js';
import { StatusError } from '../status-error.js';
import { mergeInOrder } from './element-order.js';
import { isJsonObject } from './merge-patch.js';

type JsonObject = Readonly<Record<string, unknown>>;

const directive = '$patch';
const retainKeys = '$retainKeys';
const setElementOrder = '$setElementOrder/';
const deleteFromPrimitiveList = '$deleteFromPrimitiveList/';

/**
 * The patched copy of `current`, read as the type `schemaName` (`core/v1.Pod`). Shares unchanged parts with `current` and
 * added ones with the patch. Throws StatusError BadRequest for a malformed patch.
 */
export function applyStrategicMergePatch(
  current: unknown,
  patch: unknown,
  schema: Schema,
  schemaName: string,
): unknown {
  if (!isJsonObject(patch)) throw badPatch('a strategic merge patch must be a JSON object');
  const type = schema.types.get(schemaName);
  if (type?.is !== 'object') throw new TypeError(`the API description has no object ${schemaName}`);
  return new Merger(schema).mergeObject(isJsonObject(current) ? current : {}, patch, type);
}

function badPatch(message: string): StatusError {
  return new StatusError('BadRequest', message);
}

/** What the schema says of a value: the struct it is, if it is one, and how a list of it is merged. */
interface Shape {
  readonly type: TypeRef;
  readonly merge?: { readonly key?: string };
}

class Merger {
  readonly #schema: Schema;

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  /** `type` is undefined for maps and for arbitrary JSON: there, only plain merging is known. */
  mergeObject(current: JsonObject, patch: JsonObject, type: ObjectDef | TypeRef | undefined): JsonObject {
    const action = patch[directive];
    if (action === 'replace') return this.#withoutDirectives(patch) as JsonObject;
    if (action === 'delete') return {};
    if (action !== undefined && action !== 'merge')
      throw badPatch(`unknown patch type found: ${JSON.stringify(action)}`);
    const result = new Map(Object.entries(current));
    const rest = new Map(Object.entries(patch));
    rest.delete(directive);
    retainOnly(result, rest);
    this.#mergeOrderedLists(result, rest, type);
    for (const [key, value] of rest) this.#mergeMember(result, key, value, type);
    return Object.fromEntries(result);
  }

  #mergeMember(
    result: Map<string, unknown>,
    key: string,
    value: unknown,
    type: ObjectDef | TypeRef | undefined,
  ): void {
    if (key.startsWith(deleteFromPrimitiveList)) {
      const name = key.slice(deleteFromPrimitiveList.length);
      const before = result.get(name);
      if (!Array.isArray(value)) throw badPatch(`invalid patch format of primitive list: ${key}`);
      const gone = new Set<unknown>(value);
      if (Array.isArray(before))
        result.set(
          name,
          before.filter((one) => !gone.has(one)),
        );
      return;
    }
    if (value === null) {
      result.delete(key);
      return;
    }
    const before = result.get(key);
    const shape = this.#shapeOf(type, key);
    if (isJsonObject(before) && isJsonObject(value))
      result.set(key, this.mergeObject(before, value, this.#structOf(shape?.type)));
    else if (Array.isArray(before) && Array.isArray(value) && shape?.merge !== undefined)
      result.set(key, this.#mergeList(before, value, shape));
    else result.set(key, this.#withoutDirectives(value));
  }

  /** `$setElementOrder/x`: merge the list x, then bring it into that order. */
  #mergeOrderedLists(
    result: Map<string, unknown>,
    rest: Map<string, unknown>,
    type: ObjectDef | TypeRef | undefined,
  ): void {
    for (const [directiveKey, order] of [...rest]) {
      if (!directiveKey.startsWith(setElementOrder)) continue;
      rest.delete(directiveKey);
      const name = directiveKey.slice(setElementOrder.length);
      const shape = this.#shapeOf(type, name);
      const before = result.get(name) ?? undefined;
      const patched = rest.get(name) ?? undefined;
      if (!Array.isArray(order) || !isListOrAbsent(before) || !isListOrAbsent(patched))
        throw badPatch(`invalid patch format of setElementOrder list: ${directiveKey}`);
      if (rest.has(name) && patched === undefined) continue;
      const primitives = rest.get(deleteFromPrimitiveList + name);
      if (primitives !== undefined) {
        rest.delete(deleteFromPrimitiveList + name);
        this.#mergeMember(result, deleteFromPrimitiveList + name, primitives, type);
      }
      const remaining = (result.get(name) ?? undefined) as unknown[] | undefined;
      if (remaining === undefined && patched === undefined) continue;
      rest.delete(name);
      const key = shape?.merge?.key;
      checkOrder(patched ?? [], order, key, directiveKey);
      const merged = this.#mergeList(remaining ?? [], patched ?? [], shape ?? anyShape);
      result.set(name, mergeInOrder(merged, order, before ?? [], key));
    }
  }

  #mergeList(current: readonly unknown[], patch: readonly unknown[], shape: Shape): unknown[] {
    if (![...current, ...patch].some(isJsonObject)) {
      const merged = [...new Set([...current, ...patch])];
      return mergeInOrder(merged, patch, current, undefined);
    }
    const key = shape.merge?.key;
    if (key === undefined) throw badPatch('cannot merge lists without merge key');
    const { remaining, added, replaces } = applyElementDirectives(current, patch, key);
    if (replaces) return added.map((element) => this.#withoutDirectives(element));
    const merged = [...remaining];
    const elementType = this.#structOf(elementOf(shape.type));
    for (const element of added) {
      const at = merged.findIndex((one) => isJsonObject(one) && one[key] === element[key]);
      const before = merged[at];
      if (isJsonObject(before)) merged[at] = this.mergeObject(before, element, elementType);
      else merged.push(this.#withoutDirectives(element));
    }
    return mergeInOrder(merged, added, remaining, key);
  }

  /** A value that has nothing to be merged with: nulls and directives in it have done their work. */
  #withoutDirectives(value: unknown): unknown {
    if (Array.isArray(value)) {
      const kept = value.filter((one) => !isJsonObject(one) || !isDirectiveElement(one));
      return kept.map((one) => this.#withoutDirectives(one));
    }
    if (!isJsonObject(value)) return value;
    if (value[directive] === 'delete') return {};
    const members = Object.entries(value).filter(([key, member]) => member !== null && !isDirectiveKey(key));
    return Object.fromEntries(members.map(([key, member]) => [key, this.#withoutDirectives(member)]));
  }

  #shapeOf(type: ObjectDef | TypeRef | undefined, key: string): Shape | undefined {
    if (type === undefined) return undefined;
    if (type.is === 'object') {
      const field: FieldDef | undefined = type.fields.get(key);
      if (field === undefined) return undefined;
      return { type: field.type, ...(field.patchMerge === undefined ? {} : { merge: field.patchMerge }) };
    }
    return type.is === 'map' ? { type: type.of } : undefined;
  }

  /** The struct or the map behind a reference. */
  #structOf(ref: TypeRef | undefined): ObjectDef | TypeRef | undefined {
    if (ref?.is !== 'named') return ref;
    const type = this.#schema.types.get(ref.name);
    if (type?.is === 'alias') return this.#structOf(type.target);
    return type?.is === 'object' ? type : undefined;
  }
}

const anyShape: Shape = { type: { is: 'scalar', scalar: 'any' } };

function elementOf(ref: TypeRef): TypeRef | undefined {
  return ref.is === 'list' ? ref.of : undefined;
}

function isListOrAbsent(value: unknown): value is unknown[] | undefined {
  return value === undefined || Array.isArray(value);
}

function isDirectiveKey(key: string): boolean {
  return (
    key === directive ||
    key === retainKeys ||
    key.startsWith(setElementOrder) ||
    key.startsWith(deleteFromPrimitiveList)
  );
}

/** An element that stands in a list only for its `$patch`. */
function isDirectiveElement(element: JsonObject): boolean {
  return element[directive] === 'delete' || element[directive] === 'replace';
}

/** `$retainKeys`: drops the members that it does not name. */
function retainOnly(result: Map<string, unknown>, patch: Map<string, unknown>): void {
  const keys = patch.get(retainKeys);
  if (keys === undefined) return;
  patch.delete(retainKeys);
  if (!Array.isArray(keys)) throw badPatch('invalid patch format of retainKeys');
  const retained = new Set<unknown>(keys);
  for (const [key, value] of patch) {
    if (value !== null && !isDirectiveKey(key) && !retained.has(key))
      throw badPatch('invalid patch format of retainKeys: the patch sets a key that it does not retain');
  }
  for (const key of [...result.keys()]) if (!retained.has(key)) result.delete(key);
}

/** Carries out `$patch: delete` and `$patch: replace` elements; what is left of the patch is to be merged. */
function applyElementDirectives(
  current: readonly unknown[],
  patch: readonly unknown[],
  key: string,
): { remaining: readonly unknown[]; added: JsonObject[]; replaces: boolean } {
  let remaining = current;
  let replaces = false;
  const added: JsonObject[] = [];
  for (const element of patch) {
    if (!isJsonObject(element)) throw badPatch('the elements of a merged list must be objects');
    const action = element[directive];
    const id = element[key];
    if (action === 'replace') replaces = true;
    else if (id === undefined || id === null)
      throw badPatch(`map: ${JSON.stringify(element)} does not contain declared merge key: ${key}`);
    else if (action === 'delete')
      remaining = remaining.filter((one) => !isJsonObject(one) || one[key] !== id);
    else if (action === undefined || action === 'merge') added.push(element);
    else throw badPatch(`unknown patch type found: ${JSON.stringify(action)}`);
  }
  return { remaining, added, replaces };
}

/** What a patch adds must stand in its own order list, in the same order. */
function checkOrder(
  patched: readonly unknown[],
  order: readonly unknown[],
  key: string | undefined,
  directiveKey: string,
): void {
  const idOf = (one: unknown): unknown => (key !== undefined && isJsonObject(one) ? one[key] : one);
  const wanted = patched.filter((one) => !isJsonObject(one) || !isDirectiveElement(one)).map(idOf);
  let found = 0;
  for (const one of order) if (found < wanted.length && idOf(one) === wanted[found]) found++;
  if (found < wanted.length) {
    throw badPatch(
      `The order in patch list:\n${JSON.stringify(patched)}\n doesn't match ${directiveKey} list:\n${JSON.stringify(order)}\n`,
    );
  }
}
