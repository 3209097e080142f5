/** Bindings: who gets a role. Which role it is does not change, or a binding would silently become another one. */
import type { Violations } from '../../../api/field-path.js';
import type { RoleBinding, RoleRef, Subject } from '../../../api/generated/rbac-v1.js';
import { validateDns1123Subdomain, validatePathSegmentName } from '../../../api/names.js';
import { checkOneOf, checkRequired, checkRequiredName } from '../checks.js';
import { isDeepStrictEqual } from 'node:util';

export const rbacGroup = 'rbac.authorization.k8s.io';

interface Binding {
  subjects?: Subject[];
  roleRef: RoleRef;
}

/** The group goes without saying, as it does in Kubernetes. */
export function setBindingDefaults({ subjects = [], roleRef }: Binding): void {
  if (roleRef.apiGroup === '') roleRef.apiGroup = rbacGroup;
  for (const subject of subjects)
    if ((subject.apiGroup ?? '') === '' && (subject.kind === 'User' || subject.kind === 'Group'))
      subject.apiGroup = rbacGroup;
}

export function validateRoleBinding(binding: RoleBinding, violations: Violations): void {
  validateBinding(binding, { roleKinds: ['Role', 'ClusterRole'], namespaced: true }, violations);
}

export function validateBinding(
  { roleRef, subjects = [] }: Binding,
  options: { readonly roleKinds: readonly string[]; readonly namespaced: boolean },
  violations: Violations,
): void {
  checkOneOf(roleRef.apiGroup, [rbacGroup], 'roleRef.apiGroup', violations);
  checkOneOf(roleRef.kind, options.roleKinds, 'roleRef.kind', violations);
  checkRequiredName(roleRef.name, validatePathSegmentName, 'roleRef.name', violations);
  for (const [index, subject] of subjects.entries())
    validateSubject(subject, `subjects[${index}]`, options.namespaced, violations);
}

function validateSubject(subject: Subject, path: string, namespaced: boolean, violations: Violations): void {
  const { kind, name, apiGroup = '', namespace = '' } = subject;
  checkRequired(name, `${path}.name`, violations);
  switch (kind) {
    case 'ServiceAccount':
      if (name !== '') violations.invalidEach(`${path}.name`, name, validateDns1123Subdomain(name));
      if (apiGroup !== '') violations.notSupported(`${path}.apiGroup`, apiGroup, ['']);
      if (!namespaced && namespace === '') violations.required(`${path}.namespace`);
      break;
    case 'User':
    case 'Group':
      checkOneOf(apiGroup, [rbacGroup], `${path}.apiGroup`, violations);
      break;
    default:
      violations.notSupported(`${path}.kind`, kind, ['ServiceAccount', 'User', 'Group']);
  }
}

export function validateBindingUpdate({ roleRef }: Binding, before: Binding, violations: Violations): void {
  if (!isDeepStrictEqual(roleRef, before.roleRef))
    violations.invalid('roleRef', roleRef, 'cannot change roleRef');
}
