/** The schema of a custom resource as OpenAPI publishes it: `kubectl explain`, and the checks that clients make. */
import type { SchemaObject } from '../openapi/schema-objects.js';
import type { JSONSchemaProps } from '../generated/apiextensions-v1.js';
import { schemaOf } from './schema-node.js';

/** OpenAPI 3 says everything that a schema can say, but for what is only there for the server. */
export function customSchemaV3(source: JSONSchemaProps): SchemaObject {
  return structuredClone(source) as unknown as SchemaObject;
}

/** Keywords that OpenAPI 2 has, too. Defaults are left out: old clients would fill them in by themselves. */
const keywordsV2 = [
  'description',
  'title',
  'format',
  'maximum',
  'exclusiveMaximum',
  'minimum',
  'exclusiveMinimum',
  'maxLength',
  'minLength',
  'pattern',
  'maxItems',
  'minItems',
  'multipleOf',
  'enum',
  'maxProperties',
  'minProperties',
] as const;

/** OpenAPI 2 knows no null and no alternatives: what may be either is described as anything, so that no client refuses it. */
export function customSchemaV2(source: JSONSchemaProps): SchemaObject {
  const result: Record<string, unknown> = {};
  for (const name of keywordsV2) if (source[name] !== undefined) result[name] = source[name];
  for (const [name, value] of Object.entries(source))
    if (name.startsWith('x-') && name !== 'x-kubernetes-validations') result[name] = value;
  const isOpen = source.nullable === true || source['x-kubernetes-preserve-unknown-fields'] === true;
  if (source.type !== undefined && source.nullable !== true) result['type'] = source.type;
  const properties = source.properties ?? {};
  const required = (source.required ?? []).filter((name) => properties[name]?.nullable !== true);
  if (!isOpen && required.length > 0) result['required'] = required;
  if (isOpen) return result;
  const items = schemaOf(source.items);
  const others = schemaOf(source.additionalProperties);
  if (items !== undefined) result['items'] = customSchemaV2(items);
  if (others !== undefined) result['additionalProperties'] = customSchemaV2(others);
  if (source.properties !== undefined)
    result['properties'] = Object.fromEntries(
      Object.entries(properties).map(([name, property]) => [name, customSchemaV2(property)]),
    );
  return result;
}
