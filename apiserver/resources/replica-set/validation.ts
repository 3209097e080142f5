import type { ReplicaSet } from '../../../api/generated/apps-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateSelectorUnchanged, validateWorkload } from '../pod/template.js';

export function validateReplicaSet({ spec }: ReplicaSet, violations: Violations): void {
  validateWorkload({ ...spec, template: spec.template }, 'replica set', violations);
}

export function validateReplicaSetUpdate(
  { spec }: ReplicaSet,
  before: ReplicaSet,
  violations: Violations,
): void {
  validateSelectorUnchanged(spec.selector, before.spec.selector, violations);
}
