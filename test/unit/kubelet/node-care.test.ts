/** A kubelet whose node runs short, whose disk fills, or whose machine goes down, over a runtime in memory. */
import t from 'tap';
import type { Pod } from '../../../api/generated/core-v1.js';
import { pods } from '../../../api/resources.js';
import { systemClock } from '../../../common/clock.js';
import { MemoryRuntime } from '../../../kubelet/cri/memory-runtime.js';
import type { Observation } from '../../../kubelet/eviction/signals.js';
import { isRunning, noCgroups, TestNode, until } from '../../support/kubelet.js';

const image = 'localhost/app:1';
const plenty: Observation = { available: 90, capacity: 100 };

function conditionOf(pod: Pod, type: string): unknown {
  return pod.status.conditions?.find((condition) => condition.type === type);
}

void t.test('under pressure a pod is evicted, no other is let in, and the node says so', async (t) => {
  const runtime = new MemoryRuntime({ clock: systemClock, images: [image, 'localhost/unused:1'] });
  let memory = plenty;
  const node = new TestNode({
    runtime,
    evictionIntervalMs: 10,
    configuration: {
      evictionHard: { 'memory.available': '10' },
      evictionPressureTransitionPeriod: '1ms',
    },
    measurer: {
      observe: async () => ({ 'memory.available': memory }),
      measurePods: async () => new Map(),
      hasImageFilesystem: async () => false,
    },
  });
  t.teardown(() => node.remove());
  await node.start();
  await node.createPod('spared', { containers: [{ name: 'a', image }], priority: 10 });
  await node.createPod('victim', { containers: [{ name: 'a', image }] });
  for (const name of ['spared', 'victim']) await node.untilPod(name, isRunning);
  memory = { available: 5, capacity: 100 };
  const victim = await node.untilPod('victim', ({ status }) => {
    if (status.phase === 'Failed') memory = plenty;
    return status.phase === 'Failed';
  });
  t.match(victim.status, {
    reason: 'Evicted',
    message: /^The node was low on resource: memory\. Threshold quantity: 10, available: 5\. $/,
  });
  t.match(conditionOf(victim, 'DisruptionTarget'), { status: 'True', reason: 'TerminationByKubelet' });
  t.match(victim.status.containerStatuses?.[0]?.state?.terminated, { exitCode: 143 });
  await until(
    async () => ((await runtime.listPodSandboxes()).length === 1 ? true : undefined),
    () => 'what the evicted pod had is still there',
  );
  t.equal((await node.pod('spared'))?.status.phase, 'Running');
  t.match((await node.pod('victim'))?.status.containerStatuses?.[0]?.state?.terminated, { exitCode: 143 });
});

void t.test('the condition of the node, and who is turned away', async (t) => {
  // Images that nobody uses go first: this one is pulled again.
  const runtime = new MemoryRuntime({ clock: systemClock, images: [image], registry: [image] });
  let disk = { available: 5, capacity: 100 };
  const node = new TestNode({
    runtime,
    evictionIntervalMs: 10,
    configuration: { evictionHard: { 'nodefs.available': '10%' }, evictionPressureTransitionPeriod: '1ms' },
    measurer: {
      observe: async () => ({ 'nodefs.available': disk }),
      measurePods: async () => new Map(),
      hasImageFilesystem: async () => false,
    },
  });
  t.teardown(() => node.remove());
  await node.start();
  const untilDisk = (status: string): Promise<true> =>
    until(
      async () => {
        const conditions = (await node.node())?.status.conditions ?? [];
        return conditions.some((one) => one.type === 'DiskPressure' && one.status === status)
          ? true
          : undefined;
      },
      () => `DiskPressure is not ${status}`,
    );
  await untilDisk('True');
  await until(
    async () => ((await runtime.imageStatus(image)) === undefined ? true : undefined),
    () => 'the image is still there',
  );
  await node.createPod('late', { containers: [{ name: 'a', image }] });
  const late = await node.untilPod('late', ({ status }) => status.phase === 'Failed');
  t.match(late.status, {
    reason: 'Evicted',
    message: 'Pod was rejected: The node had condition: [DiskPressure]. ',
  });
  t.equal(late.status.containerStatuses, undefined);
  disk = plenty;
  await untilDisk('False');
  await node.createPod('later', { containers: [{ name: 'a', image }] });
  await node.untilPod('later', isRunning);
  await node.createPod('large', {
    containers: [{ name: 'a', image, resources: { requests: { cpu: '100000' } } }],
  });
  const large = await node.untilPod('large', ({ status }) => status.phase === 'Failed');
  t.match(large.status, {
    reason: 'OutOfcpu',
    message: /^Pod was rejected: Node didn't have enough resource: cpu, /,
  });
});

void t.test('a pod that writes more than it may', async (t) => {
  const runtime = new MemoryRuntime({ clock: systemClock, images: [image] });
  const node = new TestNode({
    runtime,
    evictionIntervalMs: 10,
  });
  t.teardown(() => node.remove());
  await node.start();
  await node.createPod('writer', {
    containers: [{ name: 'writer', image, resources: { limits: { 'ephemeral-storage': '1Mi' } } }],
  });
  await node.untilPod('writer', isRunning);
  runtime.usage.set('writer', { usedBytes: 2_000_000, usedInodes: 1 });
  const pod = await node.untilPod('writer', ({ status }) => status.phase === 'Failed');
  t.match(pod.status, {
    reason: 'Evicted',
    message: 'Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ',
  });
  t.equal(conditionOf(pod, 'DisruptionTarget'), undefined);
});

void t.test('the machine goes down: pods end by priority, and are told why', async (t) => {
  const runtime = new MemoryRuntime({ clock: systemClock, images: [image] });
  let goingDown = false;
  const node = new TestNode({
    runtime,
    configuration: { shutdownGracePeriod: '20s', shutdownGracePeriodCriticalPods: '5s' },
    isMachineGoingDown: async () => goingDown,
  });
  t.teardown(() => node.remove());
  await node.start();
  await node.createPod('critical', { containers: [{ name: 'critical', image }], priority: 2_000_000_000 });
  await node.createPod('plain', {
    containers: [{ name: 'plain', image }],
    terminationGracePeriodSeconds: 60,
  });
  for (const name of ['plain', 'critical']) await node.untilPod(name, isRunning);
  await node.stop();
  for (const name of ['plain', 'critical'])
    t.equal((await node.pod(name))?.status.phase, 'Running', 'an ordinary stop');
  await node.start();
  // When one more runs, those that ran before are known again.
  await node.createPod('more', { containers: [{ name: 'more', image }], priority: 1 });
  await node.untilPod('more', isRunning);
  goingDown = true;
  runtime.calls.length = 0;
  await node.stop();
  const stops = runtime.calls.filter((call) => call.startsWith('stopContainer'));
  t.strictSame(stops.slice(0, 2).sort(), ['stopContainer more 1', 'stopContainer plain 15']);
  t.strictSame(stops.slice(2), ['stopContainer critical 1']);
  for (const name of ['plain', 'critical']) {
    const { items } = await node.client.resource(pods).list();
    const pod = items.find(({ metadata }) => metadata.name === name);
    t.match(pod?.status, {
      phase: 'Failed',
      reason: 'Terminated',
      message: 'Pod was terminated in response to imminent node shutdown.',
    });
    t.match(pod && conditionOf(pod, 'DisruptionTarget'), { reason: 'TerminationByKubelet' });
  }
  const ready = (await node.node())?.status.conditions?.find(({ type }) => type === 'Ready');
  t.match(ready, { status: 'False', message: 'node is shutting down' });
});

void t.test('the classes of pods get the weight that their pods ask for', async (t) => {
  const runtime = new MemoryRuntime({ clock: systemClock, images: [image] });
  const written: object[] = [];
  const cgroups = {
    ...noCgroups,
    setQosShares: async (shares: object): Promise<void> => {
      written.push(shares);
    },
  };
  const node = new TestNode({ runtime, cgroups });
  t.teardown(() => node.remove());
  await node.start();
  await until(
    () => (written.length > 0 ? true : undefined),
    () => 'nothing was written',
  );
  t.strictSame(written, [{ burstable: 2, besteffort: 2 }], 'nobody asks for anything yet');
});
