/** Who is asking: by client certificate, else anonymous. */
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { StatusError } from '../../api/status-error.js';
import type { Exchange } from '../http/exchange.js';

export interface UserInfo {
  readonly name: string;
  readonly groups: readonly string[];
}

export const anonymous: UserInfo = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/** A connection's certificate does not change, and reading it is not free: one answer per connection. */
const known = new WeakMap<object, UserInfo>();

/**
 * The user behind an exchange. A certificate's common name is the user, its organisations are the groups. Throws
 * Unauthorized for a certificate that the client CA did not sign, and for bearer tokens.
 */
export function authenticate(exchange: Exchange): UserInfo {
  if (exchange.headers.authorization !== undefined) {
    throw new StatusError(
      'Unauthorized',
      'Unauthorized: this server knows client certificates only, bearer tokens and passwords are not supported yet',
    );
  }
  const socket = exchange.socket;
  const before = known.get(socket);
  if (before !== undefined) return before;
  const user = userOfConnection(socket);
  known.set(socket, user);
  return user;
}

function userOfConnection(socket: TLSSocket): UserInfo {
  const certificate: Partial<PeerCertificate> = socket.getPeerCertificate();
  const subject = certificate.subject as { CN?: string | string[]; O?: string | string[] } | undefined;
  if (subject === undefined) return anonymous;
  if (!socket.authorized)
    throw new StatusError('Unauthorized', `Unauthorized: x509: ${String(socket.authorizationError)}`);
  const name = list(subject.CN)[0];
  if (name === undefined)
    throw new StatusError('Unauthorized', 'Unauthorized: the client certificate has no common name');
  return { name, groups: [...list(subject.O), 'system:authenticated'] };
}

function list(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value;
}
