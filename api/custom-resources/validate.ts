/**
 * Validates a custom resource by its schema, in the wording of Kubernetes.
 *
 * What an update leaves as it was is not looked at (Kubernetes' ratcheting): a schema may become stricter without locking
 * the objects that are there.
 */
import { sameJson } from '../apply/json-values.js';
import { Violations } from '../field-path.js';
import { isJsonObject } from '../patch/merge-patch.js';
import { fieldBefore, itemBefore } from './correlate.js';
import { hasFormat } from './formats.js';
import { childOf } from './schema-node.js';
import type { Bound, SchemaNode } from './schema-node.js';

/** Where a restriction is that belongs to no single field: Kubernetes has no path for it. */
const noPath = '<nil>';

/** `before` is undefined at creation; `path` is where the value is, '' for a whole resource. */
export function validateBySchema(
  value: unknown,
  node: SchemaNode,
  violations: Violations,
  before?: unknown,
  path = '',
): void {
  validateValue({ value, before, path }, node, violations);
}

interface Place {
  readonly value: unknown;
  /** Undefined for none, or where it cannot be told. */
  readonly before: unknown;
  readonly path: string;
}

function validateValue(place: Place, node: SchemaNode, violations: Violations): void {
  const { value, before, path } = place;
  if (before !== undefined && sameJson(value, before)) return;
  checkType(value, node, path, violations);
  if (value === null) {
    checkEnum(value, node, path, violations);
    return;
  }
  checkCombinations(place, node, violations);
  if (typeof value === 'string') checkText(value, node, path, violations);
  if (typeof value === 'number') checkNumber(value, node, path, violations);
  if (Array.isArray(value)) checkList(place, value, node, violations);
  checkEnum(value, node, path, violations);
  if (isJsonObject(value)) checkObject(place, value, node, violations);
}

function checkType(value: unknown, node: SchemaNode, path: string, violations: Violations): void {
  const expected = node.intOrString ? ['integer', 'string'] : node.type === '' ? [] : [node.type];
  if (expected.length === 0 || (value === null && node.nullable)) return;
  const actual = typeOf(value);
  const isFine = expected.includes(actual) || (actual === 'integer' && expected.includes('number'));
  if (isFine) return;
  violations.typeInvalid(
    path === '' ? noPath : path,
    actual,
    `${path} in body must be of type ${expected.join(',')}: ${JSON.stringify(actual)}`,
  );
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function checkText(text: string, node: SchemaNode, path: string, violations: Violations): void {
  const { maxLength, minLength, pattern, format } = node;
  if (maxLength !== undefined || minLength !== undefined) {
    const length = lengthOf(text);
    if (maxLength !== undefined && length > maxLength) violations.tooLong(path, maxLength);
    if (minLength !== undefined && length < minLength)
      violations.invalid(path, text, `${path} in body should be at least ${String(minLength)} chars long`);
  }
  if (pattern !== undefined && !pattern.test(text))
    violations.invalid(path, text, `${path} in body should match '${pattern.text}'`);
  if (format !== '' && !hasFormat(format, text))
    violations.typeInvalid(path, text, `${path} in body must be of type ${format}: ${JSON.stringify(text)}`);
}

/** In characters, not in the halves of which JavaScript counts some. */
function lengthOf(text: string): number {
  return Array.from(text).length;
}

function checkNumber(value: number, node: SchemaNode, path: string, violations: Violations): void {
  const { multipleOf, maximum, minimum } = node;
  if (multipleOf !== undefined && !isMultiple(value, multipleOf))
    violations.invalid(path, value, `${path} in body should be a multiple of ${String(multipleOf)}`);
  if (maximum !== undefined && exceeds(value, maximum))
    violations.invalid(
      path,
      value,
      `${path} in body should be less than ${maximum.exclusive ? '' : 'or equal to '}${String(maximum.value)}`,
    );
  if (minimum !== undefined && exceeds(-value, { ...minimum, value: -minimum.value }))
    violations.invalid(
      path,
      value,
      `${path} in body should be greater than ${minimum.exclusive ? '' : 'or equal to '}${String(minimum.value)}`,
    );
}

function exceeds(value: number, { value: bound, exclusive }: Bound): boolean {
  return exclusive ? value >= bound : value > bound;
}

function isMultiple(value: number, of: number): boolean {
  const quotient = value / of;
  return Math.abs(quotient - Math.round(quotient)) < 1e-9;
}

function checkEnum(value: unknown, node: SchemaNode, path: string, violations: Violations): void {
  if (node.enum === undefined || node.enum.some((one) => sameJson(one, value))) return;
  if (value === null && node.nullable) return;
  violations.notSupported(
    path,
    value,
    node.enum.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))),
  );
}

function checkList(place: Place, list: readonly unknown[], node: SchemaNode, violations: Violations): void {
  const { path, before } = place;
  const { items, minItems, maxItems } = node;
  if (items !== undefined)
    for (const [index, item] of list.entries())
      validateValue(
        { value: item, before: itemBefore(before, item, node), path: `${path}[${String(index)}]` },
        items,
        violations,
      );
  if (minItems !== undefined && list.length < minItems)
    violations.invalid(path, list.length, `${path} in body should have at least ${String(minItems)} items`);
  if (maxItems !== undefined && list.length > maxItems) violations.tooMany(path, list.length, maxItems);
}

function checkObject(
  { path, before }: Place,
  object: Readonly<Record<string, unknown>>,
  node: SchemaNode,
  violations: Violations,
): void {
  const { minProperties, maxProperties } = node;
  const keys = Object.keys(object);
  if (minProperties !== undefined && keys.length < minProperties)
    violations.invalid(
      path,
      keys.length,
      `${path} in body should have at least ${String(minProperties)} properties`,
    );
  if (maxProperties !== undefined && keys.length > maxProperties)
    violations.tooMany(path, keys.length, maxProperties);
  for (const name of node.required)
    if (!Object.hasOwn(object, name)) violations.required(path === '' ? name : `${path}.${name}`);
  for (const key of keys) {
    const child = childOf(node, key);
    if (child === undefined) continue;
    const at = path === '' ? key : `${path}.${key}`;
    validateValue({ value: object[key], before: fieldBefore(before, key), path: at }, child, violations);
  }
}

function checkCombinations(place: Place, node: SchemaNode, violations: Violations): void {
  const { anyOf, oneOf, allOf, not } = node;
  const name = JSON.stringify(place.path);
  if (anyOf.length > 0) {
    const trials = anyOf.map((one) => trial(place, one));
    if (trials.every(({ any }) => any)) {
      violations.invalid(noPath, '', `${name} must validate at least one schema (anyOf)`);
      violations.addAll(mildest(trials).causes);
    }
  }
  if (oneOf.length > 0) {
    const trials = oneOf.map((one) => trial(place, one));
    const valid = trials.filter(({ any }) => !any).length;
    if (valid !== 1) {
      const found = valid === 0 ? 'Found none valid' : `Found ${String(valid)} valid alternatives`;
      violations.invalid(noPath, '', `${name} must validate one and only one schema (oneOf). ${found}`);
      if (valid === 0) violations.addAll(mildest(trials).causes);
    }
  }
  if (allOf.length > 0) {
    const trials = allOf.map((one) => trial(place, one));
    const failed = trials.filter(({ any }) => any);
    for (const { causes } of failed) violations.addAll(causes);
    if (failed.length > 0) {
      const none = failed.length === trials.length ? '. None validated' : '';
      violations.invalid(noPath, '', `${name} must validate all the schemas (allOf)${none}`);
    }
  }
  if (not !== undefined && !trial(place, not).any)
    violations.invalid(noPath, '', `${name} must not validate the schema (not)`);
}

function trial(place: Place, node: SchemaNode): Violations {
  const violations = new Violations();
  validateValue({ ...place, before: undefined }, node, violations);
  return violations;
}

/** What came closest to being valid. */
function mildest(trials: readonly Violations[]): Violations {
  return trials.reduce((best, one) => (one.causes.length < best.causes.length ? one : best));
}
