/** Checks the schema of a CustomResourceDefinition keyword by keyword: what Kubernetes does not support, and what contradicts itself. */
import type { JSONSchemaProps, ValidationRule } from '../generated/apiextensions-v1.js';
import type { Violations } from '../field-path.js';
import { keyPath } from '../field-path.js';
import { schemaOf } from './schema-node.js';

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const ruleReasons = ['FieldValueRequired', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueDuplicate'];
const metaFields: ReadonlySet<string> = new Set(['metadata', 'kind', 'apiVersion']);

/** Where a schema stands in the whole. */
interface Context {
  readonly isRoot: boolean;
  /** Below metadata, apiVersion or kind of a resource. */
  readonly inMeta: boolean;
  /** Why there may be no default here; undefined where there may. */
  readonly noDefaults: string | undefined;
}

export function checkKeywords(root: JSONSchemaProps, path: string, violations: Violations): void {
  check(root, path, { isRoot: true, inMeta: false, noDefaults: undefined }, violations);
}

function check(schema: JSONSchemaProps, path: string, context: Context, violations: Violations): void {
  checkUnsupported(schema, path, context, violations);
  checkExtensions(schema, path, violations);
  checkRules(schema['x-kubernetes-validations'] ?? [], `${path}.x-kubernetes-validations`, violations);
  checkChildren(schema, path, context, violations);
}

function checkUnsupported(
  schema: JSONSchemaProps,
  path: string,
  { inMeta, noDefaults }: Context,
  violations: Violations,
): void {
  const { type = '' } = schema;
  if (type === 'null')
    violations.forbidden(`${path}.type`, 'type cannot be set to null, use nullable as an alternative');
  else if (type !== '' && !types.includes(type)) violations.notSupported(`${path}.type`, type, types);
  if (schema.default !== undefined && noDefaults !== undefined)
    violations.forbidden(`${path}.default`, `must not be set${noDefaults === '' ? '' : ` ${noDefaults}`}`);
  const unsupported = [
    ['id', schema.id],
    ['additionalItems', schema.additionalItems],
    ['patternProperties', schema.patternProperties],
    ['definitions', schema.definitions],
    ['dependencies', schema.dependencies],
    ['$ref', schema.$ref],
  ] as const;
  for (const [name, value] of unsupported)
    if (value !== undefined && value !== '')
      violations.forbidden(`${path}.${name}`, `${name} is not supported`);
  if (Array.isArray(schema.items))
    violations.forbidden(`${path}.items`, 'items must be a schema object and not an array');
  if (inMeta && schema['x-kubernetes-embedded-resource'] === true)
    violations.forbidden(
      `${path}.x-kubernetes-embedded-resource`,
      'must not be used inside of resource meta',
    );
  if (schema.uniqueItems === true)
    violations.forbidden(
      `${path}.uniqueItems`,
      'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
    );
  const { additionalProperties } = schema;
  const hasProperties = Object.keys(schema.properties ?? {}).length > 0;
  if (hasProperties && additionalProperties !== undefined && additionalProperties !== true)
    violations.forbidden(
      `${path}.additionalProperties`,
      'additionalProperties and properties are mutual exclusive',
    );
}

function checkExtensions(schema: JSONSchemaProps, path: string, violations: Violations): void {
  const { type = '' } = schema;
  if (schema['x-kubernetes-preserve-unknown-fields'] === false)
    violations.invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined');
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType !== undefined) {
    requireType(type, 'object', 'x-kubernetes-map-type', path, violations);
    if (mapType !== 'atomic' && mapType !== 'granular')
      violations.notSupported(`${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']);
  }
  const listType = schema['x-kubernetes-list-type'];
  if (listType !== undefined) {
    requireType(type, 'array', 'x-kubernetes-list-type', path, violations);
    if (!['atomic', 'set', 'map'].includes(listType))
      violations.notSupported(`${path}.x-kubernetes-list-type`, listType, ['atomic', 'map', 'set']);
  }
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (keys.length > 0 && listType !== 'map') {
    const detail = 'must be map if x-kubernetes-list-map-keys is non-empty';
    if (listType === undefined) violations.required(`${path}.x-kubernetes-list-type`, detail);
    else violations.invalid(`${path}.x-kubernetes-list-type`, listType, detail);
  }
  const items = schemaOf(schema.items);
  if (listType === 'set' && type === 'array' && items !== undefined) checkSetItems(items, path, violations);
  if (listType === 'map') checkListKeys(keys, items, path, violations);
  if ((listType === 'set' || listType === 'map') && items?.nullable === true)
    violations.forbidden(
      `${path}.items.nullable`,
      `cannot be nullable when x-kubernetes-list-type is ${listType}`,
    );
}

function requireType(type: string, wanted: string, by: string, path: string, violations: Violations): void {
  if (type === wanted) return;
  const detail = `must be ${wanted} if ${by} is specified`;
  if (type === '') violations.required(`${path}.type`, detail);
  else violations.invalid(`${path}.type`, type, detail);
}

/** What is in a set is compared as a whole. */
function checkSetItems(items: JSONSchemaProps, path: string, violations: Violations): void {
  const detail = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  const listType = items['x-kubernetes-list-type'];
  if (items.type === 'array' && listType !== undefined && listType !== 'atomic')
    violations.invalid(`${path}.items.x-kubernetes-list-type`, listType, detail);
  const mapType = items['x-kubernetes-map-type'];
  if (items.type === 'object' && mapType !== 'atomic')
    violations.invalid(`${path}.items.x-kubernetes-map-type`, mapType, detail);
}

function checkListKeys(
  keys: readonly string[],
  items: JSONSchemaProps | undefined,
  path: string,
  violations: Violations,
): void {
  const keysPath = `${path}.x-kubernetes-list-map-keys`;
  if (keys.length === 0) violations.required(keysPath, 'must not be empty if x-kubernetes-list-type is map');
  if (items === undefined) {
    violations.required(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map');
    return;
  }
  if (items.type !== 'object')
    violations.invalid(
      `${path}.items.type`,
      items.type ?? '',
      "must be object if parent array's x-kubernetes-list-type is map",
    );
  for (const [index, key] of keys.entries()) {
    if (keys.indexOf(key) < index) violations.invalid(keysPath, keys, 'must not contain duplicate entries');
    const property = items.properties?.[key];
    if (property === undefined) {
      violations.invalid(keysPath, keys, 'entries must all be names of item properties');
      continue;
    }
    const at = keyPath(`${path}.items.properties`, key);
    if (property.type === 'array' || property.type === 'object')
      violations.invalid(
        `${at}.type`,
        property.type,
        "must be a scalar type if parent array's x-kubernetes-list-type is map",
      );
    if (items.required?.includes(key) !== true && property.default === undefined)
      violations.required(
        `${at}.default`,
        'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
      );
    if (property.nullable === true)
      violations.forbidden(
        `${at}.nullable`,
        'this property is in x-kubernetes-list-map-keys, so it cannot be nullable',
      );
  }
}

function checkRules(rules: readonly ValidationRule[], path: string, violations: Violations): void {
  for (const [index, rule] of rules.entries()) {
    const at = `${path}[${String(index)}]`;
    const { message, messageExpression, reason, fieldPath } = rule;
    const hasBreaks = /[\r\n]/.test(rule.rule.trim());
    if (rule.rule.trim() === '') violations.required(`${at}.rule`, 'rule is not specified');
    if (message !== undefined && message !== '') {
      if (message.trim() === '')
        violations.invalid(`${at}.message`, message, 'must be non-empty if specified');
      else if (/[\r\n]/.test(message.trim()))
        violations.invalid(`${at}.message`, message, 'must not contain line breaks');
    } else if (hasBreaks)
      violations.required(`${at}.message`, 'message must be specified if rule contains line breaks');
    if (messageExpression !== undefined && messageExpression !== '' && messageExpression.trim() === '')
      violations.required(`${at}.messageExpression`, 'messageExpression must be non-empty if specified');
    if (reason !== undefined && !ruleReasons.includes(reason))
      violations.notSupported(`${at}.reason`, reason, ruleReasons);
    if (fieldPath !== undefined && fieldPath !== '') {
      if (fieldPath.trim() === '')
        violations.invalid(`${at}.fieldPath`, fieldPath, 'must be non-empty if specified');
      else if (/[\r\n]/.test(fieldPath.trim()))
        violations.invalid(`${at}.fieldPath`, fieldPath, 'must not contain line breaks');
    }
  }
}

function checkChildren(
  schema: JSONSchemaProps,
  path: string,
  context: Context,
  violations: Violations,
): void {
  const inner: Context = { ...context, isRoot: false };
  const visit = (child: JSONSchemaProps | undefined, at: string, within = inner): void => {
    if (child !== undefined) check(child, at, within, violations);
  };
  const others = schemaOf(schema.additionalProperties);
  visit(
    others,
    `${path}.additionalProperties`,
    context.inMeta
      ? { ...inner, noDefaults: 'inside additionalProperties applying to object metadata' }
      : inner,
  );
  const isResource = context.isRoot || schema['x-kubernetes-embedded-resource'] === true;
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const isMeta = isResource && metaFields.has(name);
    visit(property, keyPath(`${path}.properties`, name), {
      ...inner,
      inMeta: context.inMeta || isMeta,
      noDefaults: isMeta && context.isRoot ? `in top-level ${name}` : context.noDefaults,
    });
  }
  visit(schemaOf(schema.items), `${path}.items`);
  visit(schema.not, `${path}.not`);
  for (const word of ['allOf', 'oneOf', 'anyOf'] as const)
    for (const [index, one] of (schema[word] ?? []).entries())
      visit(one, `${path}.${word}[${String(index)}]`);
}
