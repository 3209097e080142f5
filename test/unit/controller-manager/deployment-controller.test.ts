/** Deployments on the in-memory client, together with the ReplicaSet controller. */
import t from 'tap';
import { deployments, pods, replicaSets } from '../../../api/resources.js';
import type { Deployment, ReplicaSet } from '../../../api/generated/apps-v1.js';
import type { Pod } from '../../../api/generated/core-v1.js';
import { deploymentController } from '../../../controller-manager/controllers/deployment/controller.js';
import { hashTemplate } from '../../../controller-manager/controllers/deployment/template-identity.js';
import { replicaSetController } from '../../../controller-manager/controllers/replicaset/controller.js';
import { makeTemplate } from '../../support/workload-objects.js';
import { until } from '../../support/until.js';
import { runWorkload } from '../../support/workload-world.js';
import type { WorkloadWorld } from '../../support/workload-world.js';

const at = { namespace: 'default', name: 'web' };
const controllers = [deploymentController, replicaSetController];
const image = (version: number): string => `localhost/web:${String(version)}`;

function deployment(spec: Partial<Deployment['spec']> = {}) {
  return {
    apiVersion: 'apps/v1' as const,
    kind: 'Deployment' as const,
    metadata: at,
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      strategy: { type: 'RollingUpdate' as const, rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      template: makeTemplate(image(1)),
      ...spec,
    },
  };
}

const create = (world: WorkloadWorld, spec: Partial<Deployment['spec']> = {}) =>
  world.client.resource(deployments).create(deployment(spec));
const change = (world: WorkloadWorld, spec: object) =>
  world.client.resource(deployments).patch(at, 'merge', { spec });
const setImage = (world: WorkloadWorld, version: number) =>
  change(world, { template: makeTemplate(image(version)) });

/** Waits for what `kubectl rollout status` waits for. */
const rolledOut = (world: WorkloadWorld, generation: number): Promise<Deployment> =>
  until(`generation ${String(generation)} is rolled out`, async () => {
    const current = await world.client.resource(deployments).get(at);
    const { status, spec } = current;
    const desired = spec.replicas ?? 1;
    const done =
      (status.observedGeneration ?? 0) >= generation &&
      (status.updatedReplicas ?? 0) === desired &&
      (status.replicas ?? 0) === desired &&
      (status.availableReplicas ?? 0) === desired;
    return done ? current : undefined;
  });

const sets = async (world: WorkloadWorld): Promise<readonly ReplicaSet[]> =>
  (await world.client.resource(replicaSets).list({ namespace: 'default' })).items;

const summary = async (
  world: WorkloadWorld,
): Promise<readonly (readonly [string, number, string | undefined])[]> =>
  (await sets(world))
    .map(
      ({ spec, metadata }) =>
        [
          spec.template?.spec.containers[0]?.image ?? '',
          spec.replicas ?? 1,
          metadata.annotations?.['deployment.kubernetes.io/revision'],
        ] as const,
    )
    .sort(([a], [b]) => (a < b ? -1 : 1));

/** Shows every state that the Pods pass through, not samples of it. The returned function stops that. */
function watchPods(world: WorkloadWorld, look: (pods: readonly Pod[]) => void): () => Promise<void> {
  const stop = new AbortController();
  const seen = new Map<string, Pod>();
  const watching = (async () => {
    const { items, resourceVersion } = await world.client.resource(pods).list();
    for (const pod of items) seen.set(pod.metadata.name, pod);
    for await (const event of world.client.resource(pods).watch({ resourceVersion, signal: stop.signal })) {
      if (event.type === 'BOOKMARK') continue;
      if (event.type === 'DELETED') seen.delete(event.object.metadata.name);
      else seen.set(event.object.metadata.name, event.object);
      look([...seen.values()]);
    }
  })();
  return async () => {
    stop.abort();
    await watching;
  };
}

await t.test('create, update, undo', async (t) => {
  const world = runWorkload(t, controllers);
  await create(world);
  const first = await rolledOut(world, 1);
  t.equal(first.metadata.annotations?.['deployment.kubernetes.io/revision'], '1');
  const condition = await until('the rollout is over', async () => {
    const { status } = await world.client.resource(deployments).get(at);
    return status.conditions?.find(
      ({ type, reason }) => type === 'Progressing' && reason === 'NewReplicaSetAvailable',
    );
  });
  const [set] = await sets(world);
  t.equal(condition.message, `ReplicaSet "${set?.metadata.name ?? ''}" has successfully progressed.`);
  t.ok(
    world.events.includes(
      `web Normal ScalingReplicaSet: Scaled up replica set ${set?.metadata.name ?? ''} from 0 to 3`,
    ),
  );
  await setImage(world, 2);
  await rolledOut(world, 2);
  t.same(await summary(world), [
    [image(1), 0, '1'],
    [image(2), 3, '2'],
  ]);
  const scaling = world.events.filter((event) => event.includes('ScalingReplicaSet'));
  t.equal(scaling.length, 7, 'up by three, then three times up by one and down by one');
  await setImage(world, 1);
  const undone = await rolledOut(world, 3);
  t.same(
    await summary(world),
    [
      [image(1), 3, '3'],
      [image(2), 0, '2'],
    ],
    'the old one is used again, with a new revision',
  );
  t.equal(undone.metadata.annotations?.['deployment.kubernetes.io/revision'], '3');
  const again = (await sets(world)).find(({ spec }) => spec.replicas === 3);
  t.equal(again?.metadata.annotations?.['deployment.kubernetes.io/revision-history'], '1');
});

await t.test('never fewer available pods than promised', async (t) => {
  const world = runWorkload(t, controllers);
  await create(world, { replicas: 4 });
  await rolledOut(world, 1);
  let least = 4;
  let most = 0;
  const stopWatching = watchPods(world, (pods) => {
    const active = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined);
    least = Math.min(least, active.filter(({ status }) => status.phase === 'Running').length);
    most = Math.max(most, active.length);
  });
  await setImage(world, 2);
  await rolledOut(world, 2);
  await stopWatching();
  t.equal(least, 4, 'so many were running at any time');
  t.equal(most, 5, 'and so many were there');
});

await t.test('a version that does not become ready stops, and can be undone', async (t) => {
  const world = runWorkload(t, controllers);
  world.unready = (pod) => pod.spec.containers[0]?.image === image(2);
  await create(world);
  await rolledOut(world, 1);
  await setImage(world, 2);
  await until('one new pod waits', async () => (await world.pods()).length === 4);
  await world.settle();
  t.same(await summary(world), [
    [image(1), 3, '1'],
    [image(2), 1, '2'],
  ]);
  await change(world, { replicas: 6 });
  await until('both are scaled in proportion', async () => {
    const sizes = (await summary(world)).map(([, size]) => size);
    return sizes[0] === 5 && sizes[1] === 2;
  });
  await setImage(world, 1);
  await rolledOut(world, 4);
  t.same(await summary(world), [
    [image(1), 6, '3'],
    [image(2), 0, '2'],
  ]);
});

await t.test('recreate never runs two versions side by side', async (t) => {
  const world = runWorkload(t, controllers);
  await create(world, { strategy: { type: 'Recreate' } });
  await rolledOut(world, 1);
  const mixtures = new Set<number>();
  const stopWatching = watchPods(world, (pods) => {
    mixtures.add(new Set(pods.map(({ spec }) => spec.containers[0]?.image)).size);
  });
  await setImage(world, 2);
  await rolledOut(world, 2);
  await stopWatching();
  t.same([...mixtures].sort(), [0, 1], 'one version, none, one version');
  t.same(await summary(world), [
    [image(1), 0, '1'],
    [image(2), 3, '2'],
  ]);
});

await t.test('paused: no rollout, but scaling; resumed: it goes on', async (t) => {
  const world = runWorkload(t, controllers);
  await create(world);
  await rolledOut(world, 1);
  await change(world, { paused: true });
  await setImage(world, 2);
  await change(world, { replicas: 5 });
  await world.activePods(5);
  await world.settle();
  t.same(await summary(world), [[image(1), 5, '1']]);
  const { status } = await world.client.resource(deployments).get(at);
  t.match(
    status.conditions?.find(({ type }) => type === 'Progressing'),
    { status: 'Unknown', reason: 'DeploymentPaused' },
  );
  await change(world, { paused: false });
  await rolledOut(world, 5);
  t.same(await summary(world), [
    [image(1), 0, '1'],
    [image(2), 5, '2'],
  ]);
});

await t.test('old revisions are cleaned up', async (t) => {
  const world = runWorkload(t, controllers);
  await create(world, { revisionHistoryLimit: 1 });
  await rolledOut(world, 1);
  for (const version of [2, 3, 4]) {
    await setImage(world, version);
    await rolledOut(world, version);
  }
  await until('two are left', async () => (await sets(world)).length === 2);
  t.same(await summary(world), [
    [image(3), 0, '3'],
    [image(4), 3, '4'],
  ]);
});

await t.test('a name that is taken by something else is moved away from', async (t) => {
  const world = runWorkload(t, controllers);
  const name = `web-${hashTemplate(makeTemplate(image(1)), 0)}`;
  await world.client.resource(replicaSets).create({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, namespace: 'default', labels: { app: 'other' } },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: 'other' } },
      template: { metadata: { labels: { app: 'other' } }, spec: { containers: [] } },
    },
  });
  await create(world);
  const { status } = await rolledOut(world, 1);
  t.equal(status.collisionCount, 1);
  t.equal((await sets(world)).length, 2);
});

await t.test('pods and replica sets that are gone come back', async (t) => {
  const world = runWorkload(t, controllers);
  await create(world);
  await rolledOut(world, 1);
  const [set] = await sets(world);
  if (set === undefined) throw new Error('no replica set');
  await world.client.resource(replicaSets).delete(set.metadata);
  await until('there is another one', async () => {
    const [next] = await sets(world);
    return next !== undefined && next.metadata.uid !== set.metadata.uid;
  });
  await rolledOut(world, 1);
});
