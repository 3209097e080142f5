/** Many Pods at once: how much is made at a time, what is asked of the runtime for each, and what does not wait. */
import { availableParallelism } from 'node:os';
import t from 'tap';
import { pods } from '../../../api/resources.js';
import { systemClock } from '../../../common/clock.js';
import { MemoryRuntime } from '../../../kubelet/cri/memory-runtime.js';
import type { ContainerRuntime } from '../../../kubelet/cri/runtime.js';
import { creationsAtOnce } from '../../../kubelet/sync/creation-limit.js';
import { isRunning, TestNode, until } from '../../support/kubelet.js';

const image = 'localhost/knarr/web:1';
const slow = 'registry.example/slow:1';
const limit = creationsAtOnce(availableParallelism());
t.setTimeout(120_000);

/** Counts calls, and keeps those that are held back until they are let go. */
class HeldRuntime {
  readonly port: ContainerRuntime;
  readonly calls = new Map<string, number>();
  readonly waiting = new Map<string, number>();
  readonly held = new Set<string>();
  #release: (() => void)[] = [];

  constructor(inner: ContainerRuntime) {
    this.port = new Proxy(inner, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        const name = String(key);
        if (name === 'events' || name === 'close')
          return (...parameters: unknown[]): unknown => Reflect.apply(value, target, parameters);
        return async (...parameters: unknown[]): Promise<unknown> => {
          this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
          if (this.held.has(name)) await this.#hold(name);
          return (await Reflect.apply(value, target, parameters)) as unknown;
        };
      },
    });
  }

  letGo(): void {
    this.held.clear();
    for (const release of this.#release.splice(0)) release();
  }

  async #hold(name: string): Promise<void> {
    this.waiting.set(name, (this.waiting.get(name) ?? 0) + 1);
    await new Promise<void>((resolve) => this.#release.push(resolve));
    this.waiting.set(name, (this.waiting.get(name) ?? 0) - 1);
  }
}

const runtime = new HeldRuntime(
  new MemoryRuntime({ clock: systemClock, images: [image], registry: [slow], events: false }),
);
const node = new TestNode({ runtime: runtime.port });
t.teardown(() => node.remove());
await node.start();

async function create(names: readonly string[], from = image): Promise<void> {
  for (const name of names) await node.createPod(name, { containers: [{ name: 'web', image: from }] });
}

const named = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

const untilWaiting = (name: string, count: number): Promise<true> =>
  until(
    () => (runtime.waiting.get(name) === count ? true : undefined),
    () => `${String(runtime.waiting.get(name))} calls of ${name} wait`,
  );

await t.test('a bounded number is made at a time, and nothing else waits', async (t) => {
  await create(['before']);
  await node.untilPod('before', isRunning);
  runtime.held.add('runPodSandbox');
  runtime.calls.clear();
  const names = named('burst', 3 * limit);
  await create(names);
  await untilWaiting('runPodSandbox', limit);
  for (const name of names) await node.untilPod(name, ({ status }) => status.startTime !== undefined);
  t.equal(runtime.calls.get('runPodSandbox'), limit, 'the others are known, and wait for their turn');
  await node.client.resource(pods).delete({ namespace: 'default', name: 'before' });
  await node.untilGone('before');
  t.pass('a pod is stopped and removed meanwhile');
  const [last = ''] = names.slice(-1);
  await node.client.resource(pods).delete({ namespace: 'default', name: last });
  await node.untilGone(last);
  t.equal(runtime.calls.get('runPodSandbox'), limit, 'one that is deleted while it waits is never made');
  const critical = { containers: [{ name: 'web', image }], priority: 2_000_001_000 };
  await node.createPod('critical', critical);
  await untilWaiting('runPodSandbox', limit + 1);
  t.pass('a critical pod does not wait');
  // The one that was deleted was looked at again.
  const asked = runtime.calls.get('podSandboxStatus') ?? 0;
  runtime.letGo();
  const started = [...names.slice(0, -1), 'critical'];
  for (const name of started) await node.untilPod(name, isRunning);
  for (const call of ['runPodSandbox', 'createContainer', 'startContainer'])
    t.equal(runtime.calls.get(call), started.length, `one ${call} for each`);
  t.equal(runtime.calls.get('podSandboxStatus'), asked + started.length, 'and one look at its sandbox');
  t.strictSame(await node.events('FailedCreatePodSandBox'), [], 'nothing failed');
});

await t.test('an image that is pulled holds no place', async (t) => {
  runtime.held.add('pullImage');
  const names = named('pulling', limit + 1);
  await create(names, slow);
  await untilWaiting('pullImage', 1);
  await create(['beside']);
  await node.untilPod('beside', isRunning);
  t.equal(runtime.waiting.get('pullImage'), 1, 'the image is still being pulled');
  runtime.letGo();
  for (const name of names) await node.untilPod(name, isRunning);
});
