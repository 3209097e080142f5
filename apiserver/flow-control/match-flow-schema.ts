/** Which FlowSchema a request belongs to, and which flow of it. Pure. */
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '../../api/generated/flowcontrol-v1.js';
import type { RequestAttributes } from '../filters/authorization.js';

type Asked = Pick<RequestAttributes, 'user' | 'verb' | 'path' | 'resource'>;
type AskedResource = NonNullable<Asked['resource']>;
type Matcher = (request: Asked) => boolean;

/** The order in which FlowSchemas are asked: the lower number first, among equals by name. */
export function comparePrecedence(a: FlowSchema, b: FlowSchema): number {
  const difference = (a.spec.matchingPrecedence ?? 0) - (b.spec.matchingPrecedence ?? 0);
  if (difference !== 0) return difference;
  return a.metadata.name < b.metadata.name ? -1 : a.metadata.name > b.metadata.name ? 1 : 0;
}

/** Prepares the rules of a FlowSchema: one of them has to fit both the subject and what is asked for. */
export function flowSchemaMatcher({ spec }: FlowSchema): Matcher {
  const rules = (spec.rules ?? []).map(ruleMatcher);
  return (request) => rules.some((matches) => matches(request));
}

/** What tells flows of one FlowSchema apart: the user, the namespace, or nothing. */
export function flowDistinguisher({ spec }: FlowSchema): (request: Asked) => string {
  const method = spec.distinguisherMethod?.type;
  if (method === 'ByUser') return ({ user }) => user.name;
  if (method === 'ByNamespace') return ({ resource }) => resource?.namespace ?? '';
  return () => '';
}

function ruleMatcher(rule: PolicyRulesWithSubjects): Matcher {
  const subjects = rule.subjects.map(subjectMatcher);
  const resources = (rule.resourceRules ?? []).map(resourceMatcher);
  const paths = (rule.nonResourceRules ?? []).map(pathMatcher);
  return (request) => {
    if (!subjects.some((matches) => matches(request))) return false;
    const { resource } = request;
    return resource === undefined
      ? paths.some((matches) => matches(request))
      : resources.some((matches) => matches(request.verb, resource));
  };
}

function subjectMatcher({ kind, user, group, serviceAccount }: Subject): Matcher {
  if (kind === 'User' && user !== undefined) {
    const { name } = user;
    return name === '*' ? () => true : (request) => request.user.name === name;
  }
  if (kind === 'Group' && group !== undefined) {
    const { name } = group;
    return name === '*' ? () => true : (request) => request.user.groups.includes(name);
  }
  if (kind === 'ServiceAccount' && serviceAccount !== undefined) {
    const { namespace, name } = serviceAccount;
    const prefix = `system:serviceaccount:${namespace}:`;
    return name === '*'
      ? (request) => request.user.name.startsWith(prefix)
      : (request) => request.user.name === prefix + name;
  }
  // Validation lets no such subject through; one that got into the store in another way matches nobody.
  return () => false;
}

function resourceMatcher(rule: ResourcePolicyRule): (verb: string, asked: AskedResource) => boolean {
  const verbs = listMatcher(rule.verbs);
  const groups = listMatcher(rule.apiGroups);
  const resources = listMatcher(rule.resources);
  const namespaces = listMatcher(rule.namespaces ?? []);
  const clusterScope = rule.clusterScope === true;
  return (verb, { group, namespace, resource, subresource }) =>
    verbs(verb) &&
    groups(group) &&
    resources(subresource === '' ? resource : `${resource}/${subresource}`) &&
    (namespace === '' ? clusterScope : namespaces(namespace));
}

function pathMatcher(rule: NonResourcePolicyRule): Matcher {
  const verbs = listMatcher(rule.verbs);
  const exact = listMatcher(rule.nonResourceURLs);
  const prefixes = rule.nonResourceURLs.filter((url) => url.endsWith('*')).map((url) => url.slice(0, -1));
  return ({ verb, path }) =>
    verbs(verb) && (exact(path) || prefixes.some((prefix) => path.startsWith(prefix)));
}

function listMatcher(values: readonly string[]): (value: string) => boolean {
  if (values.includes('*')) return () => true;
  const set = new Set(values);
  return (value) => set.has(value);
}
