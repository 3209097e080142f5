import type { ReplicationController } from '../../../api/generated/core-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { matchesLabels, selectorFromSet } from '../../../api/selectors.js';
import { validateNonNegative } from '../pod/template.js';
import { validatePodTemplate, validateRunsForever } from '../pod/validation.js';

export function validateReplicationController({ spec }: ReplicationController, violations: Violations): void {
  validateNonNegative(spec.replicas, 'spec.replicas', violations);
  validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds', violations);
  const selector = spec.selector ?? {};
  const empty = Object.keys(selector).length === 0;
  if (empty) violations.required('spec.selector');
  if (spec.template === undefined) {
    violations.required('spec.template');
    return;
  }
  const labels = spec.template.metadata.labels;
  if (!empty && !matchesLabels(selectorFromSet(selector), labels))
    violations.invalid(
      'spec.template.metadata.labels',
      labels,
      '`selector` does not match template `labels`',
    );
  validatePodTemplate(spec.template, 'spec.template', violations);
  validateRunsForever(spec.template, 'spec.template', 'ReplicationController', violations);
}
