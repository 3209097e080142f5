import { isDeepStrictEqual } from 'node:util';
import type { ConfigMap } from '../../../api/generated/core-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { keyPath } from '../../../api/field-path.js';
import { validateConfigMapKey } from '../../../api/names.js';

/** All values of a ConfigMap or Secret together. */
export const maxDataBytes = 1024 * 1024;

export function validateConfigMap(configMap: ConfigMap, violations: Violations): void {
  let bytes = 0;
  for (const [key, value] of Object.entries(configMap.data ?? {})) {
    violations.invalidEach(keyPath('data', key), key, validateConfigMapKey(key));
    if (configMap.binaryData !== undefined && Object.hasOwn(configMap.binaryData, key))
      violations.invalid(keyPath('data', key), key, 'duplicate of key present in binaryData');
    bytes += Buffer.byteLength(value);
  }
  for (const [key, value] of Object.entries(configMap.binaryData ?? {})) {
    violations.invalidEach(keyPath('binaryData', key), key, validateConfigMapKey(key));
    bytes += Buffer.byteLength(value, 'base64');
  }
  if (bytes > maxDataBytes) violations.tooLong('', maxDataBytes);
}

export function validateConfigMapUpdate(
  configMap: ConfigMap,
  before: ConfigMap,
  violations: Violations,
): void {
  if (before.immutable !== true) return;
  if (configMap.immutable !== true)
    violations.forbidden('immutable', 'field is immutable when `immutable` is set');
  for (const field of ['data', 'binaryData'] as const) {
    if (!isDeepStrictEqual(configMap[field], before[field]))
      violations.forbidden(field, 'field is immutable when `immutable` is set');
  }
}
