/** What the gate asks of the cluster, and of the runtime: whether others are ready, and how long calls take. */
import t from 'tap';
import type { Pod, Service } from '../../../api/generated/core-v1.js';
import { endpointSlices, pods } from '../../../api/resources.js';
import { createMemoryClient } from '../../../client/memory-client.js';
import type { ApiClient } from '../../../client/types.js';
import { ManualClock } from '../../../common/clock.js';
import { MemoryRuntime } from '../../../kubelet/cri/memory-runtime.js';
import { ClusterReadiness } from '../../../kubelet/startup/cluster-readiness.js';
import { watchCalls } from '../../../kubelet/startup/runtime-calls.js';

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
};

function podOf(name: string, labels: Record<string, string>, isReady: boolean): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...{ name, namespace: 'default', uid: `uid-${name}`, labels },
      ...{ resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
    },
    spec: { containers: [] },
    status: { conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] },
  };
}

/** An apiserver that counts what is asked, and can be away; `store` is the way behind it. */
function counting(): { store: ApiClient; client: ApiClient; asked: string[]; isAway: boolean } {
  const store = createMemoryClient();
  const state = { store, client: store, asked: [] as string[], isAway: false };
  const ask = (target: object, plural: string, name: string | symbol): unknown => {
    const method: unknown = Reflect.get(target, name);
    if (typeof method !== 'function') return method;
    const call = method as (...args: unknown[]) => unknown;
    return (...args: unknown[]): unknown => {
      state.asked.push(plural);
      return state.isAway ? Promise.reject(new Error('connection refused')) : call.apply(target, args);
    };
  };
  state.client = new Proxy(store, {
    get: (target, name) =>
      name !== 'resource'
        ? (Reflect.get(target, name) as unknown)
        : (definition: Parameters<ApiClient['resource']>[0]) =>
            new Proxy(target.resource(definition), {
              get: (resource, method) => ask(resource, definition.plural, method),
            }),
  });
  return state;
}

void t.test('a Service is ready by a pod of this node, without asking anybody', async (t) => {
  const server = counting();
  const service = { spec: { selector: { app: 'db' } } } as unknown as Service;
  const here = [podOf('web', { app: 'web' }, true), podOf('db', { app: 'db' }, true)];
  const readiness = new ClusterReadiness({
    client: server.client,
    nodeName: 'node-1',
    service: () => service,
    pods: () => here,
    clock: new ManualClock(),
  });
  t.equal(readiness.isServiceReady('default', 'db'), true);
  t.strictSame(readiness.podsOfService('default', 'db'), ['uid-db']);
  t.strictSame(readiness.podsOfService('other', 'db'), [], 'only of its namespace');
  t.strictSame(server.asked, []);
});

void t.test(
  'what is elsewhere is asked for, believed for a moment, and told of when it changes',
  async (t) => {
    const clock = new ManualClock();
    const server = counting();
    const readiness = new ClusterReadiness({
      client: server.client,
      nodeName: 'node-1',
      service: () => undefined,
      pods: () => [],
      clock,
    });
    let changes = 0;
    readiness.refresh(() => {
      changes++;
    });
    const isReady = async (): Promise<boolean> => {
      readiness.isServiceReady('default', 'registry');
      await settle();
      return readiness.isServiceReady('default', 'registry');
    };
    t.equal(await isReady(), false);
    t.strictSame(server.asked, ['endpointslices'], 'once, though it was asked twice');
    const slice = (ready: boolean, nodeName = 'node-2') => ({
      apiVersion: 'discovery.k8s.io/v1' as const,
      kind: 'EndpointSlice' as const,
      metadata: { name: 'r', namespace: 'default', labels: { 'kubernetes.io/service-name': 'registry' } },
      addressType: 'IPv4' as const,
      endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready }, nodeName }],
    });
    await server.store.resource(endpointSlices).create(slice(false));
    clock.advance(2000);
    t.equal(await isReady(), false, 'an endpoint that is not ready is none');
    await server.client
      .resource(endpointSlices)
      .patch({ namespace: 'default', name: 'r' }, 'merge', { endpoints: slice(true).endpoints });
    t.equal(await isReady(), false, 'the answer is believed for a moment');
    clock.advance(2000);
    t.equal(await isReady(), true);
    t.equal(changes, 1);
    server.isAway = true;
    clock.advance(2000);
    t.equal(await isReady(), true, 'an apiserver that is away says nothing');
  },
);

void t.test(
  'a pod elsewhere is ready when it is, or has ended well; one that is not there is not',
  async (t) => {
    const clock = new ManualClock();
    const server = counting();
    const readiness = new ClusterReadiness({
      ...{ client: server.client, nodeName: 'node-1', service: () => undefined, pods: () => [], clock },
    });
    const isReady = async (name: string): Promise<boolean> => {
      clock.advance(2000);
      readiness.isPodReady('default', name);
      await settle();
      return readiness.isPodReady('default', name);
    };
    for (const [name, status] of [
      ['ready', podOf('x', {}, true).status],
      ['not', podOf('x', {}, false).status],
      ['done', { phase: 'Succeeded' as const }],
    ] as const)
      await server.store.resource(pods).create({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default' },
        spec: { containers: [] },
        status,
      });
    t.equal(await isReady('ready'), true);
    t.equal(await isReady('not'), false);
    t.equal(await isReady('done'), true);
    t.equal(await isReady('gone'), false);
    server.isAway = true;
    t.equal(await isReady('new'), false);
  },
);

void t.test('how long the runtime takes for what it makes', async (t) => {
  const clock = new ManualClock();
  const inner = new MemoryRuntime({ clock });
  let finish: () => void = () => undefined;
  inner.startContainer = () =>
    new Promise<void>((resolve) => {
      finish = resolve;
    });
  inner.listImages = () => new Promise(() => undefined);
  const calls = watchCalls(inner, clock);
  void calls.runtime.listImages();
  clock.advance(9000);
  t.equal(calls.slowestMs(), 0, 'who only asks does not count');
  const start = calls.runtime.startContainer('c');
  clock.advance(3000);
  t.equal(calls.slowestMs(), 3000, 'also while it is under way');
  clock.advance(2000);
  finish();
  await start;
  clock.advance(2000);
  t.equal(calls.slowestMs(), 5000);
  t.equal(calls.slowestMs(), 0, 'told once');
  await t.rejects(calls.runtime.createContainer('none', {} as never, {} as never));
  t.equal(calls.slowestMs(), 0);
});
