import { isDeepStrictEqual } from 'node:util';
import type { Secret } from '../../../api/generated/core-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { keyPath } from '../../../api/field-path.js';
import { validateConfigMapKey } from '../../../api/names.js';
import { maxDataBytes } from '../config-map/validation.js';

/** Keys that a Secret of a well-known type must have. */
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
};

export function validateSecret(secret: Secret, violations: Violations): void {
  const data = secret.data ?? {};
  let bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    violations.invalidEach(keyPath('data', key), key, validateConfigMapKey(key));
    bytes += Buffer.byteLength(value, 'base64');
  }
  if (bytes > maxDataBytes) violations.tooLong('data', maxDataBytes);
  for (const key of requiredKeys[secret.type ?? ''] ?? []) {
    if (!Object.hasOwn(data, key)) violations.required(keyPath('data', key));
  }
  for (const key of ['.dockerconfigjson', '.dockercfg']) {
    const value = data[key];
    if (value !== undefined && (requiredKeys[secret.type ?? ''] ?? []).includes(key)) {
      try {
        JSON.parse(Buffer.from(value, 'base64').toString());
      } catch {
        // The parser's message would quote the secret.
        violations.invalid(keyPath('data', key), '<secret contents redacted>', 'must be valid JSON');
      }
    }
  }
  if (
    secret.type === 'kubernetes.io/service-account-token' &&
    (secret.metadata.annotations?.['kubernetes.io/service-account.name'] ?? '') === ''
  )
    violations.required(keyPath('metadata.annotations', 'kubernetes.io/service-account.name'));
  if (
    secret.type === 'kubernetes.io/basic-auth' &&
    !Object.hasOwn(data, 'username') &&
    !Object.hasOwn(data, 'password')
  ) {
    violations.required(keyPath('data', 'username'));
    violations.required(keyPath('data', 'password'));
  }
}

export function validateSecretUpdate(secret: Secret, before: Secret, violations: Violations): void {
  if (secret.type !== before.type) violations.invalid('type', secret.type, 'field is immutable');
  if (before.immutable !== true) return;
  if (secret.immutable !== true)
    violations.forbidden('immutable', 'field is immutable when `immutable` is set');
  if (!isDeepStrictEqual(secret.data, before.data))
    violations.forbidden('data', 'field is immutable when `immutable` is set');
}
