/** Three members of etcd, hurt one by one: the store goes on, watches included, and says which endpoint failed. */
import t from 'tap';
import type { Test } from 'tap';
import { openEtcdStore } from '../../apiserver/storage/backends/etcd/etcd-store.js';
import { StoreError } from '../../apiserver/storage/store.js';
import type { Store } from '../../apiserver/storage/store.js';
import { silentLogger } from '../../common/log.js';
import type { LogFields, Logger } from '../../common/log.js';
import { startEtcdCluster } from '../support/etcd.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';
import { bytes, WatchRecording } from './store-watching.js';

t.setTimeout(180_000);
const cluster = await startEtcdCluster();
t.teardown(() => cluster.stop());
const { members, endpoints } = cluster;

const warnings: { message: string; fields: LogFields | undefined }[] = [];
const log: Logger = {
  ...silentLogger,
  warn: (message, fields) => {
    warnings.push({ message, fields });
  },
};

/** All members, this one first. */
function from(index: number): string[] {
  return [...endpoints.slice(index), ...endpoints.slice(0, index)];
}

function open(urls: readonly string[]): Promise<Store> {
  return openEtcdStore({ backend: 'etcd', endpoints: urls, compactionIntervalMs: 0, log });
}

/** Writes without pause, counts what is acknowledged, and checks at the end that a watch saw each of them once. */
class Writing {
  readonly acknowledged = new Map<number, string>();
  readonly #store: Store;
  readonly #seen: WatchRecording;
  readonly #start: number;
  readonly #stop = new AbortController();
  readonly #done: Promise<unknown>;
  readonly refusals: string[] = [];

  private constructor(store: Store, start: number, prefix: string) {
    this.#store = store;
    this.#start = start;
    this.#seen = new WatchRecording(store, prefix, start);
    this.#done = Promise.all([0, 1, 2, 3].map((writer) => this.#write(`${prefix}${writer}/`)));
  }

  static async begin(store: Store, prefix: string): Promise<Writing> {
    return new Writing(store, (await store.get(prefix)).revision, prefix);
  }

  /** Resolves when so many more writes are acknowledged. */
  async more(count: number, withinMs: number): Promise<void> {
    const goal = this.acknowledged.size + count;
    await until(`${count} more writes`, () => this.acknowledged.size >= goal, withinMs);
  }

  async end(t: Pick<Test, 'same'>): Promise<void> {
    this.#stop.abort();
    await this.#done;
    const last = Math.max(...this.acknowledged.keys());
    await this.#seen.until('the last event', (seen) => (seen.events.at(-1)?.revision ?? 0) >= last, 60_000);
    const revisions = this.#seen.events.map((event) => event.revision);
    t.same(
      revisions,
      [...new Set(revisions)].sort((a, b) => a - b),
      'each event once, in order',
    );
    const keyAt = new Map(this.#seen.events.map((event) => [event.revision, event.key]));
    const missing = [...this.acknowledged].filter(([revision, key]) => keyAt.get(revision) !== key);
    t.same(missing, [], 'the watch saw every acknowledged write');
    t.same(
      [...keyAt.keys()].filter((revision) => revision <= this.#start),
      [],
    );
    await this.#seen.stop();
  }

  async #write(prefix: string): Promise<void> {
    for (let i = 0; !this.#stop.signal.aborted; i++) {
      try {
        const key = `${prefix}${i}`;
        const result = await this.#store.create(key, bytes(key));
        if (result.kind !== 'created') throw new Error(`${key}: a conflict with ourselves`);
        this.acknowledged.set(result.revision, key);
      } catch (error) {
        if (!(error instanceof StoreError) || !['ambiguous', 'unavailable'].includes(error.code)) throw error;
        this.refusals.push(error.message);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

await t.test('the leader is killed, and comes back', async (t) => {
  const leader = await cluster.leader();
  const store = await open(from(leader));
  const writing = await Writing.begin(store, '/registry/killed/');
  await writing.more(20, 20_000);
  await members[leader]?.kill();
  await writing.more(20, 20_000);
  await members[leader]?.start();
  await writing.more(20, 20_000);
  await writing.end(t);
  await store.close();
  t.match(
    warnings.find(({ message }) => message === 'an etcd endpoint failed; another one is used')?.fields,
    { endpoint: members[leader]?.endpoint, reason: String },
    'said which one',
  );
});

await t.test('a member is stopped, not ended: its connections stay open and nothing answers', async (t) => {
  const leader = await cluster.leader();
  const follower = (leader + 1) % 3;
  for (const frozen of [follower, leader]) {
    const store = await open(from(frozen));
    const writing = await Writing.begin(store, `/registry/frozen/${frozen}/`);
    await writing.more(20, 20_000);
    members[frozen]?.freeze();
    const beginMs = performance.now();
    await writing.more(20, 20_000);
    t.ok(performance.now() - beginMs < 9_000, 'before any deadline of a call');
    members[frozen]?.thaw();
    await writing.more(20, 20_000);
    await writing.end(t);
    await store.close();
  }
});

await t.test('a member is cut off from the majority: it refuses, and another one is used', async (t) => {
  const alone = await cluster.leader();
  const store = await open(from(alone));
  const writing = await Writing.begin(store, '/registry/alone/');
  await writing.more(20, 20_000);
  await cluster.partition(alone);
  await writing.more(50, 30_000);
  // Who knows only this one is told why nothing works.
  const only = openEtcdStore({
    backend: 'etcd',
    endpoints: [endpoints[alone] ?? ''],
    startTimeoutMs: 0,
    log: silentLogger,
  });
  await t.rejects(only, { code: 'unavailable', message: /no leader|timed out/ });
  cluster.heal();
  await writing.more(20, 20_000);
  await writing.end(t);
  await store.close();
});

await t.test('leaders change while many watch and write', async (t) => {
  const stores = await Promise.all([0, 1, 2].map((index) => open(from(index))));
  const writings = await Promise.all(
    stores.map((store, index) => Writing.begin(store, `/registry/changes/${index}/`)),
  );
  for (let round = 0; round < 2; round++) {
    const leader = await cluster.leader();
    await members[leader]?.kill();
    await Promise.all(writings.map((writing) => writing.more(10, 30_000)));
    await members[leader]?.start();
    await Promise.all(writings.map((writing) => writing.more(10, 30_000)));
  }
  for (const writing of writings) await writing.end(t);
  await Promise.all(stores.map((store) => store.close()));
});

await t.test('a network that drops packets, and one that is slow', async (t) => {
  const proxy = await TcpProxy.start(endpoints[0] ?? '');
  const store = await open([proxy.endpoint, endpoints[1] ?? '']);
  const writing = await Writing.begin(store, '/registry/dropped/');
  await writing.more(20, 20_000);
  proxy.hold('both');
  await writing.more(20, 20_000);
  await writing.end(t);
  await store.close();
  proxy.cut();
  proxy.hold('none');

  proxy.delay(200);
  warnings.length = 0;
  const slow = await open([proxy.endpoint, endpoints[1] ?? '']);
  const patient = await Writing.begin(slow, '/registry/slow/');
  await patient.more(20, 20_000);
  await patient.end(t);
  t.same(patient.refusals, [], 'slow is no failure');
  t.same(warnings, [], 'and no reason to leave');
  await slow.close();
  await proxy.stop();
});
