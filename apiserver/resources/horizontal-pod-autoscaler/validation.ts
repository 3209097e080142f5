import type { HorizontalPodAutoscaler, HPAScalingRules } from '../../../api/generated/autoscaling-v2.js';
import type { Violations } from '../../../api/field-path.js';
import { checkNonNegativeQuantity, checkOneOf } from '../checks.js';
import { validateNonNegative } from '../pod/template.js';
import { validateMetric, validateReference } from './metric-validation.js';

const selectPolicies = ['Max', 'Min', 'Disabled'];
const policyTypes = ['Pods', 'Percent'];
const maxWindowSeconds = 3600;
const maxPeriodSeconds = 1800;

export function validateAutoscaler({ spec }: HorizontalPodAutoscaler, violations: Violations): void {
  const { minReplicas, maxReplicas } = spec;
  if (minReplicas !== undefined && minReplicas < 1)
    violations.invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1');
  if (maxReplicas < 1) violations.invalid('spec.maxReplicas', maxReplicas, 'must be greater than 0');
  if (minReplicas !== undefined && maxReplicas < minReplicas)
    violations.invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`');
  validateReference(spec.scaleTargetRef, 'spec.scaleTargetRef', violations);
  for (const [index, metric] of (spec.metrics ?? []).entries())
    validateMetric(metric, `spec.metrics[${index}]`, violations);
  for (const direction of ['scaleUp', 'scaleDown'] as const) {
    const rules = spec.behavior?.[direction];
    if (rules !== undefined) validateRules(rules, `spec.behavior.${direction}`, violations);
  }
}

function validateRules(rules: HPAScalingRules, path: string, violations: Violations): void {
  const window = rules.stabilizationWindowSeconds;
  if (window !== undefined && window < 0)
    violations.invalid(`${path}.stabilizationWindowSeconds`, window, 'must be greater than or equal to zero');
  if (window !== undefined && window > maxWindowSeconds)
    violations.invalid(
      `${path}.stabilizationWindowSeconds`,
      window,
      `must be less than or equal to ${String(maxWindowSeconds)}`,
    );
  if (rules.selectPolicy !== undefined)
    checkOneOf(rules.selectPolicy, selectPolicies, `${path}.selectPolicy`, violations);
  const policies = rules.policies ?? [];
  if (policies.length === 0) violations.required(`${path}.policies`, 'must specify at least one Policy');
  for (const [index, { type, value, periodSeconds }] of policies.entries()) {
    const at = `${path}.policies[${index}]`;
    checkOneOf(type, policyTypes, `${at}.type`, violations);
    if (value <= 0) violations.invalid(`${at}.value`, value, 'must be greater than zero');
    if (periodSeconds <= 0)
      violations.invalid(`${at}.periodSeconds`, periodSeconds, 'must be greater than zero');
    if (periodSeconds > maxPeriodSeconds)
      violations.invalid(
        `${at}.periodSeconds`,
        periodSeconds,
        `must be less than or equal to ${String(maxPeriodSeconds)}`,
      );
  }
  if (rules.tolerance !== undefined)
    checkNonNegativeQuantity(rules.tolerance, `${path}.tolerance`, violations);
}

export function validateAutoscalerStatus(
  { status }: HorizontalPodAutoscaler,
  _: HorizontalPodAutoscaler,
  violations: Violations,
): void {
  validateNonNegative(status.currentReplicas, 'status.currentReplicas', violations);
  validateNonNegative(status.desiredReplicas, 'status.desiredReplicas', violations);
}
