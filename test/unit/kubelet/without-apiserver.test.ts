/** A kubelet that starts while the apiserver is away looks after what runs, from what it saved. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { configMaps, pods } from '../../../api/resources.js';
import { createMemoryClient } from '../../../client/memory-client.js';
import { systemClock } from '../../../common/clock.js';
import { MemoryRuntime } from '../../../kubelet/cri/memory-runtime.js';
import { AwayClient } from '../../support/away-client.js';
import { isReady, TestNode, until } from '../../support/kubelet.js';

const image = 'localhost/knarr/web:1';

interface World {
  readonly node: TestNode;
  readonly runtime: MemoryRuntime;
  readonly away: AwayClient;
  readonly running: () => Promise<string[]>;
  readonly saved: () => string[];
  answer: number;
}

async function world(t: Test): Promise<World> {
  const client = createMemoryClient();
  const away = new AwayClient(client);
  const state = { answer: 0 };
  const runtime = new MemoryRuntime({
    clock: systemClock,
    images: [image],
    events: true,
    onExec: () => ({ stdout: '', stderr: '', exitCode: state.answer }),
  });
  const node = new TestNode({ client, kubeletClient: away, runtime });
  t.teardown(async () => {
    away.comeBack();
    await node.remove();
  });
  await node.start();
  const folder = join(node.rootDir, 'pod-checkpoints');
  return Object.assign(state, {
    node,
    runtime,
    away,
    running: async () =>
      (await runtime.listContainers())
        .filter(({ state: one }) => one === 'running')
        .map(({ metadata }) => `${metadata.name}#${metadata.attempt}`),
    saved: () => (existsSync(folder) ? readdirSync(folder) : []),
  });
}

const probe = { exec: { command: ['x'] }, periodSeconds: 0.1, failureThreshold: 1 };

void t.test('what runs is probed and restarted, and its readiness does not flip', async (t) => {
  const there = await world(t);
  const { node, away, running, runtime } = there;
  await node.createPod('web', {
    containers: [
      { name: 'main', image, livenessProbe: probe, readinessProbe: { ...probe, periodSeconds: 600 } },
    ],
  });
  const before = await node.untilPod('web', isReady);
  await node.stop();
  away.leave();
  const calls = runtime.calls.length;
  await node.start();
  away.comeBack();
  // A status that flipped would have been written by now, since the conditions' times would have moved.
  await until(
    async () => ((await node.node()) === undefined ? undefined : true),
    () => 'no node',
  );
  const after = await node.untilPod('web', isReady);
  t.strictSame(after.status, before.status);
  t.strictSame(runtime.calls.slice(calls), []);
  await node.stop();
  away.leave();
  await node.start();
  there.answer = 1;
  await until(
    async () => ((await running()).includes('main#1') ? true : undefined),
    async () => `the liveness probe restarted nothing: ${String(await running())}`,
  );
  there.answer = 0;
  away.comeBack();
  const restarted = await node.untilPod(
    'web',
    (pod) => isReady(pod) && (pod.status.containerStatuses?.[0]?.restartCount ?? 0) >= 1,
  );
  t.equal(restarted.metadata.uid, before.metadata.uid);
});

void t.test('a pod that was deleted meanwhile ends when the apiserver is back', async (t) => {
  const { node, away, running, saved } = await world(t);
  await node.createPod('web', { containers: [{ name: 'main', image }] });
  await node.untilPod('web', isReady);
  await node.stop();
  t.equal(saved().length, 1);
  away.leave();
  await node.start();
  await node.client.resource(pods).delete({ namespace: 'default', name: 'web' }, { gracePeriodSeconds: 0 });
  t.strictSame(await running(), ['main#0']);
  away.comeBack();
  await until(
    async () => ((await running()).length === 0 ? true : undefined),
    () => 'it still runs',
  );
  await until(
    () => (saved().length === 0 ? true : undefined),
    () => 'it is still saved',
  );
});

void t.test('a pod that was ending goes on ending', async (t) => {
  const { node, away, running } = await world(t);
  const lifecycle = { preStop: { sleep: { seconds: 3600 } } };
  await node.createPod('web', {
    containers: [{ name: 'main', image, lifecycle }],
    terminationGracePeriodSeconds: 3600,
  });
  await node.untilPod('web', isReady);
  await node.client.resource(pods).delete({ namespace: 'default', name: 'web' });
  await until(
    async () => (await node.events('Killing'))[0],
    () => 'it does not end',
  );
  await node.stop();
  away.leave();
  await node.start();
  t.strictSame(await running(), ['main#0'], 'its grace is not over');
  await node.client.resource(pods).delete({ namespace: 'default', name: 'web' }, { gracePeriodSeconds: 1 });
  away.comeBack();
  await node.untilGone('web');
  t.strictSame(await running(), []);
});

void t.test('a start that needs the apiserver says so and comes to be when it is back', async (t) => {
  const { node, away, running, runtime } = await world(t);
  await node.client.resource(configMaps).create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings', namespace: 'default' },
    data: { color: 'red' },
  });
  const env = [{ name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'color' } } }];
  await node.createPod('web', {
    containers: [
      { name: 'main', image, env },
      { name: 'other', image },
    ],
  });
  await node.untilPod('web', isReady);
  await node.stop();
  away.leave();
  await node.start();
  for (const { id } of await runtime.listContainers()) runtime.exitContainer(id, 1);
  away.comeBack();
  await until(
    async () => ((await running()).join() === 'main#1,other#1' ? true : undefined),
    async () => `runs: ${String(await running())}`,
  );
});
