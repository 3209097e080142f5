import t from 'tap';
import type { Namespace, ServiceAccount } from '../../api/generated/core-v1.js';
import { createAdmissionPlugins } from '../../apiserver/admission/registry.js';
import { systemClock } from '../../common/clock.js';
import { admissionPluginContract } from './admission-plugin.js';

const created = { uid: 'u0', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
const namespace: Namespace = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { ...created, name: 'shop' },
  spec: {},
  status: { phase: 'Active' },
};
const account: ServiceAccount = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { ...created, name: 'default', namespace: 'shop' },
  imagePullSecrets: [{ name: 'pull' }],
};

const plugins = createAdmissionPlugins({
  findNamespace: async (name) => Promise.resolve(name === 'shop' ? namespace : undefined),
  findServiceAccount: async (_, name) => Promise.resolve(name === 'default' ? account : undefined),
  findPriorityClass: async () => Promise.resolve(undefined),
  listPriorityClasses: async () => Promise.resolve([]),
  listStorageClasses: async () => Promise.resolve([]),
  clock: systemClock,
  stopping: new AbortController().signal,
});

for (const plugin of plugins) {
  await t.test(plugin.name, async (t) => {
    await admissionPluginContract(t, plugin);
  });
}
