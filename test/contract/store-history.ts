/** The part of the store's contract about the past: while it is written to, compacted, and opened again. */
import { setImmediate } from 'node:timers/promises';
import type { Test } from 'tap';
import { StoreError } from '../../apiserver/storage/store.js';
import type { Store } from '../../apiserver/storage/store.js';
import type { Scenario } from './store-scenario.js';
import { bytes, text, WatchRecording } from './store-watching.js';

const keys = Array.from({ length: 30 }, (_, i) => `/registry/h/${String(i).padStart(2, '0')}`);
const writes = 400;
const keptRevisions = 60;

/** What every key was at every revision, kept beside the store by the one who writes. */
class Chronicle {
  readonly #states: { readonly revision: number; readonly values: ReadonlyMap<string, string> }[] = [];

  note(revision: number, key: string, value: string | undefined): void {
    const values = new Map(this.#states.at(-1)?.values);
    if (value === undefined) values.delete(key);
    else values.set(key, value);
    this.#states.push({ revision, values });
  }

  get last(): number {
    return this.#states.at(-1)?.revision ?? 0;
  }

  get revisions(): readonly number[] {
    return this.#states.map((state) => state.revision);
  }

  at(revision: number): readonly (readonly [string, string])[] {
    const state = this.#states.findLast((one) => one.revision <= revision);
    return [...(state?.values ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

async function writeOne(store: Store, chronicle: Chronicle, i: number): Promise<void> {
  const key = keys[(i * 7) % keys.length] as string;
  const value = `write ${i}`;
  const { record } = await store.get(key);
  if (record !== undefined && i % 5 === 0) {
    const result = await store.delete(key, record.modRevision);
    if (result.kind === 'deleted') chronicle.note(result.revision, key, undefined);
    return;
  }
  const result =
    record === undefined
      ? await store.create(key, bytes(value))
      : await store.update(key, bytes(value), record.modRevision);
  if ('revision' in result) chronicle.note(result.revision, key, value);
}

/** A list in chunks at one revision, as clients read it; `compacted` when the history went away meanwhile. */
async function listAt(
  store: Store,
  revision: number,
): Promise<readonly (readonly [string, string])[] | 'compacted'> {
  const found: [string, string][] = [];
  try {
    for (let startKey: string | undefined; ; startKey = `${found.at(-1)?.[0] ?? ''}\0`) {
      const page = await store.range({
        prefix: '/registry/h/',
        revision,
        limit: 7,
        ...(startKey === undefined ? {} : { startKey }),
      });
      found.push(...page.records.map((record): [string, string] => [record.key, text(record) ?? '']));
      if (page.remaining === 0) return found;
    }
  } catch (error) {
    if (error instanceof StoreError && error.code === 'compacted') return 'compacted';
    throw error;
  }
}

async function seesTheRest(t: Test, store: Store, chronicle: Chronicle, after: number): Promise<void> {
  const seen = new WatchRecording(store, '/registry/h/', after);
  const expected = chronicle.revisions.filter((revision) => revision > after);
  await seen.until('all that came after', () => seen.events.length >= expected.length);
  t.same(
    seen.events.map((event) => event.revision),
    expected,
    `a watch from ${after} sees all that came after, once`,
  );
  await seen.stop();
}

export function storeHistoryContract(scenario: Scenario): void {
  scenario('lists of the past are right or refused while others write and compact', async (t, under) => {
    const { store, reopen } = under;
    const chronicle = new Chronicle();
    for (let i = 0; i < keys.length; i++) await writeOne(store, chronicle, i);
    let isDone = false;
    /** Asked for, and answered: between the two a reader may be told either. */
    let asked = 0;
    let compacted = 0;
    const tally = { right: 0, refused: 0 };
    const read = async (reader: number): Promise<void> => {
      for (let i = 0; !isDone; i++) {
        // A store in memory answers at once, and would leave nobody else a turn.
        await setImmediate();
        const back = (reader * 37 + i * 13) % (keptRevisions * 2);
        const revision = chronicle.last - back;
        if (revision < (chronicle.revisions[0] ?? 0)) continue;
        const compactedBefore = compacted;
        const list = await listAt(store, revision);
        if (list === 'compacted') {
          tally.refused++;
          if (revision >= asked) t.fail(`${revision} is refused, and compaction was up to ${asked}`);
          continue;
        }
        tally.right++;
        if (revision < compactedBefore) t.fail(`${revision} was compacted before and is read`);
        const expected = chronicle.at(revision);
        if (JSON.stringify(list) !== JSON.stringify(expected)) {
          t.same(list, expected, `the list at revision ${revision}`);
        }
      }
    };
    const write = async (): Promise<void> => {
      try {
        for (let i = keys.length; i < writes; i++) {
          await setImmediate();
          await writeOne(store, chronicle, i);
          if (i % 20 !== 0) continue;
          asked = chronicle.last - keptRevisions;
          await store.compact(asked);
          compacted = asked;
        }
      } finally {
        isDone = true;
      }
    };
    await Promise.all([write(), read(1), read(2), read(3)]);
    t.ok(tally.right > 10, `${tally.right} lists were right, ${tally.refused} refused`);

    const check = async (store: Store): Promise<void> => {
      t.equal((await store.status()).compactRevision, compacted);
      for (const revision of [compacted, compacted + 1, chronicle.last - 1, chronicle.last]) {
        t.same(await listAt(store, revision), chronicle.at(revision), `the list at revision ${revision}`);
      }
      t.equal(await listAt(store, compacted - 1), 'compacted');
      await seesTheRest(t, store, chronicle, compacted);
      await seesTheRest(t, store, chronicle, chronicle.last - 3);
    };
    await check(store);
    if (reopen === undefined) return;
    const again = await reopen();
    try {
      await check(again);
    } finally {
      await again.close();
    }
  });
}
