/** Where a chunked list goes on: the revision of its first chunk and the last key that was sent. */
import { StatusError } from '../../api/status-error.js';

export interface ContinuePoint {
  readonly revision: number;
  /** The key to go on with, relative to the collection's prefix. */
  readonly start: string;
}

const version = 'meta.k8s.io/v1';

/** Opaque for clients; the form that Kubernetes uses. */
export function encodeContinue({ revision, start }: ContinuePoint): string {
  return Buffer.from(JSON.stringify({ v: version, rv: revision, start })).toString('base64url');
}

/** Throws BadRequest for what this server did not make. */
export function decodeContinue(token: string): ContinuePoint {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch (cause) {
    throw invalidToken(cause);
  }
  const { v, rv, start } = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  if (
    v !== version ||
    typeof rv !== 'number' ||
    !Number.isSafeInteger(rv) ||
    rv < 1 ||
    typeof start !== 'string'
  )
    throw invalidToken(undefined);
  if (start.startsWith('/') || start.split('/').includes('..')) throw invalidToken(undefined);
  return { revision: rv, start };
}

function invalidToken(cause: unknown): StatusError {
  return new StatusError('BadRequest', 'continue key is not valid', { cause });
}
