/** Looks into a PKCS #10 certificate request, far enough to know that it is one. */
import { createPublicKey } from 'node:crypto';

const pemBlock = /^-----BEGIN ([A-Z0-9 ]+)-----\s+([A-Za-z0-9+/=\s]*)-----END \1-----/m;
const requestType = 'CERTIFICATE REQUEST';

const sequenceTag = 0x30;
const integerTag = 0x02;
const bitStringTag = 0x03;

/** One element of DER: tag, length, value. */
interface Element {
  readonly tag: number;
  readonly value: Buffer;
  /** Tag and length included. */
  readonly whole: Buffer;
}

/** What is wrong with a request in PEM, in the words that Kubernetes has for it; undefined when it is one. */
export function problemOfRequest(pem: string): string | undefined {
  const [, type, body = ''] = pemBlock.exec(pem) ?? [];
  if (type !== requestType) return `PEM block type must be ${requestType}`;
  return isRequest(Buffer.from(body, 'base64')) ? undefined : 'asn1: the certificate request is malformed';
}

/** Whether PEM text is one certificate or several. */
export function problemOfCertificates(pem: string): string | undefined {
  const blocks = [...pem.matchAll(new RegExp(pemBlock, 'gm'))];
  if (blocks.length === 0) return 'must contain at least one CERTIFICATE PEM block';
  const other = blocks.find(([, type]) => type !== 'CERTIFICATE');
  return other === undefined
    ? undefined
    : `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(other[1])}`;
}

/** RFC 2986: SEQUENCE { SEQUENCE { version, subject, key, attributes }, algorithm, signature }. */
function isRequest(der: Buffer): boolean {
  const parts = childrenOf(elementsOf(der)?.[0], sequenceTag);
  if (parts?.length !== 3 || parts[2]?.tag !== bitStringTag) return false;
  const info = childrenOf(parts[0], sequenceTag);
  const [version, subject, key] = info ?? [];
  if (version?.tag !== integerTag || subject?.tag !== sequenceTag || key === undefined) return false;
  try {
    createPublicKey({ key: key.whole, format: 'der', type: 'spki' });
    return true;
  } catch {
    // Not a key that OpenSSL can read: so not one to be certified.
    return false;
  }
}

function childrenOf(element: Element | undefined, tag: number): readonly Element[] | undefined {
  return element?.tag === tag ? elementsOf(element.value) : undefined;
}

/** The elements that stand one after another in `der`; undefined where it is no DER. */
function elementsOf(der: Buffer): readonly Element[] | undefined {
  const elements: Element[] = [];
  let at = 0;
  while (at < der.length) {
    const tag = der[at] ?? 0;
    let length = der[at + 1] ?? 0;
    let start = at + 2;
    if (length >= 0x80) {
      const bytes = length & 0x7f;
      if (bytes === 0 || bytes > 4 || start + bytes > der.length) return undefined;
      length = der.readUIntBE(start, bytes);
      start += bytes;
    }
    const end = start + length;
    if (end > der.length) return undefined;
    elements.push({ tag, value: der.subarray(start, end), whole: der.subarray(at, end) });
    at = end;
  }
  return elements;
}
