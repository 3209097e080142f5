/**
 * What an error of a call to etcd means for what was asked: pure, a table.
 *
 * etcd has a dozen reasons for each gRPC code; which one it is stands in the text alone, and its own clients go by
 * it. The texts are those of etcd 3.4 to 3.6 (api/v3rpc/rpctypes/error.go).
 */
import { status as grpcStatus } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { StoreError } from '../../store.js';
import type { StoreErrorCode } from '../../store.js';

export type FailureKind =
  /** The connection or the member failed: what was asked may have been done or not. */
  | 'connection'
  /** This member could not begin with it: another one may be asked, for a write too. */
  | 'not-begun'
  /** The token is unknown or of another time: log in again. */
  | 'token'
  | 'compacted'
  | 'future-revision'
  | 'too-large'
  /** Keys that go with a lease cannot be written any more: the lease is over. */
  | 'lease-gone'
  /** etcd said no, and nothing was done. */
  | 'refused';

/** A call that failed: at which endpoint, why, and what that means. */
export class EtcdCallError extends Error {
  override readonly name = 'EtcdCallError';
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

const kindByText: Readonly<Record<string, FailureKind>> = {
  'etcdserver: no leader': 'not-begun',
  'etcdserver: rpc not supported for learner': 'not-begun',
  'etcdserver: invalid auth token': 'token',
  'etcdserver: revision of auth store is old': 'token',
  'etcdserver: mvcc: required revision has been compacted': 'compacted',
  'etcdserver: mvcc: required revision is a future revision': 'future-revision',
  'etcdserver: request is too large': 'too-large',
  'etcdserver: requested lease not found': 'lease-gone',
};

/** What to do about it, where the text of etcd alone would leave somebody puzzled. */
const adviceByText: Readonly<Record<string, string>> = {
  'etcdserver: mvcc: database space exceeded':
    'etcd is full (alarm NOSPACE): compact and defragment it or raise --quota-backend-bytes, then disarm the alarm (etcdctl alarm disarm)',
  'etcdserver: too many requests': 'etcd is overloaded and takes no more requests for the moment',
  'etcdserver: permission denied': 'the user has no permission for these keys: grant its role the prefix',
  'etcdserver: user name is empty': 'etcd asks for a user and password (--etcd-credentials-file)',
  'etcdserver: authentication failed, invalid user ID or password':
    'etcd does not accept the user and password (--etcd-credentials-file)',
};

const connectionCodes: ReadonlySet<grpcStatus> = new Set([
  grpcStatus.UNAVAILABLE,
  grpcStatus.DEADLINE_EXCEEDED,
  grpcStatus.CANCELLED,
  grpcStatus.UNKNOWN,
  grpcStatus.INTERNAL,
  grpcStatus.ABORTED,
]);

/** The kind of a failure from the code and text of a gRPC status. */
export function failureKind(code: grpcStatus, details: string): FailureKind {
  const known = kindByText[details];
  if (known !== undefined) return known;
  // gRPC's own limit on messages; etcd's server sets it a little above its limit on requests.
  if (code === grpcStatus.RESOURCE_EXHAUSTED && /message larger than max/.test(details)) return 'too-large';
  if (details.startsWith('No connection established')) return 'not-begun';
  return connectionCodes.has(code) ? 'connection' : 'refused';
}

export function callError(endpoint: string, { code, details, ...error }: ServiceError): EtcdCallError {
  const advice = adviceByText[details];
  const reason = advice === undefined ? reasonOf(endpoint, details) : `${advice}: ${details}`;
  return new EtcdCallError(failureKind(code, details), `etcd at ${endpoint}: ${reason}`, { cause: error });
}

/** gRPC wraps the reason of a failed connection, adds the time, and does not say what a wrong scheme looks like. */
export function reasonOf(endpoint: string, details: string): string {
  const found =
    /^No connection established\. Last error: (?:Error: )?(.*?)(?: \([^()]*Z\))?(?:\.? Resolution note: .*)?$/s.exec(
      details,
    );
  const last = found?.[1];
  if (last === undefined) return details;
  if (
    endpoint.startsWith('https:') &&
    /wrong version number|packet length too long|before secure TLS/i.test(last)
  )
    return `${last} (perhaps the server speaks no TLS, and its URL begins with http://)`;
  // A server without TLS may close before its answer is read; so does one that wants a certificate and sees none.
  if (endpoint.startsWith('https:') && /socket hang up|ECONNRESET/i.test(last))
    return `${last} (perhaps the server speaks no TLS, and its URL begins with http://, or it asks for a client certificate)`;
  if (
    endpoint.startsWith('http:') &&
    /^Failed to connect|Protocol error|socket hang up|ECONNRESET/i.test(last)
  )
    return `${last} (perhaps the server speaks TLS, and its URL begins with https://)`;
  return last;
}

const codes: Readonly<Partial<Record<FailureKind, StoreErrorCode>>> = {
  compacted: 'compacted',
  'future-revision': 'future-revision',
  'too-large': 'too-large',
};

/** The store's word for it. Of a write whose kind is `connection`, only the caller knows more: it may be `ambiguous`. */
export function storeErrorOf(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  if (error instanceof EtcdCallError)
    return new StoreError(codes[error.kind] ?? 'unavailable', error.message, { cause: error });
  const reason = error instanceof Error ? error.message : String(error);
  return new StoreError('unavailable', `etcd: ${reason}`, { cause: error });
}
