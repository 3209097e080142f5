/** FlowSchemas: which requests go to which priority level, and how they are told apart there. */
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '../../../api/generated/flowcontrol-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateDns1123Label, validateDns1123Subdomain } from '../../../api/names.js';
import { checkOneOf, checkRequired, checkRequiredName } from '../checks.js';

const exemptName = 'exempt';
const maxPrecedence = 10_000;
const distinguishers = ['ByNamespace', 'ByUser'];
const subjectKinds = ['Group', 'ServiceAccount', 'User'];
const resourceVerbs = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'proxy',
  'update',
  'watch',
];
const pathVerbs = ['connect', 'delete', 'get', 'head', 'options', 'patch', 'post', 'put', 'trace'];

export function validateFlowSchema({ metadata, spec }: FlowSchema, violations: Violations): void {
  validatePrecedence(metadata.name, spec.matchingPrecedence ?? 0, violations);
  if (spec.distinguisherMethod !== undefined)
    checkOneOf(spec.distinguisherMethod.type, distinguishers, 'spec.distinguisherMethod.type', violations);
  const { name } = spec.priorityLevelConfiguration;
  const path = 'spec.priorityLevelConfiguration.name';
  if (checkRequired(name, path, violations, 'must reference a priority level'))
    violations.invalidEach(path, name, validateDns1123Subdomain(name));
  for (const [index, rule] of (spec.rules ?? []).entries())
    validateRules(rule, `spec.rules[${index}]`, violations);
}

function validatePrecedence(name: string, precedence: number, violations: Violations): void {
  const path = 'spec.matchingPrecedence';
  if (precedence === 1 && name !== exemptName)
    violations.invalid(
      path,
      precedence,
      `only the schema named '${exemptName}' may have matchingPrecedence 1`,
    );
  else if (precedence <= 0) violations.invalid(path, precedence, 'must be a positive value');
  else if (precedence > maxPrecedence)
    violations.invalid(path, precedence, `must not be greater than ${maxPrecedence}`);
}

function validateRules(rules: PolicyRulesWithSubjects, path: string, violations: Violations): void {
  const { subjects, resourceRules = [], nonResourceRules = [] } = rules;
  if (subjects.length === 0)
    violations.required(`${path}.subjects`, 'subjects must contain at least one value');
  for (const [index, subject] of subjects.entries())
    validateSubject(subject, `${path}.subjects[${index}]`, violations);
  if (resourceRules.length === 0 && nonResourceRules.length === 0)
    violations.required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty');
  for (const [index, rule] of resourceRules.entries())
    validateResourceRule(rule, `${path}.resourceRules[${index}]`, violations);
  for (const [index, rule] of nonResourceRules.entries())
    validatePathRule(rule, `${path}.nonResourceRules[${index}]`, violations);
}

/** The member that the kind names is there, and no other. */
function validateSubject(subject: Subject, path: string, violations: Violations): void {
  const { kind, user, group, serviceAccount } = subject;
  if (!subjectKinds.includes(kind)) {
    violations.notSupported(`${path}.kind`, kind, subjectKinds);
    return;
  }
  const members = { user, group, serviceAccount };
  const own = kind.charAt(0).toLowerCase() + kind.slice(1);
  for (const [member, value] of Object.entries(members)) {
    const words = member === 'serviceAccount' ? 'ServiceAccount' : kindOf(member);
    if (member === own && value === undefined)
      violations.required(`${path}.${member}`, `${member} is required when subject kind is '${words}'`);
    if (member !== own && value !== undefined)
      violations.forbidden(`${path}.${member}`, `${member} is forbidden when subject kind is not '${words}'`);
  }
  if (kind === 'User' && user !== undefined) checkRequired(user.name, `${path}.user.name`, violations);
  if (kind === 'Group' && group !== undefined) checkRequired(group.name, `${path}.group.name`, violations);
  if (kind === 'ServiceAccount' && serviceAccount !== undefined) {
    const at = `${path}.serviceAccount`;
    if (serviceAccount.name !== '*')
      checkRequiredName(serviceAccount.name, validateDns1123Subdomain, `${at}.name`, violations);
    checkRequiredName(serviceAccount.namespace, validateDns1123Label, `${at}.namespace`, violations);
  }
}

function kindOf(member: string): string {
  return member.charAt(0).toUpperCase() + member.slice(1);
}

function validateVerbs(
  verbs: readonly string[],
  known: readonly string[],
  path: string,
  violations: Violations,
): void {
  if (verbs.length === 0) violations.required(path, 'verbs must contain at least one value');
  else if (verbs.includes('*')) {
    if (verbs.length > 1) violations.invalid(path, verbs, "if '*' is present, must not specify other verbs");
  } else if (!verbs.every((verb) => known.includes(verb))) violations.notSupported(path, verbs, known);
}

function validateResourceRule(rule: ResourcePolicyRule, path: string, violations: Violations): void {
  const { apiGroups, resources, namespaces = [], clusterScope = false } = rule;
  validateVerbs(rule.verbs, resourceVerbs, `${path}.verbs`, violations);
  if (apiGroups.length === 0)
    violations.required(`${path}.apiGroups`, 'resource rules must supply at least one api group');
  else if (apiGroups.length > 1 && apiGroups.includes('*'))
    violations.invalid(
      `${path}.apiGroups`,
      apiGroups,
      "if '*' is present, must not specify other api groups",
    );
  if (resources.length === 0)
    violations.required(`${path}.resources`, 'resource rules must supply at least one resource');
  else if (resources.length > 1 && resources.includes('*'))
    violations.invalid(`${path}.resources`, resources, "if '*' is present, must not specify other resources");
  if (namespaces.length === 0 && !clusterScope)
    violations.required(
      `${path}.namespaces`,
      'resource rules that are not cluster scoped must supply at least one namespace',
    );
  else if (namespaces.includes('*')) {
    if (namespaces.length > 1)
      violations.invalid(
        `${path}.namespaces`,
        namespaces,
        'resource rules that are for all namespaces must only have "*"',
      );
  } else
    for (const [index, namespace] of namespaces.entries())
      violations.invalidEach(`${path}.namespaces[${index}]`, namespace, validateDns1123Label(namespace));
}

function validatePathRule(rule: NonResourcePolicyRule, path: string, violations: Violations): void {
  validateVerbs(rule.verbs, pathVerbs, `${path}.verbs`, violations);
  const { nonResourceURLs } = rule;
  const at = `${path}.nonResourceURLs`;
  if (nonResourceURLs.length === 0) {
    violations.required(at, 'nonResourceURLs must contain at least one value');
    return;
  }
  if (nonResourceURLs.includes('*')) {
    if (nonResourceURLs.length > 1)
      violations.invalid(at, nonResourceURLs, "if '*' is present, must not specify other non-resource URLs");
    return;
  }
  for (const [index, url] of nonResourceURLs.entries()) validateUrlPath(url, `${at}[${index}]`, violations);
}

function validateUrlPath(path: string, at: string, violations: Violations): void {
  if (path === '') violations.invalid(at, path, 'must not be empty');
  else if (path === '/') return;
  else if (!path.startsWith('/')) violations.invalid(at, path, "must start with '/'");
  else if (path.includes(' ')) violations.invalid(at, path, 'must not contain white-space');
  else if (path.includes('//')) violations.invalid(at, path, 'must not contain double slash');
  else if (path.replace(/\/\*$/, '').includes('*'))
    violations.invalid(at, path, 'wildcard can only do suffix matching');
}
