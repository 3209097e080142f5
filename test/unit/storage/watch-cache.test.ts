import t from 'tap';
import { ManualClock } from '../../../common/clock.js';
import { silentLogger as log } from '../../../common/log.js';
import { openMemoryStore } from '../../../apiserver/storage/backends/memory/memory-store.js';
import { StoreError } from '../../../apiserver/storage/store.js';
import type { Store } from '../../../apiserver/storage/store.js';
import { WatchCache } from '../../../apiserver/storage/watch-cache.js';
import type { WatchCacheOptions } from '../../../apiserver/storage/watch-cache.js';
import { wrapStore } from '../../support/wrap-store.js';
import { text, WatchRecording } from '../../contract/store-watching.js';

const bytes = (value: string): Uint8Array => Buffer.from(value);

interface Running {
  readonly store: Store;
  readonly cache: WatchCache;
  readonly stop: () => Promise<void>;
}

async function running(store: Store, options: Partial<WatchCacheOptions> = {}): Promise<Running> {
  const cache = new WatchCache(store, { log, ...options });
  const abort = new AbortController();
  const run = cache.run(abort.signal);
  await cache.whenReady();
  const stop = async (): Promise<void> => {
    abort.abort();
    await run;
  };
  return { store, cache, stop };
}

async function put(store: Store, key: string, value = key): Promise<number> {
  const { record } = await store.get(key);
  const result =
    record === undefined
      ? await store.create(key, bytes(value))
      : await store.update(key, bytes(value), record.modRevision);
  if (!('revision' in result)) throw new Error(`${key} was changed by somebody else`);
  return result.revision;
}

void t.test('shows what the store holds, and what is written, in key order', async (t) => {
  const store = openMemoryStore({ backend: 'memory' });
  for (let i = 0; i < 1_200; i++) await put(store, `/registry/pods/default/${String(i).padStart(4, '0')}`);
  await put(store, '/elsewhere/x');
  const { cache, stop } = await running(store);
  t.equal(cache.size, 1_200);
  t.equal(cache.revision, 1_202);
  const revision = await put(store, '/registry/pods/default/0005', 'new');
  await cache.waitForRevision(revision);
  t.equal(text(cache.get('/registry/pods/default/0005')), 'new');
  t.equal(
    cache.get('/registry/pods/default/0005')?.value,
    (await store.get('/registry/pods/default/0005')).record?.value,
    'the same bytes',
  );
  const page = cache.list({ prefix: '/registry/pods/', startKey: '/registry/pods/default/0100', limit: 3 });
  t.same(
    page.records.map((record) => record.key.slice(-4)),
    ['0100', '0101', '0102'],
  );
  t.equal(page.remaining, 1_097);
  t.equal(page.revision, revision);
  t.same(cache.list({ prefix: '/registry/pods/default/000' }).records.length, 10);
  t.same(cache.list({ prefix: '/registry/none/' }), { records: [], revision, remaining: 0 });
  t.same(cache.list({ prefix: '/registry/a', startKey: '/registry/b' }).records, []);
  const five = cache.get('/registry/pods/default/0005');
  await store.delete('/registry/pods/default/0005', five?.modRevision ?? 0);
  await cache.waitForRevision(revision + 1);
  t.equal(cache.get('/registry/pods/default/0005'), undefined);
  await stop();
  await store.close();
});

void t.test('a watch replays from the ring, goes on live, and sees its prefix only', async (t) => {
  const { store, cache, stop } = await running(openMemoryStore({ backend: 'memory' }));
  const one = await put(store, '/registry/pods/a');
  await put(store, '/registry/services/a');
  const two = await put(store, '/registry/pods/b');
  await cache.waitForRevision(two);
  const late = new WatchRecording(cache, '/registry/pods/', one);
  const idle = new WatchRecording(cache, '/registry/nodes/', one);
  await late.until('the replay', () => late.events.length === 1);
  for (let i = 0; i < 100; i++) await put(store, '/registry/services/a', `${i}`);
  await put(store, '/registry/pods/a', 'again');
  await put(store, '/registry/nodes/n');
  await idle.until('its event', () => idle.events.length === 1);
  t.match(late.events, [
    { key: '/registry/pods/b', revision: two },
    { key: '/registry/pods/a', value: 'again', previous: one },
  ]);
  await late.stop();
  await idle.stop();
  await stop();
  await store.close();
});

void t.test('progress of a watch that waits is that of the cache', async (t) => {
  const { store, cache, stop } = await running(openMemoryStore({ backend: 'memory' }));
  const abort = new AbortController();
  const watch = cache.watch({ prefix: '/registry/pods/', afterRevision: 1, signal: abort.signal });
  const iterator = watch[Symbol.asyncIterator]();
  const first = iterator.next();
  const revision = await put(store, '/registry/nodes/n');
  await cache.waitForRevision(revision);
  t.equal(watch.progressRevision, revision);
  const pod = await put(store, '/registry/pods/p');
  t.match(await first, { value: { revision: pod } });
  await put(store, '/registry/pods/p', 'x');
  await put(store, '/registry/nodes/n', 'x');
  await cache.waitForRevision(pod + 2);
  t.equal(watch.progressRevision, pod, 'what was not yielded is not claimed');
  abort.abort();
  t.match(await iterator.next(), { done: true });
  await stop();
  await store.close();
});

void t.test('a watcher that falls out of the ring is told so, others go on', async (t) => {
  for (const ring of [{ maxEvents: 50 }, { maxBytes: 5_000 }]) {
    const { store, cache, stop } = await running(openMemoryStore({ backend: 'memory' }), { ring });
    const abort = new AbortController();
    const slow = cache.watch({ prefix: '/registry/', afterRevision: 1, signal: abort.signal });
    const slowIterator = slow[Symbol.asyncIterator]();
    const quick = new WatchRecording(cache, '/registry/', 1);
    const quiet = new WatchRecording(cache, '/registry/quiet/', 1);
    const start = await put(store, '/registry/a');
    await slowIterator.next();
    for (let i = 0; i < 200; i++) {
      await put(store, '/registry/a', 'x'.repeat(100));
      await quick.until('the event', () => quick.lastRevision === start + 1 + i);
    }
    t.equal(quick.events.length, 201);
    await t.rejects(slowIterator.next(), { code: 'compacted' });
    t.throws(() => cache.watch({ prefix: '/registry/', afterRevision: start, signal: abort.signal }), {
      code: 'compacted',
    });
    t.ok(cache.oldestRevision > start);
    const last = await put(store, '/registry/quiet/x');
    await quiet.until('its event', () => quiet.lastRevision === last);
    t.pass('one that waited for its own prefix has missed nothing');
    await quick.stop();
    await quiet.stop();
    await stop();
    await store.close();
  }
});

void t.test('a new cache replays a little history, so that watches resume', async (t) => {
  const store = openMemoryStore({ backend: 'memory', retention: { maxRevisions: 100_000 } });
  for (let i = 0; i < 1_500; i++) await put(store, `/registry/a/${i % 10}`, `${i}`);
  const { cache, stop } = await running(store);
  t.equal(text(cache.get('/registry/a/9')), '1499');
  const seen = new WatchRecording(cache, '/registry/a/', 1_401);
  await seen.until('the history', () => seen.events.length === 100);
  t.equal(seen.events[0]?.revision, 1_402);
  t.equal(text(cache.get('/registry/a/9')), '1499', 'replay does not turn records back');
  t.throws(() => cache.watch({ prefix: '/', afterRevision: 400, signal: AbortSignal.abort() }), {
    code: 'compacted',
  });
  await seen.stop();
  await stop();

  await store.compact(1_450);
  const second = await running(store);
  const short = new WatchRecording(second.cache, '/registry/a/', 1_460);
  await short.until('what is left', () => short.events.length === 41);
  t.throws(() => second.cache.watch({ prefix: '/', afterRevision: 1_449, signal: AbortSignal.abort() }), {
    code: 'compacted',
  });
  await short.stop();
  await second.stop();
  await store.close();
});

void t.test('lists again when the store forgot more than the cache has seen', async (t) => {
  const inner = openMemoryStore({ backend: 'memory' });
  await put(inner, '/registry/a', 'old');
  // The watch of this store fails when told to, with what the test gives it.
  let breakWatch: (error: Error) => void = () => undefined;
  let watches = 0;
  const store: Store = {
    ...wrapStore(inner),
    async *watch(options) {
      watches++;
      const broken = new Promise<never>((_, reject) => {
        breakWatch = reject;
      });
      broken.catch(() => undefined);
      const iterator = inner.watch(options)[Symbol.asyncIterator]();
      for (;;) {
        const next = await Promise.race([iterator.next(), broken]);
        if (next.done === true) return;
        yield next.value;
      }
    },
  };
  const clock = new ManualClock();
  const { cache, stop } = await running(store, { clock });
  const waiting = new WatchRecording(cache, '/registry/', cache.revision);
  const steady = new WatchRecording(cache, '/registry/b', cache.revision);

  breakWatch(new StoreError('unavailable', 'the server went away'));
  await until(() => clock.pendingTimers > 0);
  const revision = await put(inner, '/registry/b');
  clock.advance(60_000);
  await waiting.until('the event after the interruption', () => waiting.events.length === 1);
  t.equal(watches, 2);
  t.equal(cache.revision, revision, 'an interruption costs no list');

  breakWatch(new StoreError('unavailable', 'the server went away'));
  await until(() => clock.pendingTimers > 0);
  const a = (await inner.get('/registry/a')).record?.modRevision ?? 0;
  await inner.delete('/registry/a', a);
  await inner.compact(await put(inner, '/registry/c'));
  clock.advance(60_000);
  await t.rejects(waiting.ended(), { code: 'compacted' });
  await t.rejects(steady.ended(), { code: 'compacted' });
  await cache.waitForRevision(revision + 2);
  t.equal(cache.get('/registry/a'), undefined, 'what was deleted meanwhile is gone');
  t.same(
    cache.list({ prefix: '/registry/' }).records.map((record) => record.key),
    ['/registry/b', '/registry/c'],
  );
  await stop();
  await inner.close();
});

void t.test('waiting ends with the signal, and with the cache', async (t) => {
  const { store, cache, stop } = await running(openMemoryStore({ backend: 'memory' }));
  const abort = new AbortController();
  const waiting = cache.waitForRevision(1_000, abort.signal);
  abort.abort(new Error('enough'));
  await t.rejects(waiting, { message: 'enough' });
  await t.rejects(cache.waitForRevision(1_000, abort.signal), { message: 'enough' });
  const forever = cache.waitForRevision(1_000);
  const watch = new WatchRecording(cache, '/registry/', 1);
  await store.close();
  await t.rejects(forever, { code: 'closed' });
  await watch.ended();
  t.equal(cache.ready, false);
  await stop();
});

/** Polls a condition that becomes true within a few turns of the event loop. */
async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 10_000) throw new Error('waited in vain');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
