/** Watches over nodes: two loops, one over nodes (health, taints), one over Pods (eviction by taints). */
import type { ControllerDefinition } from '../../controller-definition.js';
import { createNodeMonitor } from './node-monitor.js';
import { createTaintEviction } from './taint-eviction.js';

export const nodeLifecycle: ControllerDefinition = {
  name: 'node-lifecycle',
  create(context) {
    const loops = [createNodeMonitor(context), createTaintEviction(context)];
    return {
      async run(signal) {
        await Promise.all(loops.map((loop) => loop.run(signal)));
      },
    };
  },
};
