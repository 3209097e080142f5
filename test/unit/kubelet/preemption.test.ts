/** Room for critical Pods: who must go for them, and that they start when those have ended. */
import t from 'tap';
import type { Pod } from '../../../api/generated/core-v1.js';
import { systemClock } from '../../../common/clock.js';
import { chooseVictims } from '../../../kubelet/admission/choose-victims.js';
import { MemoryRuntime } from '../../../kubelet/cri/memory-runtime.js';
import { isReady, isRunning, TestNode, until } from '../../support/kubelet.js';

const image = 'localhost/knarr/web:1';
const critical = 2_000_000_000;

/** `b`: requests below the limits, `g`: equal to them, anything else: neither. */
function pod(name: string, cpu: number, memory = 0, priority?: number): Pod {
  const amounts = { cpu: `${cpu}m`, memory: String(memory) };
  const resources = {
    ...(name.startsWith('b') || name.startsWith('g') ? { requests: amounts } : {}),
    ...(name.startsWith('g') ? { limits: amounts } : {}),
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'd', uid: name, resourceVersion: '1', creationTimestamp: '' },
    spec: { containers: [{ name: 'main', resources }], ...(priority === undefined ? {} : { priority }) },
    status: {},
  };
}

void t.test('who must go', async (t) => {
  const wanted = pod('b-critical', 100, 0, critical);
  const table: [string, Pod[], Record<string, number>, string[] | undefined][] = [
    ['the one that is enough', [pod('b1', 100), pod('b2', 300)], { cpu: 200 }, ['b2']],
    ['of two that are enough the smaller one', [pod('b1', 500), pod('b2', 300)], { cpu: 200 }, ['b2']],
    [
      'few large ones rather than many small ones',
      [pod('b1', 100), pod('b2', 100), pod('b3', 200)],
      { cpu: 200 },
      ['b3'],
    ],
    ['the fewest of them', [pod('b1', 100), pod('b2', 150), pod('b3', 180)], { cpu: 300 }, ['b3', 'b2']],
    [
      'no guaranteed one if others do',
      [pod('g1', 500, 5), pod('b1', 100), pod('b2', 100)],
      { cpu: 200 },
      ['b1', 'b2'],
    ],
    [
      'a guaranteed one, and what is needed beside it',
      [pod('g1', 100, 5), pod('b1', 200)],
      { cpu: 300 },
      ['b1', 'g1'],
    ],
    [
      'a guaranteed one alone if it makes all the room',
      [pod('g1', 300, 5), pod('b1', 200)],
      { cpu: 300 },
      ['g1'],
    ],
    [
      'those without requests for a slot',
      [pod('x', 0), pod('b1', 100), pod('g1', 100, 5)],
      { pods: 1 },
      ['x'],
    ],
    [
      'each resource counts alike',
      [pod('b1', 1, 1000), pod('b2', 100, 400)],
      { cpu: 100, memory: 400 },
      ['b2'],
    ],
    ['never a critical one', [pod('b1', 500, 0, critical)], { cpu: 100 }, undefined],
    ['not enough, so nobody', [pod('b1', 100), pod('x', 0)], { cpu: 200 }, undefined],
    ['nothing is missing', [pod('b1', 100)], {}, []],
  ];
  for (const [what, others, missing, expected] of table) {
    const shortages = Object.entries(missing).map(([resource, amount]) => ({ resource, missing: amount }));
    const victims = chooseVictims(wanted, others, shortages)?.map(({ metadata }) => metadata.name);
    t.strictSame(victims, expected, what);
  }
  const higher = pod('b-higher', 100, 0, 10);
  const others = [pod('b1', 200, 0, 10), pod('b2', 300, 0, 9)];
  const [victim] = chooseVictims(higher, others, [{ resource: 'cpu', missing: 100 }]) ?? [];
  t.equal(victim?.metadata.name, 'b2', 'of others only those of a lower priority');
});

void t.test('a critical pod starts when those that were in its way have ended', async (t) => {
  const runtime = new MemoryRuntime({ clock: systemClock, images: [image], events: true });
  const node = new TestNode({ runtime, configuration: { maxPods: 3 } });
  t.teardown(() => node.remove());
  await node.start();
  const container = (requests: Record<string, string> = {}): Pod['spec']['containers'] => [
    { name: 'main', image, resources: { requests } },
  ];
  await node.createPod('first', { containers: container({ cpu: '10m' }), priority: critical });
  await node.createPod('second', { containers: container() });
  await node.createPod('third', { containers: container({ cpu: '10m' }) });
  for (const name of ['first', 'second', 'third']) await node.untilPod(name, isReady);
  await node.createPod('late', { containers: container() });
  const turnedAway = await node.untilPod('late', ({ status }) => status.phase === 'Failed');
  t.equal(turnedAway.status.reason, 'OutOfpods');

  await node.createPod('urgent', { containers: container(), priority: critical });
  await node.untilPod('urgent', isReady);
  const gone = await node.untilPod('second', ({ status }) => status.phase === 'Failed');
  t.match(gone.status, { reason: 'Preempting', message: 'Preempted in order to admit critical pod' });
  t.match(
    gone.status.conditions?.find(({ type }) => type === 'DisruptionTarget'),
    {
      status: 'True',
      reason: 'TerminationByKubelet',
      message: 'Pod was preempted by Kubelet to accommodate a critical pod.',
    },
  );
  const [event] = await until(
    async () => {
      const found = await node.events('Preempting');
      return found.length > 0 ? found : undefined;
    },
    () => 'no event',
  );
  t.match(event, {
    type: 'Warning',
    message: 'Preempted in order to admit critical pod',
    involvedObject: { name: 'second' },
  });
  for (const name of ['first', 'third']) t.ok(isRunning((await node.pod(name)) ?? turnedAway), name);
  const order = runtime.calls.filter((call) => /^(stopContainer|startContainer)/.test(call));
  t.match(order.at(-2), /^stopContainer/, 'one ends');
  t.match(order.at(-1), /^startContainer/, 'then the other starts');

  await node.createPod('another', { containers: container(), priority: critical });
  await node.untilPod('another', isReady);
  await node.createPod('last', { containers: container(), priority: critical });
  const refused = await node.untilPod('last', ({ status }) => status.phase === 'Failed');
  t.equal(refused.status.reason, 'UnexpectedAdmissionError');
  t.match(
    refused.status.message,
    /no set of running pods found to reclaim resources: \[\(res: pods, q: 1\), \]$/,
  );
});
