import type { PodDisruptionBudget } from '../../../api/generated/policy-v1.js';
import type { Violations } from '../../../api/field-path.js';
import {
  validateLabelSelector,
  validateNonNegative,
  validateNotAbove100Percent,
  validateShare,
} from '../pod/template.js';

const evictionPolicies = ['IfHealthyBudget', 'AlwaysAllow'];

export function validatePodDisruptionBudget({ spec }: PodDisruptionBudget, violations: Violations): void {
  if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined)
    violations.invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set');
  for (const field of ['minAvailable', 'maxUnavailable'] as const) {
    const share = spec[field];
    if (share === undefined) continue;
    validateShare(share, `spec.${field}`, violations);
    validateNotAbove100Percent(share, `spec.${field}`, violations);
  }
  if (spec.selector !== undefined) validateLabelSelector(spec.selector, 'spec.selector', violations);
  const policy = spec.unhealthyPodEvictionPolicy;
  if (policy !== undefined && !evictionPolicies.includes(policy))
    violations.notSupported('spec.unhealthyPodEvictionPolicy', policy, evictionPolicies);
}

export function validateBudgetStatus(
  { status }: PodDisruptionBudget,
  _: PodDisruptionBudget,
  violations: Violations,
): void {
  for (const field of ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const)
    validateNonNegative(status[field], `status.${field}`, violations);
}
