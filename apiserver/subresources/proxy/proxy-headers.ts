/** Headers on their way through the proxy: what is for the next hop only stays here, and where the client is, is told. */
import type { IncomingHttpHeaders } from 'node:http';

type Headers = Record<string, string | string[]>;

const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);
/** What the client proves itself with to this server is nobody else's business. */
const credentials = /^(?:authorization|impersonate-.*|x-remote-(?:user|group|uid|extra-.*))$/;
/** Answered by this server already. */
const answeredHere: ReadonlySet<string> = new Set(['expect']);
/** Which pages may read the answers of the apiserver is not for a pod to say. */
const crossOrigin = /^access-control-allow-(?:credentials|headers|methods|origin)$/;

export interface ForwardedPlace {
  /** `host:port` as the client knows this server. */
  readonly host: string;
  /** Path up to the part that is the backend's. */
  readonly prefix: string;
  readonly clientAddress: string;
}

/** Headers for the backend. `upgrading` keeps those that ask for another protocol. */
export function requestHeaders(
  received: IncomingHttpHeaders,
  place: ForwardedPlace,
  rest: string,
  upgrading: boolean,
): Headers {
  const headers: Headers = {};
  const named = connectionOptions(received.connection);
  for (const [name, value] of Object.entries(received)) {
    if (value === undefined || name.startsWith(':') || credentials.test(name) || answeredHere.has(name))
      continue;
    const isUpgrade = upgrading && (name === 'connection' || name === 'upgrade');
    if (!isUpgrade && (hopByHop.has(name) || named.has(name))) continue;
    headers[name] = value;
  }
  headers['host'] = place.host;
  const before = received['x-forwarded-for'];
  headers['x-forwarded-for'] =
    before === undefined ? place.clientAddress : `${String(before)}, ${place.clientAddress}`;
  headers['x-forwarded-uri'] = place.prefix + rest;
  headers['x-forwarded-host'] = place.host;
  headers['x-forwarded-proto'] = 'https';
  return headers;
}

/** Headers of the backend for the client. */
export function responseHeaders(received: NodeJS.Dict<string[]>): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  const named = connectionOptions(received['connection']?.join(','));
  for (const [name, values] of Object.entries(received))
    if (values !== undefined && !hopByHop.has(name) && !named.has(name) && !crossOrigin.test(name))
      headers[name] = values;
  return headers;
}

function connectionOptions(connection: string | undefined): ReadonlySet<string> {
  return new Set((connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
}

/** Where a page behind the proxy is, for links in it. */
export interface ProxiedPlace {
  readonly host: string;
  readonly prefix: string;
  /** Hosts that stand for the page's own, `host:port`. */
  readonly ownHosts: readonly string[];
}

/**
 * A link as the client must follow it: one to the root of the backend's own host leads through the proxy. Relative links
 * work as they are, and those to other hosts are none of our business.
 */
export function rewriteUrl(url: string, { host, prefix, ownHosts }: ProxiedPlace): string {
  const [, scheme, authority = '', path = ''] =
    /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/([^/?#]*))?(.*)$/is.exec(url) ?? [];
  if (authority === '' ? scheme !== undefined : !ownHosts.includes(authority)) return url;
  if (!path.startsWith('/')) return url;
  const through = path.startsWith(`${prefix}/`) || path === prefix ? path : prefix + path;
  return authority === '' ? through : `https://${host}${through}`;
}
