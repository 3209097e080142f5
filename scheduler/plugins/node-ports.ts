/** NodePorts: two Pods cannot have the same host port of a node. (Not to be confused with Services of type NodePort.) */
import type { PluginFactory } from '../framework/extension-points.js';
import { portsConflict } from '../framework/pod-info.js';
import { skip, success, unschedulable } from '../framework/verdict.js';

export const nodePorts: PluginFactory = () => ({
  name: 'NodePorts',
  interests: [{ type: 'node-added' }, { type: 'pod-gone' }],
  preFilter: (_state, pod) => (pod.hostPorts.length === 0 ? skip : success),
  filter: (_state, pod, node) => {
    const taken = pod.hostPorts.some((port) => node.usedPorts.some((used) => portsConflict(port, used)));
    return taken ? unschedulable("node(s) didn't have free ports for the requested pod ports") : success;
  },
});
