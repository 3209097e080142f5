/**
 * What only the etcd backend promises: that others can read what it wrote, and what happens when the network or
 * a server fails. The npm package etcd3 is the independent second client.
 */
import { Etcd3 } from 'etcd3';
import t from 'tap';
import { openEtcdStore } from '../../apiserver/storage/backends/etcd/etcd-store.js';
import { StoreError } from '../../apiserver/storage/store.js';
import { silentLogger as log } from '../../common/log.js';
import { startEtcd } from '../support/etcd.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { bytes, text, WatchRecording } from './store-watching.js';

const etcd = await startEtcd();
t.teardown(() => etcd.stop());
const other = new Etcd3({ hosts: etcd.endpoint });
t.teardown(() => {
  other.close();
});

const revisionOf = (result: { kind: string; revision?: number }): number => {
  if (result.revision === undefined) throw new Error(`the write was answered with ${result.kind}`);
  return result.revision;
};

void t.test('another client finds what was written, where Kubernetes puts it', async (t) => {
  const store = await openEtcdStore({ backend: 'etcd', endpoints: [etcd.endpoint], log });
  const created = revisionOf(await store.create('/registry/pods/default/web', bytes('{"kind":"Pod"}')));
  const updated = revisionOf(
    await store.update('/registry/pods/default/web', bytes('{"kind":"Pod","v":2}'), created),
  );
  const found = await other.get('/registry/pods/default/web').exec();
  t.match(found.kvs, [
    { create_revision: `${created}`, mod_revision: `${updated}`, version: '2', lease: '0' },
  ]);
  t.equal(found.kvs[0]?.value.toString(), '{"kind":"Pod","v":2}');
  t.equal(found.header.revision, `${updated}`);

  const leases = new Set<string>();
  for (let i = 0; i < 20; i++) {
    await store.create(`/registry/events/${i}`, bytes('x'), { ttlSeconds: 3600 });
    const event = await other.get(`/registry/events/${i}`).exec();
    leases.add(event.kvs[0]?.lease ?? '0');
  }
  t.equal(leases.size, 1, 'records written together share a lease');
  t.notOk(leases.has('0'));

  await store.delete('/registry/pods/default/web', updated);
  t.equal(await other.get('/registry/pods/default/web'), null);

  await other.put('/registry/pods/default/foreign').value('by etcd3');
  t.equal(text((await store.get('/registry/pods/default/foreign')).record), 'by etcd3');
  await store.close();
});

void t.test('the prefix stands for /registry and nothing else is seen', async (t) => {
  const [one, two] = await Promise.all(
    ['/one/', 'two'].map((prefix) =>
      openEtcdStore({ backend: 'etcd', endpoints: [etcd.endpoint], prefix, log }),
    ),
  );
  if (one === undefined || two === undefined) throw new Error('two stores were opened');
  const { revision } = await two.get('/registry/a');
  const seen = new WatchRecording(two, '/registry/', revision);
  await one.create('/registry/a', bytes('one'));
  t.equal((await two.get('/registry/a')).record, undefined);
  await two.create('/registry/a', bytes('two'));
  t.equal((await other.get('/one/a').string()) ?? '', 'one');
  t.equal((await other.get('/two/a').string()) ?? '', 'two');
  await seen.until('its own event', () => seen.events.length > 0);
  t.match(seen.events, [{ key: '/registry/a', value: 'two' }]);
  await seen.stop();
  await one.close();
  await two.close();
});

void t.test('what etcd does in one revision arrives in one batch', async (t) => {
  const store = await openEtcdStore({ backend: 'etcd', endpoints: [etcd.endpoint], prefix: '/batch', log });
  const { revision } = await store.get('/registry/a');
  const seen = new WatchRecording(store, '/registry/', revision);
  const puts = Array.from({ length: 60 }, (_, i) => other.put(`/batch/${i}`).value('x'.repeat(20_000)));
  await other
    .if('/batch/none', 'Version', '==', 0)
    .then(...puts)
    .commit();
  await seen.until('the transaction', () => seen.events.length > 0);
  t.same(
    seen.batches.map((batch) => batch.events.length),
    [60],
  );
  t.equal(seen.lastRevision, revision + 1);
  await seen.stop();
  await store.close();
});

void t.test('a watch catches up with many megabytes, through connections that are cut', async (t) => {
  const proxy = await TcpProxy.start(etcd.endpoint);
  const store = await openEtcdStore({
    backend: 'etcd',
    endpoints: [proxy.endpoint],
    prefix: '/catch-up',
    log,
  });
  const direct = await openEtcdStore({
    backend: 'etcd',
    endpoints: [etcd.endpoint],
    prefix: '/catch-up',
    log,
  });
  const { revision } = await store.get('/registry/a');
  const value = Buffer.alloc(8_000, 'x');
  const write = async (writer: number): Promise<void> => {
    for (let i = 0; i < 50; i++) await direct.create(`/registry/${writer}/${i}`, value);
  };
  await Promise.all(Array.from({ length: 20 }, (_, writer) => write(writer)));
  const seen = new WatchRecording(store, '/registry/', revision);
  const more = Promise.all(Array.from({ length: 10 }, (_, writer) => write(100 + writer)));
  for (const enough of [1, 400, 900, 1_100]) {
    await seen.until(`${enough} events`, () => seen.events.length >= enough);
    proxy.cut();
  }
  await more;
  await seen.until('all events', () => seen.events.length >= 1_500);
  t.same(
    seen.events.map((event) => event.revision),
    Array.from({ length: 1_500 }, (_, i) => revision + 1 + i),
    'none is missing, doubled or out of order',
  );
  await seen.stop();
  await store.close();
  await direct.close();
  await proxy.stop();
});

void t.test(
  'a write whose answer is lost is read back, never sent twice, never a false conflict',
  async (t) => {
    const proxy = await TcpProxy.start(etcd.endpoint);
    const store = await openEtcdStore({ backend: 'etcd', endpoints: [proxy.endpoint], prefix: '/lost', log });
    /** Loses the answer of the next call; the connection after it works. */
    const losing = async <T>(call: () => Promise<T>, applied: () => Promise<boolean>): Promise<T> => {
      proxy.swallowAnswers(true);
      const answer = call();
      answer.catch(() => undefined);
      while (!(await applied())) await new Promise((resolve) => setTimeout(resolve, 5));
      proxy.swallowAnswers(false);
      return answer;
    };
    const valueIs = (value: string | null) => async () => (await other.get('/lost/a').string()) === value;

    const created = await losing(() => store.create('/registry/a', bytes('one')), valueIs('one'));
    t.equal(created.kind, 'created');
    const revision = revisionOf(created);
    const updated = await losing(() => store.update('/registry/a', bytes('two'), revision), valueIs('two'));
    t.same(updated, { kind: 'updated', revision: revision + 1 });
    t.equal((await store.get('/registry/a')).record?.modRevision, revision + 1, 'written once');
    await t.rejects(
      losing(() => store.delete('/registry/a', revision + 1), valueIs(null)),
      { code: 'ambiguous' },
      'who deleted a key cannot be read back',
    );
    await store.close();
    await proxy.stop();
  },
);

void t.test('another endpoint is used when one fails, by calls and watches', async (t) => {
  const [first, second] = [await TcpProxy.start(etcd.endpoint), await TcpProxy.start(etcd.endpoint)];
  const endpoints = ['http://127.0.0.1:1', first.endpoint, second.endpoint];
  const store = await openEtcdStore({ backend: 'etcd', endpoints, prefix: '/failover', log });
  const revision = revisionOf(await store.create('/registry/a', bytes('1')));
  const seen = new WatchRecording(store, '/registry/', revision);
  for (const [failing, working] of [
    [first, second],
    [second, first],
  ] as const) {
    working.refuse(false);
    failing.refuse(true);
    const { record } = await store.get('/registry/a');
    await store.update('/registry/a', bytes('x'), record?.modRevision ?? 0);
  }
  await seen.until('both updates', () => seen.events.length === 2);
  await seen.stop();
  first.refuse(true);
  second.refuse(true);
  await t.rejects(store.get('/registry/a'), { name: 'StoreError', code: 'unavailable' });
  await t.rejects(
    store.create('/registry/b', bytes('')),
    { name: 'StoreError', code: 'unavailable' },
    'never sent',
  );
  await store.close();
  await first.stop();
  await second.stop();
});

void t.test('kill -9 of the server: watches and acknowledged writes survive', async (t) => {
  const store = await openEtcdStore({ backend: 'etcd', endpoints: [etcd.endpoint], prefix: '/killed', log });
  const { revision: start } = await store.get('/registry/a');
  const seen = new WatchRecording(store, '/registry/', start);
  const acknowledged = new Map<number, string>();
  let failures = 0;
  const stop = new AbortController();
  const write = async (writer: number): Promise<void> => {
    for (let i = 0; !stop.signal.aborted; i++) {
      try {
        const result = await store.create(`/registry/${writer}/${i}`, bytes(`${writer} ${i}`));
        if (result.kind === 'created') acknowledged.set(result.revision, `/registry/${writer}/${i}`);
      } catch (error) {
        if (!(error instanceof StoreError) || !['ambiguous', 'unavailable'].includes(error.code)) throw error;
        failures++;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  const writing = Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)));
  await seen.until('some writes', () => seen.events.length >= 100);
  await etcd.kill();
  await etcd.start();
  const atRestart = acknowledged.size;
  await seen.until('writes after the restart', () => acknowledged.size >= atRestart + 100, 60_000);
  stop.abort();
  await writing;
  const { revision: end } = await store.get('/registry/a');
  await seen.until('the last event', () => seen.lastRevision >= end);
  t.same(
    seen.events.map((event) => event.revision),
    Array.from({ length: end - start }, (_, i) => start + 1 + i),
    'the watch has neither gap nor double',
  );
  const keyAt = new Map(seen.events.map((event) => [event.revision, event.key]));
  t.same(
    [...acknowledged].filter(([revision, key]) => keyAt.get(revision) !== key),
    [],
    'nothing is lost',
  );
  t.ok(failures > 0, 'some writes were refused meanwhile');
  await seen.stop();
  await store.close();
});

void t.test('endpoints that are none are refused with a clear word', async (t) => {
  for (const endpoints of [
    [],
    ['127.0.0.1:2379'],
    ['ftp://127.0.0.1:2379'],
    ['http://me:pw@127.0.0.1:2379'],
  ]) {
    await t.rejects(openEtcdStore({ backend: 'etcd', endpoints, log }), {
      code: 'unavailable',
      message: /endpoint/,
    });
  }
});
