/** Signs tokens of service accounts. */
import { randomUUID } from 'node:crypto';
import { makeClaims } from './claims.js';
import type { ClaimsInput } from './claims.js';
import type { SigningKey } from './signing-keys.js';

export class TokenIssuer {
  readonly #issuer: string;
  readonly #key: SigningKey;

  constructor(issuer: string, key: SigningKey) {
    this.#issuer = issuer;
    this.#key = key;
  }

  /** A signed token (JWS compact form). The signature is made off the main thread; may run concurrently. */
  async issue(input: Omit<ClaimsInput, 'issuer' | 'tokenId'>): Promise<string> {
    const claims = makeClaims({ ...input, issuer: this.#issuer, tokenId: randomUUID() });
    // Loading costs more than signing: done when the first token is asked for.
    const { CompactSign } = await import('jose');
    const { id, algorithm, privateKey } = this.#key;
    return new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
      .setProtectedHeader({ alg: algorithm, kid: id })
      .sign(privateKey);
  }
}
