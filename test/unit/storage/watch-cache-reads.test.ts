/** What the watch cache answers in the store's place: lists of now and of the past, and who is woken by what. */
import t from 'tap';
import type { Test } from 'tap';
import { ManualClock } from '../../../common/clock.js';
import { silentLogger as log } from '../../../common/log.js';
import { openMemoryStore } from '../../../apiserver/storage/backends/memory/memory-store.js';
import type { Store, WatchBatch } from '../../../apiserver/storage/store.js';
import { WatchCache } from '../../../apiserver/storage/watch-cache.js';
import type { WatchCacheOptions } from '../../../apiserver/storage/watch-cache.js';
import { wrapStore } from '../../support/wrap-store.js';
import { WatchRecording } from '../../contract/store-watching.js';

const bytes = (value: string): Uint8Array => Buffer.from(value);

async function running(t: Test, store: Store, options: Partial<WatchCacheOptions> = {}): Promise<WatchCache> {
  const cache = new WatchCache(store, { log, ...options });
  const abort = new AbortController();
  const run = cache.run(abort.signal);
  t.teardown(async () => {
    abort.abort();
    await run;
    await store.close();
  });
  await cache.whenReady();
  return cache;
}

async function put(store: Store, key: string, value: string): Promise<number> {
  const { record } = await store.get(key);
  const result =
    record === undefined
      ? await store.create(key, bytes(value))
      : await store.update(key, bytes(value), record.modRevision);
  if (!('revision' in result)) throw new Error(`${key} was changed by somebody else`);
  return result.revision;
}

async function remove(store: Store, key: string): Promise<number> {
  const { record } = await store.get(key);
  const result = await store.delete(key, record?.modRevision ?? 0);
  if (!('revision' in result)) throw new Error(`${key} was changed by somebody else`);
  return result.revision;
}

void t.test('the past that the ring reaches back to is what the store says', async (t) => {
  const store = openMemoryStore({ backend: 'memory' });
  const cache = await running(t, store);
  // A fixed walk: every key is created, changed and removed again and again, out of step.
  let revision = 1;
  for (let step = 0; step < 300; step++) {
    const key = `/registry/pods/n${step % 3}/k${(step * 7) % 11}`;
    const present = (await store.get(key)).record !== undefined;
    revision = present && step % 4 === 0 ? await remove(store, key) : await put(store, key, `v${step}`);
  }
  await cache.waitForRevision(revision);
  let compared = 0;
  for (const prefix of ['/registry/', '/registry/pods/n1/']) {
    for (let past = 1; past <= revision; past += 3) {
      for (const range of [
        { prefix },
        { prefix, limit: 2 },
        { prefix, limit: 3, startKey: '/registry/pods/n1/k4' },
      ]) {
        const cached = cache.list({ ...range, revision: past });
        if (JSON.stringify(cached) !== JSON.stringify(await store.range({ ...range, revision: past })))
          t.fail(`${JSON.stringify(range)} at ${past}`);
        compared++;
      }
    }
  }
  t.ok(compared > 500, `${compared} ranges compared`);
  t.equal(cache.list({ prefix: '/registry/', revision: revision + 1 }), undefined, 'the future is not known');
  await store.compact(revision - 10);
  t.equal(
    cache.list({ prefix: '/registry/', revision: revision - 11 }),
    undefined,
    'nor what the store has forgotten',
  );
  t.ok(cache.list({ prefix: '/registry/', revision: revision - 10 }));
});

void t.test('a past that the ring has dropped is left to the store', async (t) => {
  const store = openMemoryStore({ backend: 'memory' });
  const cache = await running(t, store, { ring: { maxEvents: 5 } });
  let revision = 0;
  for (let i = 0; i < 10; i++) revision = await put(store, `/registry/a/${i}`, 'x');
  await cache.waitForRevision(revision);
  t.equal(cache.list({ prefix: '/registry/', revision: revision - 6 }), undefined);
  t.equal(cache.list({ prefix: '/registry/', revision: revision - 5 })?.records.length, 5);
});

void t.test(
  'catching up asks the store once for all who come together, and never shares an older answer',
  async (t) => {
    const inner = openMemoryStore({ backend: 'memory' });
    const gates: (() => void)[] = [];
    const store = wrapStore(inner, {
      get: async (key) => {
        await new Promise<void>((resolve) => gates.push(resolve));
        return inner.get(key);
      },
    });
    const cache = await running(t, store);
    const first = cache.catchUp();
    await turns();
    const later = [cache.catchUp(), cache.catchUp(), cache.catchUp()];
    await turns();
    t.equal(gates.length, 1, 'those who came later wait for the next read');
    gates[0]?.();
    t.equal(await first, true);
    await turns();
    t.equal(gates.length, 2, 'which is one for all of them');
    const written = await inner.create('/registry/pods/a', bytes('x'));
    gates[1]?.();
    t.same(await Promise.all(later), [true, true, true]);
    t.equal(written.kind === 'created' && cache.revision >= written.revision, true);
  },
);

void t.test('a store that cannot tell progress is read instead, soon', async (t) => {
  const clock = new ManualClock();
  const inner = openMemoryStore({ backend: 'memory' });
  const store = wrapStore(inner, {
    // Somebody wrote outside of what this cache watches.
    get: async (key) => ({ ...(await inner.get(key)), revision: 100 }),
    requestProgress: () => false,
  });
  const cache = await running(t, store, { clock });
  const answer = cache.catchUp();
  await turns();
  clock.advance(100);
  t.equal(await answer, false);
  t.equal(clock.pendingTimers, 0, 'nothing is left behind');
  const abort = new AbortController();
  const aborted = cache.catchUp(abort.signal);
  await turns();
  abort.abort(new Error('the client left'));
  await t.rejects(aborted);
});

void t.test('with a trigger, an event wakes those of its value before and after alone', async (t) => {
  const store = openMemoryStore({ backend: 'memory' });
  const cache = await running(t, store);
  cache.setTrigger('/registry/pods/', ({ value }) => Buffer.from(value).toString().slice(0, 1));
  const recordings = ['a', 'b', 'c'].map(
    (triggerValue) =>
      new WatchRecording(
        { watch: (options) => cache.watch({ ...options, triggerValue }) },
        '/registry/pods/',
        cache.revision,
      ),
  );
  await turns();
  await put(store, '/registry/pods/x/1', 'a1');
  await turns();
  t.same(
    recordings.map((one) => one.events.length),
    [1, 0, 0],
  );
  const revision = await put(store, '/registry/pods/x/1', 'b1');
  await cache.waitForRevision(revision);
  await turns();
  t.same(
    recordings.map((one) => one.events.length),
    [2, 1, 0],
    'it left a and came to b',
  );
  await remove(store, '/registry/pods/x/1');
  await turns();
  t.same(
    recordings.map((one) => one.events.length),
    [2, 2, 0],
  );
  for (const recording of recordings) await recording.stop();
});

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

void t.test('watchers at the same place are given the same events', async (t) => {
  const store = openMemoryStore({ backend: 'memory' });
  const cache = await running(t, store);
  const abort = new AbortController();
  const begin = cache.revision;
  const watch = (): AsyncIterator<WatchBatch> =>
    cache
      .watch({ prefix: '/registry/pods/', afterRevision: begin, signal: abort.signal })
      [Symbol.asyncIterator]();
  const first = watch();
  const second = watch();
  for (const name of ['a', 'b', 'c']) {
    const batches = Promise.all([first.next(), second.next()]);
    await put(store, `/registry/pods/ns/${name}`, name);
    const [one, other] = (await batches).map(({ value }) => value as WatchBatch);
    t.equal(one?.events.length, 1);
    t.equal(one?.events, other?.events, 'what is made of them for one serves the other');
  }
  // One that comes late looks for itself, and stands with the others from the next event on.
  const third = watch();
  t.equal(((await third.next()).value as WatchBatch).events.length, 3);
  const batches = Promise.all([first.next(), third.next()]);
  await put(store, '/registry/pods/ns/d', 'd');
  const [one, other] = (await batches).map(({ value }) => value as WatchBatch);
  t.equal(one?.events, other?.events);
  abort.abort();
});
