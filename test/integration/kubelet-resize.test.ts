/**
 * Resize in place between the real apiserver, the real kubectl and a kubelet: promises, conditions, events, restarts of
 * the kubelet. What the kernel makes of it is in kubelet-resources.test.ts.
 */
import { readdirSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import t from 'tap';
import type {
  ContainerStatus,
  Pod,
  PodCondition,
  ResourceRequirements,
} from '../../api/generated/core-v1.js';
import { findCondition } from '../../api/pod-helpers.js';
import { pods } from '../../api/resources.js';
import { createRestClient } from '../../client/rest-client.js';
import { systemClock } from '../../common/clock.js';
import { CriError } from '../../kubelet/cri/runtime.js';
import { MemoryRuntime } from '../../kubelet/cri/memory-runtime.js';
import { startFixture } from '../support/apiserver-fixture.js';
import { isReady, TestNode, until } from '../support/kubelet.js';
import { Kubectl } from '../support/kubectl.js';
import { MortalRuntime } from '../support/mortal-runtime.js';

const image = 'localhost/knarr/web:1';
const api = await startFixture();
const kubectl = await Kubectl.of('v1.35', api.kubeconfig);
const client = createRestClient({
  connection: { kubeconfig: await api.pki.kubeconfig('kubelet', api.url) },
  userAgent: 'test-kubelet',
});
const memory = new MemoryRuntime({ clock: systemClock, images: [image], events: true });
const runtime = new MortalRuntime(memory);
const node = new TestNode({ client, runtime: runtime.port, logLevel: 'error' });
t.teardown(async () => {
  await node.remove();
  await client.close();
  await api.stop();
});
await node.start();
const registered = await until(
  () => node.node(),
  () => 'no node',
);
const cores = Number.parseInt(registered.status.allocatable?.['cpu'] ?? '');
await until(
  async () => ((await api.request('GET', '/api/v1/namespaces/default')).status === 200 ? true : undefined),
  () => 'no default namespace',
);

function cpu(millicores: number): ResourceRequirements {
  return { requests: { cpu: `${millicores}m` } };
}

/** Makes pods of one container each and waits for them. */
async function run(sizes: Readonly<Record<string, ResourceRequirements>>, priority?: string): Promise<void> {
  for (const [name, resources] of Object.entries(sizes))
    await node.createPod(name, {
      containers: [{ name: 'main', image, resources }],
      ...(priority === undefined ? {} : { priorityClassName: priority }),
    });
  for (const name of Object.keys(sizes)) await node.untilPod(name, isReady);
}

/** As a user does it. */
async function resize(name: string, containers: object, list = 'containers'): Promise<void> {
  const patch = JSON.stringify({ spec: { [list]: containers } });
  await kubectl.run(['patch', 'pod', name, '--subresource', 'resize', '--patch', patch]);
}

async function resizeMain(name: string, resources: ResourceRequirements): Promise<void> {
  await resize(name, [{ name: 'main', resources }]);
}

async function remove(...names: readonly string[]): Promise<void> {
  for (const name of names) await client.resource(pods).delete({ namespace: 'default', name });
  for (const name of names) await node.untilGone(name);
}

function condition({ status }: Pod, type: string): PodCondition | undefined {
  return findCondition(status.conditions, type);
}

function container({ status }: Pod, name = 'main'): ContainerStatus | undefined {
  return [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].find(
    (one) => one.name === name,
  );
}

function isSettled(pod: Pod): boolean {
  return pod.status.conditions?.some(({ type }) => type.startsWith('PodResize')) === false;
}

function hasSize(resources: ResourceRequirements, name = 'main'): (pod: Pod) => boolean {
  return (pod) => isSettled(pod) && isDeepStrictEqual(container(pod, name)?.resources, resources);
}

async function untilEvent(pod: string, reason: string): Promise<string> {
  return until(
    async () =>
      (await node.events(reason)).find(({ involvedObject }) => involvedObject.name === pod)?.message,
    () => `no event ${reason} of ${pod}`,
  );
}

await t.test('a container gets another size without a restart', async (t) => {
  const small = { requests: { cpu: '100m', memory: '32Mi' }, limits: { cpu: '200m', memory: '64Mi' } };
  const large = { requests: { cpu: '150m', memory: '48Mi' }, limits: { cpu: '300m', memory: '96Mi' } };
  await run({ web: small });
  const before = await node.untilPod('web', hasSize(small));
  t.strictSame(container(before)?.allocatedResources, small.requests);
  await resizeMain('web', large);
  const after = await node.untilPod('web', hasSize(large));
  t.strictSame(container(after)?.allocatedResources, large.requests);
  t.equal(container(after)?.containerID, container(before)?.containerID);
  t.equal(after.status.observedGeneration, 2);
  const id = container(after)?.containerID?.split('//')[1] ?? '';
  t.match(memory.resourcesOf(id), { cpuShares: 153, cpuQuota: 30_000, memoryLimitInBytes: 96 * 1024 * 1024 });
  const summary =
    '{"containers":[{"name":"main","resources":{"limits":{"cpu":"300m","memory":"96Mi"},' +
    '"requests":{"cpu":"150m","memory":"48Mi"}}}],"generation":2}';
  t.equal(await untilEvent('web', 'ResizeStarted'), `Pod resize started: ${summary}`);
  t.equal(await untilEvent('web', 'ResizeCompleted'), `Pod resize completed: ${summary}`);
  await remove('web');
});

await t.test(
  'where the policy says so, the container is started anew; a sidecar is resized, too',
  async (t) => {
    await node.createPod('mixed', {
      initContainers: [{ name: 'sidecar', image, restartPolicy: 'Always', resources: cpu(50) }],
      containers: [
        {
          name: 'main',
          image,
          resources: { requests: { cpu: '50m', memory: '32Mi' } },
          resizePolicy: [
            { resourceName: 'cpu', restartPolicy: 'NotRequired' },
            { resourceName: 'memory', restartPolicy: 'RestartContainer' },
          ],
        },
      ],
    });
    const before = await node.untilPod('mixed', isReady);
    await resizeMain('mixed', { requests: { cpu: '60m' } });
    const inPlace = await node.untilPod('mixed', hasSize({ requests: { cpu: '60m', memory: '32Mi' } }));
    t.equal(container(inPlace)?.restartCount, 0);
    await resizeMain('mixed', { requests: { memory: '40Mi' } });
    const anew = await node.untilPod('mixed', hasSize({ requests: { cpu: '60m', memory: '40Mi' } }));
    t.match(container(anew), { restartCount: 1, lastState: { terminated: { exitCode: 143 } } });
    t.match(await untilEvent('mixed', 'Killing'), 'Container main resize requires restart');
    await resize('mixed', [{ name: 'sidecar', resources: cpu(70) }], 'initContainers');
    const after = await node.untilPod('mixed', hasSize(cpu(70), 'sidecar'));
    t.equal(container(after, 'sidecar')?.containerID, container(before, 'sidecar')?.containerID);
    await remove('mixed');
  },
);

await t.test('what the node can never grant changes nothing', async (t) => {
  await run({ big: cpu(100) });
  await resizeMain('big', cpu(1_000_000));
  const pod = await node.untilPod('big', (one) => condition(one, 'PodResizePending') !== undefined);
  t.match(condition(pod, 'PodResizePending'), {
    status: 'True',
    reason: 'Infeasible',
    message: `Node didn't have enough capacity: cpu, requested: 1000000, capacity: ${cores * 1000}`,
    observedGeneration: 2,
  });
  t.strictSame(container(pod)?.resources, cpu(100));
  t.strictSame(container(pod)?.allocatedResources, { cpu: '100m' });
  t.equal(condition(pod, 'PodResizeInProgress'), undefined);
  t.match(await untilEvent('big', 'ResizeInfeasible'), /^Pod resize Infeasible: .*"error":"Node didn't have/);
  t.match(await kubectl.run(['describe', 'pod', 'big']), /PodResizePending +True/);
  await resizeMain('big', cpu(100));
  t.equal((await node.untilPod('big', hasSize(cpu(100)))).status.observedGeneration, 3);
  await remove('big');
});

await t.test('a wish waits until there is room, also for a kubelet that starts anew', async (t) => {
  await kubectl.run(['create', 'priorityclass', 'important', '--value=1000']);
  const half = cores * 500;
  await run({ hog: cpu(half), low: cpu(100) });
  await run({ high: cpu(100) }, 'important');
  // Beside the hog there is room for neither; once it is gone there is for one.
  const wanted = cores * 600;
  await resizeMain('low', cpu(wanted));
  await node.untilPod('low', (one) => condition(one, 'PodResizePending')?.reason === 'Deferred');
  await node.stop();
  await resizeMain('high', cpu(wanted));
  await node.start();
  const high = await node.untilPod('high', (one) => condition(one, 'PodResizePending') !== undefined);
  t.match(condition(high, 'PodResizePending'), {
    reason: 'Deferred',
    message: `Node didn't have enough resource: cpu, requested: ${wanted}, used: ${half + 100}, capacity: ${cores * 1000}`,
  });
  t.strictSame(container(high)?.resources, cpu(100), 'the promise was kept');
  t.match(await untilEvent('low', 'ResizeDeferred'), /^Pod resize Deferred: /);
  await remove('hog');
  await node.untilPod('high', hasSize(cpu(wanted)));
  const low = await node.untilPod(
    'low',
    ({ status }) => status.conditions?.some(({ message }) => message?.includes(`used: ${wanted},`)) === true,
  );
  t.strictSame(container(low)?.resources, cpu(100), 'the more important one came first');
  // Whoever wants less gives room to others.
  await resizeMain('high', cpu(100));
  await node.untilPod('low', hasSize(cpu(wanted)));
  await remove('low', 'high');
});

await t.test('a runtime that refuses is asked again', async (t) => {
  await run({ web: cpu(100) });
  memory.failNext('updateContainerResources', new CriError('failed', 'no such cgroup'));
  await resizeMain('web', cpu(200));
  t.match(await untilEvent('web', 'ResizeError'), /"generation":2,"error":"no such cgroup"}$/);
  await node.untilPod('web', hasSize(cpu(200)));
  await remove('web');
});

for (const isDone of [false, true]) {
  await t.test(`a kubelet killed ${isDone ? 'after' : 'before'} a step of it goes on`, async (t) => {
    const limited = (limit: string): ResourceRequirements => ({
      requests: { memory: '1Mi' },
      limits: { memory: limit },
    });
    await node.createPod('web', {
      containers: [
        { name: 'main', image, resources: limited('32Mi') },
        {
          ...{ name: 'anew', image, resources: limited('32Mi') },
          resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
        },
      ],
    });
    await node.untilPod('web', isReady);
    // The update of one, and the stop, creation and start of the other.
    for (const step of [1, 2, 3, 4]) {
      const dead = new Promise<void>((resolve) => {
        runtime.live({ step, isDone }, resolve);
      });
      const resources = limited(`${step + 40}Mi`);
      await resize(
        'web',
        ['main', 'anew'].map((name) => ({ name, resources })),
      );
      await dead;
      await node.stop();
      runtime.live();
      await node.start();
      const pod = await node.untilPod(
        'web',
        (one) => isReady(one) && ['main', 'anew'].every((name) => hasSize(resources, name)(one)),
      );
      t.equal(container(pod)?.restartCount, 0, `step ${step}`);
      for (const name of ['main', 'anew']) {
        const id = container(pod, name)?.containerID?.split('//')[1] ?? '';
        t.equal(
          memory.resourcesOf(id).memoryLimitInBytes,
          (step + 40) * 1024 * 1024,
          `step ${step}: ${name}`,
        );
      }
    }
    await remove('web');
  });
}

await t.test('nothing is remembered of pods that are gone', async (t) => {
  const left = (): readonly string[] => readdirSync(`${node.rootDir}/allocated-sizes`);
  await until(
    () => (left().length === 0 ? true : undefined),
    () => left().join(),
  );
  t.strictSame(api.errors, []);
});
