import t from 'tap';
import { maxNames, SelectorIndex } from '../../../apiserver/storage/selector-index.js';

interface Row {
  readonly key: string;
  readonly values: Readonly<Record<string, string>>;
}

const row = (key: string, values: Record<string, string>): Row => ({ key, values });
const newIndex = (): SelectorIndex<Row> => new SelectorIndex<Row>((record, name) => record.values[name]);
const keys = (index: SelectorIndex<Row>, ...terms: [string, string][]): string[] | undefined => {
  const found = index.candidates(terms.map(([name, value]) => ({ name, value })));
  return found === undefined ? undefined : [...found].sort();
};

void t.test('finds by value, and takes the rarest of several terms', async (t) => {
  const index = newIndex();
  t.equal(keys(index, ['app', 'web']), undefined, 'a name that is not kept');
  const rows = [
    row('a', { app: 'web', tier: 'x' }),
    row('b', { app: 'web' }),
    row('c', { app: 'db' }),
    row('d', {}),
  ];
  index.add('app', rows);
  index.add('tier', rows);
  t.same(keys(index, ['app', 'web']), ['a', 'b']);
  t.same(keys(index, ['app', 'none']), []);
  t.same(keys(index, ['app', 'web'], ['tier', 'x']), ['a']);
  t.same(keys(index, ['unknown', '1'], ['app', 'db']), ['c'], 'what is not kept is left to the caller');
});

void t.test('follows writes', async (t) => {
  const index = newIndex();
  const first = row('a', { app: 'web' });
  index.add('app', [first]);
  const moved = row('a', { app: 'db' });
  index.change('a', first, moved);
  t.same([keys(index, ['app', 'web']), keys(index, ['app', 'db'])], [[], ['a']]);
  index.change('b', undefined, row('b', { app: 'db' }));
  t.same(keys(index, ['app', 'db']), ['a', 'b']);
  index.change('a', moved, row('a', {}));
  index.change('b', row('b', { app: 'db' }), undefined);
  t.same(keys(index, ['app', 'db']), []);
});

void t.test('keeps no more names than it may: the least recently used goes', async (t) => {
  const index = newIndex();
  for (let i = 0; i < maxNames; i++) index.add(`n${i}`, [row('a', { [`n${i}`]: '1' })]);
  keys(index, ['n0', '1']);
  index.add('another', []);
  t.equal(index.has('n0'), true, 'it was used');
  t.equal(index.has('n1'), false);
  index.clear();
  t.equal(index.has('n0'), false);
});
