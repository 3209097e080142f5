import type { DeviceClass } from '../../../api/generated/resource-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateQualifiedName } from '../../../api/names.js';
import { maxConfigs, validateOpaqueConfig, validateSelectors } from '../resource-claim/device-validation.js';

export function validateDeviceClass({ spec }: DeviceClass, violations: Violations): void {
  validateSelectors(spec.selectors ?? [], 'spec.selectors', violations);
  const config = spec.config ?? [];
  if (config.length > maxConfigs) violations.tooMany('spec.config', config.length, maxConfigs);
  for (const [index, one] of config.entries()) validateOpaqueConfig(one, `spec.config[${index}]`, violations);
  const name = spec.extendedResourceName;
  if (name === undefined) return;
  violations.invalidEach('spec.extendedResourceName', name, validateQualifiedName(name));
  if (!name.includes('/'))
    violations.invalid('spec.extendedResourceName', name, 'must be a valid extended resource name');
}
