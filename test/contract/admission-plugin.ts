/**
 * What every admission plugin keeps to, whatever it is for. The server may call a plugin again for one write (after a
 * conflict in the store), and it calls all plugins for all kinds.
 */
import type { Test } from 'tap';
import type { ConfigMap, Pod } from '../../api/generated/core-v1.js';
import type { KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { configMaps, pods } from '../../api/resources.js';
import type { AdmissionPlugin, AdmissionRequest } from '../../apiserver/admission/admission.js';
import { deepFreeze } from '../support/deep-freeze.js';

const user = { name: 'somebody', groups: ['system:authenticated'] };
const metadata = {
  name: 'one',
  namespace: 'shop',
  uid: 'u1',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
};
const configMap: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { color: 'blue' } };
const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata,
  spec: { containers: [{ name: 'web', image: 'localhost/knarr/web:1' }] },
  status: {},
};

type Write = Pick<AdmissionRequest, 'operation' | 'object' | 'before'>;

function request(definition: unknown, write: Write): AdmissionRequest {
  const { namespace, name } = metadata;
  const of = definition as ResourceDefinition;
  return { definition: of, namespace, name, subresource: '', user, dryRun: false, ...write };
}

async function run(plugin: AdmissionPlugin, asked: AdmissionRequest): Promise<void> {
  await plugin.admit?.(asked);
  await plugin.validate?.(asked);
}

/** What becomes of an object that is created. The given one stays as it is. */
async function created<T extends KubernetesObject>(
  plugin: AdmissionPlugin,
  definition: unknown,
  given: T,
): Promise<T> {
  const object = structuredClone(given);
  await run(plugin, request(definition, { operation: 'CREATE', object }));
  return object;
}

/** Runs the contract on a plugin whose world has the namespace `shop` and its account `default`. */
export async function admissionPluginContract(t: Test, plugin: AdmissionPlugin): Promise<void> {
  t.match(plugin.name, /^[A-Z][A-Za-z]+$/, 'is named as Kubernetes names its plugins');
  t.ok('admit' in plugin || 'validate' in plugin, 'does something');

  const once = deepFreeze(await created(plugin, pods, pod));
  t.strictSame(await created(plugin, pods, once), once, 'changes nothing more when it is asked again');
  await plugin.validate?.(request(pods, { operation: 'CREATE', object: once }));
  t.pass('validate changes nothing');

  const before = deepFreeze(structuredClone(pod));
  await run(plugin, request(pods, { operation: 'UPDATE', object: structuredClone(pod), before }));
  t.pass('what is in the store is read-only');

  const other = await created(plugin, configMaps, configMap);
  t.strictSame(other, configMap, 'leaves a kind alone that it has no business with');

  await run(
    plugin,
    request(configMaps, { operation: 'DELETE', before: deepFreeze(structuredClone(configMap)) }),
  );
  t.pass('a deletion comes without an object');
}
