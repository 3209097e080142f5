/** TaintToleration: hard taints keep a Pod away unless it tolerates them; soft ones cost points. */
import { findUntoleratedTaint, toleratesTaint } from '../../api/tolerations.js';
import type { Node, Pod } from '../../api/generated/core-v1.js';
import type { ClusterEvent } from '../framework/cluster-event.js';
import type { PluginFactory } from '../framework/extension-points.js';
import { scaleToHighest } from '../framework/normalize.js';
import { success, unresolvable } from '../framework/verdict.js';

export const taintToleration: PluginFactory = () => ({
  name: 'TaintToleration',
  interests: [
    { type: 'node-added', mayHelp },
    { type: 'node-updated', mayHelp },
  ],
  filter: (_state, { pod }, { node }) =>
    isTolerated(pod, node) ? success : unresolvable('node(s) had untolerated taint(s)'),
  /** The number of soft taints that the Pod does not tolerate: fewer is better. */
  score: (_state, { pod }, { node }) => {
    const tolerations = pod.spec.tolerations ?? [];
    return (node.spec.taints ?? []).filter(
      (taint) =>
        taint.effect === 'PreferNoSchedule' &&
        !tolerations.some((toleration) => toleratesTaint(toleration, taint)),
    ).length;
  },
  normalizeScores: (_state, _pod, scores) => scaleToHighest(scores, { reverse: true }),
});

function isTolerated(pod: Pod, node: Node): boolean {
  const effects = ['NoSchedule', 'NoExecute'] as const;
  return findUntoleratedTaint(node.spec.taints, pod.spec.tolerations, effects) === undefined;
}

function mayHelp(pod: Pod, event: ClusterEvent): boolean {
  return !('node' in event) || isTolerated(pod, event.node);
}
