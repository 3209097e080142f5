/** The kubelet as a whole against the in-memory runtime and apiserver: what happens to Pods. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { configMaps, nodes, pods } from '../../../api/resources.js';
import { systemClock } from '../../../common/clock.js';
import { CriError } from '../../../kubelet/cri/runtime.js';
import { MemoryRuntime } from '../../../kubelet/cri/memory-runtime.js';
import type { MemoryRuntimeOptions } from '../../../kubelet/cri/memory-runtime.js';
import { isReady, isRunning, TestNode, until } from '../../support/kubelet.js';

const image = 'localhost/knarr/web:1';
const web = { name: 'web', image };

async function world(
  t: Test,
  options: Partial<MemoryRuntimeOptions> = {},
): Promise<{ node: TestNode; runtime: MemoryRuntime }> {
  const runtime = new MemoryRuntime({ clock: systemClock, images: [image], events: true, ...options });
  const node = new TestNode({ runtime });
  t.teardown(() => node.remove());
  await node.start();
  return { node, runtime };
}

await t.test('registers the node, writes its network, and is ready', async (t) => {
  const runtime = new MemoryRuntime({ clock: systemClock });
  runtime.networkReady = false;
  const node = new TestNode({ runtime });
  t.teardown(() => node.remove());
  await node.start();
  const registered = await until(
    () => node.node(),
    () => 'no node',
  );
  t.equal(registered.metadata.labels?.['kubernetes.io/os'], 'linux');
  t.equal(registered.status.nodeInfo?.kubeletVersion, 'v1.35.0-knarr');
  const ready = (one: typeof registered): unknown =>
    one.status.conditions?.find(({ type }) => type === 'Ready');
  t.match(ready(registered), { status: 'False', reason: 'KubeletNotReady' });
  await node.client
    .resource(nodes)
    .patch({ name: 'node-1' }, 'merge', { spec: { podCIDR: '10.244.3.0/24' } });
  const conflist = join(node.folder, 'cni', '10-knarr.conflist');
  await until(
    () => (existsSync(conflist) ? true : undefined),
    () => 'no conflist',
  );
  t.match(JSON.parse(readFileSync(conflist, 'utf8')), {
    name: 'knarr',
    plugins: [{ type: 'bridge', bridge: 'knarr0', ipam: { subnet: '10.244.3.0/24' } }],
  });
  runtime.networkReady = true;
  await until(
    async () =>
      (ready((await node.node()) ?? registered) as { status: string }).status === 'True' ? true : undefined,
    () => 'not ready',
    3000,
  );
});

await t.test('a pod runs, is deleted and leaves nothing', async (t) => {
  const { node, runtime } = await world(t);
  const created = await node.createPod('web', { containers: [web, { name: 'sidecar', image }] });
  const pod = await node.untilPod('web', isReady);
  t.match(pod.status, { phase: 'Running', hostIP: '127.0.0.1', qosClass: 'BestEffort' });
  t.ok(pod.status.podIP);
  t.strictSame(
    pod.status.containerStatuses?.map(({ name, ready, restartCount }) => [name, ready, restartCount]),
    [
      ['web', true, 0],
      ['sidecar', true, 0],
    ],
  );
  await node.client.resource(pods).delete({ namespace: 'default', name: 'web' });
  await node.untilGone('web');
  t.strictSame(await runtime.listPodSandboxes(), []);
  t.strictSame(await runtime.listContainers(), []);
  t.notOk(existsSync(join(node.rootDir, 'pods', created.metadata.uid)));
  t.ok(runtime.calls.includes('stopContainer web 1'));
});

await t.test('a container that ends is started again, first at once, then after a backoff', async (t) => {
  const { node, runtime } = await world(t);
  await node.createPod('web', { containers: [web] });
  await node.untilPod('web', isReady);
  const kill = async (): Promise<void> => {
    const [running] = (await runtime.listContainers()).filter(({ state }) => state === 'running');
    runtime.exitContainer(running?.id ?? '', 1);
  };
  await kill();
  const again = await node.untilPod('web', (pod) => pod.status.containerStatuses?.[0]?.restartCount === 1);
  t.match(again.status.containerStatuses?.[0]?.lastState?.terminated, { exitCode: 1, reason: 'Error' });
  await kill();
  const waiting = await node.untilPod(
    'web',
    (pod) => pod.status.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff',
  );
  t.equal(waiting.status.phase, 'Running');
  t.match(waiting.status.containerStatuses?.[0]?.state?.waiting?.message, /^back-off 10s restarting failed/);
  t.notOk(isReady(waiting));
});

await t.test('init containers run one after the other, and a pod that never restarts ends', async (t) => {
  const { node, runtime } = await world(t);
  await node.createPod('job', {
    restartPolicy: 'Never',
    initContainers: [
      { name: 'first', image },
      { name: 'second', image },
    ],
    containers: [web],
  });
  const running = async (): Promise<string[]> =>
    (await runtime.listContainers())
      .filter(({ state }) => state === 'running')
      .map(({ metadata }) => metadata.name);
  for (const name of ['first', 'second', 'web']) {
    await until(
      async () => ((await running()).includes(name) ? true : undefined),
      () => `${name} does not run`,
    );
    t.strictSame(await running(), [name]);
    const [container] = (await runtime.listContainers()).filter(({ state }) => state === 'running');
    runtime.exitContainer(container?.id ?? '', name === 'web' ? 7 : 0);
  }
  const ended = await node.untilPod('job', (pod) => pod.status.phase === 'Failed');
  t.match(ended.status.containerStatuses?.[0]?.state?.terminated, { exitCode: 7 });
  await until(
    async () =>
      (await runtime.listPodSandboxes()).every(({ state }) => state === 'not-ready') ? true : undefined,
    () => 'the sandbox runs on',
  );
});

await t.test('an image that cannot be pulled', async (t) => {
  const { node } = await world(t, { registry: ['registry.test/there:1'] });
  await node.createPod('missing', { containers: [{ name: 'main', image: 'registry.test/none:1' }] });
  const reasonOf =
    (wanted: string) =>
    (pod: { status: { containerStatuses?: { state?: { waiting?: { reason?: string } } }[] } }) =>
      pod.status.containerStatuses?.[0]?.state?.waiting?.reason === wanted;
  await node.untilPod('missing', reasonOf('ErrImagePull'));
  await node.untilPod('missing', reasonOf('ImagePullBackOff'));
  t.ok((await node.events('Failed')).length > 0);
  t.ok((await node.events('BackOff')).length > 0);
  await node.createPod('there', { containers: [{ name: 'main', image: 'registry.test/there:1' }] });
  await node.untilPod('there', isRunning);
  await node.createPod('never', {
    containers: [{ name: 'main', image: 'registry.test/none:1', imagePullPolicy: 'Never' }],
  });
  await node.untilPod('never', reasonOf('ErrImageNeverPull'));
  await node.createPod('wrong', { containers: [{ name: 'main', image: 'UPPER case' }] });
  await node.untilPod('wrong', reasonOf('InvalidImageName'));
});

await t.test('a config map that comes later, and one that changes', async (t) => {
  const { node } = await world(t);
  const created = await node.createPod('web', {
    containers: [
      {
        ...web,
        env: [{ name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'color' } } }],
        volumeMounts: [{ name: 'files', mountPath: '/files' }],
      },
    ],
    volumes: [{ name: 'files', configMap: { name: 'settings' } }],
  });
  await until(
    async () => (await node.events('FailedMount'))[0],
    () => 'no event',
  );
  const maps = node.client.resource(configMaps);
  await maps.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings', namespace: 'default' },
    data: { color: 'red' },
  });
  await node.untilPod('web', isReady);
  const volume = join(node.rootDir, 'pods', created.metadata.uid, 'volumes/kubernetes.io~configmap/files');
  t.equal(readFileSync(join(volume, 'color'), 'utf8'), 'red');
  await maps.patch({ namespace: 'default', name: 'settings' }, 'merge', {
    data: { color: 'blue', size: 'big' },
  });
  await until(
    () => (readFileSync(join(volume, 'color'), 'utf8') === 'blue' ? true : undefined),
    () => 'the file did not change',
  );
  // A new name is linked after the data has changed, as Kubernetes' atomic writer does it.
  await until(
    () => (existsSync(join(volume, 'size')) ? true : undefined),
    () => 'the new file did not appear',
  );
  t.equal(readFileSync(join(volume, 'size'), 'utf8'), 'big');
});

await t.test('a kubelet that was restarted adopts what runs and ends what is not wanted', async (t) => {
  const { node, runtime } = await world(t);
  await node.createPod('kept', { containers: [web] });
  await node.createPod('removed', { containers: [web] });
  const before = await node.untilPod('kept', isReady);
  await node.untilPod('removed', isReady);
  await node.stop();
  await node.client
    .resource(pods)
    .delete({ namespace: 'default', name: 'removed' }, { gracePeriodSeconds: 0 });
  const calls = runtime.calls.length;
  await node.start();
  await until(
    async () => ((await runtime.listPodSandboxes()).length === 1 ? true : undefined),
    () => 'the orphan is still there',
  );
  t.notOk(runtime.calls.slice(calls).some((call) => call.startsWith('createContainer')));
  const after = await node.untilPod('kept', isReady);
  t.strictSame(after.status.containerStatuses, before.status.containerStatuses);
});

await t.test('after a reboot each pod gets a new sandbox, and its restart is counted', async (t) => {
  const { node, runtime } = await world(t);
  await node.createPod('web', { containers: [web] });
  const before = await node.untilPod('web', isReady);
  await node.stop();
  for (const { id } of await runtime.listPodSandboxes()) runtime.loseSandbox(id);
  await node.start();
  const after = await node.untilPod(
    'web',
    (pod) => isReady(pod) && pod.status.containerStatuses?.[0]?.restartCount === 1,
  );
  t.equal(after.metadata.uid, before.metadata.uid);
  t.strictSame(
    after.status.podIPs?.map(({ ip }) => ip),
    [after.status.podIP],
    'the old address is gone',
  );
  t.not(after.status.podIP, before.status.podIP);
  await until(
    async () => ((await runtime.listPodSandboxes()).length === 1 ? true : undefined),
    () => 'the old sandbox is still there',
  );
  const final = await node.untilPod('web', isReady);
  t.match(final.status.containerStatuses?.[0]?.lastState?.terminated, { exitCode: 255 });
});

await t.test(
  'a failing readiness probe makes a pod unready, a failing liveness probe restarts it',
  async (t) => {
    const exits = new Map([
      ['ready', 0],
      ['alive', 0],
    ]);
    const { node } = await world(t, {
      onExec: (_id, command) => ({ stdout: '', stderr: 'no', exitCode: exits.get(command[0] ?? '') ?? 0 }),
    });
    const probe = { periodSeconds: 0.02, failureThreshold: 1 };
    await node.createPod('web', {
      containers: [
        {
          ...web,
          readinessProbe: { exec: { command: ['ready'] }, ...probe },
          livenessProbe: { exec: { command: ['alive'] }, ...probe },
        },
      ],
    });
    await node.untilPod('web', isReady);
    exits.set('ready', 1);
    const unready = await node.untilPod('web', (pod) => !isReady(pod));
    t.equal(unready.status.phase, 'Running');
    exits.set('ready', 0);
    await node.untilPod('web', isReady);
    exits.set('alive', 1);
    await node.untilPod('web', (pod) => (pod.status.containerStatuses?.[0]?.restartCount ?? 0) > 0);
    t.ok((await node.events('Unhealthy')).length > 0);
  },
);

await t.test(
  'a server that listens a moment after its start is ready long before the period ends',
  async (t) => {
    let asked = 0;
    const { node } = await world(t, {
      onExec: (_id, [command]) => {
        if (command === 'alive') throw new Error('liveness is not asked in the first period');
        asked += 1;
        return { stdout: '', stderr: 'not yet', exitCode: asked < 3 ? 1 : 0 };
      },
    });
    const probe = { periodSeconds: 3600, failureThreshold: 1 };
    await node.createPod('web', {
      containers: [
        {
          ...web,
          startupProbe: { exec: { command: ['started'] }, ...probe },
          readinessProbe: { exec: { command: ['ready'] }, ...probe },
          livenessProbe: { exec: { command: ['alive'] }, ...probe },
        },
      ],
    });
    const ready = await node.untilPod('web', isReady);
    t.equal(ready.status.containerStatuses?.[0]?.restartCount, 0);
    t.equal(asked, 4, 'three times whether it has started, once whether it is ready');
    t.strictSame(await node.events('Unhealthy'), [], 'a start is no failure');
  },
);

await t.test('what the runtime refuses is told and tried again', async (t) => {
  const { node, runtime } = await world(t);
  runtime.failNext('runPodSandbox', new CriError('failed', 'no room'));
  runtime.failNext('createContainer', new CriError('failed', 'no disk'));
  await node.createPod('web', { containers: [web] });
  await node.untilPod(
    'web',
    (pod) => pod.status.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerError',
  );
  t.match((await node.events('FailedCreatePodSandBox'))[0]?.message, /no room/);
  await node.untilPod('web', isReady);
});
