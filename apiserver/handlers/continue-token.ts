/** Where a chunked list goes on: the revision of its first chunk and the last key that was sent. */
import { StatusError } from '../../api/status-error.js';

/**
 * In the place of a revision: go on with the state as it then is. It stands in the token that a client gets when the
 * revision of its list is gone.
 */
export const latestRevision = -1;

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
    throw invalidToken('it is not JSON in base64', cause);
  }
  const { v, rv, start } = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  if (v !== version)
    throw invalidToken(`server does not recognize this encoded version ${JSON.stringify(v ?? '')}`);
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || (rv < 1 && rv !== latestRevision))
    throw invalidToken(`incorrect encoded start resourceVersion (version ${version})`);
  if (typeof start !== 'string' || start === '')
    throw invalidToken(`encoded start key empty (version ${version})`);
  // The key stays below the collection of the request: nobody reads another one by a token of his own making.
  if (start.startsWith('/') || start.split('/').includes('..'))
    throw invalidToken(`${JSON.stringify(start)} is no start key`);
  return { revision: rv, start };
}

function invalidToken(why: string, cause?: unknown): StatusError {
  return new StatusError('BadRequest', `invalid continue token: continue key is not valid: ${why}`, {
    cause,
  });
}
