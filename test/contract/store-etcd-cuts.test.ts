/**
 * A connection to etcd that ends at any byte, in either direction: during the handshake, a transaction, a range, a
 * watch. Nothing may be lost, doubled, or answered with a conflict that is none. etcd3 reads what is really there.
 * Of the handshake, where nothing is at stake yet, every third byte is tried; every one with KNARR_TEST_LONG=1.
 */
import { Etcd3 } from 'etcd3';
import t from 'tap';
import { openEtcdStore } from '../../apiserver/storage/backends/etcd/etcd-store.js';
import { StoreError } from '../../apiserver/storage/store.js';
import type { Store } from '../../apiserver/storage/store.js';
import { silentLogger as log } from '../../common/log.js';
import { startEtcd } from '../support/etcd.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import type { CutAfter } from '../support/tcp-proxy.js';
import { bytes, text, WatchRecording } from './store-watching.js';

const etcd = await startEtcd();
t.teardown(() => etcd.stop());
const other = new Etcd3({ hosts: etcd.endpoint });
t.teardown(() => {
  other.close();
});
const direct = await openEtcdStore({ backend: 'etcd', endpoints: [etcd.endpoint], log });
t.teardown(() => direct.close());

/** So many connections at a time: most of the time goes into waiting before one is tried again. */
const lanes = 24;
// Two thousand connections take their time on a busy machine.
t.setTimeout(120_000);

/** A store whose first connection goes through the proxy, and whose next ones go to etcd. */
function openThrough(proxy: TcpProxy): Promise<Store> {
  const endpoints = [proxy.endpoint, etcd.endpoint];
  return openEtcdStore({ backend: 'etcd', endpoints, compactionIntervalMs: 0, log });
}

const handshakeStep = process.env['KNARR_TEST_LONG'] === undefined ? 3 : 1;

/** Opens a store, then does with it what is to be cut. */
type Scenario = (store: Store, name: string) => Promise<void>;

/**
 * Runs once uncut to see how many bytes pass until the store is open and how many after, then with a cut after each of
 * them; several at a time.
 */
async function atEveryByte(before: (name: string) => Promise<void>, scenario: Scenario): Promise<number> {
  const measured = await TcpProxy.start(etcd.endpoint);
  await before('uncut');
  const whole = await openThrough(measured);
  const handshake = { ...measured.passed };
  await scenario(whole, 'uncut');
  await measured.stop();
  const cuts = (['to-server', 'to-client'] as const).flatMap((direction) =>
    Array.from({ length: measured.passed[direction] + 1 }, (_, bytes): CutAfter => ({
      direction,
      bytes,
    })).filter(({ bytes }) => bytes >= handshake[direction] || bytes % handshakeStep === 0),
  );
  const count = cuts.length;
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      const proxy = await TcpProxy.start(etcd.endpoint);
      for (let cut = cuts.pop(); cut !== undefined; cut = cuts.pop()) {
        proxy.cutNextAfter(cut);
        const name = `${cut.direction}-${cut.bytes}`;
        await before(name);
        await scenario(await openThrough(proxy), name);
        proxy.cut();
      }
      await proxy.stop();
    }),
  );
  return count;
}

/** The outcome of a write, or `ambiguous`; any other error fails the test. */
async function outcome(write: Promise<{ readonly kind: string }>): Promise<string> {
  try {
    return (await write).kind;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'ambiguous') return 'ambiguous';
    throw error;
  }
}

void t.test('transactions and ranges', async (t) => {
  const wrong: string[] = [];
  let ambiguous = 0;
  const scenario: Scenario = async (store, name) => {
    const key = `/registry/cut/${name}/`;
    const told = await outcome(store.create(key, bytes(name)));
    const listed = await store.range({ prefix: key });
    const found = (await other.get(key).exec()).kvs[0];
    // Sent once: etcd counts the writes of a key.
    if (found !== undefined && (found.version !== '1' || found.value.toString() !== name))
      wrong.push(`${name}: version ${found.version}`);
    if (told === 'ambiguous') ambiguous++;
    else if (told !== 'created' || found === undefined)
      wrong.push(`${name}: ${told}, and it is ${found === undefined ? 'not there' : 'there'}`);
    if (found !== undefined) {
      if (listed.records.length !== 1 || text(listed.records[0]) !== name) wrong.push(`${name}: the range`);
      const revision = Number(found.mod_revision);
      const deleted = await outcome(store.delete(key, revision));
      const left = await other.get(key);
      if (deleted === 'ambiguous') ambiguous++;
      else if (deleted !== 'deleted' || left !== null) wrong.push(`${name}: ${deleted}, ${left ?? 'gone'}`);
    }
    await store.close();
  };
  const count = await atEveryByte(async () => undefined, scenario);
  t.same(wrong, []);
  t.ok(count > 700, `${count} cuts`);
  t.comment(`${count} cuts, ${ambiguous} writes ambiguous`);
});

void t.test('watches', async (t) => {
  const wrong: string[] = [];
  const revisions = new Map<string, number>();
  const prefixOf = (name: string): string => `/registry/watched/${name}/`;
  const before = async (name: string): Promise<void> => {
    revisions.set(name, (await direct.get(prefixOf(name))).revision);
    await direct.create(`${prefixOf(name)}1`, bytes('before'));
  };
  const count = await atEveryByte(before, async (store, name) => {
    const prefix = prefixOf(name);
    const seen = new WatchRecording(store, prefix, revisions.get(name) ?? 0);
    await seen.until('what was there', () => seen.events.length >= 1);
    await direct.create(`${prefix}2`, bytes('during'));
    await direct.create(`${prefix}3`, bytes('during'));
    await seen.until('all', () => seen.events.length >= 3);
    await seen.stop();
    const keys = seen.events.map((event) => event.key.slice(prefix.length)).join();
    const inEtcd = await other.getAll().prefix(prefix).keys();
    if (keys !== '1,2,3' || inEtcd.length !== 3) wrong.push(`${name}: ${keys}`);
    await store.close();
  });
  t.same(wrong, []);
  t.ok(count > 500, `${count} cuts`);
  t.comment(`${count} cuts`);
});
