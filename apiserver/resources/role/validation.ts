/** Rules of roles: what is allowed on which resources, or on which paths. */
import type { Violations } from '../../../api/field-path.js';
import type { PolicyRule, Role } from '../../../api/generated/rbac-v1.js';

export function validateRole({ rules = [] }: Role, violations: Violations): void {
  validateRules(rules, true, violations);
}

/** Paths have no namespace: only a ClusterRole can allow them. */
export function validateRules(
  rules: readonly PolicyRule[],
  namespaced: boolean,
  violations: Violations,
): void {
  for (const [index, rule] of rules.entries()) {
    const path = `rules[${index}]`;
    const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
    if (rule.verbs.length === 0)
      violations.required(`${path}.verbs`, 'verbs must contain at least one value');
    if (nonResourceURLs.length > 0) {
      if (namespaced)
        violations.invalid(
          `${path}.nonResourceURLs`,
          nonResourceURLs,
          'namespaced rules cannot apply to non-resource URLs',
        );
      if (apiGroups.length + resources.length + resourceNames.length > 0)
        violations.invalid(
          `${path}.nonResourceURLs`,
          nonResourceURLs,
          'rules cannot apply to both regular resources and non-resource URLs',
        );
      continue;
    }
    if (apiGroups.length === 0)
      violations.required(`${path}.apiGroups`, 'resource rules must supply at least one api group');
    if (resources.length === 0)
      violations.required(`${path}.resources`, 'resource rules must supply at least one resource');
  }
}
