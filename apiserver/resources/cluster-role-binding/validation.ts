import type { Violations } from '../../../api/field-path.js';
import type { ClusterRoleBinding } from '../../../api/generated/rbac-v1.js';
import { validateBinding } from '../role-binding/validation.js';

export function validateClusterRoleBinding(binding: ClusterRoleBinding, violations: Violations): void {
  validateBinding(binding, { roleKinds: ['ClusterRole'], namespaced: false }, violations);
}
