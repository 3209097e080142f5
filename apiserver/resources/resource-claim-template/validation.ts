import type { ResourceClaimTemplate } from '../../../api/generated/resource-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { checkImmutable } from '../checks.js';
import { validateAnnotations, validateLabels } from '../object-meta.js';
import { validateDeviceClaim } from '../resource-claim/device-validation.js';

export function validateResourceClaimTemplate({ spec }: ResourceClaimTemplate, violations: Violations): void {
  validateLabels(spec.metadata.labels, 'spec.metadata.labels', violations);
  validateAnnotations(spec.metadata.annotations, 'spec.metadata.annotations', violations);
  validateDeviceClaim(spec.spec.devices ?? {}, 'spec.spec.devices', violations);
}

export function validateResourceClaimTemplateUpdate(
  { spec }: ResourceClaimTemplate,
  before: ResourceClaimTemplate,
  violations: Violations,
): void {
  checkImmutable(spec, before.spec, 'spec', violations);
}
