/** Small questions about JSON values, asked very often. */
import { isJsonObject } from '../patch/merge-patch.js';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether two JSON values are equal; the order of an object's keys does not count. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let index = 0; index < a.length; index++) if (!sameJson(a[index], b[index])) return false;
    return true;
  }
  if (Array.isArray(b)) return false;
  const left = a as JsonObject;
  const right = b as JsonObject;
  let keys = 0;
  for (const key in left) {
    if (!sameJson(left[key], right[key])) return false;
    keys++;
  }
  return keys === Object.keys(right).length;
}

export function hasNoKeys(object: object): boolean {
  for (const key in object) if (Object.hasOwn(object, key)) return false;
  return true;
}

/** A member of the object itself: a label may be called `constructor`. */
export function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

export function listOrEmpty(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

const nothing: JsonObject = Object.freeze({});

export function objectOrEmpty(value: unknown): JsonObject {
  return isJsonObject(value) ? value : nothing;
}
