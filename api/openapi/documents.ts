/** The OpenAPI documents, from the neutral operations and the schema objects. */
import type { ResourceDefinition } from '../resources.js';
import type { Schema } from '../schema/model.js';
import type { ApiOperation, ApiPath, PathParameter } from './operations.js';
import { pathsOf } from './operations.js';
import type { QueryParameter } from './query-parameters.js';
import { prettyParameter } from './query-parameters.js';
import type { CustomSchema, SchemaObject } from './schema-objects.js';
import { SchemaObjectBuilder } from './schema-objects.js';

export interface DocumentSource {
  readonly schema: Schema;
  readonly resources: readonly ResourceDefinition[];
  /** The schemas of the custom resources among them, by `schemaName`. */
  readonly custom: ReadonlyMap<string, CustomSchema>;
  /** The server's version, `v1.35.0`. */
  readonly version: string;
  /** What servers behind this one say of themselves, for the document of OpenAPI 2. */
  readonly remote?: readonly PartOfDocument[];
}

const objectTypes = ['application/json', 'application/yaml'];
const streamTypes = ['application/json;stream=watch'];
const patchTypes = {
  patch: [
    'application/json-patch+json',
    'application/merge-patch+json',
    'application/strategic-merge-patch+json',
    'application/apply-patch+yaml',
  ],
  'plain patch': [
    'application/json-patch+json',
    'application/merge-patch+json',
    'application/apply-patch+yaml',
  ],
};
const descriptionsOfPathParameters: Readonly<Record<PathParameter, string>> = {
  name: 'name of the object',
  namespace: 'namespace of the object',
  path: 'path at the backend',
};

interface ParameterV2 {
  readonly name: string;
  readonly in: 'query' | 'path' | 'body';
  readonly description?: string;
  readonly required?: boolean;
  readonly type?: string;
  readonly uniqueItems?: boolean;
  readonly schema?: SchemaObject;
}

export interface OperationV2 {
  readonly operationId: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly consumes: readonly string[];
  readonly produces: readonly string[];
  readonly schemes: readonly string[];
  readonly parameters?: readonly ParameterV2[];
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly schema?: SchemaObject }>
  >;
  readonly [extension: `x-${string}`]: unknown;
}

export type PathItemV2 = Partial<Record<ApiOperation['method'], OperationV2>> & {
  readonly parameters: readonly ParameterV2[];
};

export interface DocumentV2 {
  readonly swagger: '2.0';
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, PathItemV2>>;
  readonly definitions: Readonly<Record<string, SchemaObject>>;
}

/** What another server has to say about the group and version that it serves. */
export interface PartOfDocument {
  readonly paths: DocumentV2['paths'];
  readonly definitions: DocumentV2['definitions'];
}

const title = 'Knarr';

/** OpenAPI 2: one document for all groups. */
export function buildDocumentV2({ schema, resources, custom, version }: DocumentSource): DocumentV2 {
  const builder = new SchemaObjectBuilder(schema, 'v2', resources, custom);
  const paths: Record<string, PathItemV2> = {};
  for (const path of sorted(pathsOf(resources))) {
    const operations = path.operations.map((one) => [one.method, operationV2(one, builder)] as const);
    paths[path.path] = {
      ...Object.fromEntries(operations),
      parameters: [...path.pathParameters.map(pathParameterV2), queryParameterV2(prettyParameter)],
    };
  }
  return { swagger: '2.0', info: { title, version }, paths, definitions: builder.definitions() };
}

function operationV2(operation: ApiOperation, builder: SchemaObjectBuilder): OperationV2 {
  const { operationId, description, tag, body, query, response } = operation;
  const bodies: ParameterV2[] = [];
  if (typeof body === 'string')
    bodies.push({ name: 'body', in: 'body', required: true, schema: { type: 'object' } });
  else if (body !== undefined)
    bodies.push({
      name: 'body',
      in: 'body',
      ...(body.required ? { required: true } : {}),
      schema: builder.reference(body.type),
    });
  const parameters = [...bodies, ...query.map(queryParameterV2)];
  return {
    operationId,
    description,
    tags: [tag],
    consumes: typeof body === 'string' ? patchTypes[body] : ['*/*'],
    produces: typesOfAnswer(operation),
    schemes: ['https'],
    ...(parameters.length === 0 ? {} : { parameters }),
    responses: {
      200: {
        description: 'OK',
        schema: response === 'text' ? { type: 'string' } : builder.reference(response),
      },
      401: { description: 'Unauthorized' },
    },
    ...extensionsOf(operation),
  };
}

function queryParameterV2({ name, type, description }: QueryParameter): ParameterV2 {
  return { name, in: 'query', type, description, uniqueItems: true };
}

function pathParameterV2(name: PathParameter): ParameterV2 {
  const description = descriptionsOfPathParameters[name];
  return { name, in: 'path', required: true, type: 'string', description, uniqueItems: true };
}

function extensionsOf({ action, gvk }: ApiOperation): Record<`x-${string}`, unknown> {
  return { 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': gvk };
}

function typesOfAnswer({ action, response }: ApiOperation): string[] {
  if (response === 'text') return action === 'connect' ? ['*/*'] : ['text/plain', ...objectTypes];
  return action === 'list' ? [...objectTypes, ...streamTypes] : objectTypes;
}

/** OpenAPI 3: a document for each group and version, by `api/v1` and `apis/<group>/<version>`. */
export function rootsOf({ resources }: DocumentSource): string[] {
  return [...new Set(pathsOf(resources).map(({ root }) => root))].sort();
}

export function buildDocumentV3(
  { schema, resources, custom, version }: DocumentSource,
  root: string,
): object {
  const builder = new SchemaObjectBuilder(schema, 'v3', resources, custom);
  const paths: Record<string, object> = {};
  for (const path of sorted(pathsOf(resources))) {
    if (path.root !== root) continue;
    const operations = path.operations.map((one) => [one.method, operationV3(one, builder)] as const);
    paths[path.path] = {
      ...Object.fromEntries(operations),
      parameters: [...path.pathParameters.map(pathParameterV3), queryParameterV3(prettyParameter)],
    };
  }
  return {
    openapi: '3.0.0',
    info: { title, version },
    paths,
    components: { schemas: builder.definitions() },
  };
}

function operationV3(operation: ApiOperation, builder: SchemaObjectBuilder): object {
  const { operationId, description, tag, body, query, response } = operation;
  const answer = response === 'text' ? { type: 'string' } : builder.reference(response);
  return {
    operationId,
    description,
    tags: [tag],
    ...(query.length === 0 ? {} : { parameters: query.map(queryParameterV3) }),
    ...(body === undefined ? {} : { requestBody: requestBodyV3(body, builder) }),
    responses: {
      200: { description: 'OK', content: contentOf(typesOfAnswer(operation), answer) },
      401: { description: 'Unauthorized' },
    },
    ...extensionsOf(operation),
  };
}

function requestBodyV3(body: NonNullable<ApiOperation['body']>, builder: SchemaObjectBuilder): object {
  if (typeof body === 'string')
    return { required: true, content: contentOf(patchTypes[body], { type: 'object' }) };
  return {
    ...(body.required ? { required: true } : {}),
    content: contentOf(['*/*'], builder.reference(body.type)),
  };
}

function contentOf(types: readonly string[], schema: SchemaObject): object {
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

function queryParameterV3({ name, type, description }: QueryParameter): object {
  return { name, in: 'query', description, schema: { type, uniqueItems: true } };
}

function pathParameterV3(name: PathParameter): object {
  const description = descriptionsOfPathParameters[name];
  return { name, in: 'path', required: true, description, schema: { type: 'string', uniqueItems: true } };
}

function sorted(paths: readonly ApiPath[]): ApiPath[] {
  return [...paths].sort((a, b) => (a.path < b.path ? -1 : 1));
}
