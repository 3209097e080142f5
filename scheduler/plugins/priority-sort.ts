/** PrioritySort: higher priority first, then first come, first served. */
import type { PluginFactory } from '../framework/extension-points.js';

export const prioritySort: PluginFactory = () => ({
  name: 'PrioritySort',
  compare: (a, b) =>
    (b.info.pod.spec.priority ?? 0) - (a.info.pod.spec.priority ?? 0) || a.queuedAtMs - b.queuedAtMs,
});
