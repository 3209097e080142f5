/**
 * The protobuf form of an OpenAPI 2 document: the message `openapi.v2.Document` of gnostic, which older kubectl releases
 * fetch for their validation on the client. Maps are ordered lists of name and value there, extensions are YAML.
 */
import protobuf from 'protobufjs/minimal.js';
import type { Writer } from 'protobufjs';
import type { DocumentV2, OperationV2, PartOfDocument, PathItemV2 } from './documents.js';
import type { SchemaObject } from './schema-objects.js';

/** Type, number and repetition of the fields that these documents use. */
type FieldSpec = readonly [type: string, id: number, repeated?: true];

const messages: Readonly<Record<string, Readonly<Record<string, FieldSpec>>>> = {
  Any: { yaml: ['string', 2] },
  NamedAny: { name: ['string', 1], value: ['Any', 2] },
  Document: {
    swagger: ['string', 1],
    info: ['Info', 2],
    paths: ['Paths', 8],
    definitions: ['NamedSchemas', 9],
  },
  Info: { title: ['string', 1], version: ['string', 2] },
  Paths: { path: ['NamedPathItem', 2, true] },
  NamedPathItem: { name: ['string', 1], value: ['PathItem', 2] },
  PathItem: {
    get: ['Operation', 2],
    put: ['Operation', 3],
    post: ['Operation', 4],
    delete: ['Operation', 5],
    options: ['Operation', 6],
    head: ['Operation', 7],
    patch: ['Operation', 8],
    parameters: ['ParametersItem', 9, true],
  },
  Operation: {
    tags: ['string', 1, true],
    description: ['string', 3],
    operationId: ['string', 5],
    produces: ['string', 6, true],
    consumes: ['string', 7, true],
    parameters: ['ParametersItem', 8, true],
    responses: ['Responses', 9],
    schemes: ['string', 10, true],
    vendorExtension: ['NamedAny', 13, true],
  },
  ParametersItem: { parameter: ['Parameter', 1] },
  Parameter: { body: ['BodyParameter', 1], nonBody: ['NonBodyParameter', 2] },
  BodyParameter: {
    description: ['string', 1],
    name: ['string', 2],
    in: ['string', 3],
    required: ['bool', 4],
    schema: ['Schema', 5],
  },
  NonBodyParameter: { query: ['QueryParameter', 3], path: ['PathParameter', 4] },
  QueryParameter: {
    in: ['string', 2],
    description: ['string', 3],
    name: ['string', 4],
    type: ['string', 6],
    uniqueItems: ['bool', 20],
  },
  PathParameter: {
    required: ['bool', 1],
    in: ['string', 2],
    description: ['string', 3],
    name: ['string', 4],
    type: ['string', 5],
    uniqueItems: ['bool', 19],
  },
  Responses: { responseCode: ['NamedResponseValue', 1, true] },
  NamedResponseValue: { name: ['string', 1], value: ['ResponseValue', 2] },
  ResponseValue: { response: ['Response', 1] },
  Response: { description: ['string', 1], schema: ['SchemaItem', 2] },
  SchemaItem: { schema: ['Schema', 1] },
  /** Both `Definitions` and `Properties` have this form. */
  NamedSchemas: { additionalProperties: ['NamedSchema', 1, true] },
  NamedSchema: { name: ['string', 1], value: ['Schema', 2] },
  AdditionalPropertiesItem: { schema: ['Schema', 1] },
  TypeItem: { value: ['string', 1, true] },
  ItemsItem: { schema: ['Schema', 1, true] },
  Schema: {
    ref: ['string', 1],
    format: ['string', 2],
    description: ['string', 4],
    default: ['Any', 5],
    required: ['string', 19, true],
    enum: ['Any', 20, true],
    additionalProperties: ['AdditionalPropertiesItem', 21],
    type: ['TypeItem', 22],
    items: ['ItemsItem', 23],
    properties: ['NamedSchemas', 25],
    vendorExtension: ['NamedAny', 31, true],
  },
};

/** The bytes of a `gnostic` Document. */
export function encodeGnosticDocument(document: DocumentV2): Uint8Array {
  const { swagger, info, paths, definitions } = document;
  const message = {
    swagger,
    info,
    paths: { path: entries(paths).map(([name, item]) => ({ name, value: pathItem(item) })) },
    definitions: namedSchemas(definitions),
  };
  const writer = protobuf.Writer.create();
  writeMessage(writer, 'Document', message);
  return writer.finish();
}

/** Writes the members that are there by the table above; a table is enough here, and spares loading a compiler. */
function writeMessage(writer: Writer, type: string, message: object): void {
  const members = message as Readonly<Record<string, unknown>>;
  for (const [name, [fieldType, id, repeated]] of entries(messages[type] ?? {})) {
    const value = members[name];
    if (value === undefined) continue;
    if (repeated !== true) writeField(writer, fieldType, id, value);
    else for (const one of value as readonly unknown[]) writeField(writer, fieldType, id, one);
  }
}

/** Whether what another server says can be written so: documents of others may use more of OpenAPI than those of this one. */
export function hasGnosticForm(part: PartOfDocument): boolean {
  try {
    encodeGnosticDocument({ swagger: '2.0', info: { title: '', version: '' }, ...part });
    return true;
  } catch {
    return false;
  }
}

const varint = 0;
const lengthDelimited = 2;

function writeField(writer: Writer, type: string, id: number, value: unknown): void {
  if (type === 'string') {
    writer.uint32((id << 3) | lengthDelimited).string(value as string);
  } else if (type === 'bool') {
    writer.uint32((id << 3) | varint).bool(value as boolean);
  } else {
    writer.uint32((id << 3) | lengthDelimited).fork();
    writeMessage(writer, type, value as object);
    writer.ldelim();
  }
}

function entries<T>(record: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(record);
}

function pathItem(item: PathItemV2): object {
  const { parameters, ...operations } = item;
  const message: Record<string, unknown> = { parameters: parameters.map(parameter) };
  for (const [method, one] of entries(operations)) message[method] = operation(one);
  return message;
}

function operation(one: OperationV2): object {
  const { tags, description, operationId, produces, consumes, schemes, parameters = [], responses } = one;
  return {
    tags,
    description,
    operationId,
    produces,
    consumes,
    schemes,
    parameters: parameters.map(parameter),
    responses: {
      responseCode: entries(responses).map(([name, { description: text, schema: answer }]) => ({
        name,
        value: {
          response: {
            description: text,
            ...(answer === undefined ? {} : { schema: { schema: schema(answer) } }),
          },
        },
      })),
    },
    vendorExtension: vendorExtensions(one),
  };
}

function parameter(one: PathItemV2['parameters'][number]): object {
  if (one.in === 'body') return { parameter: { body: { ...one, schema: schema(one.schema ?? {}) } } };
  return { parameter: { nonBody: { [one.in]: one } } };
}

function schema(one: SchemaObject): object {
  return {
    ref: one.$ref,
    format: one.format,
    description: one.description,
    ...(one.default === undefined ? {} : { default: any(one.default) }),
    required: one.required,
    enum: one.enum?.map(any),
    ...(one.additionalProperties === undefined
      ? {}
      : { additionalProperties: { schema: schema(one.additionalProperties) } }),
    ...(one.type === undefined ? {} : { type: { value: [one.type] } }),
    ...(one.items === undefined ? {} : { items: { schema: [schema(one.items)] } }),
    ...(one.properties === undefined ? {} : { properties: namedSchemas(one.properties) }),
    vendorExtension: vendorExtensions(one),
  };
}

function namedSchemas(schemas: Readonly<Record<string, SchemaObject>>): object {
  return {
    additionalProperties: entries(schemas).map(([name, one]) => ({ name, value: schema(one) })),
  };
}

/** JSON is YAML. */
function any(value: unknown): object {
  return { yaml: JSON.stringify(value) };
}

function vendorExtensions(one: object): object[] {
  return Object.entries(one)
    .filter(([name]) => name.startsWith('x-'))
    .map(([name, value]) => ({ name, value: any(value) }));
}
