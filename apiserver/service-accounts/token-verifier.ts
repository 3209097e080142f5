/**
 * Believes or rejects tokens of service accounts: signature, issuer, times and audience, and that the account and the
 * object that the token is bound to are still the same ones.
 */
import type { Clock } from '../../common/clock.js';
import type { TokenAuthenticator, TokenVerdict } from '../filters/authentication.js';
import { authenticatedGroup } from '../filters/user-info.js';
import type { UserInfo } from '../filters/user-info.js';
import type { BoundObjects } from './bound-objects.js';
import { commonAudiences, problemOfClaims, readClaims } from './claims.js';
import type { ReadClaims, TokenClaims } from './claims.js';
import type { VerificationKey } from './signing-keys.js';

export interface TokenVerifierOptions {
  readonly issuers: readonly string[];
  readonly keys: readonly VerificationKey[];
  /** Those of the apiserver itself. */
  readonly audiences: readonly string[];
  readonly objects: BoundObjects;
  readonly clock: Clock;
}

/** A token whose objects were there is not checked again for so long: a deletion counts after this time. */
const trustMs = 10_000;
/** Tokens whose signatures are remembered; beyond, the one not used for the longest time is forgotten. */
const maxRemembered = 2048;

interface Remembered {
  readonly claims: TokenClaims;
  /** When the objects were last seen, on the monotonic clock. */
  seenMs: number;
}

export class TokenVerifier implements TokenAuthenticator {
  readonly #options: TokenVerifierOptions;
  /** In the order of their last use. */
  readonly #remembered = new Map<string, Remembered>();

  constructor(options: TokenVerifierOptions) {
    this.#options = options;
  }

  async authenticateToken(token: string, audiences = this.#options.audiences): Promise<TokenVerdict> {
    const { issuers, clock, objects } = this.#options;
    let remembered = this.#remembered.get(token);
    if (remembered === undefined) {
      const read = await this.#read(token);
      if (read.kind === 'unreadable') return { kind: 'rejected', reason: read.reason };
      remembered = { claims: read.claims, seenMs: -Infinity };
    }
    const { claims } = remembered;
    const problem =
      problemOfClaims(claims, { issuers, nowSeconds: clock.now() / 1000 }) ??
      (await this.#problemOfObjects(remembered, objects));
    if (problem !== undefined) {
      this.#remembered.delete(token);
      return { kind: 'rejected', reason: problem };
    }
    this.#remember(token, remembered);
    const common = commonAudiences(audiences, claims.aud);
    if (common.length === 0)
      return {
        kind: 'rejected',
        reason: `token audiences ${list(claims.aud)} is invalid for the target audiences ${list(audiences)}`,
      };
    return { kind: 'accepted', user: userOf(claims), audiences: common };
  }

  async #problemOfObjects(remembered: Remembered, objects: BoundObjects): Promise<string | undefined> {
    const { clock } = this.#options;
    if (clock.monotonicMs() - remembered.seenMs < trustMs) return undefined;
    const problem = await objects.problemOf(remembered.claims['kubernetes.io'], clock.now());
    if (problem === undefined) remembered.seenMs = clock.monotonicMs();
    return problem;
  }

  #remember(token: string, entry: Remembered): void {
    this.#remembered.delete(token);
    this.#remembered.set(token, entry);
    if (this.#remembered.size <= maxRemembered) return;
    const [oldest] = this.#remembered.keys();
    if (oldest !== undefined) this.#remembered.delete(oldest);
  }

  async #read(token: string): Promise<ReadClaims> {
    const { compactVerify, decodeProtectedHeader, errors } = await import('jose');
    try {
      const { kid } = decodeProtectedHeader(token);
      const candidates = this.#candidates(kid);
      for (const { publicKey, algorithm } of candidates) {
        try {
          const { payload } = await compactVerify(token, publicKey, { algorithms: [algorithm] });
          return readClaims(JSON.parse(new TextDecoder().decode(payload)));
        } catch (error) {
          // Another key may have made it; a token of another algorithm is none of this key.
          const isOtherKey =
            error instanceof errors.JWSSignatureVerificationFailed ||
            error instanceof errors.JOSEAlgNotAllowed;
          if (!isOtherKey) throw error;
        }
      }
      return { kind: 'unreadable', reason: 'the signature of the token is not by a key of this cluster' };
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof SyntaxError || error instanceof TypeError)
        return { kind: 'unreadable', reason: 'the token is no signed JWT' };
      throw error;
    }
  }

  /** The key that the token names, else all. */
  #candidates(keyId: string | undefined): readonly VerificationKey[] {
    const { keys } = this.#options;
    const named = keys.filter(({ id }) => id === keyId);
    return named.length > 0 ? named : keys;
  }
}

const extraPrefix = 'authentication.kubernetes.io/';

/** The user that a token of these claims stands for. */
export function userOf(claims: TokenClaims): UserInfo {
  const { namespace, serviceaccount, pod, node } = claims['kubernetes.io'];
  const extra: Record<string, readonly string[]> = {};
  if (claims.jti !== '') extra[`${extraPrefix}credential-id`] = [`JTI=${claims.jti}`];
  if (pod !== undefined) {
    extra[`${extraPrefix}pod-name`] = [pod.name];
    extra[`${extraPrefix}pod-uid`] = [pod.uid];
  }
  if (node !== undefined) {
    extra[`${extraPrefix}node-name`] = [node.name];
    if (node.uid !== '') extra[`${extraPrefix}node-uid`] = [node.uid];
  }
  return {
    name: claims.sub,
    uid: serviceaccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, authenticatedGroup],
    extra,
  };
}

function list(values: readonly string[]): string {
  return `[${values.map((one) => JSON.stringify(one)).join(' ')}]`;
}
