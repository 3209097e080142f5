/**
 * What every storage backend keeps to. `store.test.ts` runs it on all of them; a new backend adds itself there.
 */
import type { Test } from 'tap';
import { StoreError } from '../../apiserver/storage/store.js';
import type { Store, StoreErrorCode } from '../../apiserver/storage/store.js';
import { storeConcurrencyContract } from './store-concurrency.js';
import { storeHistoryContract } from './store-history.js';
import type { Scenario, StoreUnderTest } from './store-scenario.js';
import { bytes, text, WatchRecording } from './store-watching.js';

export interface StoreHarness {
  /** A store without a key below `/registry/`. */
  open(): Promise<StoreUnderTest>;
}

export function storeContract(t: Pick<Test, 'test'>, name: string, harness: StoreHarness): void {
  void t.test(`${name} keeps the contract of a store`, async (t) => {
    const scenario = (title: string, run: (t: Test, under: StoreUnderTest) => Promise<void>): void => {
      void t.test(title, async (t) => {
        const under = await harness.open();
        try {
          await run(t, under);
        } finally {
          await under.store.close();
          await under.dispose();
        }
      });
    };
    writeContract(scenario);
    rangeContract(scenario);
    watchContract(scenario);
    historyContract(scenario);
    lifeContract(scenario);
    storeConcurrencyContract(scenario);
    storeHistoryContract(scenario);
  });
}

async function created(store: Store, key: string, value = key): Promise<number> {
  const result = await store.create(key, bytes(value));
  if (result.kind !== 'created') throw new Error(`${key} was there already`);
  return result.revision;
}

async function rejectsWith(
  t: Test,
  code: StoreErrorCode,
  action: () => Promise<unknown>,
): Promise<StoreError> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    t.equal(error.code, code, error.message);
    return error;
  }
  throw new Error(`expected an error ${code}`);
}

function writeContract(scenario: Scenario): void {
  scenario('create writes a new key once', async (t, { store }) => {
    const before = (await store.get('/registry/a/1')).revision;
    t.ok(before >= 1, 'also an empty store has a revision');
    const revision = await created(store, '/registry/a/1', 'one');
    t.equal(revision, before + 1);
    const { record, revision: readAt } = await store.get('/registry/a/1');
    t.equal(readAt, revision);
    t.equal(text(record), 'one');
    t.match(record, { key: '/registry/a/1', createRevision: revision, modRevision: revision });
    const again = await store.create('/registry/a/1', bytes('two'));
    t.match(again, { kind: 'exists', record: { modRevision: revision } });
    t.equal(text(again.kind === 'exists' ? again.record : undefined), 'one');
    t.equal((await store.get('/registry/none')).record, undefined);
  });

  scenario('update and delete compare the revision', async (t, { store }) => {
    const first = await created(store, '/registry/a/1', 'one');
    const second = await store.update('/registry/a/1', bytes('two'), first);
    t.same(second, { kind: 'updated', revision: first + 1 });
    t.match((await store.get('/registry/a/1')).record, { createRevision: first, modRevision: first + 1 });

    const stale = await store.update('/registry/a/1', bytes('x'), first);
    t.match(stale, { kind: 'conflict', current: { modRevision: first + 1 } });
    t.equal(text(stale.kind === 'conflict' ? stale.current : undefined), 'two');
    t.match(await store.delete('/registry/a/1', first), {
      kind: 'conflict',
      current: { modRevision: first + 1 },
    });
    t.same(await store.update('/registry/none', bytes('x'), first), { kind: 'conflict', current: undefined });
    t.same(await store.delete('/registry/none', first), { kind: 'conflict', current: undefined });

    const deleted = await store.delete('/registry/a/1', first + 1);
    t.match(deleted, { kind: 'deleted', revision: first + 2, record: { modRevision: first + 1 } });
    t.equal(text(deleted.kind === 'deleted' ? deleted.record : undefined), 'two');
    t.equal((await store.get('/registry/a/1')).record, undefined);
    t.equal(await created(store, '/registry/a/1'), first + 3, 'refused writes take no revision');
    t.match((await store.get('/registry/a/1')).record, { createRevision: first + 3 });
  });

  scenario('of writes to one key at the same time one wins', async (t, { store }) => {
    const creations = await Promise.all(
      Array.from({ length: 10 }, (_, i) => store.create('/registry/a/1', bytes(`${i}`))),
    );
    const winner = creations.find((result) => result.kind === 'created');
    t.equal(creations.filter((result) => result.kind === 'created').length, 1);
    const revision = winner?.kind === 'created' ? winner.revision : 0;
    const updates = await Promise.all(
      Array.from({ length: 10 }, (_, i) => store.update('/registry/a/1', bytes(`${i}`), revision)),
    );
    t.equal(updates.filter((result) => result.kind === 'updated').length, 1);
    const { record } = await store.get('/registry/a/1');
    for (const update of updates) {
      if (update.kind === 'conflict') t.equal(update.current?.modRevision, record?.modRevision);
    }
  });

  scenario('values may be empty, binary and larger than 1 MiB', async (t, { store }) => {
    const large = Buffer.alloc(1024 * 1024 + 12_345, 'knarr');
    for (const value of [Buffer.alloc(0), Buffer.from([0, 255, 128, 10, 13]), large]) {
      const key = `/registry/a/${value.length}`;
      const result = await store.create(key, value);
      t.equal(result.kind, 'created');
      const { record } = await store.get(key);
      t.ok(record !== undefined && Buffer.compare(record.value, value) === 0, `${value.length} bytes`);
    }
    const listed = await store.range({ prefix: '/registry/a/' });
    t.equal(listed.records.length, 3);
    await rejectsWith(t, 'too-large', () => store.create('/registry/a/huge', Buffer.alloc(9 * 1024 * 1024)));
    t.equal((await store.get('/registry/a/huge')).record, undefined);
  });
}

function rangeContract(scenario: Scenario): void {
  scenario('a range is a prefix in key order', async (t, { store }) => {
    const keys = [
      '/registry/a/b',
      '/registry/a/bc',
      '/registry/a/b/c',
      '/registry/a',
      '/registry/a/',
      '/registry/ab',
    ];
    for (const key of keys) await created(store, key);
    const keysOf = async (prefix: string): Promise<string[]> =>
      (await store.range({ prefix })).records.map((record) => record.key);
    t.same(await keysOf('/registry/a/'), [
      '/registry/a/',
      '/registry/a/b',
      '/registry/a/b/c',
      '/registry/a/bc',
    ]);
    t.same(await keysOf('/registry/a/b/'), ['/registry/a/b/c']);
    t.same(await keysOf('/registry/a/b'), ['/registry/a/b', '/registry/a/b/c', '/registry/a/bc']);
    t.same(await keysOf('/registry/'), [...keys].sort());
    t.same(await keysOf('/registry/none/'), []);
  });

  scenario('a range goes on in chunks at one revision while others write', async (t, { store }) => {
    const keys = Array.from({ length: 25 }, (_, i) => `/registry/a/${String(i).padStart(2, '0')}`);
    for (const key of keys) await created(store, key, 'old');
    const first = await store.range({ prefix: '/registry/a/', limit: 10 });
    t.equal(first.records.length, 10);
    t.equal(first.remaining, 15);

    // Between the chunks: change one, delete one, add one, re-create one.
    await store.update(keys[12] as string, bytes('new'), first.records[0]?.modRevision ?? 0);
    const twelve = (await store.get(keys[12] as string)).record?.modRevision ?? 0;
    await store.update(keys[12] as string, bytes('new'), twelve);
    const fourteen = (await store.get(keys[14] as string)).record?.modRevision ?? 0;
    await store.delete(keys[14] as string, fourteen);
    await created(store, keys[14] as string, 'again');
    const twenty = (await store.get(keys[20] as string)).record?.modRevision ?? 0;
    await store.delete(keys[20] as string, twenty);
    await created(store, '/registry/a/11-added');

    const seen = [...first.records];
    let remaining = first.remaining;
    while (remaining > 0) {
      const startKey = `${seen.at(-1)?.key ?? ''}\0`;
      const page = await store.range({
        prefix: '/registry/a/',
        startKey,
        limit: 10,
        revision: first.revision,
      });
      t.equal(page.revision, first.revision);
      seen.push(...page.records);
      t.equal(page.remaining, remaining - page.records.length);
      remaining = page.remaining;
    }
    t.same(
      seen.map((record) => record.key),
      keys,
    );
    t.ok(seen.every((record) => text(record) === 'old'));
    const now = await store.range({ prefix: '/registry/a/' });
    t.equal(now.records.length, 25);
    t.equal(text(now.records.find((record) => record.key === keys[12])), 'new');
    t.same((await store.range({ prefix: '/registry/a/', startKey: '/registry/b' })).records, []);
    t.equal((await store.range({ prefix: '/registry/a/', limit: 25 })).remaining, 0);
  });

  scenario('each revision of the past stays readable', async (t, { store }) => {
    const one = await created(store, '/registry/a/1', 'one');
    await created(store, '/registry/a/2', 'two');
    await store.update('/registry/a/1', bytes('uno'), one);
    await store.delete('/registry/a/1', one + 2);
    const at = async (revision: number): Promise<(string | undefined)[]> =>
      (await store.range({ prefix: '/registry/a/', revision })).records.map(text);
    t.same(await at(one), ['one']);
    t.same(await at(one + 1), ['one', 'two']);
    t.same(await at(one + 2), ['uno', 'two']);
    t.same(await at(one + 3), ['two']);
    await rejectsWith(t, 'future-revision', () => at(one + 100));
  });
}

function watchContract(scenario: Scenario): void {
  scenario('a watch replays from a revision and goes on live', async (t, { store }) => {
    const one = await created(store, '/registry/a/1', 'one');
    await created(store, '/registry/b/1');
    await created(store, '/registry/a/2', 'two');
    const seen = new WatchRecording(store, '/registry/a/', one);
    await seen.until('the replay', () => seen.events.length === 1);
    await store.update('/registry/a/1', bytes('uno'), one);
    await store.delete('/registry/a/2', one + 2);
    await created(store, '/registry/ab');
    await created(store, '/registry/a/2', 'due');
    await seen.until('the live events', () => seen.events.length === 4);
    t.same(seen.events, [
      { type: 'put', key: '/registry/a/2', revision: one + 2, value: 'two', previous: undefined },
      { type: 'put', key: '/registry/a/1', revision: one + 3, value: 'uno', previous: one },
      { type: 'delete', key: '/registry/a/2', revision: one + 4, value: undefined, previous: one + 2 },
      { type: 'put', key: '/registry/a/2', revision: one + 6, value: 'due', previous: undefined },
    ]);
    const deletion = seen.batches.flatMap((batch) => batch.events).find((event) => event.type === 'delete');
    t.equal(text(deletion?.previous), 'two');
    await seen.stop();
  });

  scenario('a watch of one key, and one that begins in the future', async (t, { store }) => {
    const one = await created(store, '/registry/a/1');
    const future = new WatchRecording(store, '/registry/a/', one + 2);
    await created(store, '/registry/a/2');
    await created(store, '/registry/a/3');
    await created(store, '/registry/a/4');
    await future.until('the event above the revision', () => future.events.length > 0);
    t.same(
      future.events.map((event) => event.key),
      ['/registry/a/4'],
    );
    await future.stop();
  });

  scenario('an abort ends a watch without an error, before and while it waits', async (t, { store }) => {
    const { revision } = await store.get('/registry/x');
    await new WatchRecording(store, '/registry/', revision).stop();
    const waiting = new WatchRecording(store, '/registry/', revision);
    await created(store, '/registry/a/1');
    await waiting.until('an event', () => waiting.events.length === 1);
    await waiting.stop();
    await created(store, '/registry/a/2');
    t.equal(waiting.events.length, 1);
    const aborted = AbortSignal.abort();
    const watch = store.watch({ prefix: '/registry/', afterRevision: revision, signal: aborted });
    t.equal((await watch[Symbol.asyncIterator]().next()).done, true, 'an aborted watch yields nothing');
  });

  scenario('a watch that is asked learns of revisions that are not its own', async (t, { store }) => {
    const one = await created(store, '/registry/b/1');
    const seen = new WatchRecording(store, '/registry/a/', one);
    const two = await created(store, '/registry/b/2');
    const asking = setInterval(() => {
      store.requestProgress({ mayWrite: true });
    }, 20);
    try {
      await seen.until('progress', () => seen.lastRevision >= two);
    } finally {
      clearInterval(asking);
    }
    t.same(seen.events, []);
    t.same(
      (await store.range({ prefix: '/registry/' })).records.map((record) => record.key),
      ['/registry/b/1', '/registry/b/2'],
      'asking leaves nothing behind that anybody sees',
    );
    await seen.stop();
  });
}

function historyContract(scenario: Scenario): void {
  scenario('compaction forgets history and keeps the state', async (t, { store }) => {
    const one = await created(store, '/registry/a/1', 'one');
    await created(store, '/registry/a/2', 'two');
    await store.delete('/registry/a/2', one + 1);
    await store.update('/registry/a/1', bytes('uno'), one);
    const three = await created(store, '/registry/a/3', 'three');
    await store.compact(one + 3);
    t.equal((await store.status()).compactRevision, one + 3);

    const old = await rejectsWith(t, 'compacted', () =>
      store.range({ prefix: '/registry/a/', revision: one }),
    );
    t.equal(old.compactRevision, one + 3);
    const watch = new WatchRecording(store, '/registry/a/', one);
    const missed = await rejectsWith(t, 'compacted', () => watch.ended());
    t.equal(missed.compactRevision, one + 3);

    const kept = await store.range({ prefix: '/registry/a/', revision: one + 3 });
    t.same(kept.records.map(text), ['uno']);
    t.same((await store.range({ prefix: '/registry/a/' })).records.map(text), ['uno', 'three']);
    const rest = new WatchRecording(store, '/registry/a/', one + 3);
    await rest.until('what was kept', () => rest.events.length === 1);
    t.match(rest.events, [{ key: '/registry/a/3', revision: three }]);
    await rest.stop();

    await store.compact(one);
    await store.compact(one + 3);
    await rejectsWith(t, 'future-revision', () => store.compact(three + 1000));
    t.equal(await created(store, '/registry/a/4'), three + 1);
  });

  scenario('a record with a time to live expires', async (t, { store }) => {
    const before = (await store.get('/registry/a/1')).revision;
    const seen = new WatchRecording(store, '/registry/', before);
    await store.create('/registry/a/1', bytes('short'), { ttlSeconds: 1 });
    await store.create('/registry/a/2', bytes('renewed'), { ttlSeconds: 1 });
    const two = (await store.get('/registry/a/2')).record?.modRevision ?? 0;
    await store.update('/registry/a/2', bytes('for good'), two);
    await store.create('/registry/a/3', bytes('long'), { ttlSeconds: 3600 });
    t.not((await store.get('/registry/a/1')).record, undefined);
    await seen.until('the expiry', () => seen.events.some((event) => event.type === 'delete'));
    t.match(
      seen.events.filter((event) => event.type === 'delete'),
      [{ key: '/registry/a/1' }],
    );
    t.equal((await store.get('/registry/a/1')).record, undefined);
    t.equal(text((await store.get('/registry/a/2')).record), 'for good');
    t.not((await store.get('/registry/a/3')).record, undefined);
    await seen.stop();
  });
}

function lifeContract(scenario: Scenario): void {
  scenario('closing ends watches and refuses everything after', async (t, { store }) => {
    const one = await created(store, '/registry/a/1');
    const seen = new WatchRecording(store, '/registry/', one - 1);
    await seen.until('an event', () => seen.events.length === 1);
    const last = store.create('/registry/a/2', bytes('under way'));
    await Promise.all([store.close(), store.close()]);
    t.match(await last, { kind: 'created' }, 'a write under way ends well');
    await seen.ended();
    await rejectsWith(t, 'closed', () => store.get('/registry/a/1'));
    await rejectsWith(t, 'closed', () => store.create('/registry/a/3', bytes('')));
    await rejectsWith(t, 'closed', () => new WatchRecording(store, '/registry/', one).ended());
  });

  scenario('what was written is there when the data is opened again', async (t, { store, reopen }) => {
    if (reopen === undefined) {
      t.pass('this backend forgets by design');
      return;
    }
    const one = await created(store, '/registry/a/1', 'one');
    await created(store, '/registry/a/2', 'two');
    await store.compact(one + 1);
    await store.update('/registry/a/1', bytes('uno'), one);
    await store.delete('/registry/a/2', one + 1);
    await store.create('/registry/a/3', bytes('short'), { ttlSeconds: 2 });
    const before = await store.range({ prefix: '/registry/' });
    const again = await reopen();
    try {
      t.same(await again.range({ prefix: '/registry/' }), before);
      t.match(await again.status(), { compactRevision: one + 1, revision: one + 4 });
      t.same((await again.range({ prefix: '/registry/', revision: one + 1 })).records.map(text), [
        'one',
        'two',
      ]);
      const seen = new WatchRecording(again, '/registry/', one + 1);
      await seen.until('the history', () => seen.events.length >= 3);
      t.match(seen.events.slice(0, 2), [
        { type: 'put', revision: one + 2, value: 'uno', previous: one },
        { type: 'delete', revision: one + 3, previous: one + 1 },
      ]);
      await seen.until('the expiry', () =>
        seen.events.some((event) => event.key === '/registry/a/3' && event.type === 'delete'),
      );
      await seen.stop();
      const next = (await again.get('/registry/x')).revision;
      t.equal(await created(again, '/registry/a/4'), next + 1);
    } finally {
      await again.close();
    }
  });
}
