/** DefaultBinder: writes the decision down as a Binding. */
import type { PluginFactory } from '../framework/extension-points.js';
import { success } from '../framework/verdict.js';

export const defaultBinder: PluginFactory = (handle) => ({
  name: 'DefaultBinder',
  bind: async (_state, pod, nodeName, signal) => {
    await handle.bindPod(pod, nodeName, signal);
    return success;
  },
});
