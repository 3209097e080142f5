/**
 * Checks that a schema is structural: that the shape of an object can be read from it without looking into alternatives.
 * Pruning, defaulting and server-side apply rely on that.
 */
import { sameJson } from '../apply/json-values.js';
import type { JSONSchemaProps } from '../generated/apiextensions-v1.js';
import type { Violations } from '../field-path.js';
import { keyPath } from '../field-path.js';
import { compilePattern } from '../regular-expression.js';
import { schemaOf } from './schema-node.js';

type Level = 'root' | 'item' | 'field';

export function checkStructural(root: JSONSchemaProps, path: string, violations: Violations): void {
  checkShape(root, 'root', path, violations);
  checkCompleteness(root, root, path, path, violations);
}

const missingType: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

function checkShape(schema: JSONSchemaProps, level: Level, path: string, violations: Violations): void {
  const { type = '', properties = {} } = schema;
  const items = schemaOf(schema.items);
  const others = schemaOf(schema.additionalProperties);
  if (type === 'array' && schema.items === undefined)
    violations.required(`${path}.items`, 'must be specified');
  if (items !== undefined) checkShape(items, 'item', `${path}.items`, violations);
  for (const [name, property] of Object.entries(properties))
    checkShape(property, 'field', keyPath(`${path}.properties`, name), violations);
  if (schema.additionalProperties !== undefined && level === 'root')
    violations.forbidden(`${path}.additionalProperties`, 'must not be used at the root');
  if (others !== undefined) checkShape(others, 'field', `${path}.additionalProperties`, violations);
  checkIntOrString(schema, path, violations);
  checkRestrictions(schema, path, violations, intOrStringPatterns(schema));
  checkType(schema, level, path, violations);
  checkMetadata(schema, level, path, violations);
}

function checkIntOrString(schema: JSONSchemaProps, path: string, violations: Violations): void {
  if (schema['x-kubernetes-int-or-string'] !== true) return;
  for (const name of ['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const)
    if (schema[name] === true)
      violations.invalid(`${path}.${name}`, true, 'must be false if x-kubernetes-int-or-string is true');
}

function checkType(schema: JSONSchemaProps, level: Level, path: string, violations: Violations): void {
  const { type = '' } = schema;
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true;
  const isOpen =
    schema['x-kubernetes-int-or-string'] === true || schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (isEmbedded && type !== 'object') {
    const detail = 'must be object if x-kubernetes-embedded-resource is true';
    if (type === '') violations.required(`${path}.type`, detail);
    else violations.invalid(`${path}.type`, type, detail);
  } else if (type === '' && !isOpen) violations.required(`${path}.type`, missingType[level]);
  if (isEmbedded && schema.additionalProperties !== undefined)
    violations.forbidden(
      `${path}.additionalProperties`,
      'must not be used if x-kubernetes-embedded-resource is set',
    );
  if (level === 'root' && type !== '' && type !== 'object')
    violations.invalid(`${path}.type`, type, 'must be object at the root');
  const isEmpty = Object.keys(schema.properties ?? {}).length === 0;
  if (isEmbedded && isEmpty && schema['x-kubernetes-preserve-unknown-fields'] !== true)
    violations.required(
      `${path}.properties`,
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
    );
}

/** What all resources have is not for a schema to redefine; only the form of names can be restricted. */
function checkMetadata(
  { properties = {}, ...schema }: JSONSchemaProps,
  level: Level,
  path: string,
  violations: Violations,
): void {
  const isResource = level === 'root' || schema['x-kubernetes-embedded-resource'] === true;
  if (isResource)
    for (const name of ['kind', 'apiVersion']) {
      const property = properties[name];
      if (property !== undefined && property.type !== 'string')
        violations.invalid(
          `${keyPath(`${path}.properties`, name)}.type`,
          property.type ?? '',
          'must be string',
        );
    }
  const { metadata } = properties;
  if (metadata === undefined) return;
  const at = keyPath(`${path}.properties`, 'metadata');
  if (isResource && metadata.type !== 'object')
    violations.invalid(`${at}.type`, metadata.type ?? '', 'must be object');
  if (level !== 'root') return;
  const names = Object.keys(metadata.properties ?? {});
  const saysMore = Object.entries(metadata).some(([name, value]) =>
    valueKeywords.has(name) ? !isEmptyValue(value) : !shapeKeywords.has(name),
  );
  if (saysMore || names.some((name) => name !== 'name' && name !== 'generateName'))
    violations.forbidden(
      at,
      'must not specify anything other than name and generateName, but metadata is implicitly specified',
    );
}

/** Checked elsewhere. */
const shapeKeywords: ReadonlySet<string> = new Set(['type', 'properties', 'default']);
/** Keywords without a say when they are empty. */
const valueKeywords: ReadonlySet<string> = new Set([
  'description',
  'title',
  'required',
  'allOf',
  'anyOf',
  'oneOf',
]);

function isEmptyValue(value: unknown): boolean {
  return value === '' || (Array.isArray(value) && value.length === 0);
}

interface Skips {
  readonly anyOf: boolean;
  readonly anyOfInFirstAllOf: boolean;
}

const noSkips: Skips = { anyOf: false, anyOfInFirstAllOf: false };
const intOrStringAnyOf = [{ type: 'integer' }, { type: 'string' }];

/** An integer or a string may be spelled out with types, which is where types are forbidden else. */
function intOrStringPatterns({ anyOf, allOf }: JSONSchemaProps): Skips {
  return {
    anyOf: sameJson(anyOf, intOrStringAnyOf),
    anyOfInFirstAllOf: sameJson(allOf?.[0]?.anyOf, intOrStringAnyOf),
  };
}

function checkRestrictions(
  schema: JSONSchemaProps,
  path: string,
  violations: Violations,
  skips: Skips,
): void {
  if (!skips.anyOf)
    for (const [index, one] of (schema.anyOf ?? []).entries())
      checkNested(one, `${path}.anyOf[${String(index)}]`, violations);
  for (const [index, one] of (schema.allOf ?? []).entries())
    checkNested(one, `${path}.allOf[${String(index)}]`, violations, {
      anyOf: skips.anyOfInFirstAllOf && index === 0,
      anyOfInFirstAllOf: false,
    });
  for (const [index, one] of (schema.oneOf ?? []).entries())
    checkNested(one, `${path}.oneOf[${String(index)}]`, violations);
  if (schema.not !== undefined) checkNested(schema.not, `${path}.not`, violations);
  checkPattern(schema.pattern ?? '', `${path}.pattern`, violations);
}

function checkPattern(pattern: string, path: string, violations: Violations): void {
  if (pattern === '') return;
  try {
    compilePattern(pattern);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    violations.invalid(path, pattern, `must be a valid regular expression, but isn't: ${error.message}`);
  }
}

const forbiddenInNested = {
  type: 'must be empty to be structural',
  additionalProperties: 'must be undefined to be structural',
  default: 'must be undefined to be structural',
  title: 'must be empty to be structural',
  description: 'must be empty to be structural',
  nullable: 'must be false to be structural',
  'x-kubernetes-preserve-unknown-fields': 'must be false to be structural',
  'x-kubernetes-embedded-resource': 'must be false to be structural',
  'x-kubernetes-int-or-string': 'must be false to be structural',
  'x-kubernetes-list-map-keys': 'must be empty to be structural',
  'x-kubernetes-list-type': 'must be undefined to be structural',
  'x-kubernetes-map-type': 'must be undefined to be structural',
  'x-kubernetes-validations': 'must be empty to be structural',
} as const;

/** A schema below allOf, anyOf, oneOf or not restricts values and says nothing about shape. */
function checkNested(schema: JSONSchemaProps, path: string, violations: Violations, skips = noSkips): void {
  checkRestrictions(schema, path, violations, skips);
  const items = schemaOf(schema.items);
  if (items !== undefined) checkNested(items, `${path}.items`, violations);
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    checkNested(property, keyPath(`${path}.properties`, name), violations);
  for (const [name, detail] of Object.entries(forbiddenInNested) as [
    keyof typeof forbiddenInNested,
    string,
  ][]) {
    const value = schema[name];
    if (value !== undefined && value !== '' && value !== false)
      violations.forbidden(`${path}.${name}`, detail);
  }
  if (schema.properties?.['metadata'] !== undefined)
    violations.forbidden(
      keyPath(`${path}.properties`, 'metadata'),
      'must not be specified in a nested context',
    );
}

/** Whatever a nested schema restricts has to be there in the shape. */
function checkCompleteness(
  nested: JSONSchemaProps,
  shape: JSONSchemaProps,
  shapePath: string,
  nestedPath: string,
  violations: Violations,
): void {
  const visit = (one: JSONSchemaProps, at: string): void => {
    checkNestedCompleteness(one, shape, shapePath, at, violations);
  };
  if (nested.not !== undefined) visit(nested.not, `${nestedPath}.not`);
  for (const word of ['allOf', 'anyOf', 'oneOf'] as const)
    for (const [index, one] of (nested[word] ?? []).entries())
      visit(one, `${nestedPath}.${word}[${String(index)}]`);
}

function checkNestedCompleteness(
  nested: JSONSchemaProps,
  shape: JSONSchemaProps,
  shapePath: string,
  nestedPath: string,
  violations: Violations,
): void {
  checkCompleteness(nested, shape, shapePath, nestedPath, violations);
  const nestedItems = schemaOf(nested.items);
  const items = schemaOf(shape.items);
  if (nestedItems !== undefined) {
    if (items === undefined)
      violations.required(`${shapePath}.items`, `because it is defined in ${nestedPath}.items`);
    else checkNestedCompleteness(nestedItems, items, `${shapePath}.items`, `${nestedPath}.items`, violations);
  }
  for (const [name, property] of Object.entries(nested.properties ?? {})) {
    const at = keyPath(`${shapePath}.properties`, name);
    const nestedAt = keyPath(`${nestedPath}.properties`, name);
    const own = shape.properties?.[name];
    if (own === undefined) violations.required(at, `because it is defined in ${nestedAt}`);
    else checkNestedCompleteness(property, own, at, nestedAt, violations);
  }
}
