import t from 'tap';
import type { ConfigMap, Pod } from '../../../api/generated/core-v1.js';
import type { OwnerReference } from '../../../api/generated/meta-v1.js';
import { controllerReference } from '../../../api/objects.js';
import type { KubernetesObject } from '../../../api/objects.js';
import { configMaps, nodes, pods } from '../../../api/resources.js';
import { chooseTerminatedPods } from '../../../controller-manager/controllers/garbage-collector/choose-terminated-pods.js';
import { garbageCollector } from '../../../controller-manager/controllers/garbage-collector/controller.js';
import { decideOnDependent } from '../../../controller-manager/controllers/garbage-collector/decide-dependent.js';
import type { OwnerState } from '../../../controller-manager/controllers/garbage-collector/decide-dependent.js';
import { OwnerGraph } from '../../../controller-manager/controllers/garbage-collector/owner-graph.js';
import { podGarbageCollector } from '../../../controller-manager/controllers/garbage-collector/pod-gc.js';
import { createNode, createPod, managerRig } from './manager-rig.js';
import type { ManagerRig } from './manager-rig.js';

async function make(
  rig: ManagerRig,
  name: string,
  owners: readonly KubernetesObject[] = [],
  namespace = 'default',
) {
  const created = await rig.client.resource(configMaps).create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, ownerReferences: owners.map(controllerReference) },
  });
  await rig.settle();
  return created;
}

async function names(rig: ManagerRig): Promise<string[]> {
  return (await rig.list(configMaps)).map(({ metadata }) => metadata.name);
}

async function remove(
  rig: ManagerRig,
  object: ConfigMap,
  propagationPolicy: 'Background' | 'Foreground' | 'Orphan',
) {
  await rig.client.resource(configMaps).delete(object.metadata, { propagationPolicy });
}

void t.test('background: the owner goes at once, dependents of any depth follow', async (t) => {
  const rig = managerRig(t, [garbageCollector]);
  const owner = await make(rig, 'owner');
  const child = await make(rig, 'child', [owner]);
  await make(rig, 'grandchild', [child]);
  await make(rig, 'stranger');
  await remove(rig, owner, 'Background');
  await rig.settle();
  t.strictSame(await names(rig), ['stranger']);
});

void t.test('foreground: the owner goes last', async (t) => {
  const rig = managerRig(t, [garbageCollector]);
  const owner = await make(rig, 'owner');
  const child = await make(rig, 'child', [owner]);
  await make(rig, 'grandchild', [child]);
  const order: string[] = [];
  const abort = new AbortController();
  const watching = (async () => {
    const resourceVersion = rig.client.resourceVersion;
    for await (const event of rig.client
      .resource(configMaps)
      .watch({ resourceVersion, signal: abort.signal })) {
      if (event.type === 'DELETED') order.push(event.object.metadata.name);
    }
  })();
  await remove(rig, owner, 'Foreground');
  await rig.settle();
  t.strictSame(await names(rig), []);
  t.strictSame(order, ['grandchild', 'child', 'owner']);
  abort.abort();
  await watching;
});

void t.test('foreground: a dependent that is held holds its owner', async (t) => {
  const rig = managerRig(t, [garbageCollector]);
  const owner = await make(rig, 'owner');
  const child = await make(rig, 'child', [owner]);
  await rig.client
    .resource(configMaps)
    .patch(child.metadata, 'merge', { metadata: { finalizers: ['example.com/hold'] } });
  await remove(rig, owner, 'Foreground');
  await rig.settle();
  t.strictSame(await names(rig), ['child', 'owner']);
  await rig.client.resource(configMaps).patch(child.metadata, 'merge', { metadata: { finalizers: [] } });
  await rig.settle();
  t.strictSame(await names(rig), []);
});

void t.test('orphan: dependents stay, without their owner', async (t) => {
  const rig = managerRig(t, [garbageCollector]);
  const owner = await make(rig, 'owner');
  await make(rig, 'child', [owner]);
  await remove(rig, owner, 'Orphan');
  await rig.settle();
  const left = await rig.list(configMaps);
  t.strictSame(
    left.map(({ metadata }) => [metadata.name, metadata.ownerReferences]),
    [['child', []]],
  );
});

void t.test('an owner that was gone before we looked', async (t) => {
  const rig = managerRig(t, [garbageCollector]);
  await rig.stop();
  const owner = await make(rig, 'owner');
  await make(rig, 'child', [owner]);
  await remove(rig, owner, 'Background');
  await make(rig, 'owner');
  rig.start();
  await rig.settle();
  t.strictSame(await names(rig), ['owner'], 'the same name with another uid is no owner');
});

void t.test('an owner in another namespace is none; one of an unknown kind is left alone', async (t) => {
  const rig = managerRig(t, [garbageCollector]);
  const owner = await make(rig, 'owner', [], 'elsewhere');
  await make(rig, 'child', [owner]);
  const custom: KubernetesObject = { ...owner, apiVersion: 'example.com/v1', kind: 'Custom' };
  await make(rig, 'of-custom', [custom]);
  await rig.settle();
  t.strictSame(await names(rig), ['of-custom', 'owner']);
});

void t.test('one of two owners goes: the reference to it does', async (t) => {
  const rig = managerRig(t, [garbageCollector]);
  const [first, second] = [await make(rig, 'first'), await make(rig, 'second')];
  await make(rig, 'child', [first, second]);
  await remove(rig, first, 'Background');
  await rig.settle();
  const child = await rig.client.resource(configMaps).get({ namespace: 'default', name: 'child' });
  t.strictSame(
    child.metadata.ownerReferences?.map(({ name }) => name),
    ['second'],
  );
});

void t.test('what becomes of a dependent', (t) => {
  const reference: OwnerReference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid: 'o' };
  const object = (finalizers: string[] = []): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'd', uid: 'd', resourceVersion: '1', creationTimestamp: '', finalizers },
  });
  const cases: [string, OwnerState[], boolean, string[], unknown][] = [
    ['no owner', [], false, [], { kind: 'keep' }],
    ['present', ['present'], true, [], { kind: 'keep' }],
    ['unknown', ['unknown'], false, [], { kind: 'keep' }],
    ['absent', ['absent'], false, [], { kind: 'delete', propagation: 'Background' }],
    ['absent, meant to orphan', ['absent'], false, ['orphan'], { kind: 'delete', propagation: 'Orphan' }],
    ['waiting', ['waiting-for-dependents'], false, [], { kind: 'delete', propagation: 'Background' }],
    [
      'waiting, with dependents',
      ['waiting-for-dependents'],
      true,
      [],
      { kind: 'delete', propagation: 'Foreground' },
    ],
    ['present and absent', ['present', 'absent'], false, [], { kind: 'release', keep: [reference] }],
    [
      'unknown and waiting',
      ['unknown', 'waiting-for-dependents'],
      true,
      [],
      { kind: 'release', keep: [reference] },
    ],
  ];
  for (const [title, states, hasDependents, finalizers, expected] of cases) {
    const owners = states.map((state) => ({ reference, state }));
    t.strictSame(decideOnDependent(object(finalizers), owners, hasDependents), expected, title);
  }
  t.end();
});

void t.test('the graph forgets what nobody refers to', (t) => {
  const graph = new OwnerGraph();
  const at = (uid: string, owners: string[] = []): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: uid,
      uid,
      resourceVersion: '1',
      creationTimestamp: '',
      ownerReferences: owners.map((owner) => ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        name: owner,
        uid: owner,
      })),
    },
  });
  t.strictSame(graph.observe(at('child', ['owner'])), ['child'], 'its owner was never seen: find out');
  t.strictSame(graph.observe(at('owner')), []);
  t.strictSame(graph.observe(at('child', ['owner'])), [], 'nothing new');
  t.strictSame(graph.remove('owner'), ['child']);
  t.equal(graph.size, 2, 'the owner stays as a name');
  graph.remove('child');
  t.equal(graph.size, 0);
  t.end();
});

void t.test('pods of a node that is gone are deleted after a while', async (t) => {
  const rig = managerRig(t, [podGarbageCollector]);
  await createNode(rig, 'n1');
  await createPod(rig, 'a', { node: 'n1' });
  await createPod(rig, 'unscheduled');
  await rig.client.resource(nodes).delete({ name: 'n1' });
  await rig.settle();
  await rig.advance(39_000);
  t.equal((await rig.list(pods)).length, 2);
  await rig.advance(1_500);
  t.strictSame(
    (await rig.list(pods)).map(({ metadata }) => metadata.name),
    ['unscheduled'],
  );
});

void t.test('pods of a node that comes back in time stay', async (t) => {
  const rig = managerRig(t, [podGarbageCollector]);
  await createNode(rig, 'n1');
  await createPod(rig, 'a', { node: 'n1' });
  await rig.client.resource(nodes).delete({ name: 'n1' });
  await rig.advance(20_000);
  await createNode(rig, 'n1');
  await rig.advance(60_000);
  t.equal((await rig.list(pods)).length, 1);
});

void t.test('too many finished pods: the oldest go', async (t) => {
  const rig = managerRig(t, [podGarbageCollector], { terminatedPodGcThreshold: 2 });
  for (const name of ['a', 'b', 'c', 'd']) {
    await createPod(rig, name, { phase: name === 'b' ? 'Running' : 'Succeeded' });
    await rig.advance(1_000);
  }
  t.strictSame(
    (await rig.list(pods)).map(({ metadata }) => metadata.name),
    ['b', 'c', 'd'],
  );
  t.strictSame(chooseTerminatedPods([] as Pod[], 0), []);
});
