/** Where etcd says no or forgets: a full disk quota, leases, compaction, and revisions of other prefixes. */
import { Etcd3, AlarmType, AlarmAction } from 'etcd3';
import t from 'tap';
import { openEtcdStore } from '../../apiserver/storage/backends/etcd/etcd-store.js';
import type { Store } from '../../apiserver/storage/store.js';
import { WatchCache } from '../../apiserver/storage/watch-cache.js';
import { silentLogger as log } from '../../common/log.js';
import { startEtcd } from '../support/etcd.js';
import { startFixture } from '../support/apiserver-fixture.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';
import { bytes, WatchRecording } from './store-watching.js';

const etcd = await startEtcd();
t.teardown(() => etcd.stop());
const other = new Etcd3({ hosts: etcd.endpoint });
t.teardown(() => {
  other.close();
});

function open(
  prefix: string,
  options: { compactionIntervalMs?: number; endpoint?: string } = {},
): Promise<Store> {
  const { endpoint = etcd.endpoint, compactionIntervalMs = 0 } = options;
  return openEtcdStore({ backend: 'etcd', endpoints: [endpoint], prefix, compactionIntervalMs, log });
}

void t.test('an etcd that is full: said on writes and on /readyz, and over when it is over', async (t) => {
  const full = await startEtcd({ flags: [`--quota-backend-bytes=${2 * 1024 * 1024}`] });
  const admin = new Etcd3({ hosts: full.endpoint });
  const store = await openEtcdStore({
    backend: 'etcd',
    endpoints: [full.endpoint],
    compactionIntervalMs: 0,
    log,
  });
  const fixture = await startFixture({ store, keepStore: true });
  const configMap = (name: string): Promise<{ status: number; text: string }> =>
    fixture.request('POST', '/api/v1/namespaces/default/configmaps', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name },
      data: { blob: 'x'.repeat(100_000) },
    });
  let answer = await configMap('c0');
  for (let i = 1; answer.status === 201 && i < 100; i++) answer = await configMap(`c${i}`);
  t.equal(answer.status, 503);
  t.match(answer.text, /etcd is full \(alarm NOSPACE\).*disarm/);
  const readyz = await fixture.request('GET', '/readyz');
  t.equal(readyz.status, 500);
  t.match(readyz.text, /\[-\]store failed: etcd refuses writes \(.*NOSPACE/);
  t.equal(
    (await fixture.request('GET', '/api/v1/namespaces/default/configmaps/c0')).status,
    200,
    'reads go on',
  );
  t.equal((await fixture.request('GET', '/livez')).status, 200, 'a restart would not help');

  // What the message says: forget, give back the room, disarm.
  const listed = await store.range({ prefix: '/registry/configmaps/default/c' });
  for (const record of listed.records) await store.delete(record.key, record.modRevision);
  await store.compact((await store.get('/registry/x')).revision);
  await admin.maintenance.defragment();
  const { alarms } = await admin.maintenance.alarm({
    action: AlarmAction.Get,
    memberID: '0',
    alarm: AlarmType.None,
  });
  for (const { memberID, alarm } of alarms)
    await admin.maintenance.alarm({ action: AlarmAction.Deactivate, memberID, alarm });
  t.equal((await configMap('again')).status, 201);
  t.equal((await fixture.request('GET', '/readyz')).status, 200);
  await fixture.stop();
  await store.close();
  admin.close();
  await full.stop();
});

void t.test('leases: the time is right, a restart keeps it, a lost one is replaced', async (t) => {
  const first = await open('/leases');
  const { revision } = await first.get('/registry/x');
  await first.create('/registry/events/1', bytes('1'), { ttlSeconds: 2 });
  await first.create('/registry/events/long', bytes('1'), { ttlSeconds: 3600 });
  const leaseOf = async (key: string): Promise<string> => (await other.get(key).exec()).kvs[0]?.lease ?? '0';
  const { TTL, grantedTTL } = await other.leaseClient.leaseTimeToLive({
    ID: await leaseOf('/leases/events/long'),
    keys: false,
  });
  t.equal(Number(grantedTTL), 3660);
  t.ok(Number(TTL) >= 3590, 'not less than asked for');
  await first.close();
  const second = await open('/leases');
  const seen = new WatchRecording(second, '/registry/', revision);
  await seen.until('the end of the first', () => seen.events.some((event) => event.type === 'delete'));
  t.match(seen.events.at(-1), { type: 'delete', key: '/registry/events/1' });
  await seen.stop();

  await second.create('/registry/events/a', bytes('1'), { ttlSeconds: 3600 });
  await other.leaseClient.leaseRevoke({ ID: await leaseOf('/leases/events/a') });
  t.match(await second.create('/registry/events/b', bytes('1'), { ttlSeconds: 3600 }), { kind: 'created' });
  t.not(await leaseOf('/leases/events/b'), '0');
  await second.close();
});

void t.test('two stores compact together, and a watch that was away is told', async (t) => {
  const proxy = await TcpProxy.start(etcd.endpoint);
  const watching = await open('/compacted', { endpoint: proxy.endpoint });
  const { revision } = await watching.get('/registry/x');
  const seen = new WatchRecording(watching, '/registry/', revision);
  const compacting = await Promise.all([0, 1].map(() => open('/compacted', { compactionIntervalMs: 200 })));
  const [writer] = compacting;
  if (writer === undefined) throw new Error('two stores were opened');
  await writer.create('/registry/a', bytes('0'));
  await seen.until('the first event', () => seen.events.length > 0);
  proxy.refuse(true);
  for (let round = 0; round < 5; round++) {
    const { record } = await writer.get('/registry/a');
    await writer.update('/registry/a', bytes(`${round}`), record?.modRevision ?? 0);
  }
  const last = (await writer.get('/registry/a')).revision;
  await until(
    'compaction beyond what the watch has seen',
    async () => {
      const { record } = await writer.get('/registry/a');
      await writer.update('/registry/a', bytes(`${Date.now()}`), record?.modRevision ?? 0);
      return (await writer.status()).compactRevision > last;
    },
    20_000,
  );
  proxy.refuse(false);
  await t.rejects(seen.ended(), { code: 'compacted' });
  const told = await seen.ended().catch((error: unknown) => error as { compactRevision: number });
  const { compactRevision } = await writer.status();
  t.ok((told as { compactRevision: number }).compactRevision <= compactRevision);
  t.ok((told as { compactRevision: number }).compactRevision > last);
  const counter = (await other.get('compact_rev_key').exec()).kvs[0];
  t.ok(
    Number(counter?.value.toString()) <= compactRevision && Number(counter?.version) >= 2,
    'in the key that Kubernetes uses',
  );
  for (const store of compacting) await store.close();
  await watching.close();
  await proxy.stop();
});

void t.test('a cache is not held up by revisions of other prefixes', async (t) => {
  const store = await open('/quiet');
  const cache = new WatchCache(store, { log });
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  await cache.whenReady();
  for (let i = 0; i < 3; i++) await other.put('/somebody/else').value(`${i}`);
  const { revision } = await store.get('/registry/a');
  t.ok(cache.revision < revision, 'there is no event for it');
  await cache.waitForRevision(revision, AbortSignal.timeout(10_000));
  t.ok(cache.revision >= revision);
  t.same(cache.list({ prefix: '/registry/' }).records, [], 'and nothing that it did not ask for');
  stop.abort();
  await running;
  await store.close();
});
