/** Watches and informers of the official JavaScript client on a real server, on connections that break. */
import {
  ApiextensionsV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  makeInformer,
  PatchStrategy,
  Watch,
} from '@kubernetes/client-node';
import type { KubernetesListObject, KubernetesObject, V1ConfigMap } from '@kubernetes/client-node';
import t from 'tap';
import { startFixture } from '../support/apiserver-fixture.js';
import { as, settings } from '../support/client-node.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const fixture = await startFixture();
t.teardown(() => fixture.stop());
const config = new KubeConfig();
config.loadFromFile(fixture.kubeconfig);
const core = config.makeApiClient(CoreV1Api);

async function inNamespace(name: string): Promise<string> {
  await core.createNamespace({ body: { metadata: { name } } });
  return name;
}

await t.test('Watch: from a list on, until either side ends it', async (t) => {
  const namespace = await inNamespace('watches');
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const list = await core.listNamespacedConfigMap({ namespace });
  const seen: [string, unknown][] = [];
  const ended: unknown[] = [];
  const watching = await new Watch(config).watch(
    path,
    {
      resourceVersion: list.metadata?.resourceVersion,
      allowWatchBookmarks: true,
      labelSelector: 'tier=front',
    },
    (type, object: V1ConfigMap) => {
      if (type !== 'BOOKMARK') seen.push([type, object.metadata?.name]);
    },
    (error) => ended.push(error),
  );
  await core.createNamespacedConfigMap({ namespace, body: settings('other', {}) });
  await core.createNamespacedConfigMap({ namespace, body: settings('a', {}, { tier: 'front' }) });
  await core.patchNamespacedConfigMap(
    { namespace, name: 'a', body: { data: { color: 'red' } } },
    as(PatchStrategy.MergePatch),
  );
  await core.deleteNamespacedConfigMap({ namespace, name: 'a' });
  await until('three events arrived', () => seen.length === 3);
  t.strictSame(seen, [
    ['ADDED', 'a'],
    ['MODIFIED', 'a'],
    ['DELETED', 'a'],
  ]);
  watching.abort();
  await until('it ended', () => ended.length === 1);
  const atEnd = await new Promise((resolve, reject) => {
    void new Watch(config).watch(path, { timeoutSeconds: 1 }, () => undefined, resolve).catch(reject);
  });
  t.equal(atEnd, null, 'the end that the server makes after timeoutSeconds is no error');
  const refused = await new Promise((resolve, reject) => {
    void new Watch(config).watch('/api/v1/things', {}, () => undefined, resolve).catch(reject);
  });
  t.match(refused, { statusCode: 404 });
});

await t.test('an informer that loses its connection sees everything, also after 410', async (t) => {
  const namespace = await inNamespace('informer');
  const proxy = await TcpProxy.start(fixture.url);
  t.teardown(() => proxy.stop());
  const throughProxy = new KubeConfig();
  throughProxy.loadFromString(
    config.exportConfig().replaceAll(fixture.url, proxy.endpoint.replace('http:', 'https:')),
  );
  const proxied = throughProxy.makeApiClient(CoreV1Api);
  let lists = 0;
  const informer = makeInformer(throughProxy, `/api/v1/namespaces/${namespace}/configmaps`, () => {
    lists += 1;
    return proxied.listNamespacedConfigMap({ namespace });
  });
  const deleted: unknown[] = [];
  let errors = 0;
  let stopped = false;
  informer.on('delete', ({ metadata }) => deleted.push(metadata?.name));
  // What the client's own examples do: start again after an error.
  informer.on('error', () => {
    errors += 1;
    if (!stopped) setTimeout(() => void informer.start(), 20);
  });
  const shows = (expected: Record<string, string>): Promise<unknown> =>
    until(
      `the informer shows ${JSON.stringify(expected)}`,
      () => {
        const shown = informer.list().map(({ metadata, data }) => [metadata?.name, data?.['value']]);
        return JSON.stringify(Object.fromEntries(shown.sort())) === JSON.stringify(expected);
      },
      10_000,
    );
  const write = (name: string, value: string): Promise<V1ConfigMap> =>
    core.patchNamespacedConfigMap(
      {
        namespace,
        name,
        body: { apiVersion: 'v1', kind: 'ConfigMap', data: { value } },
        fieldManager: 'tests',
        force: true,
      },
      as(PatchStrategy.ServerSideApply),
    );
  await write('a', '1');
  await informer.start();
  await write('b', '1');
  await shows({ a: '1', b: '1' });

  proxy.cut();
  await write('a', '2');
  await shows({ a: '2', b: '1' });

  proxy.refuse(true);
  await write('c', '1');
  await core.deleteNamespacedConfigMap({ namespace, name: 'b' });
  await until('the informer noticed', () => errors >= 2);
  proxy.refuse(false);
  await shows({ a: '2', c: '1' });
  t.strictSame(deleted, ['b']);
  t.equal(lists, 1, 'it went on from where it was');

  proxy.refuse(true);
  await core.deleteNamespacedConfigMap({ namespace, name: 'a' });
  // The server remembers 16 MiB of recent events: this is more.
  const filler = 'x'.repeat(1_000_000);
  for (let index = 0; index < 18; index += 1)
    await core.createNamespacedConfigMap({
      namespace: 'default',
      body: settings(`filler-${index}`, { filler }),
    });
  await write('d', '1');
  proxy.refuse(false);
  await shows({ c: '1', d: '1' });
  t.strictSame(deleted, ['b', 'a'], 'the deletion that no event told is in the new list');
  t.equal(lists, 2);
  stopped = true;
  await informer.stop();
});

await t.test('an informer of a kind that was defined a moment ago', async (t) => {
  const namespace = await inNamespace('custom');
  const group = 'harbour.test';
  const names = { plural: 'ships', kind: 'Ship' };
  const schema = { openAPIV3Schema: { type: 'object', x_kubernetes_preserve_unknown_fields: true } };
  await config.makeApiClient(ApiextensionsV1Api).createCustomResourceDefinition({
    body: {
      metadata: { name: `ships.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names,
        versions: [{ name: 'v1', served: true, storage: true, subresources: { status: {} }, schema }],
      },
    },
  });
  const custom = config.makeApiClient(CustomObjectsApi);
  const at = { group, version: 'v1', namespace, plural: 'ships' };
  interface Ship extends KubernetesObject {
    status?: { afloat: boolean };
  }
  const list = (): Promise<KubernetesListObject<Ship>> =>
    custom.listNamespacedCustomObject(at) as Promise<KubernetesListObject<Ship>>;
  await until('the kind is served', () => list().catch(() => false), 10_000);
  const informer = makeInformer<Ship>(config, `/apis/${group}/v1/namespaces/${namespace}/ships`, list);
  await informer.start();
  const body = { apiVersion: `${group}/v1`, kind: 'Ship', metadata: { name: 'knarr' }, spec: { oars: 16 } };
  await custom.createNamespacedCustomObject({ ...at, body });
  await custom.patchNamespacedCustomObjectStatus(
    { ...at, name: 'knarr', body: { status: { afloat: true } } },
    as(PatchStrategy.MergePatch),
  );
  await until('the informer shows its status', () => informer.get('knarr', namespace)?.status?.afloat);
  await custom.deleteNamespacedCustomObject({ ...at, name: 'knarr' });
  await until('the informer sees it go', () => informer.list().length === 0);
  t.pass('as with every other kind');
  await informer.stop();
});

await t.test('the server logged no error', (t) => {
  t.strictSame(fixture.errors, []);
  t.end();
});
