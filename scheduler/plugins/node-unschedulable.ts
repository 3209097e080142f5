/** NodeUnschedulable: a cordoned node takes no new Pods, except those that tolerate just that. */
import { toleratesTaint } from '../../api/tolerations.js';
import type { Node, Pod, Taint } from '../../api/generated/core-v1.js';
import type { ClusterEvent } from '../framework/cluster-event.js';
import type { PluginFactory } from '../framework/extension-points.js';
import { success, unresolvable } from '../framework/verdict.js';

const cordoned: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export const nodeUnschedulable: PluginFactory = () => ({
  name: 'NodeUnschedulable',
  interests: [
    { type: 'node-added', mayHelp },
    { type: 'node-updated', mayHelp },
  ],
  filter: (_state, { pod }, { node }) =>
    accepts(pod, node) ? success : unresolvable('node(s) were unschedulable'),
});

function accepts(pod: Pod, node: Node): boolean {
  if (node.spec.unschedulable !== true) return true;
  return pod.spec.tolerations?.some((toleration) => toleratesTaint(toleration, cordoned)) === true;
}

function mayHelp(pod: Pod, event: ClusterEvent): boolean {
  return !('node' in event) || accepts(pod, event.node);
}
