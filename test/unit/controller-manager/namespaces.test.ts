import t from 'tap';
import type { Namespace } from '../../../api/generated/core-v1.js';
import { configMaps, namespaces, pods, secrets, serviceAccounts } from '../../../api/resources.js';
import { isStatusError } from '../../../api/status-error.js';
import { namespaceController } from '../../../controller-manager/controllers/namespace/controller.js';
import { namespaceConditions } from '../../../controller-manager/controllers/namespace/namespace-conditions.js';
import { rootCa } from '../../../controller-manager/controllers/root-ca/controller.js';
import { serviceAccount } from '../../../controller-manager/controllers/serviceaccount/controller.js';
import { createPod, managerRig } from './manager-rig.js';
import type { ManagerRig } from './manager-rig.js';

async function createNamespace(rig: ManagerRig, name: string): Promise<Namespace> {
  const created = await rig.client
    .resource(namespaces)
    .create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: {} });
  await rig.settle();
  return created;
}

async function isGone(rig: ManagerRig, name: string): Promise<boolean> {
  try {
    await rig.client.resource(namespaces).get({ name });
    return false;
  } catch (error) {
    if (isStatusError(error, 'NotFound')) return true;
    throw error;
  }
}

void t.test('every namespace has its default account and the CA, and gets them back', async (t) => {
  const rig = managerRig(t, [serviceAccount, rootCa]);
  await createNamespace(rig, 'demo');
  const ca = rig.client.resource(configMaps);
  const at = { namespace: 'demo', name: 'kube-root-ca.crt' };
  t.strictSame((await ca.get(at)).data, { 'ca.crt': 'the CA' });
  await ca.patch(at, 'merge', { data: { 'ca.crt': 'another', more: 'x' } });
  await rig.settle();
  t.strictSame((await ca.get(at)).data, { 'ca.crt': 'the CA' });
  await ca.delete(at);
  await rig.client.resource(serviceAccounts).delete({ namespace: 'demo', name: 'default' });
  await rig.settle();
  t.strictSame((await ca.get(at)).data, { 'ca.crt': 'the CA' });
  t.equal((await rig.list(serviceAccounts, 'demo'))[0]?.metadata.name, 'default');
});

void t.test('nothing is put into a namespace that is on its way out', async (t) => {
  const rig = managerRig(t, [serviceAccount, rootCa]);
  await createNamespace(rig, 'demo');
  await rig.client.resource(namespaces).delete({ name: 'demo' });
  await rig.client.resource(serviceAccounts).delete({ namespace: 'demo', name: 'default' });
  await rig.settle();
  t.strictSame(await rig.list(serviceAccounts, 'demo'), []);
});

void t.test('a deleted namespace is emptied and goes', async (t) => {
  const rig = managerRig(t, [namespaceController]);
  await createNamespace(rig, 'demo');
  await createNamespace(rig, 'other');
  for (const namespace of ['demo', 'other']) {
    const metadata = { name: 'a', namespace };
    await rig.client.resource(configMaps).create({ apiVersion: 'v1', kind: 'ConfigMap', metadata });
    await rig.client.resource(secrets).create({ apiVersion: 'v1', kind: 'Secret', metadata });
  }
  await rig.client.resource(namespaces).delete({ name: 'demo' });
  await rig.settle();
  t.equal(await isGone(rig, 'demo'), true);
  t.strictSame(await rig.list(configMaps, 'demo'), []);
  t.equal((await rig.list(configMaps, 'other')).length, 1);
  t.equal((await rig.list(secrets, 'other')).length, 1);
});

void t.test('it waits for finalizers, says so, and looks again', async (t) => {
  const rig = managerRig(t, [namespaceController]);
  await createNamespace(rig, 'demo');
  const resource = rig.client.resource(configMaps);
  const held = { name: 'held', namespace: 'demo', finalizers: ['example.com/hold'] };
  await resource.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: held });
  await rig.client.resource(namespaces).delete({ name: 'demo' });
  await rig.settle();
  const { status } = await rig.client.resource(namespaces).get({ name: 'demo' });
  t.equal(status.phase, 'Terminating');
  t.match(
    Object.fromEntries(
      (status.conditions ?? []).map((one) => [one.type, `${one.status} ${one.message ?? ''}`]),
    ),
    {
      NamespaceContentRemaining: 'True Some resources are remaining: configmaps. has 1 resource instances',
      NamespaceFinalizersRemaining:
        'True Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
      NamespaceDeletionContentFailure: /^False/,
    },
  );
  await resource.patch({ namespace: 'demo', name: 'held' }, 'merge', { metadata: { finalizers: [] } });
  await rig.advance(1_000);
  t.equal(await isGone(rig, 'demo'), true);
});

void t.test('it goes as soon as its last pod has ended', async (t) => {
  const rig = managerRig(t, [namespaceController]);
  await createNamespace(rig, 'demo');
  const pod = await createPod(rig, 'a', { node: 'n1', metadata: { namespace: 'demo' } });
  await rig.client.resource(namespaces).delete({ name: 'demo' });
  await rig.settle();
  t.ok(
    (await rig.client.resource(pods).get(pod.metadata)).metadata.deletionTimestamp,
    'the pod is asked to end',
  );
  await rig.client.resource(pods).delete(pod.metadata, { gracePeriodSeconds: 0 });
  await rig.settle();
  t.equal(await isGone(rig, 'demo'), true, 'without any time passing');
});

void t.test('conditions are written once', (t) => {
  const report = {
    remaining: new Map([['pods.', 2]]),
    finalizers: new Map<string, number>(),
    undiscovered: [],
    failures: ['x'],
  };
  const first = namespaceConditions(undefined, report, '2026-01-01T00:00:00Z');
  t.equal(first.length, 5);
  t.equal(namespaceConditions(first, report, '2026-01-02T00:00:00Z'), first);
  t.end();
});
