/**
 * The schema of a custom resource, ready to walk: what `openAPIV3Schema` says, with its unions resolved and its numbers
 * read once.
 *
 * Kubernetes calls such a schema structural: `type`, `properties`, `items` and the extensions describe the shape, and all
 * else restricts values. The same form serves both, because restrictions nest (allOf, anyOf, oneOf, not) like shapes do.
 */
import type { JSONSchemaProps, ValidationRule } from '../generated/apiextensions-v1.js';
import { isJsonObject } from '../patch/merge-patch.js';
import type { Pattern } from '../regular-expression.js';
import { compilePattern } from '../regular-expression.js';

export type ListType = 'atomic' | 'set' | 'map';

export interface SchemaNode {
  /** '' where nothing is said. */
  readonly type: string;
  readonly nullable: boolean;
  /** Undefined for none. */
  readonly default: unknown;
  readonly properties: ReadonlyMap<string, SchemaNode>;
  /** The schema of all other fields of an object; `true` for any. */
  readonly additionalProperties: SchemaNode | true | undefined;
  readonly items: SchemaNode | undefined;
  readonly preserveUnknownFields: boolean;
  readonly embeddedResource: boolean;
  readonly intOrString: boolean;
  readonly listType: ListType;
  readonly listMapKeys: readonly string[];
  readonly atomicMap: boolean;
  readonly rules: readonly ValidationRule[];

  readonly format: string;
  readonly maximum: Bound | undefined;
  readonly minimum: Bound | undefined;
  readonly multipleOf: number | undefined;
  readonly maxLength: number | undefined;
  readonly minLength: number | undefined;
  readonly pattern: Pattern | undefined;
  readonly maxItems: number | undefined;
  readonly minItems: number | undefined;
  readonly maxProperties: number | undefined;
  readonly minProperties: number | undefined;
  readonly required: readonly string[];
  readonly enum: readonly unknown[] | undefined;
  readonly allOf: readonly SchemaNode[];
  readonly anyOf: readonly SchemaNode[];
  readonly oneOf: readonly SchemaNode[];
  readonly not: SchemaNode | undefined;
  /** As it was written. */
  readonly source: JSONSchemaProps;
}

export interface Bound {
  readonly value: number;
  readonly exclusive: boolean;
}

/** Compiles a schema that passed the checks of its CustomResourceDefinition. Throws a SyntaxError for a bad pattern. */
export function compileSchema(source: JSONSchemaProps): SchemaNode {
  return {
    ...shapeOf(source),
    ...restrictionsOf(source),
    allOf: (source.allOf ?? []).map(compileSchema),
    anyOf: (source.anyOf ?? []).map(compileSchema),
    oneOf: (source.oneOf ?? []).map(compileSchema),
    not: source.not === undefined ? undefined : compileSchema(source.not),
    source,
  };
}

type Shape =
  | 'type'
  | 'nullable'
  | 'default'
  | 'properties'
  | 'additionalProperties'
  | 'items'
  | 'preserveUnknownFields'
  | 'embeddedResource'
  | 'intOrString'
  | 'listType'
  | 'listMapKeys'
  | 'atomicMap'
  | 'rules';

function shapeOf(source: JSONSchemaProps): Pick<SchemaNode, Shape> {
  const { additionalProperties } = source;
  const schemaOfOthers = schemaOf(additionalProperties);
  const items = schemaOf(source.items);
  return {
    type: source.type ?? '',
    nullable: source.nullable === true,
    default: source.default,
    properties: new Map(
      Object.entries(source.properties ?? {}).map(([name, property]) => [name, compileSchema(property)]),
    ),
    additionalProperties:
      schemaOfOthers !== undefined
        ? compileSchema(schemaOfOthers)
        : additionalProperties === true
          ? true
          : undefined,
    items: items === undefined ? undefined : compileSchema(items),
    preserveUnknownFields: source['x-kubernetes-preserve-unknown-fields'] === true,
    embeddedResource: source['x-kubernetes-embedded-resource'] === true,
    intOrString: source['x-kubernetes-int-or-string'] === true,
    listType: (source['x-kubernetes-list-type'] ?? 'atomic') as ListType,
    listMapKeys: source['x-kubernetes-list-map-keys'] ?? [],
    atomicMap: source['x-kubernetes-map-type'] === 'atomic',
    rules: source['x-kubernetes-validations'] ?? [],
  };
}

function restrictionsOf(
  source: JSONSchemaProps,
): Omit<SchemaNode, Shape | 'allOf' | 'anyOf' | 'oneOf' | 'not' | 'source'> {
  const { pattern } = source;
  return {
    format: source.format ?? '',
    maximum: boundOf(source.maximum, source.exclusiveMaximum),
    minimum: boundOf(source.minimum, source.exclusiveMinimum),
    multipleOf: source.multipleOf,
    maxLength: source.maxLength,
    minLength: source.minLength,
    pattern: pattern === undefined || pattern === '' ? undefined : compilePattern(pattern),
    maxItems: source.maxItems,
    minItems: source.minItems,
    maxProperties: source.maxProperties,
    minProperties: source.minProperties,
    required: source.required ?? [],
    enum: source.enum,
  };
}

function boundOf(value: number | undefined, exclusive: boolean | undefined): Bound | undefined {
  return value === undefined ? undefined : { value, exclusive: exclusive === true };
}

/** The schema of a union that may also be a boolean or a list. */
export function schemaOf(union: unknown): JSONSchemaProps | undefined {
  return isJsonObject(union) ? union : undefined;
}

/** The schema of one field of an object, or of one key of a map. */
export function childOf(node: SchemaNode, key: string): SchemaNode | undefined {
  const property = node.properties.get(key);
  if (property !== undefined) return property;
  return node.additionalProperties === true ? undefined : node.additionalProperties;
}

/** A schema and all that are in it. */
export function* schemasWithin(schema: JSONSchemaProps): Generator<JSONSchemaProps> {
  yield schema;
  const children = [
    ...Object.values(schema.properties ?? {}),
    ...(schema.allOf ?? []),
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
    schema.not,
    schemaOf(schema.items),
    schemaOf(schema.additionalProperties),
  ];
  for (const child of children) if (child !== undefined) yield* schemasWithin(child);
}
