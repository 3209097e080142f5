import { isDeepStrictEqual } from 'node:util';
import type { VolumeAttributesClass } from '../../../api/generated/storage-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { checkDriverName, checkDriverParameters } from '../checks.js';

export function validateVolumeAttributesClass(
  { driverName, parameters }: VolumeAttributesClass,
  violations: Violations,
): void {
  checkDriverName(driverName, 'driverName', violations);
  if (Object.keys(parameters ?? {}).length === 0)
    violations.required('parameters', 'must contain at least one key/value pair');
  checkDriverParameters(parameters, 'parameters', violations);
}

export function validateVolumeAttributesClassUpdate(
  next: VolumeAttributesClass,
  before: VolumeAttributesClass,
  violations: Violations,
): void {
  for (const field of ['driverName', 'parameters'] as const)
    if (!isDeepStrictEqual(next[field], before[field]))
      violations.forbidden(field, `updates to ${field} are forbidden.`);
}
