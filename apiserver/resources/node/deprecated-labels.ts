/** Labels of nodes that have newer names, in the words of Kubernetes' warnings. */
import type { NodeSelectorTerm } from '../../../api/generated/core-v1.js';

const deprecated: ReadonlyMap<string, string> = new Map([
  ['beta.kubernetes.io/arch', 'deprecated since v1.14; use "kubernetes.io/arch" instead'],
  ['beta.kubernetes.io/os', 'deprecated since v1.14; use "kubernetes.io/os" instead'],
  [
    'failure-domain.beta.kubernetes.io/region',
    'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  ],
  [
    'failure-domain.beta.kubernetes.io/zone',
    'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  ],
  [
    'beta.kubernetes.io/instance-type',
    'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  ],
  ['app.kubernetes.io/created-by', 'deprecated since v1.9'],
  [
    'scheduler.alpha.kubernetes.io/preferAvoidPods',
    'deprecated since v1.22; use Taints and Tolerations instead',
  ],
  ['node-role.kubernetes.io/master', 'use "node-role.kubernetes.io/control-plane" instead'],
]);

/** One for each key that is deprecated, after what `where` says of its place. */
export function nodeLabelWarnings(
  keys: readonly string[],
  where: (key: string) => string,
  separator = ': ',
): readonly string[] {
  return keys.flatMap((key) => {
    const message = deprecated.get(key);
    return message === undefined ? [] : [`${where(key)}${separator}${message}`];
  });
}

export function nodeTermWarnings(
  { matchExpressions = [] }: NodeSelectorTerm,
  path: string,
): readonly string[] {
  return matchExpressions.flatMap(({ key }, index) =>
    nodeLabelWarnings([key], () => `${path}.matchExpressions[${index}].key: ${key} is`, ' '),
  );
}
