import t from 'tap';
import { ManualClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { StoreError } from '../../../apiserver/storage/store.js';
import { ExpiryQueue } from '../../../apiserver/storage/backends/multiversion/expiry-queue.js';
import {
  chooseCompactRevision,
  defaultRetention,
} from '../../../apiserver/storage/backends/multiversion/history-retention.js';
import { forgetfulJournal } from '../../../apiserver/storage/backends/multiversion/journal.js';
import type { Journal, LogEntry } from '../../../apiserver/storage/backends/multiversion/journal.js';
import { MultiVersionState } from '../../../apiserver/storage/backends/multiversion/multiversion-state.js';
import { MultiVersionStore } from '../../../apiserver/storage/backends/multiversion/multiversion-store.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** A disk whose commits end when the test says so. */
class GatedJournal implements Journal {
  readonly groups: { entries: readonly LogEntry[]; commit: () => void; fail: (error: Error) => void }[] = [];
  append(entries: readonly LogEntry[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.groups.push({ entries, commit: resolve, fail: reject });
    });
  }
  recoveries: (() => void)[] = [];
  recover(): Promise<void> {
    return new Promise((resolve) => this.recoveries.push(resolve));
  }
  readonly compact = forgetfulJournal.compact.bind(forgetfulJournal);
  readonly sizeBytes = forgetfulJournal.sizeBytes.bind(forgetfulJournal);
  readonly close = forgetfulJournal.close.bind(forgetfulJournal);
}

function gatedStore(): { store: MultiVersionStore; journal: GatedJournal; clock: ManualClock } {
  const journal = new GatedJournal();
  const clock = new ManualClock();
  const store = new MultiVersionStore(new MultiVersionState(), {
    backend: 'memory',
    journal,
    log: silentLogger,
    clock,
  });
  return { store, journal, clock };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

void t.test('nothing is seen before it is durable', async (t) => {
  const { store, journal } = gatedStore();
  const seen: number[] = [];
  const abort = new AbortController();
  const watching = (async () => {
    for await (const batch of store.watch({ prefix: '/', afterRevision: 1, signal: abort.signal })) {
      seen.push(
        ...batch.events.map((event) => (event.type === 'put' ? event.record.modRevision : event.revision)),
      );
    }
  })();
  const created = store.create('/a', bytes('1'));
  const refused = store.create('/a', bytes('2')).then((result) => {
    seen.push(-1);
    return result;
  });
  const updated = store.update('/a', bytes('3'), 2);
  await turn();
  t.equal(journal.groups.length, 1);
  t.equal((await store.get('/a')).record, undefined);
  t.equal((await store.range({ prefix: '/' })).revision, 1);
  t.same(seen, [], 'not even by a refusal');
  journal.groups[0]?.commit();
  t.same(await Promise.all([created, updated]), [
    { kind: 'created', revision: 2 },
    { kind: 'updated', revision: 3 },
  ]);
  t.match(await refused, { kind: 'exists', record: { modRevision: 2 } });
  await turn();
  t.ok(seen.includes(2) && seen.includes(3) && seen.includes(-1));
  abort.abort();
  await watching;
  await store.close();
});

void t.test('writes gather while a group is on its way', async (t) => {
  const { store, journal } = gatedStore();
  const first = store.create('/0', bytes(''));
  await turn();
  const rest = Array.from({ length: 50 }, (_, i) => store.create(`/${i + 1}`, bytes('')));
  await turn();
  t.equal(journal.groups.length, 1, 'one commit at a time');
  journal.groups[0]?.commit();
  await first;
  await turn();
  t.equal(journal.groups[1]?.entries.length, 50);
  journal.groups[1]?.commit();
  t.equal((await Promise.all(rest)).length, 50);
  await store.close();
});

const outcome = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: unknown) => (error instanceof StoreError ? error.code : error));

void t.test(
  'a failed commit: writes are refused, reads go on, and it ends when the disk is well',
  async (t) => {
    const { store, journal, clock } = gatedStore();
    const good = store.create('/good', bytes(''));
    await turn();
    journal.groups[0]?.commit();
    await good;
    const failing = outcome(store.create('/failing', bytes('')));
    await turn();
    const queued = outcome(store.create('/queued', bytes('')));
    journal.groups[1]?.fail(new StoreError('ambiguous', 'the disk failed'));
    t.equal(await failing, 'ambiguous', 'only what was under way is in doubt');
    t.equal(await queued, 'unavailable');
    t.equal(await outcome(store.update('/good', bytes(''), 2)), 'unavailable');
    t.equal(await outcome(store.delete('/good', 2)), 'unavailable');
    await t.rejects(store.create('/new', bytes('')), {
      code: 'unavailable',
      message: /disk failed; reads go on/,
    });
    t.equal(journal.groups.length, 2);
    t.same(
      (await store.range({ prefix: '/' })).records.map((record) => record.key),
      ['/good'],
    );
    t.match(await store.status(), { problem: { kind: 'refusing-writes', message: 'the disk failed' } });

    clock.advance(1_000);
    t.equal(journal.recoveries.length, 1);
    journal.recoveries[0]?.();
    await turn();
    t.equal((await store.status()).problem, undefined);
    const after = store.create('/after', bytes(''));
    await turn();
    t.match(journal.groups[2]?.entries, [{ revision: 3 }], 'no revision is left out');
    journal.groups[2]?.commit();
    t.match(await after, { kind: 'created', revision: 3 });
    await store.close();
  },
);

void t.test('a record that expires while the disk fails is removed after it', async (t) => {
  const { store, journal, clock } = gatedStore();
  const created = store.create('/a', bytes(''), { ttlSeconds: 10 });
  await turn();
  journal.groups[0]?.commit();
  await created;
  clock.advance(10_000);
  await turn();
  journal.groups[1]?.fail(new StoreError('unavailable', 'full'));
  await turn();
  clock.advance(1_000);
  journal.recoveries[0]?.();
  await turn();
  clock.advance(1_000);
  await turn();
  t.match(journal.groups[2]?.entries, [{ type: 'delete', key: '/a', revision: 3 }]);
  journal.groups[2]?.commit();
  await turn();
  t.equal((await store.get('/a')).record, undefined);
  await store.close();
});

void t.test('a slow disk is told, a stuck one refuses, and both end with it', async (t) => {
  const { store, journal, clock } = gatedStore();
  const first = store.create('/a', bytes(''));
  await turn();
  clock.advance(2_000);
  const sinceMs = clock.now() - 2_000;
  t.match(await store.status(), { problem: { kind: 'slow', sinceMs } });
  const second = store.create('/b', bytes(''));
  clock.advance(4_000);
  t.match(await store.status(), {
    problem: { kind: 'refusing-writes', sinceMs, message: /under way for 6.0 s/ },
  });
  await t.rejects(store.create('/c', bytes('')), { code: 'unavailable', message: /slow/ });
  journal.groups[0]?.commit();
  t.match(await first, { revision: 2 });
  await turn();
  t.match(await store.status(), { problem: { kind: 'slow', sinceMs, message: /longest commit took 6.0 s/ } });
  journal.groups[1]?.commit();
  t.match(await second, { revision: 3 });
  await turn();
  t.equal((await store.status()).problem, undefined, 'a fast commit ends it');
  await store.close();
});

void t.test('too many writes that wait are refused, not queued for ever', async (t) => {
  const { store, journal } = gatedStore();
  const large = Buffer.alloc(8 * 1024 * 1024);
  const waiting = Array.from({ length: 16 }, (_, i) => store.create(`/${i}`, large));
  await t.rejects(store.create('/one-too-many', bytes('x')), { code: 'unavailable' });
  for (let left = waiting.length; left > 0;) {
    await turn();
    const group = journal.groups.shift();
    left -= group?.entries.length ?? left;
    group?.commit();
  }
  t.equal((await Promise.all(waiting)).length, 16);
  const accepted = store.create('/now', bytes('x'));
  await turn();
  journal.groups[0]?.commit();
  t.match(await accepted, { kind: 'created' });
  await store.close();
});

void t.test('records expire when the clock says so, once', async (t) => {
  const clock = new ManualClock();
  const store = new MultiVersionStore(new MultiVersionState(), {
    backend: 'memory',
    journal: forgetfulJournal,
    log: silentLogger,
    clock,
  });
  await store.create('/a', bytes(''), { ttlSeconds: 60 });
  await store.create('/b', bytes(''), { ttlSeconds: 10 });
  await store.update('/b', bytes(''), 3, { ttlSeconds: 100 });
  const keys = async (): Promise<string[]> =>
    (await store.range({ prefix: '/' })).records.map((record) => record.key);
  clock.advance(59_000);
  await turn();
  t.same(await keys(), ['/a', '/b']);
  clock.advance(2_000);
  await turn();
  t.same(await keys(), ['/b']);
  clock.advance(60_000);
  await turn();
  t.same(await keys(), []);
  t.equal((await store.status()).revision, 6);
  await store.close();
  t.equal(clock.pendingTimers, 0);
});

void t.test('history is forgotten by age and by size, and the last revisions stay', async (t) => {
  const clock = new ManualClock();
  const store = new MultiVersionStore(new MultiVersionState(), {
    backend: 'memory',
    journal: forgetfulJournal,
    log: silentLogger,
    clock,
    retention: { minRevisions: 10, maxRevisions: 100, maxBytes: 1_000_000, minAgeMs: 300_000 },
  });
  let revision = 0;
  const write = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      const result =
        revision === 0
          ? await store.create('/a', bytes('x'))
          : await store.update('/a', bytes('x'), revision);
      revision = 'revision' in result ? result.revision : t.fail() ? 0 : 0;
    }
  };
  await write(50);
  clock.advance(10_000);
  await write(1);
  clock.advance(240_000);
  await turn();
  t.equal((await store.status()).compactRevision, 0, 'young history stays');
  await write(1);
  clock.advance(60_000);
  await turn();
  t.equal((await store.status()).compactRevision, 43, 'of the old one, the last ten revisions');
  await write(200);
  await turn();
  const { compactRevision } = await store.status();
  t.ok(compactRevision >= 152 && compactRevision < 253, 'never more than the maximum');
  await store.close();
});

void t.test('what retention decides', async (t) => {
  const limits = { minRevisions: 10, maxRevisions: 100, maxBytes: 1000, minAgeMs: 1000 };
  const marks = [
    { atMs: 0, revision: 20 },
    { atMs: 500, revision: 40 },
  ];
  const cases: [string, { revision: number; length: number; bytes: number }, number, number | undefined][] = [
    ['all young', { revision: 50, length: 30, bytes: 10 }, 900, undefined],
    ['the first mark is old', { revision: 50, length: 40, bytes: 10 }, 1000, 20],
    ['both are, but the minimum stays', { revision: 45, length: 40, bytes: 10 }, 5000, 35],
    ['already compacted that far', { revision: 50, length: 30, bytes: 10 }, 1000, undefined],
    ['too many', { revision: 200, length: 101, bytes: 10 }, 0 + 900, 125],
    ['too large', { revision: 200, length: 50, bytes: 2000 }, 900, 182],
  ];
  for (const [name, size, now, expected] of cases) {
    t.equal(chooseCompactRevision(size, now < 1000 ? [] : marks, now, limits), expected, name);
  }
  t.equal(chooseCompactRevision({ revision: 5, length: 4, bytes: 9 }, [], 0, defaultRetention), undefined);
});

void t.test('the expiry queue gives what is due in order', async (t) => {
  const queue = new ExpiryQueue();
  const times = Array.from({ length: 500 }, (_, i) => (i * 7919) % 1009);
  times.forEach((atMs, i) => {
    queue.add({ atMs, key: `${i}`, revision: i });
  });
  const sorted = [...times].sort((a, b) => a - b);
  t.equal(queue.nextAtMs, sorted[0]);
  const early = queue.takeDue(300, 1_000);
  t.same(
    early.map((expiry) => expiry.atMs),
    sorted.filter((atMs) => atMs <= 300),
  );
  t.equal(queue.takeDue(10_000, 5).length, 5);
  t.same(queue.takeDue(10_000, 1_000).length, 500 - early.length - 5);
  t.equal(queue.nextAtMs, undefined);
});

void t.test('a log with a hole or a deletion of nothing is corrupt', async (t) => {
  const put = (revision: number): LogEntry => ({
    revision,
    type: 'put',
    key: '/a',
    createRevision: revision,
    value: bytes(''),
    expiresAtMs: undefined,
  });
  t.throws(() => new MultiVersionState().apply(put(3)), { code: 'corrupt' });
  t.throws(() => new MultiVersionState().apply({ ...put(2), type: 'delete' }), { code: 'corrupt' });
  const state = new MultiVersionState();
  state.load({ key: '/b', value: bytes('four'), createRevision: 8, modRevision: 8 });
  state.startAt(9);
  t.throws(
    () => {
      state.compact(10);
    },
    { code: 'corrupt' },
  );
  state.apply(put(10));
  t.match(state, { revision: 10, compactRevision: 9, keys: 2, liveBytes: 4 });
  t.same(
    state.range({ prefix: '/', revision: 9 }).records.map((record) => record.key),
    ['/b'],
  );
});
