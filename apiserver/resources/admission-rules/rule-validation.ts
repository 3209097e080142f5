/** Rules that say which requests an admission webhook or policy looks at. */
import type { MatchResources, RuleWithOperations } from '../../../api/generated/admissionregistration-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { checkOneOf, checkUnique } from '../checks.js';
import { validateLabelSelector } from '../pod/template.js';

export const failurePolicies = ['Fail', 'Ignore'];
export const matchPolicies = ['Exact', 'Equivalent'];
const operations = ['*', 'CREATE', 'UPDATE', 'DELETE', 'CONNECT'];
const scopes = ['Cluster', 'Namespaced', '*'];

export function validateRuleWithOperations(
  rule: RuleWithOperations,
  path: string,
  violations: Violations,
): void {
  const given = rule.operations ?? [];
  validateSet(given, `${path}.operations`, 'operations', violations);
  for (const [index, operation] of given.entries())
    checkOneOf(operation, operations, `${path}.operations[${index}]`, violations);
  validateSet(rule.apiGroups ?? [], `${path}.apiGroups`, 'API groups', violations);
  const versions = rule.apiVersions ?? [];
  validateSet(versions, `${path}.apiVersions`, 'API versions', violations);
  for (const [index, version] of versions.entries())
    if (version === '') violations.required(`${path}.apiVersions[${index}]`);
  validateResources(rule.resources ?? [], `${path}.resources`, violations);
  checkOneOf(rule.scope, scopes, `${path}.scope`, violations);
}

/** There is something, and `*` stands alone. */
function validateSet(values: readonly string[], path: string, what: string, violations: Violations): void {
  if (values.length === 0) violations.required(path);
  if (values.length > 1 && values.includes('*'))
    violations.invalid(path, values, `if '*' is present, must not specify other ${what}`);
}

/** `pods`, `pods/log`, and with a star for the one, the other or both. */
function validateResources(resources: readonly string[], path: string, violations: Violations): void {
  if (resources.length === 0) violations.required(path);
  const wholeSubresources = new Set<string>();
  const wholeResources = new Set<string>();
  for (const [index, text] of resources.entries()) {
    const at = `${path}[${index}]`;
    if (text === '') {
      violations.required(at);
      continue;
    }
    if (text === '*/*' && resources.length > 1)
      violations.invalid(path, resources, "if '*/*' is present, must not specify other resources");
    const [resource = '', subresource] = text.split('/');
    if (subresource === undefined) continue;
    if (wholeSubresources.has(resource))
      violations.invalid(at, text, `if '${resource}/*' is present, must not specify ${text}`);
    if (wholeResources.has(subresource))
      violations.invalid(at, text, `if '*/${subresource}' is present, must not specify ${text}`);
    if (subresource === '*') wholeSubresources.add(resource);
    if (resource === '*') wholeResources.add(subresource);
  }
  if (resources.includes('*') && resources.some((one) => one !== '*' && !one.includes('/')))
    violations.invalid(
      path,
      resources,
      "if '*' is present, must not specify other resources without subresources",
    );
}

export function setMatchResourcesDefaults(match: MatchResources | undefined): void {
  if (match === undefined) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])])
    rule.scope ??= '*';
}

export function validateMatchResources(match: MatchResources, path: string, violations: Violations): void {
  checkOneOf(match.matchPolicy, matchPolicies, `${path}.matchPolicy`, violations);
  for (const field of ['namespaceSelector', 'objectSelector'] as const) {
    const selector = match[field];
    if (selector === undefined) violations.required(`${path}.${field}`);
    else validateLabelSelector(selector, `${path}.${field}`, violations);
  }
  for (const field of ['resourceRules', 'excludeResourceRules'] as const) {
    for (const [index, rule] of (match[field] ?? []).entries()) {
      const at = `${path}.${field}[${index}]`;
      validateRuleWithOperations(rule, at, violations);
      checkUnique(rule.resourceNames ?? [], (position) => `${at}.resourceNames[${position}]`, violations);
    }
  }
}

/** Told to who creates one: what is stored has no effect yet. */
export function notEnforced(kind: string): readonly string[] {
  return [`${kind} objects are stored but not enforced by this server yet`];
}
