/** How one recording becomes a history a round, and a file. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { faultsOf } from '../../faults/fault.js';
import type { Fault } from '../../faults/fault.js';
import { Recorder, WatchRecorder } from '../../faults/recorder.js';
import { readHistory, writeHistory } from '../../support/history/history-file.js';
import type { Operation, WatchedEvent } from '../../support/history/history.js';
import { seededRandom } from '../../support/seeded-random.js';

const put = (revision: number, value = `v${revision}`): WatchedEvent => ({
  type: 'put',
  key: 'k',
  value,
  revision,
});
const update = (value: string): Operation => ({
  ...{ client: 'c', startMs: 1, endMs: 2, kind: 'update', key: 'k', value },
  expected: { value: 'v', revision: 1 },
  outcome: { kind: 'unknown' },
});

void t.test('a cut leaves to the next history what belongs there', async (t) => {
  const recorder = new Recorder();
  recorder.begin(10);
  recorder.add(update('v11'));
  recorder.add(update('late'));
  let endWatch = (): void => undefined;
  const watch = new WatchRecorder('w', 10);
  const watching = recorder.watching(watch, () => new Promise<void>((resolve) => (endWatch = resolve)));
  watch.saw(put(11));
  watch.saw(put(13));
  const state = new Map([['k', { value: 'v11', revision: 11 }]]);
  const first = recorder.cut(12, state, []);
  t.equal(first.startRevision, 10);
  t.strictSame(first.watches, [{ client: 'w', afterRevision: 10, events: [put(11)], upTo: 12 }]);
  t.strictSame(first.operations, [update('v11'), update('late')]);

  watch.reached(20);
  endWatch();
  await watching;
  const second = recorder.cut(30, state, []);
  t.equal(second.startRevision, 12);
  t.equal(second.startState, state);
  t.strictSame(second.earlier, { afterRevision: 10, state: new Map(), events: [put(11)] });
  t.strictSame(second.watches, [{ client: 'w', afterRevision: 12, events: [put(13)], upTo: 20 }]);
  t.strictSame(second.operations, [update('late')], 'it may still happen');
  t.strictSame(recorder.cut(40, state, []).watches, [], 'the watch has ended');
});

void t.test('a history is read as it was written', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-history-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const recorder = new Recorder();
  recorder.begin(1);
  const items = new Map([['k', { value: 'v', revision: 1 }]]);
  recorder.add({ client: 'c', startMs: 1, endMs: 2, kind: 'list', revision: 1, items });
  const history = recorder.cut(2, items, [{ client: 'f', items }]);
  const file = join(folder, 'history.json');
  writeHistory(file, history);
  t.strictSame(readHistory(file), history);
  writeFileSync(file, '{}');
  t.throws(() => readHistory(file), /holds no history/);
});

void t.test('a round has one fault or two, the same for the same seed', async (t) => {
  const faults = ['a', 'b', 'c'].map((name): Fault => ({ name, inflict: async () => async () => undefined }));
  const rounds = (seed: number): string[] => {
    const random = seededRandom(seed);
    return Array.from({ length: 100 }, () =>
      faultsOf(faults, random)
        .map(({ name }) => name)
        .join('+'),
    );
  };
  t.strictSame(rounds(1), rounds(1));
  t.notSame(rounds(1), rounds(2));
  t.strictSame([...new Set(rounds(1))].sort(), ['a', 'a+b', 'a+c', 'b', 'b+c', 'c']);
});
