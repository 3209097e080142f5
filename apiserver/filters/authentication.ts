/**
 * Who is asking: by client certificate, else by bearer token, else anonymous. The first credential that proves a name
 * counts; when there are only bad ones, nobody is let in under another name.
 */
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { StatusError } from '../../api/status-error.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { Exchange } from '../http/exchange.js';
import type { AccessMetrics } from './access-metrics.js';
import { anonymous, authenticatedGroup } from './user-info.js';
import type { UserInfo } from './user-info.js';

export type { UserInfo } from './user-info.js';

export type TokenVerdict =
  | {
      readonly kind: 'accepted';
      readonly user: UserInfo;
      /** Those of the wanted audiences that the token is for. */
      readonly audiences: readonly string[];
    }
  | { readonly kind: 'rejected'; readonly reason: string };

/** May be asked concurrently. Without audiences a token must be for the apiserver itself. */
export interface TokenAuthenticator {
  authenticateToken(token: string, audiences?: readonly string[]): Promise<TokenVerdict>;
}

type CertificateVerdict =
  { readonly kind: 'none' } | { readonly kind: 'rejected'; readonly reason: string } | CertificateUser;
interface CertificateUser {
  readonly kind: 'accepted';
  readonly user: UserInfo;
  readonly validUntilMs: number;
}

export interface AuthenticatorParts {
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: AccessMetrics;
}

export class Authenticator {
  /** A connection's certificate does not change, and reading it is not free: one answer per connection. */
  readonly #connections = new WeakMap<object, CertificateVerdict>();
  readonly #tokens: TokenAuthenticator;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #metrics: AccessMetrics;

  constructor(tokens: TokenAuthenticator, { log, clock, metrics }: AuthenticatorParts) {
    this.#tokens = tokens;
    this.#log = log;
    this.#clock = clock;
    this.#metrics = metrics;
  }

  /**
   * The user behind an exchange. A certificate's common name is the user, its organisations are the groups. Throws
   * Unauthorized, without saying why: that is in the log, for those who run the server.
   */
  authenticate(exchange: Exchange): UserInfo | Promise<UserInfo> {
    const startedMs = this.#clock.monotonicMs();
    const certificate = this.#certificateOf(exchange.socket);
    if (certificate.kind === 'accepted') {
      this.#metrics.certificateUsed((certificate.validUntilMs - this.#clock.now()) / 1000);
      return this.#authenticated(certificate.user, startedMs);
    }
    const token = bearerToken(exchange.headers.authorization);
    if (token !== undefined) return this.#byToken(token, exchange.path, startedMs);
    if (certificate.kind === 'none') return this.#authenticated(anonymous, startedMs);
    throw this.#unauthorized(certificate.reason, exchange.path, startedMs);
  }

  async #byToken(token: string, path: string, startedMs: number): Promise<UserInfo> {
    let verdict: TokenVerdict;
    try {
      verdict = await this.#tokens.authenticateToken(token);
    } catch (error) {
      this.#metrics.authenticated('error', this.#secondsSince(startedMs));
      throw error;
    }
    if (verdict.kind === 'accepted') return this.#authenticated(verdict.user, startedMs);
    throw this.#unauthorized(verdict.reason, path, startedMs);
  }

  #authenticated(user: UserInfo, startedMs: number): UserInfo {
    this.#metrics.authenticated('success', this.#secondsSince(startedMs), user.name);
    return user;
  }

  #secondsSince(startedMs: number): number {
    return (this.#clock.monotonicMs() - startedMs) / 1000;
  }

  #unauthorized(reason: string, path: string, startedMs: number): StatusError {
    this.#metrics.authenticated('failure', this.#secondsSince(startedMs));
    this.#log.info('unable to authenticate a request', { path, reason });
    return new StatusError('Unauthorized', 'Unauthorized');
  }

  #certificateOf(socket: TLSSocket): CertificateVerdict {
    const before = this.#connections.get(socket);
    if (before !== undefined) return before;
    const verdict = verdictOfConnection(socket);
    this.#connections.set(socket, verdict);
    return verdict;
  }
}

/** Undefined when there is none: other schemes are nobody's, as in Kubernetes. */
export function bearerToken(header: string | undefined): string | undefined {
  const token = /^bearer +(\S+)$/i.exec(header?.trim() ?? '')?.[1];
  return token === '' ? undefined : token;
}

function verdictOfConnection(socket: TLSSocket): CertificateVerdict {
  const certificate: Partial<PeerCertificate> = socket.getPeerCertificate();
  const subject = certificate.subject as { CN?: string | string[]; O?: string | string[] } | undefined;
  if (subject === undefined) return { kind: 'none' };
  if (!socket.authorized) return { kind: 'rejected', reason: `x509: ${String(socket.authorizationError)}` };
  const name = list(subject.CN)[0];
  if (name === undefined) return { kind: 'rejected', reason: 'the client certificate has no common name' };
  const fingerprint = (certificate.fingerprint256 ?? '').replaceAll(':', '').toLowerCase();
  return {
    kind: 'accepted',
    validUntilMs: Date.parse(certificate.valid_to ?? ''),
    user: {
      name,
      groups: [...list(subject.O), authenticatedGroup],
      extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${fingerprint}`] },
    },
  };
}

function list(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value;
}
