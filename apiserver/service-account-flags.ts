/** The flags about tokens of service accounts, under the names of the kube-apiserver. */
import type { Command } from 'commander';
import { readBoolean, readDurationMs, readFlagFile } from '../common/read-flags.js';
import { UsageError } from '../common/usage-error.js';
import type { ServiceAccountTokenOptions } from './service-accounts/service-account-tokens.js';
import { readSigningKey, readVerificationKeys } from './service-accounts/signing-keys.js';

export interface ServiceAccountFlags {
  serviceAccountIssuer: readonly string[];
  serviceAccountSigningKeyFile: string;
  serviceAccountKeyFile: readonly string[];
  serviceAccountMaxTokenExpiration?: string;
  serviceAccountExtendTokenExpiration: string;
  serviceAccountJwksUri?: string;
  apiAudiences?: string;
}

export const defaultIssuer = 'https://kubernetes.default.svc.cluster.local';

export function declareServiceAccountFlags(command: Command): Command {
  const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];
  return command
    .option(
      '--service-account-issuer <url>',
      `who issues tokens, may be repeated: the first one signs, all are accepted (default: ${defaultIssuer})`,
      collect,
      [],
    )
    .requiredOption('--service-account-signing-key-file <file>', 'private key that signs tokens, PEM')
    .option(
      '--service-account-key-file <file>',
      'keys that are believed, PEM, may be repeated (default: that of the signing key)',
      collect,
      [],
    )
    .option('--service-account-max-token-expiration <duration>', 'no token lives longer, such as 24h')
    .option(
      '--service-account-extend-token-expiration <boolean>',
      'tokens of pods work for a year, for programs that read them only once',
      'true',
    )
    .option('--service-account-jwks-uri <url>', 'where others find the public keys')
    .option('--api-audiences <names>', 'whom tokens must be for, comma-separated (default: the issuers)');
}

/** Reads the key files. Throws UsageError. */
export function readServiceAccountFlags(flags: ServiceAccountFlags): ServiceAccountTokenOptions {
  const [issuer = defaultIssuer, ...others] = flags.serviceAccountIssuer;
  const signingFile = flags.serviceAccountSigningKeyFile;
  const max = flags.serviceAccountMaxTokenExpiration;
  return {
    issuers: [issuer, ...others],
    signingKey: readSigningKey(readFlagFile('--service-account-signing-key-file', signingFile), signingFile),
    keys: flags.serviceAccountKeyFile.flatMap((file) =>
      readVerificationKeys(readFlagFile('--service-account-key-file', file), file),
    ),
    audiences: (flags.apiAudiences ?? '').split(',').filter((one) => one !== ''),
    extendExpiration: readBoolean(
      '--service-account-extend-token-expiration',
      flags.serviceAccountExtendTokenExpiration,
    ),
    ...(max === undefined ? {} : { maxLifeSeconds: readMax(max) }),
    ...(flags.serviceAccountJwksUri === undefined ? {} : { jwksUri: flags.serviceAccountJwksUri }),
  };
}

function readMax(text: string): number {
  const flag = '--service-account-max-token-expiration';
  const seconds = readDurationMs(flag, text) / 1000;
  // Kubernetes' own floor: below an hour its clients would renew all the time.
  if (seconds < 3600) throw new UsageError(`${flag}: ${text} is less than 1h`);
  return seconds;
}
