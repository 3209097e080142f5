/** Answers in the forms that every handler needs: JSON, YAML, protobuf, errors as Status, warnings. */
import { encodeProtobuf, protobufType } from '../../api/protobuf/envelope.js';
import { loadSchema } from '../../api/schema/load.js';
import type { Schema } from '../../api/schema/model.js';
import { isStatusError, StatusError } from '../../api/status-error.js';
import type { StoreError } from '../storage/store.js';
import { sendBytes } from './compression.js';
import type { Exchange } from './exchange.js';
import { negotiate } from './negotiation.js';

export const jsonType = 'application/json';

export function respondJson(exchange: Exchange, status: number, value: unknown): void {
  exchange.respond(status, { 'content-type': jsonType }, JSON.stringify(value));
}

/** A value of the API with what is needed to write it in every form: the name of its type, `core/v1.Pod`. */
export interface TypedValue {
  readonly schema: Schema;
  readonly schemaName: string;
  readonly value: object;
}

/** Sends an object of the API in the format that was agreed on. */
export async function respondValue(
  exchange: Exchange,
  status: number,
  format: 'json' | 'yaml' | 'protobuf',
  { schema, schemaName, value }: TypedValue,
): Promise<void> {
  switch (format) {
    case 'json':
      await sendBytes(exchange, status, { 'content-type': jsonType }, Buffer.from(JSON.stringify(value)));
      return;
    case 'protobuf':
      await respondProtobuf(exchange, status, encodeProtobuf(schema, schemaName, value));
      return;
    case 'yaml': {
      const yaml = await import('yaml');
      const text = Buffer.from(yaml.stringify(value));
      await sendBytes(exchange, status, { 'content-type': 'application/yaml' }, text);
    }
  }
}

/** Sends an object that has its envelope already. */
export function respondProtobuf(exchange: Exchange, status: number, enveloped: Uint8Array): Promise<void> {
  return sendBytes(exchange, status, { 'content-type': protobufType }, enveloped);
}

/** Sends a Status that is no error: a Table of it, or its metadata alone, would say nothing, and nobody gets them. */
export async function respondStatus(exchange: Exchange, status: number, value: object): Promise<void> {
  const wanted = negotiate(exchange.headers.accept);
  const format = wanted.as === 'table' ? 'json' : wanted.format;
  await respondValue(exchange, status, format, {
    schema: loadSchema(),
    schemaName: statusSchemaName,
    value,
  });
}

const statusSchemaName = 'meta/v1.Status';

/** What is answered where something was done and there is no object to show: a binding, an eviction. */
export async function respondCreated(exchange: Exchange): Promise<void> {
  await respondStatus(exchange, 201, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    code: 201,
  });
}

export function respondText(exchange: Exchange, status: number, text: string): void {
  exchange.respond(
    status,
    { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
    text,
  );
}

/** Sends the error as a Status. After the head is out, all that is left is to break the stream off. */
export function respondError(exchange: Exchange, error: StatusError): void {
  if (exchange.status !== 0) {
    exchange.abort();
    return;
  }
  const retryAfter = error.details?.retryAfterSeconds;
  const inProtobuf = wantsProtobuf(exchange);
  exchange.respond(
    error.code,
    {
      'content-type': inProtobuf ? protobufType : jsonType,
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    },
    inProtobuf
      ? encodeProtobuf(loadSchema(), statusSchemaName, error.toStatus())
      : JSON.stringify(error.toStatus()),
  );
  // The rest of a body that nobody will read would hold the stream open.
  if (!exchange.body.readableEnded) exchange.body.resume();
}

/** Errors are said in JSON to those who want something that they cannot get, a Table, or YAML. */
function wantsProtobuf(exchange: Exchange): boolean {
  try {
    const wanted = negotiate(exchange.headers.accept);
    return wanted.as !== 'table' && wanted.format === 'protobuf';
  } catch (error) {
    if (isStatusError(error, 'NotAcceptable')) return false;
    throw error;
  }
}

/** A warning that kubectl prints: RFC 7234 code 299. */
export function addWarning(exchange: Exchange, text: string): void {
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll(/[\r\n]+/g, ' ');
  exchange.addHeader('warning', `299 - "${escaped}"`);
}

/** What went wrong in the store, in the API's words; undefined for an error that is no known outcome. */
export function statusOfStoreError(error: StoreError): StatusError {
  switch (error.code) {
    case 'compacted':
      return new StatusError('Expired', 'The resourceVersion for the provided watch is too old.', {
        cause: error,
      });
    case 'future-revision':
      return new StatusError('Timeout', `Too large resource version: ${error.message}`, {
        cause: error,
        details: {
          retryAfterSeconds: 1,
          causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
        },
      });
    case 'too-large':
      return new StatusError('RequestEntityTooLarge', `the object is too large to store: ${error.message}`, {
        cause: error,
      });
    case 'ambiguous':
      // Without a hint to retry: a client that repeats a POST that was applied meets its own object.
      return new StatusError('Timeout', `the store did not say in time: ${error.message}`, { cause: error });
    case 'unavailable':
    case 'closed':
      return new StatusError('ServiceUnavailable', `the store is unavailable: ${error.message}`, {
        cause: error,
        details: { retryAfterSeconds: 1 },
      });
    case 'locked':
    case 'corrupt':
      return new StatusError('InternalError', `the store failed: ${error.message}`, { cause: error });
  }
}
