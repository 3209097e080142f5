import type { Violations } from '../../../api/field-path.js';
import type { ClusterRole } from '../../../api/generated/rbac-v1.js';
import { validateLabelSelector } from '../pod/template.js';
import { validateRules } from '../role/validation.js';

export function validateClusterRole(
  { rules = [], aggregationRule }: ClusterRole,
  violations: Violations,
): void {
  validateRules(rules, false, violations);
  if (aggregationRule === undefined) return;
  const { clusterRoleSelectors = [] } = aggregationRule;
  const path = 'aggregationRule.clusterRoleSelectors';
  if (clusterRoleSelectors.length === 0)
    violations.required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil');
  for (const [index, selector] of clusterRoleSelectors.entries())
    validateLabelSelector(selector, `${path}[${index}]`, violations);
}
