/** The startup gate in a kubelet, with the in-memory runtime: what of a Pod passes it, and what its status says. */
import { get } from 'node:https';
import t from 'tap';
import type { Test } from 'tap';
import type { Container, Pod, PodCondition, PodSpec } from '../../../api/generated/core-v1.js';
import { findCondition } from '../../../api/pod-helpers.js';
import { readDevicesAnnotation, readStartupReport } from '../../../api/read-startup-report.js';
import { pods } from '../../../api/resources.js';
import type { StartupReport } from '../../../api/startup-report.js';
import { systemClock } from '../../../common/clock.js';
import { MemoryRuntime } from '../../../kubelet/cri/memory-runtime.js';
import type { DeviceSample } from '../../../kubelet/startup/pressure/compute-samples.js';
import { isReady, isRunning, TestNode, until } from '../../support/kubelet.js';
import { disk } from '../../support/startup-gate.js';

t.setTimeout(120_000);
const image = 'localhost/knarr/web:1';
const otherImage = 'localhost/knarr/web:2';

interface World {
  readonly node: TestNode;
  readonly runtime: MemoryRuntime;
  /** What probes answer yes to: `ready a`, `alive a`. */
  readonly yes: Set<string>;
  /** What probes have asked, and when. */
  readonly asked: { readonly what: string; readonly atMs: number }[];
  readonly measured: Map<string, DeviceSample>;
  /** What containers have read and written, by their Pod's name. */
  readonly bytes: Map<string, number>;
  readonly create: (
    name: string,
    container?: Partial<Container>,
    spec?: Partial<PodSpec>,
    annotations?: Record<string, string>,
  ) => Promise<Pod>;
  /** The Pod's newest container. */
  readonly containerOf: (name: string) => Promise<string>;
}

async function world(t: Test, fixedLimit: number): Promise<World> {
  const yes = new Set<string>();
  const asked: World['asked'] = [];
  const measured = new Map<string, DeviceSample>();
  const bytes = new Map<string, number>();
  const podOfCgroup = new Map<string, string>();
  const runtime = new MemoryRuntime({
    clock: systemClock,
    images: [image, otherImage],
    events: true,
    onExec: (_id, command) => {
      const what = command.join(' ');
      asked.push({ what, atMs: Date.now() });
      return { stdout: '', stderr: 'no', exitCode: yes.has(what) ? 0 : 1 };
    },
  });
  const node = new TestNode({
    runtime,
    startup: {
      devices: { devicesOfPod: async () => [disk('sda')] },
      sampler: { sample: async () => measured },
      progress: {
        bytesOf: async (path) => {
          const uid = /\/pod([^/]+)/.exec(path)?.[1] ?? '';
          return bytes.get(podOfCgroup.get(uid) ?? '');
        },
      },
    },
    configuration: { startupIO: { mode: 'Fixed', fixedLimit } },
  });
  t.teardown(() => node.remove());
  await node.start();
  return {
    ...{ node, runtime, yes, asked, measured, bytes },
    create: async (name, container = {}, spec = {}, annotations = {}) => {
      const readinessProbe = {
        exec: { command: ['ready', name] },
        periodSeconds: 0.02,
        failureThreshold: 1_000_000,
      };
      const containers = [{ name: 'main', image, readinessProbe, ...container }];
      const pod = await node.createPod(name, { containers, ...spec }, { annotations });
      podOfCgroup.set(pod.metadata.uid, name);
      return pod;
    },
    containerOf: async (name) => {
      const status = (await node.pod(name))?.status.containerStatuses?.[0];
      return status?.containerID?.split('://').at(-1) ?? '';
    },
  };
}

const admission = ({ status }: Pod): PodCondition | undefined =>
  findCondition(status.conditions, 'StartupAdmitted');
const isQueued = (pod: Pod): boolean => admission(pod)?.status === 'False';
const restarts = ({ status }: Pod): number => status.containerStatuses?.[0]?.restartCount ?? 0;

async function startupOf({ pki, port }: TestNode, path = '/startup'): Promise<StartupReport> {
  const pair = pki?.pair('apiserver-kubelet-client');
  const text = await new Promise<string>((resolve, reject) => {
    get(
      { host: '127.0.0.1', port, path, ca: pki?.authority, cert: pair?.certificate, key: pair?.privateKey },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          resolve(Buffer.concat(parts).toString());
        });
      },
    ).on('error', reject);
  });
  return readStartupReport(JSON.parse(text));
}

await t.test('pods start one after the other, and everybody can see why', async (t) => {
  const { node, runtime, yes, create } = await world(t, 1);
  await create('a');
  const first = await node.untilPod('a', isRunning);
  t.match(admission(first), { status: 'True', reason: 'Admitted', message: 'started at once' });
  await create('b');
  const waiting = await node.untilPod('b', isQueued);
  t.equal(waiting.status.phase, 'Pending');
  t.match(admission(waiting), {
    reason: 'WaitingForSlot',
    message: 'place 1 of 1; /dev/sda: 1 starting, limit 1',
    lastTransitionTime: /Z$/,
  });
  t.match(waiting.status.containerStatuses?.[0]?.state?.waiting, {
    reason: 'WaitingForSlot',
    message: /^place 1 of 1/,
  });
  t.equal(
    runtime.calls.filter((call) => call.startsWith('runPodSandbox')).length,
    1,
    'nothing of it is made',
  );
  t.match((await node.events('StartupQueued'))[0]?.message, /^Pod waits to be started: place 1 of 1/);
  const report = await startupOf(node, '/startup?history=true');
  t.match(report, { node: 'node-1', mode: 'Fixed' });
  t.match(report.devices, [{ key: 'sda', about: '/dev/sda', limit: 1, held: 1, controller: 'Fixed' }]);
  t.match(report.starts, [{ name: 'a', devices: ['sda'] }]);
  t.match(report.queue, [{ name: 'b', place: 1, reason: 'WaitingForSlot' }]);
  const annotated = await until(
    async () => {
      const found = readDevicesAnnotation((await node.node())?.metadata.annotations);
      return found?.[0] === undefined ? undefined : found;
    },
    async () => JSON.stringify((await node.node())?.metadata),
  );
  t.match(annotated, [{ key: 'sda', limit: 1 }]);
  const conditions = (await node.node())?.status.conditions;
  t.match(findCondition(conditions, 'StartupSaturated'), { status: 'False', reason: 'StartupHasRoom' });
  yes.add('ready a').add('ready b');
  const second = await node.untilPod('b', isReady);
  t.match(admission(second), {
    status: 'True',
    reason: 'Admitted',
    message: /^started after \d+s in the queue$|^started at once$/,
  });
  t.match((await node.events('StartupAdmitted'))[0]?.message, /^Pod is started/);
  t.match(admission((await node.pod('a')) ?? second), { message: 'started at once' });
});

await t.test('a pod that waits can be deleted, opt out, and reach its deadline', async (t) => {
  const { node, runtime, create } = await world(t, 1);
  await create('a');
  await node.untilPod('a', isRunning);
  await create('late', {}, { activeDeadlineSeconds: 1 });
  await create('gone');
  await create('free');
  await Promise.all(['late', 'gone', 'free'].map((name) => node.untilPod(name, isQueued)));
  await node.client.resource(pods).delete({ namespace: 'default', name: 'gone' });
  await node.untilGone('gone');
  const failed = await node.untilPod('late', ({ status }) => status.phase === 'Failed');
  t.equal(failed.status.reason, 'DeadlineExceeded');
  const annotations = { 'startup.knarr.io/admission': 'skip' };
  await node.client
    .resource(pods)
    .patch({ namespace: 'default', name: 'free' }, 'merge', { metadata: { annotations } });
  const free = await node.untilPod('free', isRunning);
  t.match(admission(free), { status: 'True', reason: 'Skipped' });
  t.equal(runtime.calls.filter((call) => call.startsWith('runPodSandbox')).length, 2);
});

await t.test('a container that ends goes back into the queue, behind those who wait', async (t) => {
  const { node, runtime, yes, create, containerOf } = await world(t, 1);
  await create('a');
  await node.untilPod('a', isRunning);
  await create('b');
  await node.untilPod('b', isQueued);
  runtime.exitContainer(await containerOf('a'), 1);
  await node.untilPod('b', isRunning);
  const again = await node.untilPod('a', isQueued);
  t.match(again.status.containerStatuses?.[0], {
    state: { waiting: { reason: 'WaitingForSlot' } },
    lastState: { terminated: { exitCode: 1 } },
  });
  yes.add('ready a').add('ready b');
  const ready = await node.untilPod('a', isReady);
  t.equal(restarts(ready), 1);
});

await t.test('a pod whose other containers run is looked after while one of them waits', async (t) => {
  const { node, runtime, yes, create, containerOf } = await world(t, 1);
  yes.add('ready a');
  const readinessProbe = { exec: { command: ['ready', 'a'] }, periodSeconds: 0.02, failureThreshold: 1 };
  await create('a', { readinessProbe });
  await node.untilPod('a', isReady);
  await create('full');
  await node.untilPod('full', isRunning);
  const other = { ...(await node.pod('a'))?.spec.containers[0], image: otherImage } as Container;
  const before = await containerOf('a');
  await node.client
    .resource(pods)
    .patch({ namespace: 'default', name: 'a' }, 'strategic', { spec: { containers: [other] } });
  const waiting = await node.untilPod('a', isQueued);
  t.match(
    waiting.status.containerStatuses?.[0]?.state,
    { running: {} },
    'it is not stopped for one that waits',
  );
  yes.delete('ready a');
  await node.untilPod('a', (pod) => !isReady(pod));
  yes.add('ready a').add('ready full');
  await node.untilPod(
    'a',
    ({ status }) => status.containerStatuses?.[0]?.image === otherImage && status.containerStatuses[0].ready,
  );
  t.not(await containerOf('a'), before);
  t.ok(runtime.calls.length > 0);
});

await t.test('the clocks of startup and liveness probes begin when the pod was admitted', async (t) => {
  const { node, yes, asked, create } = await world(t, 1);
  await create('a');
  await node.untilPod('a', isRunning);
  const exec = (what: string) => ({
    exec: { command: [what, 'b'] },
    periodSeconds: 0.3,
    failureThreshold: 1,
  });
  await create('b', { livenessProbe: exec('alive') });
  await node.untilPod('b', isQueued);
  const queuedAtMs = Date.now();
  // Longer than its probe would have let it live.
  await until(
    () => (Date.now() - queuedAtMs > 600 ? true : undefined),
    () => 'time stands still',
  );
  t.strictSame(
    asked.filter(({ what }) => what.endsWith(' b')),
    [],
    'nobody asks for what does not run',
  );
  const admittedAtMs = Date.now();
  yes.add('ready a').add('alive b').add('ready b');
  const ready = await node.untilPod('b', isReady);
  const first = await until(
    () => asked.find(({ what }) => what === 'alive b'),
    () => 'its liveness is not asked for',
  );
  t.ok(first.atMs - admittedAtMs >= 250, 'the whole period is its own');
  t.equal(restarts(ready), 0);
});

await t.test('a kubelet that comes back finds who starts and who waits', async (t) => {
  const { node, runtime, yes, create } = await world(t, 2);
  for (const name of ['a', 'b']) await create(name);
  await Promise.all(['a', 'b'].map((name) => node.untilPod(name, isRunning)));
  for (const name of ['c', 'd', 'e']) await create(name);
  const queued = await Promise.all(['c', 'd', 'e'].map((name) => node.untilPod(name, isQueued)));
  await node.stop();
  await node.start();
  const report = await until(
    async () => {
      const found = await startupOf(node);
      return found.queue.length === 3 && found.starts.length === 2 ? found : undefined;
    },
    async () => JSON.stringify(await startupOf(node)),
  );
  t.strictSame(report.starts.map(({ name }) => name).sort(), ['a', 'b']);
  t.match(report.devices, [{ held: 2, limit: 2 }]);
  for (const { name, sinceMs } of report.queue) {
    const before = queued.find(({ metadata }) => metadata.name === name);
    t.equal(
      sinceMs,
      Date.parse((before && admission(before)?.lastTransitionTime) ?? ''),
      `${name} kept its time`,
    );
  }
  for (const name of ['a', 'b', 'c', 'd', 'e']) yes.add(`ready ${name}`);
  await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => node.untilPod(name, isReady)));
  t.equal(
    runtime.calls.filter((call) => call.startsWith('runPodSandbox')).length,
    5,
    'none was started twice',
  );
});

await t.test('after a reboot nothing is ready that was not looked at since', async (t) => {
  const { node, runtime, yes, create, containerOf } = await world(t, 5);
  yes.add('ready db').add('ready app');
  await create('db');
  await node.untilPod('db', isReady);
  await create('app', {}, {}, { 'startup.knarr.io/after': 'pod/db' });
  await node.untilPod('app', isReady);
  await node.stop();
  for (const name of ['app', 'db']) runtime.exitContainer(await containerOf(name), 137);
  yes.delete('ready db');
  await node.start();
  const waiting = await node.untilPod('app', isQueued);
  t.match(admission(waiting), {
    reason: 'WaitingForDependencies',
    message: 'waits for pod/default/db to be ready',
  });
  await node.untilPod('db', isRunning);
  t.ok(isQueued((await node.pod('app')) ?? waiting));
  yes.add('ready db');
  t.equal(restarts(await node.untilPod('app', isReady)), 1);
});

await t.test('what makes progress on a saturated disk is not killed, up to a bound', async (t) => {
  const { node, yes, measured, bytes, asked, create } = await world(t, 2);
  const saturated = { pressure: 1, utilization: 1, awaitMs: 900, requestsInFlight: 9, bytesPerSecond: 1 };
  measured.set('sda', saturated);
  const livenessProbe = (name: string, periodSeconds = 0.1) => ({
    exec: { command: ['alive', name] },
    ...{ periodSeconds, failureThreshold: 3 },
  });
  const timer = setInterval(() => {
    for (const name of ['reads', 'bounded']) bytes.set(name, (bytes.get(name) ?? 0) + 4096);
  }, 5);
  t.teardown(() => {
    clearInterval(timer);
  });
  bytes.set('stuck', 4096);
  // Another start keeps the devices looked at.
  await create('beside');
  await until(
    async () => ((await startupOf(node)).devices[0]?.isSaturated === true ? true : undefined),
    async () => JSON.stringify(await startupOf(node)),
  );
  const free = { 'startup.knarr.io/admission': 'skip' };
  await create('reads', { livenessProbe: livenessProbe('reads') }, {}, free);
  await create('stuck', { livenessProbe: livenessProbe('stuck') }, {}, free);
  await create(
    'bounded',
    { livenessProbe: livenessProbe('bounded') },
    {},
    {
      ...free,
      'startup.knarr.io/spare-for': '500ms',
    },
  );
  await node.untilPod('stuck', (pod) => restarts(pod) > 0);
  await node.untilPod('bounded', (pod) => restarts(pod) > 0);
  await until(
    () => (asked.filter(({ what }) => what === 'alive reads').length > 20 ? true : undefined),
    () => 'it is not asked any more',
  );
  const alive = await node.pod('reads');
  t.equal(alive === undefined ? undefined : restarts(alive), 0);
  t.notOk(alive !== undefined && isReady(alive), 'readiness tells the truth');
  const spared = (await node.events('StartupSpared')).filter(
    ({ involvedObject }) => involvedObject.name === 'reads',
  );
  t.equal(spared.length, 1);
  t.match(
    spared[0]?.message,
    /^Container main failed its probe and is not killed, for 10m0s at most: .* \/dev\/sda is saturated$/,
  );
  measured.set('sda', { ...saturated, pressure: 0, utilization: 0 });
  yes.add('ready beside');
  await node.untilPod('reads', (pod) => restarts(pod) > 0);
});
