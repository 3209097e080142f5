/**
 * Who is asking: by client certificate, else by bearer token, else anonymous. The first credential that proves a name
 * counts; when there are only bad ones, nobody is let in under another name.
 */
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { StatusError } from '../../api/status-error.js';
import type { Logger } from '../../common/log.js';
import type { Exchange } from '../http/exchange.js';
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
}

export class Authenticator {
  /** A connection's certificate does not change, and reading it is not free: one answer per connection. */
  readonly #connections = new WeakMap<object, CertificateVerdict>();
  readonly #tokens: TokenAuthenticator;
  readonly #log: Logger;

  constructor(tokens: TokenAuthenticator, log: Logger) {
    this.#tokens = tokens;
    this.#log = log;
  }

  /**
   * The user behind an exchange. A certificate's common name is the user, its organisations are the groups. Throws
   * Unauthorized, without saying why: that is in the log, for those who run the server.
   */
  authenticate(exchange: Exchange): UserInfo | Promise<UserInfo> {
    const certificate = this.#certificateOf(exchange.socket);
    if (certificate.kind === 'accepted') return certificate.user;
    const token = bearerToken(exchange.headers.authorization);
    if (token !== undefined) return this.#byToken(token, exchange.path);
    if (certificate.kind === 'none') return anonymous;
    throw this.#unauthorized(certificate.reason, exchange.path);
  }

  async #byToken(token: string, path: string): Promise<UserInfo> {
    const verdict = await this.#tokens.authenticateToken(token);
    if (verdict.kind === 'accepted') return verdict.user;
    throw this.#unauthorized(verdict.reason, path);
  }

  #unauthorized(reason: string, path: string): StatusError {
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
