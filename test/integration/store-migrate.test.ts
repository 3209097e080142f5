/** `knarr store migrate` as a program: a stopped cluster from the embedded store into etcd, and back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Etcd3 } from 'etcd3';
import t from 'tap';
import { openEtcdStore } from '../../apiserver/storage/backends/etcd/etcd-store.js';
import { openEmbeddedStore } from '../../apiserver/storage/backends/embedded/embedded-store.js';
import { silentLogger as log } from '../../common/log.js';
import { tryCommand } from '../../common/run-command.js';
import { bytes, text, WatchRecording } from '../contract/store-watching.js';
import { startEtcd } from '../support/etcd.js';

const program = fileURLToPath(new URL('../../apiserver/store-tool/main.js', import.meta.url));
const base = mkdtempSync(join(tmpdir(), 'knarr-migrate-'));
t.teardown(() => {
  rmSync(base, { recursive: true, force: true });
});
const etcd = await startEtcd();
t.teardown(() => etcd.stop());
const other = new Etcd3({ hosts: etcd.endpoint });
t.teardown(() => {
  other.close();
});
const etcdName = `etcd=${etcd.endpoint}`;

async function migrate(
  dataDir: string,
  from: string,
  to: string,
): Promise<{ readonly code: number; readonly said: string; readonly result: Record<string, unknown> }> {
  const args = ['migrate', `--from=${from}`, `--to=${to}`, `--data-dir=${dataDir}`, '--output=json'];
  const { exitCode, stdout, stderr } = await tryCommand(process.execPath, [program, ...args]);
  const result = stdout === '' ? {} : (JSON.parse(stdout) as Record<string, unknown>);
  return { code: exitCode, said: stderr, result };
}

const openEtcd = (): ReturnType<typeof openEtcdStore> =>
  openEtcdStore({ backend: 'etcd', endpoints: [etcd.endpoint], compactionIntervalMs: 0, log });
const openDir = (dataDir: string): ReturnType<typeof openEmbeddedStore> =>
  openEmbeddedStore({ backend: 'embedded', dataDir, log });

const first = join(base, 'first');
const keyOf = (i: number): string => `/registry/configmaps/default/c-${String(i).padStart(4, '0')}`;
let sourceRevision = 0;
let movedRevision = 0;

await t.test('from embedded to etcd', async (t) => {
  const store = await openDir(first);
  for (let round = 0; round < 2; round++) {
    await Promise.all(
      Array.from({ length: 1_000 }, async (_, i) => {
        const { record } = await store.get(keyOf(i));
        if (record === undefined) await store.create(keyOf(i), bytes(`value ${i}`));
        else await store.update(keyOf(i), bytes(`value ${i}, changed`), record.modRevision);
      }),
    );
  }
  await store.create('/registry/events/default/e', bytes('event'), { ttlSeconds: 1_800 });
  await store.create('/registry/masterleases/192.0.2.1:6443', bytes('here'), { ttlSeconds: 600 });
  sourceRevision = (await store.get('/registry/x')).revision;
  const locked = await migrate(first, 'embedded', etcdName);
  t.equal(locked.code, 1, 'not while somebody has it');
  t.match(locked.said, first);
  await store.close();

  const { code, said, result } = await migrate(first, 'embedded', etcdName);
  t.equal(code, 0, said);
  t.match(result, { verified: true, keys: 1_001, expiring: 1, sourceRevision });
  movedRevision = Number(result['revision']);
  t.ok(movedRevision > sourceRevision, 'no client sees its revision go back');
});

await t.test('the cluster goes on in etcd', async (t) => {
  const store = await openEtcd();
  const { records, revision } = await store.range({ prefix: '/registry/' });
  t.equal(records.length, 1_001);
  t.ok(records.every(({ modRevision }) => modRevision > sourceRevision && modRevision <= revision));
  t.equal(text((await store.get(keyOf(7))).record), 'value 7, changed');
  t.equal(await other.get(keyOf(7)).string(), 'value 7, changed', 'where Kubernetes has it');
  const event = (await other.get('/registry/events/default/e').exec()).kvs[0];
  const { TTL } = await other.leaseClient.leaseTimeToLive({ ID: event?.lease ?? '0', keys: false });
  t.ok(Number(TTL) > 1_700 && Number(TTL) <= 2_000, `an Event lives as long as it had left: ${TTL}`);

  for (const old of [1, sourceRevision - 5, sourceRevision])
    await t.rejects(
      new WatchRecording(store, '/registry/', old).ended(),
      { code: 'compacted' },
      `a watch from ${old}`,
    );
  await t.rejects(store.range({ prefix: '/registry/', revision: sourceRevision }), { code: 'compacted' });
  t.match(await store.update(keyOf(1), bytes('x'), sourceRevision), { kind: 'conflict' });
  const seen = new WatchRecording(store, '/registry/', revision);
  t.same(await store.create('/registry/new', bytes('new')), { kind: 'created', revision: revision + 1 });
  await seen.until('the new one', () => seen.events.length === 1);
  t.match(seen.events, [{ key: '/registry/new', revision: revision + 1 }]);
  await seen.stop();
  await store.close();
});

await t.test('what is not empty, or in use, is refused', async (t) => {
  const full = await migrate(first, 'embedded', etcdName);
  t.equal(full.code, 2);
  t.match(full.said, /only an empty one is filled.*etcdctl del --prefix/);
  const occupied = await migrate(first, etcdName, 'embedded');
  t.equal(occupied.code, 2);
  t.match(occupied.said, /into an empty folder only: mv/);
  await other.put('/registry/masterleases/192.0.2.9:6443').value('x');
  const running = await migrate(join(base, 'unused'), etcdName, 'embedded');
  t.equal(running.code, 1);
  t.match(running.said, /an apiserver \(192\.0\.2\.9:6443\) uses the etcd/);
  await other.delete().key('/registry/masterleases/192.0.2.9:6443');
  for (const [from, to] of [
    ['embedded', 'embedded'],
    [etcdName, etcdName],
    ['mysql', 'embedded'],
  ] as const)
    t.equal((await migrate(first, from, to)).code, 2, `${from} to ${to}`);
});

await t.test('and back: every revision is kept', async (t) => {
  const before = await openEtcd();
  const expected = await before.range({ prefix: '/registry/' });
  await before.close();
  const second = join(base, 'second');
  const { code, said, result } = await migrate(second, etcdName, 'embedded');
  t.equal(code, 0, said);
  t.match(result, { verified: true, keys: 1_002, expiring: 1 });
  const store = await openDir(second);
  const found = await store.range({ prefix: '/registry/' });
  t.ok(found.revision >= expected.revision);
  const plain = ({ records }: typeof found): unknown[] =>
    records.map(({ key, value, modRevision, createRevision }) => [
      key,
      String(value),
      modRevision,
      createRevision,
    ]);
  t.same(plain(found), plain(expected));
  const event = found.records.find(({ key }) => key === '/registry/events/default/e');
  const leftMs = (event?.expiresAtMs ?? 0) - Date.now();
  t.ok(leftMs > 1_600_000 && leftMs < 2_000_000, `the Event still ends: ${leftMs}`);
  await store.close();
});
