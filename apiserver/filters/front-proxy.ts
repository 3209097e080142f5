/**
 * Users that a proxy before this server has authenticated: it proves itself with a certificate of an authority of its own,
 * and names them in headers (Kubernetes' authenticating proxy).
 */
import { X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { authenticatedGroup } from './user-info.js';
import type { UserInfo } from './user-info.js';

export interface FrontProxyOptions {
  /** Authorities of proxies, PEM. */
  readonly clientCa: string;
  /** Common names that a proxy may have; any when empty. */
  readonly allowedNames: readonly string[];
  /** In any case; the first one that a request has counts. */
  readonly usernameHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraHeaderPrefixes: readonly string[];
}

/** The certificates of a PEM file. Throws for one that cannot be read. */
export function readCertificates(pem: string): readonly X509Certificate[] {
  return pemBlocks(pem).map((block) => new X509Certificate(block));
}

export function pemBlocks(pem: string): readonly string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
}

export function isIssuedBy(certificate: X509Certificate, authorities: readonly X509Certificate[]): boolean {
  return authorities.some(
    (authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
  );
}

/** Undefined when no user is named. */
export function userOfHeaders(
  headers: IncomingHttpHeaders,
  options: Omit<FrontProxyOptions, 'clientCa' | 'allowedNames'>,
): UserInfo | undefined {
  const { usernameHeaders, uidHeaders, groupHeaders, extraHeaderPrefixes } = options;
  const [name] = valuesOf(headers, usernameHeaders);
  if (name === undefined || name === '') return undefined;
  const [uid] = valuesOf(headers, uidHeaders);
  const extra: Record<string, string[]> = {};
  for (const prefix of extraHeaderPrefixes.map((one) => one.toLowerCase()))
    for (const header of Object.keys(headers)) {
      if (!header.startsWith(prefix)) continue;
      const key = decoded(header.slice(prefix.length));
      extra[key] = [...(extra[key] ?? []), ...valuesOf(headers, [header])];
    }
  return {
    name,
    ...(uid === undefined ? {} : { uid }),
    groups: [...new Set([...valuesOf(headers, groupHeaders), authenticatedGroup])],
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

/** Node joins repeated headers with a comma and a space. */
function valuesOf(headers: IncomingHttpHeaders, names: readonly string[]): readonly string[] {
  return names.flatMap((name) => {
    const value = headers[name.toLowerCase()];
    return value === undefined
      ? []
      : (Array.isArray(value) ? value : value.split(', ')).map((one) => one.trim());
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
