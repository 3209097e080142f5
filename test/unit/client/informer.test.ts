import t from 'tap';
import { silentLogger } from '../../../common/log.js';
import type { ConfigMap } from '../../../api/generated/core-v1.js';
import { keyOf } from '../../../api/objects.js';
import { configMaps } from '../../../api/resources.js';
import { createInformerFactory } from '../../../client/informer.js';
import type { InformerOptions } from '../../../client/informer.js';
import { createMemoryClient } from '../../../client/memory-client.js';
import type { MemoryClient } from '../../../client/memory-client.js';
import type { ApiClient, Informer } from '../../../client/types.js';
import { eventually } from './eventually.js';

async function create(
  client: ApiClient,
  name: string,
  data: Record<string, string> = {},
): Promise<ConfigMap> {
  return client.resource(configMaps).create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'n' },
    data,
  });
}

function start(client: MemoryClient, options: InformerOptions<ConfigMap> = {}) {
  const factory = createInformerFactory({ client, log: silentLogger });
  const informer = factory.informer(configMaps, options);
  const abort = new AbortController();
  const ended = factory.run(abort.signal);
  const stop = async (): Promise<void> => {
    abort.abort();
    await ended;
  };
  return { factory, informer, stop };
}

function record(informer: Informer<ConfigMap>): string[] {
  const told: string[] = [];
  informer.addHandler({
    onAdd: (object, initial) => told.push(`add ${object.metadata.name}${initial ? ' (initial)' : ''}`),
    onUpdate: (before, after) =>
      told.push(`update ${after.metadata.name} ${before.data?.['v'] ?? ''}->${after.data?.['v'] ?? ''}`),
    onDelete: (object) => told.push(`delete ${object.metadata.name}`),
  });
  return told;
}

void t.test('lists, then follows; handlers hear everything in order', async (t) => {
  const client = createMemoryClient();
  const a = await create(client, 'a', { v: '1' });
  const { informer, stop } = start(client);
  const told = record(informer);
  await informer.whenSynced();
  t.equal(informer.synced, true);
  await client.resource(configMaps).update({ ...a, data: { v: '2' } });
  await create(client, 'b');
  await client.resource(configMaps).delete({ namespace: 'n', name: 'a' });
  await eventually(() => told.length === 4);
  t.strictSame(told, ['add a (initial)', 'update a 1->2', 'add b', 'delete a']);
  t.strictSame(informer.list().map(keyOf), ['n/b']);
  t.equal(informer.get('n/a'), undefined);
  await stop();
});

void t.test('a handler added late is told what is there; one removed hears no more', async (t) => {
  const client = createMemoryClient();
  await create(client, 'a');
  const { informer, stop } = start(client);
  await informer.whenSynced();
  const early: string[] = [];
  const remove = informer.addHandler({ onAdd: (object) => early.push(object.metadata.name) });
  t.strictSame(early, ['a']);
  remove();
  const told = record(informer);
  await create(client, 'b');
  await eventually(() => told.length === 2);
  t.strictSame(early, ['a']);
  await stop();
});

void t.test('indexes follow changes and can be declared late', async (t) => {
  const client = createMemoryClient();
  const byValue = { value: ({ data }: ConfigMap): string[] => Object.values(data ?? {}) };
  const { factory, informer, stop } = start(client, { indexes: byValue });
  const a = await create(client, 'a', { v: 'x' });
  await eventually(() => informer.byIndex('value', 'x').length === 1);
  await client.resource(configMaps).update({ ...a, data: { v: 'y' } });
  await eventually(() => informer.byIndex('value', 'y').length === 1);
  t.equal(informer.byIndex('value', 'x').length, 0);
  t.throws(() => informer.byIndex('other', 'x'), /no index named "other"/);
  const same = factory.informer(configMaps, { indexes: { name: ({ metadata }) => [metadata.name] } });
  t.equal(same, informer, 'one informer per resource');
  t.equal(informer.byIndex('name', 'a').length, 1);
  await stop();
});

void t.test('a watch that ends is resumed without a list', async (t) => {
  const client = createMemoryClient();
  const { informer, stop } = start(client);
  const told = record(informer);
  await informer.whenSynced();
  await create(client, 'a');
  await eventually(() => told.length === 1);
  client.endWatches();
  await create(client, 'b');
  await eventually(() => told.length === 2);
  t.strictSame(told, ['add a', 'add b']);
  await stop();
});

void t.test('after forgotten history it lists again and tells the difference', async (t) => {
  const client = createMemoryClient();
  const kept = await create(client, 'kept', { v: '1' });
  const changed = await create(client, 'changed', { v: '1' });
  const replaced = await create(client, 'replaced', { v: '1' });
  await create(client, 'gone');
  const { informer, stop } = start(client);
  const told = record(informer);
  await informer.whenSynced();
  told.length = 0;
  // All in one turn, so that the watch sees none of it before the history is forgotten.
  client.endWatches();
  const resource = client.resource(configMaps);
  const writes = [
    resource.update({ ...changed, data: { v: '2' } }),
    resource.delete({ namespace: 'n', name: 'gone' }),
    resource.delete(replaced.metadata),
    create(client, 'replaced', { v: '2' }),
    create(client, 'new'),
  ];
  client.compact();
  await Promise.all(writes);
  await eventually(() => told.length === 5);
  t.strictSame(
    [...told].sort(),
    ['add new', 'add replaced', 'delete gone', 'delete replaced', 'update changed 1->2'].sort(),
  );
  t.equal(informer.get('n/kept')?.metadata.uid, kept.metadata.uid);
  await stop();
});

void t.test('metadata alone, where that was asked for', async (t) => {
  const client = createMemoryClient();
  await create(client, 'a', { secret: 'x' });
  const { informer, stop } = start(client, { metadataOnly: true });
  await informer.whenSynced();
  t.equal(informer.get('n/a')?.data, undefined);
  t.equal(informer.get('n/a')?.kind, 'ConfigMap');
  await stop();
});

void t.test('a handler that throws stops neither the cache nor the others', async (t) => {
  const client = createMemoryClient();
  const { informer, stop } = start(client);
  informer.addHandler({
    onAdd: () => {
      throw new Error('a mistake');
    },
  });
  const told = record(informer);
  await create(client, 'a');
  await eventually(() => told.length === 1);
  t.ok(informer.get('n/a'));
  await stop();
});

void t.test('whenSynced rejects when its signal aborts', async (t) => {
  const factory = createInformerFactory({ client: createMemoryClient(), log: silentLogger });
  const informer = factory.informer(configMaps);
  const abort = new AbortController();
  const waiting = informer.whenSynced(abort.signal);
  abort.abort(new Error('stop'));
  await t.rejects(waiting, /stop/);
});
