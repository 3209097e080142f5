/** From a request's body to an object of its kind: type checks, unknown fields, warnings, defaults. */
import type { KubernetesObject } from '../../api/objects.js';
import { decodeProtobuf } from '../../api/protobuf/envelope.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { decodeObject, strictDecodingError, unknownFieldProblem } from '../../api/schema/decode.js';
import type { Schema } from '../../api/schema/model.js';
import { StatusError } from '../../api/status-error.js';
import type { RequestBody } from '../http/body.js';
import { readObjectBody } from '../http/body.js';
import type { Exchange } from '../http/exchange.js';
import { addWarning } from '../http/respond.js';
import { apiVersionOf } from '../storage/object-codec.js';
import type { ResourceRequest } from './context.js';
import { readFieldValidation } from './request-options.js';

/** Reads the body as the kind of the resource. Throws BadRequest and UnsupportedMediaType. */
export async function readResourceObject(request: ResourceRequest): Promise<KubernetesObject> {
  return decodeResource(request, await readResourceBody(request));
}

/** The body of a request for {@link decodeResource}, which may read it several times. */
export async function readResourceBody(request: ResourceRequest): Promise<RequestBody> {
  const { described } = request.served.type;
  const body = await readObjectBody(
    request.exchange,
    described === undefined ? undefined : (bytes) => decodeProtobuf(described.schema, bytes),
  );
  if (body === undefined) throw emptyBody();
  return body;
}

export function emptyBody(): StatusError {
  return new StatusError('BadRequest', 'the body of the request is empty: an object is expected');
}

/** Decodes what a client sent, or what a patch made, as the kind of the resource. */
export function decodeResource(request: ResourceRequest, body: RequestBody): KubernetesObject {
  const { definition } = request.served;
  const value = requireKind(body.value, definition);
  const { object, unknownFields } = request.served.type.read(value);
  reportProblems(request, unknownFields, body);
  object.kind = definition.kind;
  object.apiVersion = apiVersionOf(definition);
  // The description marks metadata as always there, and the name as optional: it may be generated.
  const metadata: { name?: string } = object.metadata;
  metadata.name ??= '';
  return object;
}

/** Says what of a body got lost: fields that nobody knows, keys that stood twice. Throws BadRequest if that is wanted. */
export function reportProblems(
  { exchange, served: { definition } }: ResourceRequest,
  unknownFields: readonly string[],
  { duplicates }: Pick<RequestBody, 'duplicates'>,
): void {
  const wanted = readFieldValidation(exchange);
  if (wanted === 'Ignore') return;
  const problems = [...(duplicates?.() ?? []), ...unknownFields.map(unknownFieldProblem)];
  if (problems.length === 0) return;
  if (wanted === 'Strict') throw strictDecodingError(definition.kind, definition.version, problems);
  for (const problem of problems) addWarning(exchange, problem);
}

/** A text as it is, anything else as JSON. */
function show(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The body's apiVersion and kind must be those of the URL; either may be left out. */
function requireKind(value: unknown, definition: ResourceDefinition): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new StatusError('BadRequest', 'the body of the request is not an object');
  const object = value as Record<string, unknown>;
  const expected = apiVersionOf(definition);
  const { apiVersion = expected, kind = definition.kind } = object;
  if (apiVersion !== expected)
    throw new StatusError(
      'BadRequest',
      `the API version in the data (${show(apiVersion)}) does not match the expected API version (${expected})`,
    );
  if (kind !== definition.kind)
    throw new StatusError(
      'BadRequest',
      `${show(kind)} in version "${definition.version}" cannot be handled as a ${definition.kind}`,
    );
  return object;
}

/**
 * Reads a body that is no resource of its own: a Binding, a Scale, DeleteOptions. Undefined when it is empty. Where it
 * says what it is, it must be that. Throws BadRequest.
 */
export async function readSubresourceObject<T>(
  exchange: Exchange,
  schema: Schema,
  schemaName: string,
): Promise<T | undefined> {
  const body = await readObjectBody(exchange, (bytes) => decodeProtobuf(schema, bytes, schemaName));
  if (body === undefined) return undefined;
  if (typeof body.value !== 'object' || body.value === null || Array.isArray(body.value))
    throw new StatusError('BadRequest', 'the body of the request is not an object');
  const [packageId = '', expected = ''] = schemaName.split('.');
  const version = packageId.slice(packageId.indexOf('/') + 1);
  const { kind = expected } = body.value as { readonly kind?: unknown };
  if (kind !== expected && kind !== '')
    throw new StatusError(
      'BadRequest',
      `${show(kind)} in version "${version}" cannot be handled as a ${expected}`,
    );
  return decodeObject<T>(schema, schemaName, body.value, { fill: false }).object;
}
