/** Everything about tokens of service accounts that the rest of the apiserver needs, put together from the flags. */
import type { Clock } from '../../common/clock.js';
import type { TokenAuthenticator } from '../filters/authentication.js';
import { BoundObjects } from './bound-objects.js';
import type { FindObject } from './bound-objects.js';
import type { SigningKey, VerificationKey } from './signing-keys.js';
import { TokenIssuer } from './token-issuer.js';
import { TokenVerifier } from './token-verifier.js';

export interface ServiceAccountTokenOptions {
  /** The first one stands in new tokens; tokens of all of them are accepted. */
  readonly issuers: readonly [string, ...string[]];
  readonly signingKey: SigningKey;
  /** Keys that are believed; that of `signingKey` when empty. */
  readonly keys: readonly VerificationKey[];
  /** What a token must be for to be accepted by the apiserver; the issuers when empty. */
  readonly audiences: readonly string[];
  /** No token lives longer; absent for no limit. */
  readonly maxLifeSeconds?: number;
  /**
   * Tokens as the admission plugin projects them into pods work for a year, so that a program which reads its token
   * only once lives on; `warnafter` says when it should have been read again.
   */
  readonly extendExpiration: boolean;
  /** Where the public keys are, when not on this server under its advertised address. */
  readonly jwksUri?: string;
}

export interface ServiceAccountTokens {
  readonly options: ServiceAccountTokenOptions;
  /** Those of the apiserver, at least one. */
  readonly audiences: readonly string[];
  readonly keys: readonly VerificationKey[];
  readonly issuer: TokenIssuer;
  readonly verifier: TokenAuthenticator;
}

export function createServiceAccountTokens(
  options: ServiceAccountTokenOptions,
  dependencies: { readonly findObject: FindObject; readonly clock: Clock },
): ServiceAccountTokens {
  const audiences = options.audiences.length > 0 ? options.audiences : options.issuers;
  const keys = options.keys.length > 0 ? options.keys : [options.signingKey];
  return {
    options,
    audiences,
    keys,
    issuer: new TokenIssuer(options.issuers[0], options.signingKey),
    verifier: new TokenVerifier({
      issuers: options.issuers,
      keys,
      audiences,
      objects: new BoundObjects(dependencies.findObject),
      clock: dependencies.clock,
    }),
  };
}
