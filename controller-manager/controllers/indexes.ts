/** Indexes that several controllers share: declared under the same name, they are built once. */
import type { Pod } from '../../api/generated/core-v1.js';
import type { KubernetesObject } from '../../api/objects.js';
import { claimNameOf } from '../../api/volume-binding.js';

/** Objects of a namespace: `informer.byIndex('namespace', 'default')`. */
export const byNamespace = {
  namespace: ({ metadata }: KubernetesObject): readonly string[] => [metadata.namespace ?? ''],
};

/** Pods that are bound to a node: `informer.byIndex('node', 'n1')`. */
export const byNode = {
  node: ({ spec }: Pod): readonly string[] =>
    spec.nodeName === undefined || spec.nodeName === '' ? [] : [spec.nodeName],
};

/** Pods that use a claim: `informer.byIndex('claim', 'default/data')`. */
export const byClaim = {
  claim: (pod: Pod): readonly string[] =>
    (pod.spec.volumes ?? []).flatMap((volume) => {
      const name = claimNameOf(pod, volume);
      return name === undefined ? [] : [`${pod.metadata.namespace}/${name}`];
    }),
};
