/** The kubelet as a whole against the in-memory runtime: sidecars, ephemeral containers and hooks. */
import t from 'tap';
import type { Test } from 'tap';
import type { Pod } from '../../../api/generated/core-v1.js';
import { pods } from '../../../api/resources.js';
import { systemClock } from '../../../common/clock.js';
import { MemoryRuntime } from '../../../kubelet/cri/memory-runtime.js';
import type { MemoryRuntimeOptions } from '../../../kubelet/cri/memory-runtime.js';
import { isReady, TestNode, until } from '../../support/kubelet.js';

const image = 'localhost/knarr/web:1';
const main = { name: 'main', image };
const sidecar = (name: string) => ({ name, image, restartPolicy: 'Always' }) as const;

async function world(
  t: Test,
  options: Partial<MemoryRuntimeOptions> = {},
): Promise<{ node: TestNode; runtime: MemoryRuntime; calls: (verb: string) => string[] }> {
  const runtime = new MemoryRuntime({ clock: systemClock, images: [image], events: true, ...options });
  const node = new TestNode({ runtime });
  t.teardown(() => node.remove());
  await node.start();
  const calls = (verb: string): string[] =>
    runtime.calls.filter((call) => call.startsWith(`${verb} `)).map((call) => call.split(' ')[1] ?? '');
  return { node, runtime, calls };
}

async function exit(runtime: MemoryRuntime, name: string, exitCode: number): Promise<void> {
  const found = await until(
    async () =>
      (await runtime.listContainers()).find((one) => one.metadata.name === name && one.state === 'running'),
    () => `${name} does not run`,
  );
  runtime.exitContainer(found.id, exitCode);
}

void t.test(
  'sidecars start in order before the others, and end after them, the last one first',
  async (t) => {
    const { node, runtime, calls } = await world(t);
    await node.createPod('deleted', {
      initContainers: [sidecar('one'), { name: 'work', image }, sidecar('two')],
      containers: [main],
    });
    await exit(runtime, 'work', 0);
    await node.untilPod('deleted', isReady);
    t.strictSame(calls('startContainer'), ['one#0', 'work#0', 'two#0', 'main#0']);
    await node.client.resource(pods).delete({ namespace: 'default', name: 'deleted' });
    await node.untilGone('deleted');
    t.strictSame(calls('stopContainer'), ['main', 'two', 'one']);
  },
);

void t.test('a pod that is done ends its sidecars, and has an end only when they have', async (t) => {
  const { node, runtime, calls } = await world(t);
  await node.createPod('done', {
    restartPolicy: 'Never',
    initContainers: [sidecar('one'), sidecar('two')],
    containers: [main],
  });
  await exit(runtime, 'main', 0);
  const ended = await node.untilPod('done', ({ status }) => status.phase === 'Succeeded');
  t.strictSame(calls('stopContainer'), ['two', 'one']);
  t.ok(ended.status.initContainerStatuses?.every(({ state }) => state?.terminated !== undefined));
});

void t.test('an ephemeral container joins a pod that runs', async (t) => {
  const { node, runtime } = await world(t);
  await node.createPod('web', { containers: [main] });
  await node.untilPod('web', isReady);
  await node.client.resource(pods).patch({ namespace: 'default', name: 'web' }, 'merge', {
    spec: { ephemeralContainers: [{ name: 'debug', image, targetContainerName: 'main' }] },
  });
  const state = ({ status }: Pod) => status.ephemeralContainerStatuses?.[0]?.state;
  const joined = await node.untilPod('web', (pod) => state(pod)?.running !== undefined);
  t.ok(isReady(joined));
  await exit(runtime, 'debug', 3);
  const after = await node.untilPod('web', (pod) => state(pod)?.terminated !== undefined);
  t.match(state(after)?.terminated, { exitCode: 3 });
  t.equal(after.status.phase, 'Running');
});

void t.test('hooks run after the start and before the end; one that fails ends the container', async (t) => {
  const commands: string[] = [];
  const { node, calls } = await world(t, {
    onExec: (_id, command) => {
      commands.push(command.join(' '));
      return { stdout: '', stderr: '', exitCode: command[0] === 'false' ? 1 : 0 };
    },
  });
  const lifecycle = {
    postStart: { exec: { command: ['hello'] } },
    preStop: { exec: { command: ['bye'] } },
  };
  await node.createPod('polite', { containers: [{ ...main, lifecycle }] });
  await node.untilPod('polite', isReady);
  t.strictSame(commands, ['hello']);
  await node.client.resource(pods).delete({ namespace: 'default', name: 'polite' });
  await node.untilGone('polite');
  t.strictSame(commands, ['hello', 'bye']);
  await node.createPod('broken', {
    containers: [{ ...main, name: 'broken', lifecycle: { postStart: { exec: { command: ['false'] } } } }],
  });
  await until(
    async () => (await node.events('FailedPostStartHook'))[0],
    () => 'no event',
  );
  await until(
    () => (calls('stopContainer').includes('broken') ? true : undefined),
    () => 'the container was not ended',
  );
});
