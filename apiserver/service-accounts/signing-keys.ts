/** The keys of service account tokens: one that signs, and all that are believed. */
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { UsageError } from '../../common/usage-error.js';

export type TokenAlgorithm = 'RS256' | 'ES256' | 'ES384' | 'ES512';

export interface VerificationKey {
  /** Hash of the public key: the same key has the same ID on every server. */
  readonly id: string;
  readonly algorithm: TokenAlgorithm;
  readonly publicKey: KeyObject;
}

export interface SigningKey extends VerificationKey {
  readonly privateKey: KeyObject;
}

/** Reads a private key, PEM. Throws UsageError; `source` names where the text is from. */
export function readSigningKey(pem: string, source: string): SigningKey {
  try {
    const privateKey = createPrivateKey(pem);
    return { ...verificationKey(createPublicKey(privateKey)), privateKey };
  } catch (cause) {
    throw new UsageError(`${source} holds no private key that can sign tokens: ${messageOf(cause)}`);
  }
}

/** Reads all keys of a PEM file: public keys, certificates, or the public halves of private keys. Throws UsageError. */
export function readVerificationKeys(pem: string, source: string): readonly VerificationKey[] {
  const blocks = pem.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? [];
  if (blocks.length === 0) throw new UsageError(`${source} holds no key in PEM form`);
  return blocks.map((block) => {
    try {
      return verificationKey(createPublicKey(block));
    } catch (cause) {
      throw new UsageError(`${source} holds a key that cannot be used: ${messageOf(cause)}`);
    }
  });
}

/** The public keys as a JSON Web Key Set (RFC 7517), each key once. */
export function keySet(keys: readonly VerificationKey[]): { readonly keys: readonly JsonWebKey[] } {
  const byId = new Map(keys.map((key) => [key.id, key]));
  return {
    keys: [...byId.values()].map(({ id, algorithm, publicKey }) => ({
      use: 'sig',
      kid: id,
      alg: algorithm,
      ...publicKey.export({ format: 'jwk' }),
    })),
  };
}

function verificationKey(publicKey: KeyObject): VerificationKey {
  const der = publicKey.export({ format: 'der', type: 'spki' });
  return {
    id: createHash('sha256').update(der).digest('base64url'),
    algorithm: algorithmOf(publicKey),
    publicKey,
  };
}

const curves: Readonly<Record<string, TokenAlgorithm>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

function algorithmOf(key: KeyObject): TokenAlgorithm {
  if (key.asymmetricKeyType === 'rsa') {
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    if (bits < 2048) throw new Error(`an RSA key of ${bits} bits is too weak: 2048 are the least`);
    return 'RS256';
  }
  const algorithm = curves[key.asymmetricKeyDetails?.namedCurve ?? ''];
  if (algorithm === undefined) throw new Error('keys are RSA or ECDSA (P-256, P-384, P-521)');
  return algorithm;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
