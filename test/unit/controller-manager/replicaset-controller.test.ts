/** ReplicaSet and ReplicationController on the in-memory client, with a server that may fail and a cache that is late. */
import t from 'tap';
import { replicationControllers, replicaSets } from '../../../api/resources.js';
import { StatusError } from '../../../api/status-error.js';
import { replicaSetController } from '../../../controller-manager/controllers/replicaset/controller.js';
import { replicationController } from '../../../controller-manager/controllers/replicationcontroller/controller.js';
import { makeTemplate } from '../../support/workload-objects.js';
import { until } from '../../support/until.js';
import { runWorkload } from '../../support/workload-world.js';

const replicaSet = (replicas: number, name = 'web') => ({
  apiVersion: 'apps/v1' as const,
  kind: 'ReplicaSet' as const,
  metadata: { name, namespace: 'default' },
  spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: makeTemplate() },
});

await t.test('makes pods, replaces those that end or vanish, scales down', async (t) => {
  const world = runWorkload(t, [replicaSetController]);
  const owner = await world.client.resource(replicaSets).create(replicaSet(3));
  await world.activePods(3);
  await until('the status is right', async () => {
    const { status } = await world.client.resource(replicaSets).get(owner.metadata);
    return status.readyReplicas === 3 && status.availableReplicas === 3 && status.fullyLabeledReplicas === 3;
  });
  const [first, second] = await world.activePods(3);
  t.match(first?.metadata, {
    generateName: 'web-',
    labels: { app: 'web' },
    ownerReferences: [{ kind: 'ReplicaSet', name: 'web', uid: owner.metadata.uid, controller: true }],
  });
  await world.setPhase(first, 'Failed');
  await until('the failed one is replaced', async () => (await world.pods()).length === 4);
  await world.remove(second);
  await until('the deleted one is replaced', async () => (await world.pods()).length === 4);
  await world.activePods(3);
  await world.client.resource(replicaSets).patch(owner.metadata, 'merge', { spec: { replicas: 1 } });
  await world.activePods(1);
  const reasons = world.events.map((event) => event.split(':')[0]);
  t.equal(reasons.filter((event) => event === 'web Normal SuccessfulCreate').length, 5);
  t.equal(reasons.filter((event) => event === 'web Normal SuccessfulDelete').length, 2);
  t.match(world.events[0], /^web Normal SuccessfulCreate: Created pod: web-[a-z0-9]{5}$/);
});

await t.test('a replication controller does the same', async (t) => {
  const world = runWorkload(t, [replicationController]);
  const owner = await world.client.resource(replicationControllers).create({
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name: 'web', namespace: 'default' },
    spec: { replicas: 2, selector: { app: 'web' }, template: makeTemplate() },
  });
  await world.activePods(2);
  const settled = await until('the status is right', async () => {
    const { status } = await world.client.resource(replicationControllers).get(owner.metadata);
    return status.availableReplicas === 2 ? status : undefined;
  });
  t.same(settled, {
    replicas: 2,
    fullyLabeledReplicas: 2,
    readyReplicas: 2,
    availableReplicas: 2,
    observedGeneration: 1,
  });
});

await t.test('adopts orphans, releases what no longer matches, leaves others alone', async (t) => {
  const world = runWorkload(t, [replicaSetController]);
  await world.addPod('stray', { app: 'web' });
  await world.addPod('other', { app: 'db' });
  const owner = await world.client.resource(replicaSets).create(replicaSet(2));
  const pods = await world.activePods(2, 'web');
  t.ok(
    pods.some(({ metadata }) => metadata.name === 'stray'),
    'the stray one counts',
  );
  t.equal((await world.pod('stray')).metadata.ownerReferences?.[0]?.uid, owner.metadata.uid);
  t.equal((await world.pod('other')).metadata.ownerReferences, undefined);
  await world.label('stray', { app: 'debug' });
  await until(
    'it is released',
    async () => ((await world.pod('stray')).metadata.ownerReferences ?? []).length === 0,
  );
  await world.activePods(2, 'web');
});

await t.test('a cache that is late makes no pod twice', async (t) => {
  const world = runWorkload(t, [replicaSetController]);
  world.holdPodWatch();
  const owner = await world.client.resource(replicaSets).create(replicaSet(4));
  await until('four are made', async () => (await world.pods()).length === 4);
  for (let i = 0; i < 5; i++)
    await world.client
      .resource(replicaSets)
      .patch(owner.metadata, 'merge', { metadata: { annotations: { touched: String(i) } } });
  await world.settle();
  t.equal((await world.pods()).length, 4);
  world.releasePodWatch();
  await world.activePods(4);
  await world.settle();
  t.equal((await world.pods()).length, 4);
});

await t.test('a creation whose answer is lost makes no pod twice', async (t) => {
  const world = runWorkload(t, [replicaSetController]);
  let lost = 0;
  world.afterCreate = () => {
    lost++;
    if (lost <= 3) throw new StatusError('ServiceUnavailable', 'connection lost');
  };
  world.holdPodWatch();
  await world.client.resource(replicaSets).create(replicaSet(3));
  await until('three are made', async () => (await world.pods()).length === 3);
  await world.settle();
  t.equal((await world.pods()).length, 3, 'though the cache has seen none of them');
  world.releasePodWatch();
  await world.activePods(3);
  await world.settle();
  t.equal((await world.pods()).length, 3);
  t.notOk(
    world.events.some((event) => event.includes('FailedCreate')),
    'an outage is no failure of the owner',
  );
});

await t.test('what the server refuses is told, tried carefully, and forgotten when it is over', async (t) => {
  const world = runWorkload(t, [replicaSetController]);
  let refused = 0;
  let full = true;
  world.beforeCreate = () => {
    if (!full) return;
    refused++;
    throw new StatusError('Forbidden', 'exceeded quota');
  };
  const owner = await world.client.resource(replicaSets).create(replicaSet(100));
  const condition = await until('the condition is there', async () => {
    const { status } = await world.client.resource(replicaSets).get(owner.metadata);
    return status.conditions?.find(({ type }) => type === 'ReplicaFailure');
  });
  t.match(condition, { status: 'True', reason: 'FailedCreate', message: 'exceeded quota' });
  t.ok(world.events.includes('web Warning FailedCreate: Error creating: exceeded quota'));
  t.ok(refused < 20, `one try at a time, not a hundred: ${String(refused)}`);
  full = false;
  await until('all are there', async () => (await world.pods()).length === 100);
  await until('the condition is gone', async () => {
    const { status } = await world.client.resource(replicaSets).get(owner.metadata);
    return status.conditions === undefined && status.replicas === 100;
  });
});

await t.test('one that is being deleted makes nothing', async (t) => {
  const world = runWorkload(t, [replicaSetController]);
  const owner = await world.client.resource(replicaSets).create({
    ...replicaSet(2),
    metadata: { name: 'web', namespace: 'default', finalizers: ['example.com/hold'] },
  });
  const [first] = await world.activePods(2);
  await world.client.resource(replicaSets).delete(owner.metadata);
  await world.remove(first);
  await world.settle();
  t.equal((await world.pods()).length, 1);
});
