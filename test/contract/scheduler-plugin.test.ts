/** All plugins of the default profile keep the contract; so does the one in docs/add-a-scheduler-plugin.md. */
import t from 'tap';
import type { PluginFactory } from '../../scheduler/framework/extension-points.js';
import { success, unschedulable } from '../../scheduler/framework/verdict.js';
import { createPlugins, defaultProfile } from '../../scheduler/plugins/registry.js';
import { recordingHandle, schedulerPluginContract } from './scheduler-plugin.js';

/** The example of the guide: at most so many Pods of one namespace on a node. */
const namespaceSpread: PluginFactory = () => ({
  name: 'NamespaceSpread',
  interests: [{ type: 'node-added' }, { type: 'pod-gone' }],
  filter: (_state, pod, node) => {
    const same = node.pods.filter((other) => other.pod.metadata.namespace === pod.pod.metadata.namespace);
    return same.length < 10 ? success : unschedulable('node(s) had too many pods of the namespace');
  },
});

for (const { create } of defaultProfile) await schedulerPluginContract(t, create);
await schedulerPluginContract(t, namespaceSpread);

await t.test('the default profile has each plugin once', (t) => {
  const names = createPlugins(recordingHandle()).map(({ plugin }) => plugin.name);
  t.equal(new Set(names).size, names.length);
  t.end();
});
