/** Answers in the forms that every handler needs: JSON, errors as Status, warnings. */
import { StatusError } from '../../api/status-error.js';
import type { StoreError } from '../storage/store.js';
import type { Exchange } from './exchange.js';

export const jsonType = 'application/json';

export function respondJson(exchange: Exchange, status: number, value: unknown): void {
  exchange.respond(status, { 'content-type': jsonType }, JSON.stringify(value));
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
  exchange.respond(
    error.code,
    {
      'content-type': jsonType,
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    },
    JSON.stringify(error.toStatus()),
  );
  // The rest of a body that nobody will read would hold the stream open.
  if (!exchange.body.readableEnded) exchange.body.resume();
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
    case 'unavailable':
    case 'ambiguous':
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
