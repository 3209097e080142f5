/** One signing key for all servers of a test process: to make one takes some tenths of a second. */
import { createSigningKey } from '../../common/signing-key.js';
import type { SigningKeyPair } from '../../common/signing-key.js';
import type { ServiceAccountTokenOptions } from '../../apiserver/service-accounts/service-account-tokens.js';
import { readSigningKey } from '../../apiserver/service-accounts/signing-keys.js';

let pair: Promise<SigningKeyPair> | undefined;

export function testSigningKey(): Promise<SigningKeyPair> {
  pair ??= createSigningKey();
  return pair;
}

export const testIssuer = 'https://kubernetes.default.svc.cluster.local';

/** As `knarr up` sets them. */
export async function testTokenOptions(): Promise<ServiceAccountTokenOptions> {
  const { privateKey } = await testSigningKey();
  return {
    issuers: [testIssuer],
    signingKey: readSigningKey(privateKey, 'the test'),
    keys: [],
    audiences: [],
    extendExpiration: true,
  };
}
