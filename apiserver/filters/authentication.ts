/**
 * Who is asking: as a proxy with a certificate of its own says, by client certificate, else by bearer token, else anonymous.
 * The first credential that proves a name counts; when there are only bad ones, nobody is let in under another name.
 */
import { X509Certificate } from 'node:crypto';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { StatusError } from '../../api/status-error.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { Exchange } from '../http/exchange.js';
import type { AccessMetrics } from './access-metrics.js';
import { isIssuedBy, readCertificates, userOfHeaders } from './front-proxy.js';
import type { FrontProxyOptions } from './front-proxy.js';
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
  | { readonly kind: 'none' }
  | { readonly kind: 'rejected'; readonly reason: string }
  /** Of a proxy: who is asking stands in the headers of each request. */
  | { readonly kind: 'proxy' }
  | CertificateUser;
interface CertificateUser {
  readonly kind: 'accepted';
  readonly user: UserInfo;
  readonly validUntilMs: number;
}

export interface AuthenticatorParts {
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: AccessMetrics;
  /** Proxies that may say who is asking; nobody unless told. */
  readonly frontProxy?: FrontProxyOptions;
  /** Authorities of client certificates, PEM: needed where proxies have others. */
  readonly clientCa?: string;
}

export class Authenticator {
  /** A connection's certificate does not change, and reading it is not free: one answer per connection. */
  readonly #connections = new WeakMap<object, CertificateVerdict>();
  readonly #tokens: TokenAuthenticator;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #metrics: AccessMetrics;
  readonly #proxies: Proxies | undefined;

  constructor(tokens: TokenAuthenticator, { log, clock, metrics, frontProxy, clientCa }: AuthenticatorParts) {
    if (frontProxy !== undefined)
      this.#proxies = {
        options: frontProxy,
        authorities: readCertificates(frontProxy.clientCa),
        clientAuthorities: readCertificates(clientCa ?? ''),
      };
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
    if (certificate.kind === 'proxy' && this.#proxies !== undefined) {
      const user = userOfHeaders(exchange.headers, this.#proxies.options);
      if (user !== undefined) return this.#authenticated(user, startedMs);
    }
    const token = bearerToken(exchange.headers.authorization);
    if (token !== undefined) return this.#byToken(token, exchange.path, startedMs);
    if (certificate.kind !== 'rejected') return this.#authenticated(anonymous, startedMs);
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
    const verdict = verdictOfConnection(socket, this.#proxies);
    this.#connections.set(socket, verdict);
    return verdict;
  }
}

/** Undefined when there is none: other schemes are nobody's, as in Kubernetes. */
export function bearerToken(header: string | undefined): string | undefined {
  const token = /^bearer +(\S+)$/i.exec(header?.trim() ?? '')?.[1];
  return token === '' ? undefined : token;
}

interface Proxies {
  readonly options: FrontProxyOptions;
  readonly authorities: readonly X509Certificate[];
  readonly clientAuthorities: readonly X509Certificate[];
}

/**
 * A certificate counts for what its authority is for: one of a proxy names no user of its own. Undefined for one that is no
 * proxy's.
 */
function verdictOfProxy(
  certificate: Partial<PeerCertificate>,
  name: string,
  { options, authorities, clientAuthorities }: Proxies,
): CertificateVerdict | undefined {
  if (certificate.raw === undefined) return undefined;
  const own = new X509Certificate(certificate.raw);
  const { allowedNames } = options;
  if (isIssuedBy(own, authorities) && (allowedNames.length === 0 || allowedNames.includes(name)))
    return { kind: 'proxy' };
  if (isIssuedBy(own, clientAuthorities)) return undefined;
  return {
    kind: 'rejected',
    reason: `x509: subject with cn=${name} is not in the allowed list, or its authority is not for clients`,
  };
}

function verdictOfConnection(socket: TLSSocket, proxies: Proxies | undefined): CertificateVerdict {
  const certificate: Partial<PeerCertificate> = socket.getPeerCertificate();
  const subject = certificate.subject as { CN?: string | string[]; O?: string | string[] } | undefined;
  if (subject === undefined) return { kind: 'none' };
  if (!socket.authorized) return { kind: 'rejected', reason: `x509: ${String(socket.authorizationError)}` };
  const name = list(subject.CN)[0];
  if (name === undefined) return { kind: 'rejected', reason: 'the client certificate has no common name' };
  const ofProxy = proxies === undefined ? undefined : verdictOfProxy(certificate, name, proxies);
  if (ofProxy !== undefined) return ofProxy;
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
