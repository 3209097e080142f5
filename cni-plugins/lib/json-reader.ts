/** Reads values of unknown shape out of a configuration; every complaint names the key. */
import { CniError, errorCodes } from './spec.js';

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(key: string, expected: string, value: unknown): CniError {
  return new CniError(
    errorCodes.invalidConfiguration,
    `"${key}" must be ${expected}, but is ${JSON.stringify(value)}`,
  );
}

export function requiredString(object: JsonObject, key: string, path = key): string {
  const value = object[key];
  if (value === undefined) throw new CniError(errorCodes.invalidConfiguration, `"${path}" is missing`);
  if (typeof value !== 'string' || value === '') throw wrong(path, 'a string that is not empty', value);
  return value;
}

export function optionalString(object: JsonObject, key: string, path = key): string | undefined {
  const value = object[key];
  if (value === undefined || value === '') return undefined;
  if (typeof value !== 'string') throw wrong(path, 'a string', value);
  return value;
}

export function optionalBoolean(object: JsonObject, key: string, otherwise: boolean): boolean {
  const value = object[key];
  if (value === undefined) return otherwise;
  if (typeof value !== 'boolean') throw wrong(key, 'true or false', value);
  return value;
}

export function optionalInteger(
  object: JsonObject,
  key: string,
  least: number,
  most: number,
): number | undefined {
  const value = object[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw wrong(key, `a whole number from ${least} to ${most}`, value);
  }
  return value;
}

export function optionalArray(object: JsonObject, key: string, path = key): readonly unknown[] | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw wrong(path, 'a list', value);
  return value as readonly unknown[];
}

export function requiredObject(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  if (value === undefined) throw new CniError(errorCodes.invalidConfiguration, `"${key}" is missing`);
  if (!isObject(value)) throw wrong(key, 'an object', value);
  return value;
}

/** Refuses keys that are set but that this plugin cannot honour: better no network than another one than asked for. */
export function refuseKeys(object: JsonObject, keys: readonly string[], plugin: string): void {
  for (const key of keys) {
    const value = object[key];
    if (value === undefined || value === false || value === 0 || value === '') continue;
    if (Array.isArray(value) && value.length === 0) continue;
    throw new CniError(errorCodes.unsupportedField, `"${key}" is not supported by Knarr's ${plugin} plugin`);
  }
}
