/** SchedulingGates: a Pod with gates is not tried before somebody has removed all of them. */
import type { PluginFactory } from '../framework/extension-points.js';
import { success, unresolvable } from '../framework/verdict.js';

export const schedulingGates: PluginFactory = () => ({
  name: 'SchedulingGates',
  // Removing a gate changes the Pod itself, and a changed Pod is always looked at again.
  interests: [],
  preEnqueue: ({ pod }) => {
    const gates = (pod.spec.schedulingGates ?? []).map((gate) => gate.name);
    return gates.length === 0 ? success : unresolvable(`waiting for scheduling gates: [${gates.join(' ')}]`);
  },
});
