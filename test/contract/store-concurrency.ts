/** The part of the store's contract that needs many writers at once. */
import type { Store } from '../../apiserver/storage/store.js';
import type { Scenario } from './store-scenario.js';
import { bytes, text, WatchRecording } from './store-watching.js';

const writers = 32;
const operationsPerWriter = 40;
const keys = Array.from({ length: 12 }, (_, i) => `/registry/c/${i}`);

interface Acknowledged {
  readonly key: string;
  readonly revision: number;
  /** undefined: deleted. */
  readonly value: string | undefined;
}

export function storeConcurrencyContract(scenario: Scenario): void {
  scenario('32 writers: nothing acknowledged is lost, doubled or out of order', async (t, { store }) => {
    const start = (await store.get('/registry/c/')).revision;
    const early = new WatchRecording(store, '/registry/c/', start);
    const acknowledged: Acknowledged[] = [];
    let late: WatchRecording | undefined;
    await Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        for (let i = 0; i < operationsPerWriter; i++) {
          const done = await writeSomething(store, writer, i);
          if (done !== undefined) acknowledged.push(done);
          if (writer === 0 && i === operationsPerWriter / 2) {
            late = new WatchRecording(store, '/registry/c/', start);
          }
        }
      }),
    );
    const { revision: end } = await store.get('/registry/c/');
    acknowledged.sort((a, b) => a.revision - b.revision);
    t.same(
      acknowledged.map((write) => write.revision),
      Array.from({ length: end - start }, (_, i) => start + 1 + i),
      'each revision has exactly one acknowledged write',
    );

    for (const seen of [early, late as WatchRecording]) {
      await seen.until('the last write', () => (seen.events.at(-1)?.revision ?? 0) >= end);
      t.same(
        seen.events.map(({ key, revision, value }) => ({ key, revision, value })),
        acknowledged,
        'a watch shows each of them once, in order',
      );
      const lastOf = new Map<string, number | undefined>();
      const wrong = seen.events.filter((event) => {
        const expected = lastOf.get(event.key);
        lastOf.set(event.key, event.type === 'put' ? event.revision : undefined);
        return event.previous !== expected;
      });
      t.same(wrong, [], 'with what was there before');
      let before = start;
      for (const batch of seen.batches) {
        const first = batch.events[0];
        if (first !== undefined) {
          const revision = first.type === 'put' ? first.record.modRevision : first.revision;
          if (revision <= before) t.fail('a batch begins in the revision of the one before');
        }
        before = batch.revision;
      }
      await seen.stop();
    }

    for (const revision of [start, start + 1, Math.floor((start + end) / 2), end - 1, end]) {
      const expected = new Map<string, string>();
      for (const write of acknowledged) {
        if (write.revision > revision) break;
        if (write.value === undefined) expected.delete(write.key);
        else expected.set(write.key, write.value);
      }
      const { records } = await store.range({ prefix: '/registry/c/', revision });
      t.same(
        new Map(records.map((record) => [record.key, text(record)])),
        expected,
        `a read at revision ${revision} agrees with the log`,
      );
    }
  });
}

/** Reads a key and creates, changes or deletes it; undefined when somebody else was faster. */
async function writeSomething(store: Store, writer: number, i: number): Promise<Acknowledged | undefined> {
  const key = keys[(writer * 7 + i * 5) % keys.length] as string;
  const value = `writer ${writer} operation ${i}`;
  const { record } = await store.get(key);
  if (record === undefined) {
    const result = await store.create(key, bytes(value));
    return result.kind === 'created' ? { key, revision: result.revision, value } : undefined;
  }
  if ((writer + i) % 4 === 0) {
    const result = await store.delete(key, record.modRevision);
    return result.kind === 'deleted' ? { key, revision: result.revision, value: undefined } : undefined;
  }
  const result = await store.update(key, bytes(value), record.modRevision);
  return result.kind === 'updated' ? { key, revision: result.revision, value } : undefined;
}
