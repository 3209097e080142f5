import t from 'tap';
import { prefixEnd, SortedMap } from '../../../common/sorted-map.js';

/** A small repeatable generator, so that a failure can be seen again. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

void t.test('agrees with a sorted array through thousands of changes', async (t) => {
  const random = randomNumbers(7);
  const map = new SortedMap<number>();
  const model = new Map<string, number>();
  for (let i = 0; i < 6_000; i++) {
    const key = `/k/${Math.floor(random() * 3_000)}`;
    if (random() < 0.35) {
      if (map.delete(key) !== model.delete(key)) t.fail(`deletion of ${key}`);
    } else {
      map.set(key, i);
      model.set(key, i);
    }
  }
  const sorted = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
  t.same([...map.entries()], sorted);
  t.equal(map.size, model.size);
  for (const from of ['', '/k/1', '/k/2999', '/k/15', '/z']) {
    for (const end of [undefined, '/k/2', '/k/16', '/a']) {
      const expected = sorted.filter(([key]) => key >= from && (end === undefined || key < end));
      t.same([...map.entries(from, end)], expected, `from ${from} to ${end ?? 'the end'}`);
      for (const limit of [Infinity, 3, 0])
        t.same(
          map.values(from, end, limit),
          expected.slice(0, limit).map(([, value]) => value),
        );
    }
    t.equal(map.rank(from), sorted.filter(([key]) => key < from).length);
  }
  t.equal(map.rank(undefined), map.size);
  for (const key of model.keys()) map.delete(key);
  t.same([...map.entries()], []);
  map.set('b', 1);
  map.clear();
  t.equal(map.size, 0);
});

void t.test('keys that arrive in order', async (t) => {
  const map = new SortedMap<number>();
  for (let i = 0; i < 2_000; i++) map.set(String(i).padStart(5, '0'), i);
  t.equal(map.rank('01000'), 1_000);
  t.same(
    [...map.entries('00510', '00514')].map(([, value]) => value),
    [510, 511, 512, 513],
  );
});

void t.test('the end of a prefix', async (t) => {
  t.equal(prefixEnd('/a/'), '/a0');
  t.equal(prefixEnd('a\uffff'), 'b');
  t.equal(prefixEnd('\uffff'), undefined);
  t.equal(prefixEnd(''), undefined);
});
