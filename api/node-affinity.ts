/** Which nodes a node selector means: used by the scheduler, and by everything that must agree with it. */
import type {
  Node,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodSpec,
} from './generated/core-v1.js';

/** The node has all labels of `spec.nodeSelector` and meets the required node affinity. */
export function matchesRequiredNodeAffinity(spec: PodSpec, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  for (const [key, value] of Object.entries(spec.nodeSelector ?? {})) {
    if (!Object.hasOwn(labels, key) || labels[key] !== value) return false;
  }
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || matchesNodeSelector(required, node);
}

/** Terms are alternatives: one that matches is enough, and no term at all matches no node. */
export function matchesNodeSelector(selector: NodeSelector, node: Node): boolean {
  return selector.nodeSelectorTerms.some((term) => matchesNodeSelectorTerm(term, node));
}

/** All requirements of a term must hold; a term without any matches no node. */
export function matchesNodeSelectorTerm(term: NodeSelectorTerm, node: Node): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length + fields.length === 0) return false;
  const nodeFields = { 'metadata.name': node.metadata.name };
  return (
    expressions.every((requirement) => meets(requirement, node.metadata.labels ?? {})) &&
    fields.every((requirement) => meets(requirement, nodeFields))
  );
}

function meets(requirement: NodeSelectorRequirement, values: Readonly<Record<string, string>>): boolean {
  const wanted = requirement.values ?? [];
  const value = Object.hasOwn(values, requirement.key) ? values[requirement.key] : undefined;
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && wanted.includes(value);
    case 'NotIn':
      return value === undefined || !wanted.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
    case 'Lt':
      return compareIntegers(requirement.operator, value, wanted[0]);
  }
}

const integer = /^[-+]?[0-9]+$/;

function compareIntegers(
  operator: 'Gt' | 'Lt',
  value: string | undefined,
  bound: string | undefined,
): boolean {
  if (value === undefined || bound === undefined || !integer.test(value) || !integer.test(bound))
    return false;
  return operator === 'Gt' ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
}

/**
 * The names of the only nodes that the required affinity can match, where every term names nodes by
 * `metadata.name`; undefined when it does not narrow the nodes down like that.
 */
export function nodeNamesOfAffinity(spec: PodSpec): ReadonlySet<string> | undefined {
  const terms =
    spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (terms === undefined || terms.length === 0) return undefined;
  const names = new Set<string>();
  for (const term of terms) {
    const lists = (term.matchFields ?? [])
      .filter(({ key, operator }) => key === 'metadata.name' && operator === 'In')
      .map(({ values }) => values ?? []);
    const [first, ...others] = lists;
    if (first === undefined) return undefined;
    for (const name of first) if (others.every((list) => list.includes(name))) names.add(name);
  }
  return names;
}
