/** Finished Pods are kept to be looked at, but not without end. Pure. */
import type { Pod } from '../../../api/generated/core-v1.js';
import { isPodTerminal } from '../../../api/pod-helpers.js';

/** The oldest finished Pods beyond the threshold; none when it is 0, which keeps all. */
export function chooseTerminatedPods(pods: readonly Pod[], threshold: number): readonly Pod[] {
  if (threshold === 0) return [];
  const finished = pods.filter((pod) => isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined);
  if (finished.length <= threshold) return [];
  return finished
    .sort((a, b) => Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp))
    .slice(0, finished.length - threshold);
}
