/**
 * Scheduler and controller manager as processes of their own against a real API server, driven by real kubectl
 * binaries. Only the containers are missing: a small kubelet makes Pods run.
 */
import t from 'tap';
import { deployments, nodes, pods } from '../../api/resources.js';
import type { Pod } from '../../api/generated/core-v1.js';
import { createRestClient } from '../../client/rest-client.js';
import type { ApiClient } from '../../client/types.js';
import { startFixture } from '../support/apiserver-fixture.js';
import type { ApiServerFixture } from '../support/apiserver-fixture.js';
import { ComponentProcess } from '../support/component-process.js';
import { Kubectl, newestAndOldestKubectl } from '../support/kubectl.js';
import { makeNode } from '../support/scheduling-objects.js';
import { runSmallKubelet } from '../support/small-kubelet.js';
import { until } from '../support/until.js';

interface World {
  readonly fixture: ApiServerFixture;
  readonly client: ApiClient;
  readonly scheduler: ComponentProcess;
  readonly controllers: ComponentProcess;
  /** Every Pod that ever was, by uid. */
  readonly everSeen: Map<string, Pod>;
  /** Ends the test kubelet, watches and server. */
  close(): Promise<void>;
}

async function startWorld(): Promise<World> {
  const fixture = await startFixture();
  const client = createRestClient({ connection: { kubeconfig: fixture.kubeconfig }, userAgent: 'test' });
  const stop = new AbortController();
  const everSeen = new Map<string, Pod>();
  const { resourceVersion } = await client.resource(pods).list();
  const watching = (async () => {
    for await (const event of client.resource(pods).watch({ resourceVersion, signal: stop.signal })) {
      if (event.type !== 'BOOKMARK') everSeen.set(event.object.metadata.uid, event.object);
    }
  })();
  const kubelet = runSmallKubelet(client, { needsNode: true }, stop.signal);
  await addNode(client, 'n1', '8');
  return {
    fixture,
    client,
    scheduler: new ComponentProcess('scheduler', await fixture.pki.kubeconfig('scheduler', fixture.url)),
    controllers: new ComponentProcess(
      'controller-manager',
      await fixture.pki.kubeconfig('controller-manager', fixture.url),
    ),
    everSeen,
    close: async () => {
      stop.abort();
      await Promise.all([kubelet, watching]);
      await client.close();
      await fixture.stop();
    },
  };
}

async function addNode(client: ApiClient, name: string, cpu: string): Promise<void> {
  const { status, ...node } = makeNode({ name, allocatable: { cpu, memory: '16Gi', pods: '110' } });
  await client.resource(nodes).create({ ...node, metadata: { name } });
  const patch = { status: { ...status, conditions: [{ type: 'Ready', status: 'True' }] } };
  await client.resource(nodes).patch({ name }, 'merge', patch, { subresource: 'status' });
}

const manifest = `
apiVersion: v1
kind: ReplicationController
metadata: {name: classic}
spec:
  replicas: 2
  selector: {app: classic}
  template:
    metadata: {labels: {app: classic}}
    spec: {containers: [{name: web, image: 'localhost/knarr/web:1'}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: 'localhost/knarr/web:1', ports: [{containerPort: 80}]}
      - {name: tail, image: 'localhost/knarr/web:1', volumeMounts: [{name: logs, mountPath: /logs}]}
      volumes: [{name: logs, emptyDir: {}}]
`;

const world = await startWorld();
world.scheduler.start();
world.controllers.start();
t.teardown(async () => {
  await world.scheduler.stop('SIGKILL');
  await world.controllers.stop('SIGKILL');
  await world.close();
});

for (const version of newestAndOldestKubectl) {
  await t.test(`a rollout with kubectl ${version}`, async (t) => {
    const kubectl = await Kubectl.of(version, world.fixture.kubeconfig);
    const namespace = `test-${version.replaceAll('.', '-')}`;
    const run = (...args: string[]): Promise<string> =>
      kubectl.run(['-n', namespace, ...args], { timeoutMs: 30_000 });
    const image = () =>
      run('get', 'deploy', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].image}');
    await kubectl.run(['create', 'namespace', namespace]);
    await kubectl.run(['-n', namespace, 'apply', '-f', '-'], { input: manifest });
    t.match(await run('rollout', 'status', 'deploy/web', '--timeout=20s'), 'successfully rolled out');
    await until(
      'the controller has its pods',
      async () => (await run('get', 'rc', 'classic', '-o', 'jsonpath={.status.readyReplicas}')) === '2',
    );
    await run('set', 'image', 'deploy/web', 'web=localhost/knarr/web:2');
    t.match(await run('rollout', 'status', 'deploy/web', '--timeout=20s'), 'successfully rolled out');
    t.match(await run('rollout', 'history', 'deploy/web'), /1 +<none>\n2 +<none>/);
    t.match(await run('rollout', 'history', 'deploy/web', '--revision=1'), 'localhost/knarr/web:1');
    t.match(await run('rollout', 'undo', 'deploy/web'), 'rolled back');
    t.match(await run('rollout', 'status', 'deploy/web', '--timeout=20s'), 'successfully rolled out');
    t.equal(await image(), 'localhost/knarr/web:1');
    t.match(
      await run('rollout', 'history', 'deploy/web'),
      /2 +<none>\n3 +<none>/,
      'revision 1 has become revision 3',
    );
    await run('rollout', 'undo', 'deploy/web', '--to-revision=2');
    t.match(await run('rollout', 'status', 'deploy/web', '--timeout=20s'), 'successfully rolled out');
    t.equal(await image(), 'localhost/knarr/web:2');
    await run('rollout', 'restart', 'deploy/web');
    t.match(await run('rollout', 'status', 'deploy/web', '--timeout=20s'), 'successfully rolled out');
    await run('rollout', 'pause', 'deploy/web');
    await run('scale', 'deploy/web', 'rc/classic', '--replicas=5');
    await until('both are scaled', async () => {
      const ready = await run('get', 'deploy,rc', '-o', 'jsonpath={.items[*].status.readyReplicas}');
      return ready === '5 5';
    });
    await run('rollout', 'resume', 'deploy/web');
    const described = await run('describe', 'deploy', 'web');
    t.match(described, /Progressing +True +NewReplicaSetAvailable|Progressing +Unknown +DeploymentResumed/);
    t.match(described, /ScalingReplicaSet.*Scaled up replica set web-[a-z0-9]+ from 0 to 3/);
    t.match(await run('get', 'deploy', 'web'), /web +5\/5 +5 +5/);
    const events = await until('the events are written', async () => {
      const text = await run('get', 'events');
      return text.includes('Successfully assigned') && text.includes('Created pod: classic-')
        ? text
        : undefined;
    });
    t.match(events, /Scheduled +pod\/web-[a-z0-9]+-[a-z0-9]+ +Successfully assigned test-/);
    await run('delete', 'deploy/web', 'rc/classic');
    await until(
      'the garbage collector has taken the pods',
      async () => (await run('get', 'pods', '-o', 'name')) === '',
    );
  });
}

await t.test('a pod that fits nowhere says why, and runs when there is room', async (t) => {
  const kubectl = await Kubectl.of('v1.35', world.fixture.kubeconfig);
  await kubectl.run([
    'run',
    'big',
    '--image=localhost/knarr/web:1',
    '--overrides',
    JSON.stringify({
      spec: {
        containers: [
          { name: 'big', image: 'localhost/knarr/web:1', resources: { requests: { cpu: '100' } } },
        ],
      },
    }),
  ]);
  const text = await until('the event is written', async () => {
    const described = await kubectl.run(['describe', 'pod', 'big']);
    return described.includes('FailedScheduling') ? described : undefined;
  });
  t.match(
    text,
    /Warning +FailedScheduling .* default-scheduler +0\/1 nodes are available: 1 Insufficient cpu\./,
  );
  const condition = await kubectl.run([
    'get',
    'pod',
    'big',
    '-o',
    'jsonpath={.status.conditions[?(@.type=="PodScheduled")].reason}',
  ]);
  t.equal(condition, 'Unschedulable');
  await addNode(world.client, 'n2', '200');
  await until(
    'it runs',
    async () => (await kubectl.run(['get', 'pod', 'big', '-o', 'jsonpath={.status.phase}'])) === 'Running',
    15_000,
  );
  await kubectl.run(['delete', 'pod', 'big', '--now']);
});

await t.test('killed in the middle: everything comes back, and nothing is made twice', async (t) => {
  const template = {
    metadata: { labels: { app: 'crash' } },
    spec: { containers: [{ name: 'c', image: 'localhost/knarr/web:1' }] },
  };
  const at = { namespace: 'default', name: 'crash' };
  const ofCrash = () =>
    [...world.everSeen.values()].filter(({ metadata }) => metadata.labels?.['app'] === 'crash');
  await world.client.resource(deployments).create({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: at,
    spec: { replicas: 40, selector: { matchLabels: { app: 'crash' } }, template },
  });
  await until('some pods are there', () => ofCrash().length >= 5);
  t.equal(await world.controllers.stop('SIGKILL'), 'SIGKILL');
  t.equal(await world.scheduler.stop('SIGKILL'), 'SIGKILL');
  world.controllers.start();
  world.scheduler.start();
  await until(
    'all are ready',
    async () => (await world.client.resource(deployments).get(at)).status.readyReplicas === 40,
    20_000,
  );
  t.equal(ofCrash().length, 40, 'forty pods were made, and no more');
  await world.client.resource(deployments).delete(at);
});

await t.test('asked to stop, both end in good order', async (t) => {
  t.equal(await world.scheduler.stop(), 0);
  t.equal(await world.controllers.stop(), 0);
});
