/** The whole scheduler on the in-memory client: bindings, failures, and what is told about them. */
import t from 'tap';
import type { Test } from 'tap';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { nodes, pods } from '../../../api/resources.js';
import { findCondition } from '../../../api/pod-helpers.js';
import { StatusError } from '../../../api/status-error.js';
import type { Pod, PodStatus } from '../../../api/generated/core-v1.js';
import { createInformerFactory } from '../../../client/informer.js';
import { createMemoryClient } from '../../../client/memory-client.js';
import type { ApiClient, EventRecorder } from '../../../client/types.js';
import type { EnabledPlugin } from '../../../scheduler/framework/framework.js';
import type { PluginHandle, SchedulerPlugin } from '../../../scheduler/framework/extension-points.js';
import { noMetrics } from '../../../scheduler/metrics.js';
import type { AttemptResult } from '../../../scheduler/metrics.js';
import { createPlugins } from '../../../scheduler/plugins/registry.js';
import { Scheduler } from '../../../scheduler/scheduler.js';
import { makeDevice, makeNode, makePod } from '../../support/scheduling-objects.js';
import type { NodeOptions, PodOptions } from '../../support/scheduling-objects.js';
import { until } from '../../support/until.js';

const waitingForSlot: PodStatus = {
  phase: 'Pending',
  conditions: [{ type: 'StartupAdmitted', status: 'False', reason: 'WaitingForSlot' }],
};

type MakePlugins = (handle: PluginHandle) => readonly EnabledPlugin[];

function setUp(
  t: Test,
  options: { readonly wrap?: (client: ApiClient) => ApiClient; readonly plugins?: MakePlugins } = {},
) {
  const client = createMemoryClient();
  const events: string[] = [];
  const attempts: AttemptResult[] = [];
  const recorder: EventRecorder = {
    event: (about, type, reason, message) =>
      events.push(`${about.metadata.name} ${type} ${reason}: ${message}`),
  };
  const seen = options.wrap?.(client) ?? client;
  const informers = createInformerFactory({ client: seen, log: silentLogger });
  const scheduler = new Scheduler({
    client: seen,
    informers,
    recorder,
    createPlugins: options.plugins ?? createPlugins,
    log: silentLogger,
    clock: systemClock,
    random: () => 0,
  });
  scheduler.useMetrics({ ...noMetrics, attempt: (result) => attempts.push(result) });
  const stop = new AbortController();
  const running = Promise.all([informers.run(stop.signal), scheduler.run(stop.signal)]);
  t.teardown(async () => {
    stop.abort();
    await running;
  });
  return {
    client,
    events,
    attempts,
    addNode: (node: NodeOptions) => client.resource(nodes).create(makeNode(node)),
    addPod: (pod: PodOptions) => client.resource(pods).create(makePod(pod)),
    get: (name: string) => client.resource(pods).get({ namespace: 'default', name }),
    scheduled: (name: string) =>
      until(
        `${name} has a node`,
        async () => (await client.resource(pods).get({ namespace: 'default', name })).spec.nodeName,
      ),
    refused: (name: string) =>
      until(`${name} is marked`, async () => {
        const pod = await client.resource(pods).get({ namespace: 'default', name });
        const condition = findCondition(pod.status.conditions, 'PodScheduled');
        return condition?.status === 'False' ? condition : undefined;
      }),
  };
}

await t.test('a pod gets a node, and it is told', async (t) => {
  const world = setUp(t);
  await world.addNode({ name: 'n1' });
  await world.addPod({ name: 'a' });
  t.equal(await world.scheduled('a'), 'n1');
  await until('the event is there', () => world.events.length > 0);
  t.same(world.events, ['a Normal Scheduled: Successfully assigned default/a to n1']);
  t.same(world.attempts, ['scheduled']);
});

await t.test('a pod whose size changes holds the greater one until it has the smaller one', async (t) => {
  const world = setUp(t);
  await world.addNode({ name: 'n1' });
  const resized = (has: string): PodStatus => ({
    phase: 'Running',
    containerStatuses: [
      {
        ...{ name: 'main', image: '', imageID: '', ready: true, restartCount: 0 },
        resources: { requests: { cpu: has } },
        allocatedResources: { cpu: '500m' },
      },
    ],
  });
  await world.addPod({
    name: 'shrinking',
    requests: { cpu: '500m' },
    spec: { nodeName: 'n1' },
    status: resized('1500m'),
  });
  await world.addPod({ name: 'next', requests: { cpu: '1' } });
  t.match(await world.refused('next'), { message: /Insufficient cpu/ });
  const at = { namespace: 'default', name: 'shrinking' };
  const status = resized('500m');
  await world.client.resource(pods).patch(at, 'merge', { status }, { subresource: 'status' });
  t.equal(await world.scheduled('next'), 'n1');
});

await t.test('pods decided in one go do not share the same room', async (t) => {
  const world = setUp(t);
  for (const name of ['n1', 'n2']) await world.addNode({ name });
  const names = ['a', 'b', 'c', 'd', 'e'];
  await Promise.all(names.map((name) => world.addPod({ name, requests: { cpu: '1' } })));
  const refused = await until('one is refused', async () => {
    const all = (await world.client.resource(pods).list()).items;
    const marked = all.filter(
      (pod) => findCondition(pod.status.conditions, 'PodScheduled')?.status === 'False',
    );
    const bound = all.filter((pod) => pod.spec.nodeName !== undefined);
    return marked.length === 1 && bound.length === 4 ? marked : undefined;
  });
  const condition = findCondition(refused[0]?.status.conditions, 'PodScheduled');
  t.match(condition, { reason: 'Unschedulable', message: '0/2 nodes are available: 2 Insufficient cpu.' });
  t.equal(world.events.filter((event) => event.includes('FailedScheduling')).length, 1);
  const [winner] = names.filter((name) => name !== refused[0]?.metadata.name);
  await world.client
    .resource(pods)
    .delete({ namespace: 'default', name: winner ?? '' }, { gracePeriodSeconds: 0 });
  t.ok(await world.scheduled(refused[0]?.metadata.name ?? ''), 'room that becomes free is used');
});

await t.test('a pod waits for a node, and writes no condition twice', async (t) => {
  const world = setUp(t);
  await world.addPod({ name: 'a' });
  t.match(await world.refused('a'), {
    reason: 'Unschedulable',
    message: 'no nodes available to schedule pods',
  });
  const { resourceVersion } = (await world.get('a')).metadata;
  await world.addPod({ name: 'b' });
  await world.refused('b');
  t.equal((await world.get('a')).metadata.resourceVersion, resourceVersion);
  await world.addNode({ name: 'n1' });
  t.equal(await world.scheduled('a'), 'n1');
  t.equal(findCondition((await world.get('a')).status.conditions, 'PodScheduled')?.status, 'True');
});

await t.test('pods that are not ours are left alone', async (t) => {
  const world = setUp(t);
  await world.addNode({ name: 'n1' });
  await world.addPod({ name: 'other', spec: { schedulerName: 'mine' } });
  await world.addPod({ name: 'ended', status: { phase: 'Failed' } });
  await world.addPod({ name: 'gated', spec: { schedulingGates: [{ name: 'example.com/g' }] } });
  await world.addPod({ name: 'by-hand', spec: { nodeName: 'n9' } });
  await world.addPod({ name: 'ours' });
  await world.scheduled('ours');
  for (const name of ['other', 'ended', 'gated'])
    t.equal((await world.get(name)).spec.nodeName, undefined, name);
  t.same(world.attempts, ['scheduled']);
});

/** A client whose bindings go through `bind` first. */
function withBinding(client: ApiClient, bind: (name: string) => Promise<void>): ApiClient {
  return {
    resource: (definition) => {
      const resource = client.resource(definition);
      const createSubresource = async (
        at: { namespace?: string; name: string },
        sub: string,
        body: unknown,
      ) => {
        if (sub === 'binding') await bind(at.name);
        return resource.createSubresource(at, sub, body);
      };
      return new Proxy(resource, {
        get: (target, property) => {
          if (property === 'createSubresource') return createSubresource;
          const member: unknown = Reflect.get(target, property);
          return typeof member === 'function' ? (member.bind(target) as unknown) : member;
        },
      });
    },
    raw: (path, signal) => client.raw(path, signal),
    close: () => client.close(),
  };
}

await t.test('a binding that fails is tried again, and its room is free meanwhile', async (t) => {
  let failures = 1;
  const world = setUp(t, {
    wrap: (client) =>
      withBinding(client, () =>
        failures-- > 0 ? Promise.reject(new StatusError('ServiceUnavailable', 'gone')) : Promise.resolve(),
      ),
  });
  await world.addNode({ name: 'n1' });
  await world.addPod({ name: 'a', requests: { cpu: '2' } });
  t.equal(await world.scheduled('a'), 'n1');
  t.same(world.attempts, ['error', 'scheduled']);
  t.notOk(
    world.events.some((event) => event.includes('FailedScheduling')),
    'an outage is not told as a failure of the pod',
  );
});

await t.test('a pod that somebody else binds or deletes in between is no trouble', async (t) => {
  const world = setUp(t, {
    wrap: (own) =>
      withBinding(own, async (name) => {
        const at = { namespace: 'default', name };
        if (name === 'stolen')
          await own.resource(pods).createSubresource(at, 'binding', { target: { name: 'n2' } });
        if (name === 'deleted') await own.resource(pods).delete(at, { gracePeriodSeconds: 0 });
      }),
  });
  await world.addNode({ name: 'n1', allocatable: { cpu: '1', memory: '1Gi', pods: '10' } });
  await world.addPod({ name: 'stolen', requests: { cpu: '1' } });
  t.equal(await world.scheduled('stolen'), 'n2');
  await world.addPod({ name: 'deleted', requests: { cpu: '1' } });
  await until('both have failed', () => world.attempts.filter((result) => result === 'error').length === 2);
  await world.addPod({ name: 'last', requests: { cpu: '1' } });
  t.equal(await world.scheduled('last'), 'n1', 'nothing is left of them on the node');
});

await t.test('a plugin can let a pod wait before it is bound', async (t) => {
  let allow: (() => void) | undefined;
  const gate = (handle: PluginHandle): SchedulerPlugin => ({
    name: 'Gate',
    interests: [],
    permit: (_state, pod) => {
      allow = () => {
        handle.allowWaitingPod(pod.uid, 'Gate');
      };
      return Promise.resolve({ kind: 'wait', timeoutMs: 60_000 });
    },
  });
  const world = setUp(t, {
    plugins: (handle) => [...createPlugins(handle), { plugin: gate(handle), weight: 0 }],
  });
  await world.addNode({ name: 'n1' });
  await world.addPod({ name: 'a' });
  const go = await until('the pod waits', () => allow);
  t.equal((await world.get('a')).spec.nodeName, undefined);
  go();
  t.equal(await world.scheduled('a'), 'n1');
});

await t.test('a plugin that breaks is told on the pod', async (t) => {
  const broken: SchedulerPlugin = {
    name: 'Broken',
    interests: [],
    filter: () => {
      throw new Error('out of ideas');
    },
  };
  const world = setUp(t, { plugins: (handle) => [...createPlugins(handle), { plugin: broken, weight: 0 }] });
  await world.addNode({ name: 'n1' });
  await world.addPod({ name: 'a' });
  t.match(await world.refused('a'), {
    reason: 'SchedulerError',
    message: /plugin Broken failed in Filter: out of ideas/,
  });
});

await t.test('a hundred pods are bound within a second or so', async (t) => {
  const world = setUp(t);
  await world.addNode({ name: 'n1' });
  await Promise.all(Array.from({ length: 100 }, (_, index) => world.addPod({ name: `p${String(index)}` })));
  const all = await until('all are bound', async () => {
    const list = (await world.client.resource(pods).list()).items;
    return list.every((pod: Pod) => pod.spec.nodeName !== undefined) ? list : undefined;
  });
  t.equal(all.length, 100);
});

await t.test('a saturated node takes the next pod when one of those before it was admitted', async (t) => {
  const world = setUp(t);
  const starting = (name: string) => ({ name, spec: { nodeName: 'n1' }, status: waitingForSlot });
  for (let index = 0; index < 16; index++) await world.addPod(starting(`before-${index}`));
  await world.addNode({ name: 'n1', startup: [makeDevice(2, { saturation: 1, isSaturated: true })] });
  await world.addPod({ name: 'next' });
  const refusal = await world.refused('next');
  t.equal(
    refusal.message,
    '0/1 nodes are available: 1 node(s) had enough Pods waiting to start on a saturated disk.',
  );
  const admitted = await world.get('before-3');
  admitted.status.conditions = [{ type: 'StartupAdmitted', status: 'True', reason: 'Admitted' }];
  await world.client.resource(pods).updateStatus(admitted);
  t.equal(await world.scheduled('next'), 'n1');
  await world.addPod({ name: 'one-more' });
  await world.refused('one-more');
});

await t.test('a node that is not saturated any more takes all that wait', async (t) => {
  const world = setUp(t);
  for (let index = 0; index < 16; index++)
    await world.addPod({ name: `before-${index}`, spec: { nodeName: 'n1' } });
  const node = await world.addNode({
    name: 'n1',
    startup: [makeDevice(2, { saturation: 1, isSaturated: true })],
  });
  await world.addPod({ name: 'next' });
  await world.refused('next');
  node.status.conditions = [{ type: 'StartupSaturated', status: 'False' }];
  await world.client.resource(nodes).updateStatus(node);
  t.equal(await world.scheduled('next'), 'n1');
});
