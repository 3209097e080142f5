/** Which Pods a node keeps when it must let others go. Pure. */
import type { Pod } from '../../api/generated/core-v1.js';
import { isCriticalPriority } from '../../api/pod-helpers.js';

/** From a manifest on this node, or the shadow of one in the apiserver. */
export function isStaticPod({ metadata: { annotations = {} } }: Pod): boolean {
  const source = annotations['kubernetes.io/config.source'];
  return (
    (source !== undefined && source !== 'api') || annotations['kubernetes.io/config.mirror'] !== undefined
  );
}

/** Never evicted and always admitted: the node or the cluster would not work without it. */
export function isCriticalPod(pod: Pod): boolean {
  return isStaticPod(pod) || isCriticalPriority(pod.spec.priority);
}
