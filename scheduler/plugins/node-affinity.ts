/** NodeAffinity: `nodeSelector` and required node affinity rule nodes out, preferred node affinity gives points. */
import {
  matchesNodeSelectorTerm,
  matchesRequiredNodeAffinity,
  nodeNamesOfAffinity,
} from '../../api/node-affinity.js';
import type { Pod, PreferredSchedulingTerm } from '../../api/generated/core-v1.js';
import type { ClusterEvent } from '../framework/cluster-event.js';
import type { PluginFactory } from '../framework/extension-points.js';
import { scaleToHighest } from '../framework/normalize.js';
import { skip, success, unresolvable } from '../framework/verdict.js';

export const nodeAffinity: PluginFactory = () => ({
  name: 'NodeAffinity',
  interests: [
    { type: 'node-added', mayHelp },
    { type: 'node-updated', mayHelp },
  ],
  preFilter: (_state, { pod }) => {
    const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    if (pod.spec.nodeSelector === undefined && required === undefined) return skip;
    const onlyNodes = nodeNamesOfAffinity(pod.spec);
    if (onlyNodes === undefined) return success;
    if (onlyNodes.size === 0) return unresolvable('pod affinity terms conflict');
    return { kind: 'success', onlyNodes };
  },
  filter: (_state, { pod }, { node }) =>
    matchesRequiredNodeAffinity(pod.spec, node)
      ? success
      : unresolvable("node(s) didn't match Pod's node affinity/selector"),
  preScore: (_state, { pod }) => (preferences(pod).length === 0 ? skip : success),
  score: (_state, { pod }, { node }) => {
    let points = 0;
    for (const { weight, preference } of preferences(pod)) {
      if (matchesNodeSelectorTerm(preference, node)) points += weight;
    }
    return points;
  },
  normalizeScores: (_state, _pod, scores) => scaleToHighest(scores),
});

function preferences(pod: Pod): readonly PreferredSchedulingTerm[] {
  return pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
}

function mayHelp(pod: Pod, event: ClusterEvent): boolean {
  return !('node' in event) || matchesRequiredNodeAffinity(pod.spec, event.node);
}
