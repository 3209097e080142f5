/**
 * X.509 certificates: an authority, and the server and client certificates that it signs.
 *
 * Keys are ECDSA P-256: made in a millisecond and accepted by every TLS library in use. Everything goes in and out
 * as PEM. The library that encodes certificates takes a sixth of a second to load, so it is loaded only when a
 * certificate has to be made; checks of what is there use Node's own parser.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { webcrypto } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type * as X509 from '@peculiar/x509';

/** A certificate with its private key (PKCS #8), both PEM. */
export interface CertificatePair {
  readonly certificate: string;
  readonly privateKey: string;
}

export interface Subject {
  readonly commonName: string;
  /** O attributes; Kubernetes reads them as the groups of a client. */
  readonly organizations?: readonly string[];
}

export interface CertificateRequest extends Subject {
  readonly usages: readonly ('server' | 'client')[];
  /** Subject alternative names; clients look for the server's name here and nowhere else. */
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

export interface Validity {
  /** Now, in milliseconds since the epoch. */
  readonly now: number;
  readonly validDays: number;
}

const dayMs = 86_400_000;
const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A self-signed authority that may sign certificates of leaves only. */
export async function createAuthority(subject: Subject, validity: Validity): Promise<CertificatePair> {
  const x509 = await loadEncoder();
  const keys = await crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...period(validity),
    name: nameOf(subject),
    keys,
    signingAlgorithm: keyAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: withNewline(certificate.toString('pem')), privateKey: await exportKey(keys) };
}

/** A new key and a certificate for it, signed by `authority`. Never valid for longer than the authority. */
export async function issueCertificate(
  authority: CertificatePair,
  request: CertificateRequest,
  validity: Validity,
): Promise<CertificatePair> {
  const x509 = await loadEncoder();
  const issuer = new x509.X509Certificate(authority.certificate);
  const signingKey = await crypto.subtle.importKey(
    'pkcs8',
    createPrivateKey(authority.privateKey).export({ format: 'der', type: 'pkcs8' }),
    keyAlgorithm,
    false,
    ['sign'],
  );
  const keys = await crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const names = [
    ...(request.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(request.ipAddresses ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const { notBefore, notAfter } = period(validity);
  const certificate = await x509.X509CertificateGenerator.create({
    notBefore,
    notAfter: notAfter < issuer.notAfter ? notAfter : issuer.notAfter,
    subject: nameOf(request),
    issuer: issuer.subjectName.toJSON(),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: keyAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(
        request.usages.map((usage) =>
          usage === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth,
        ),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    ],
  });
  return { certificate: withNewline(certificate.toString('pem')), privateKey: await exportKey(keys) };
}

/** Why a certificate has to be issued anew, or undefined while it can stay. Pure. */
export function reasonToRenew(
  pair: CertificatePair,
  authorityCertificate: string,
  request: CertificateRequest,
  now: number,
): string | undefined {
  const certificate = new X509Certificate(pair.certificate);
  if (!certificate.checkPrivateKey(createPrivateKey(pair.privateKey)))
    return 'key and certificate do not match';
  if (!certificate.verify(new X509Certificate(authorityCertificate).publicKey))
    return 'signed by another authority';
  const notBefore = Date.parse(certificate.validFrom);
  const notAfter = Date.parse(certificate.validTo);
  // A fifth of its life is left: a year's certificate is renewed with ten weeks to spare.
  if (now > notAfter - (notAfter - notBefore) / 5) return `expires ${certificate.validTo}`;
  const missing = [
    ...(request.dnsNames ?? []).filter((name) => certificate.checkHost(name) === undefined),
    ...(request.ipAddresses ?? []).filter((address) => certificate.checkIP(address) === undefined),
  ];
  if (missing.length > 0) return `does not name ${missing.join(', ')}`;
  if (!sameSubject(certificate.subject, request)) return 'is for another subject';
  return undefined;
}

export interface PkiRequest {
  readonly authority: Subject;
  readonly certificates: Readonly<Record<string, CertificateRequest>>;
  readonly now: number;
  /** Name of the authority's files: `ca` unless told. */
  readonly authorityName?: string;
  readonly authorityDays?: number;
  readonly certificateDays?: number;
}

export interface Pki {
  /** Certificate of the authority, PEM. */
  readonly authority: string;
  readonly pairs: Readonly<Record<string, CertificatePair>>;
  /** What was made in this call, with the reason: empty when everything was there. */
  readonly issued: Readonly<Record<string, string>>;
}

export function certificateFile(folder: string, name: string): string {
  return join(folder, `${name}.crt`);
}

export function keyFile(folder: string, name: string): string {
  return join(folder, `${name}.key`);
}

/**
 * Makes `folder` hold an authority (`ca.crt`, `ca.key` unless told) and a `NAME.crt`/`NAME.key` for each requested certificate, and returns
 * them. Idempotent: what is there and still good stays; what is about to expire, or no longer says what is
 * requested, is issued anew. Keys are readable by the owner alone. Not to be run twice at a time on one folder.
 * Rejects when a file is there that cannot be parsed, naming it: a damaged authority is never replaced silently.
 */
export async function ensurePki(folder: string, request: PkiRequest): Promise<Pki> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const { now, authorityName = 'ca', authorityDays = 3650, certificateDays = 365 } = request;
  const issued: Record<string, string> = {};
  let authority = await readPair(folder, authorityName);
  if (authority === undefined) {
    authority = await createAuthority(request.authority, { now, validDays: authorityDays });
    await writePair(folder, authorityName, authority);
    issued[authorityName] = 'was missing';
  }
  const pairs: Record<string, CertificatePair> = {};
  for (const [name, certificate] of Object.entries(request.certificates)) {
    const present = await readPair(folder, name);
    const reason =
      present === undefined
        ? 'was missing'
        : checked(folder, name, () => reasonToRenew(present, authority.certificate, certificate, now));
    if (present !== undefined && reason === undefined) {
      pairs[name] = present;
      continue;
    }
    const pair = await issueCertificate(authority, certificate, { now, validDays: certificateDays });
    await writePair(folder, name, pair);
    pairs[name] = pair;
    issued[name] = reason ?? 'was missing';
  }
  return { authority: authority.certificate, pairs, issued };
}

function checked<T>(folder: string, name: string, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    throw new Error(
      `${certificateFile(folder, name)} or its key is damaged: remove both to have them made again`,
      {
        cause,
      },
    );
  }
}

async function readPair(folder: string, name: string): Promise<CertificatePair | undefined> {
  try {
    return {
      certificate: await readFile(certificateFile(folder, name), 'utf8'),
      privateKey: await readFile(keyFile(folder, name), 'utf8'),
    };
  } catch (error) {
    // Half a pair is of no use: both are made again.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes beside and renames, so that a crash leaves no half file. */
async function writePair(folder: string, name: string, pair: CertificatePair): Promise<void> {
  for (const [file, text, mode] of [
    [keyFile(folder, name), pair.privateKey, 0o600],
    [certificateFile(folder, name), pair.certificate, 0o644],
  ] as const) {
    await writeFile(`${file}.new`, text, { mode });
    await rename(`${file}.new`, file);
  }
}

function period(validity: Validity): { notBefore: Date; notAfter: Date } {
  return {
    // Five minutes of grace for clocks that disagree.
    notBefore: new Date(validity.now - 300_000),
    notAfter: new Date(validity.now + validity.validDays * dayMs),
  };
}

function nameOf(subject: Subject): Record<string, string[]>[] {
  return [
    ...(subject.organizations ?? []).map((organization) => ({ O: [organization] })),
    { CN: [subject.commonName] },
  ];
}

/** `subject` is in Node's form: one attribute a line, `O=…` and `CN=…`. */
function sameSubject(subject: string, wanted: Subject): boolean {
  const expected = [
    ...(wanted.organizations ?? []).map((organization) => `O=${organization}`),
    `CN=${wanted.commonName}`,
  ];
  return [...subject.split('\n')].sort().join('\n') === expected.sort().join('\n');
}

async function exportKey(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({
    format: 'pem',
    type: 'pkcs8',
  }) as string;
}

function withNewline(pem: string): string {
  return pem.endsWith('\n') ? pem : pem + '\n';
}

async function loadEncoder(): Promise<typeof X509> {
  // The library's dependency injection needs this polyfill to be there first.
  await import('reflect-metadata');
  return await import('@peculiar/x509');
}
