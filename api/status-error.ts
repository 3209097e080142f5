/**
 * The one error that crosses Knarr's API boundary: a Kubernetes Status with its reason and HTTP code.
 *
 * The apiserver throws it and serialises it; the client parses it back. Match on `reason`, never on text.
 */
import type { Status, StatusCause, StatusDetails } from './generated/meta-v1.js';

/** Reasons of metav1.Status with the HTTP code that belongs to each. */
export const statusReasons = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  NotImplemented: 501,
  ServiceUnavailable: 503,
  Timeout: 504,
  ServerTimeout: 500,
  /** What Kubernetes gives no reason for: a Status then has none, and clients show the message alone. */
  Unknown: 500,
} as const;
export type StatusReason = keyof typeof statusReasons;

export interface StatusErrorOptions {
  readonly details?: StatusDetails;
  readonly cause?: unknown;
  /** Overrides the code that belongs to the reason. */
  readonly code?: number;
  /** Where a list that has expired can go on nevertheless. */
  readonly continueToken?: string;
}

export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly reason: StatusReason;
  readonly code: number;
  readonly details: StatusDetails | undefined;
  readonly continueToken: string | undefined;

  constructor(reason: StatusReason, message: string, options: StatusErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.code = options.code ?? statusReasons[reason];
    this.details = options.details;
    this.continueToken = options.continueToken;
  }

  toStatus(): Status {
    return {
      apiVersion: 'v1',
      kind: 'Status',
      metadata: this.continueToken === undefined ? {} : { continue: this.continueToken },
      status: 'Failure',
      message: this.message,
      ...(this.reason === 'Unknown' ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }

  /** From a Status that a server sent; an unknown reason becomes InternalError with the server's code. */
  static fromStatus(status: Partial<Status>, httpCode: number): StatusError {
    const known = status.reason !== undefined && Object.hasOwn(statusReasons, status.reason);
    const reason = known ? (status.reason as StatusReason) : reasonOfCode(httpCode);
    return new StatusError(reason, status.message ?? `the server answered ${String(httpCode)}`, {
      code: status.code ?? httpCode,
      ...(status.details === undefined ? {} : { details: status.details }),
      ...(status.metadata?.continue === undefined ? {} : { continueToken: status.metadata.continue }),
    });
  }
}

function reasonOfCode(code: number): StatusReason {
  for (const [reason, reasonCode] of Object.entries(statusReasons)) {
    if (reasonCode === code) return reason as StatusReason;
  }
  return 'InternalError';
}

export function isStatusError(error: unknown, reason?: StatusReason): error is StatusError {
  return error instanceof StatusError && (reason === undefined || error.reason === reason);
}

/** Which resource an error speaks of: the words that kubectl users know. */
export interface ErrorSubject {
  readonly group: string;
  readonly resource: string;
  readonly kind?: string;
}

function qualified(subject: ErrorSubject): string {
  return subject.group === '' ? subject.resource : `${subject.resource}.${subject.group}`;
}

/** What an error is about; the core group has no name, and Kubernetes leaves it out. */
function detailsOf(subject: ErrorSubject, name: string, kind = subject.resource): StatusDetails {
  return { name, ...(subject.group === '' ? {} : { group: subject.group }), kind };
}

export function notFound(subject: ErrorSubject, name: string): StatusError {
  return new StatusError('NotFound', `${qualified(subject)} "${name}" not found`, {
    details: detailsOf(subject, name),
  });
}

export function alreadyExists(subject: ErrorSubject, name: string): StatusError {
  return new StatusError('AlreadyExists', `${qualified(subject)} "${name}" already exists`, {
    details: detailsOf(subject, name),
  });
}

export function conflict(subject: ErrorSubject, name: string, why: string): StatusError {
  return new StatusError(
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(subject)} "${name}": ${why}`,
    { details: detailsOf(subject, name) },
  );
}

/** 422 with every violation at once, each with its field path. */
export function invalid(subject: ErrorSubject, name: string, causes: readonly StatusCause[]): StatusError {
  const kind = subject.kind ?? subject.resource;
  const qualifiedKind = subject.group === '' ? kind : `${kind}.${subject.group}`;
  const texts = causes.map((cause) => `${cause.field ?? ''}: ${cause.message ?? ''}`);
  const list = texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
  return new StatusError('Invalid', `${qualifiedKind} "${name}" is invalid: ${list}`, {
    details: { ...detailsOf(subject, name, kind), causes: [...causes] },
  });
}
