/** What the kubelet reads in a token that it got from the apiserver itself: whose it is, and for how long. Pure. */

export interface TokenFacts {
  readonly serviceAccount: string;
  readonly podUid: string;
  readonly issuedMs: number;
  /** When a fresh one should be in its place: before `exp` where the apiserver lets tokens live longer. */
  readonly expiresMs: number;
}

/** Undefined for what is no token of a Pod. The signature is not looked at: the file is only root's to write. */
export function readTokenFacts(token: string): TokenFacts | undefined {
  const payload = parsePayload(token);
  const own = record(payload?.['kubernetes.io']);
  const serviceAccount = record(own?.['serviceaccount'])?.['name'];
  const podUid = record(own?.['pod'])?.['uid'];
  const issued = payload?.['iat'];
  const expires = own?.['warnafter'] ?? payload?.['exp'];
  if (typeof serviceAccount !== 'string' || typeof podUid !== 'string') return undefined;
  if (typeof issued !== 'number' || typeof expires !== 'number') return undefined;
  return { serviceAccount, podUid, issuedMs: issued * 1000, expiresMs: expires * 1000 };
}

function parsePayload(token: string): Readonly<Record<string, unknown>> | undefined {
  const [, payload = ''] = token.split('.');
  try {
    return record(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}

const maxAgeMs = 24 * 3_600_000;

/** When a token should be renewed: after four fifths of its life, after a day at the latest. */
export function renewalTimeMs({ issuedMs, expiresMs }: Pick<TokenFacts, 'issuedMs' | 'expiresMs'>): number {
  return issuedMs + Math.min((expiresMs - issuedMs) * 0.8, maxAgeMs);
}
