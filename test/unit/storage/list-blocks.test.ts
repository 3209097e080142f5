/** Blocks of lists: always the bytes of the records asked for, and made anew only where records have changed. */
import t from 'tap';
import { EncodingCache } from '../../../apiserver/storage/encoding-cache.js';
import { ListBlocks } from '../../../apiserver/storage/list-blocks.js';
import type { StoredRecord } from '../../../apiserver/storage/store.js';

const objectBytes = 1_000;
let revision = 0;

function recordOf(name: string): StoredRecord {
  revision++;
  const value = Buffer.from(`${name}@${revision};`.padEnd(objectBytes, '.'));
  return { key: name, value, createRevision: revision, modRevision: revision };
}

function newRecords(count: number): StoredRecord[] {
  return Array.from({ length: count }, (_, index) => recordOf(`object-${String(index).padStart(5, '0')}`));
}

/** Blocks, and how many records have been encoded for them since the last look. */
function counted(maxBytes = 32 * 1024 * 1024) {
  let encoded = 0;
  const encodings = new EncodingCache(maxBytes);
  const blocks = new ListBlocks(encodings, (records) => {
    encoded += records.length;
    return Buffer.concat(records.map(({ value }) => value));
  });
  return {
    encodings,
    list: (records: readonly StoredRecord[]): Buffer => Buffer.concat([...blocks.of(records)]),
    blocksOf: (records: readonly StoredRecord[]): number => [...blocks.of(records)].length,
    takeEncoded: (): number => {
      const taken = encoded;
      encoded = 0;
      return taken;
    },
  };
}

const plain = (records: readonly StoredRecord[]): Buffer => Buffer.concat(records.map(({ value }) => value));

void t.test('a list is made once, and later only where something has changed', async (t) => {
  const { list, takeEncoded } = counted();
  let records = newRecords(500);
  t.ok(list(records).equals(plain(records)));
  t.equal(takeEncoded(), 500);
  t.ok(list(records).equals(plain(records)));
  t.equal(takeEncoded(), 0, 'nothing has changed');

  const changes: Readonly<Record<string, (before: readonly StoredRecord[]) => StoredRecord[]>> = {
    'one written': (before) => before.with(250, recordOf('object-00250')),
    'the first written': (before) => before.with(0, recordOf('object-00000')),
    'one added': (before) => before.toSpliced(100, 0, recordOf('object-00099a')),
    'one added at the end': (before) => [...before, recordOf('object-99999')],
    'one removed': (before) => before.toSpliced(300, 1),
    'the first removed': (before) => before.slice(1),
  };
  for (const [what, change] of Object.entries(changes)) {
    records = change(records);
    t.ok(list(records).equals(plain(records)), what);
    const encoded = takeEncoded();
    t.ok(encoded <= 100, `${what}: ${encoded} records were encoded anew`);
    t.equal((list(records), takeEncoded()), 0, `${what}: the next list finds all blocks`);
  }
});

void t.test('parts of a collection use the blocks of the whole, and are never taken for it', async (t) => {
  const { list, takeEncoded } = counted();
  const records = newRecords(500);
  list(records);
  takeEncoded();
  for (const [from, to] of [
    [0, 100],
    [100, 500],
    [17, 18],
    [3, 499],
  ] as const) {
    const part = records.slice(from, to);
    t.ok(list(part).equals(plain(part)), `${from} to ${to}`);
    t.ok(takeEncoded() <= 150, `${from} to ${to} shares blocks`);
  }
  const everySecond = records.filter((_, index) => index % 2 === 0);
  t.ok(list(everySecond).equals(plain(everySecond)));
  t.ok(list(records).equals(plain(records)));
});

void t.test('through many changes it stays true, and its blocks do not fall to pieces', async (t) => {
  const { list, takeEncoded } = counted();
  let records = newRecords(1_000);
  let state = 11;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
  for (let round = 0; round < 300; round++) {
    const at = random(records.length);
    const kind = random(3);
    if (kind === 0) records = records.with(at, recordOf('written'));
    else if (kind === 1) records = records.toSpliced(at, 0, recordOf('added'));
    else records = records.toSpliced(at, 1);
    if (!list(records).equals(plain(records))) t.fail(`round ${round}`);
    t.ok(takeEncoded() <= (round === 0 ? 1_000 : 100));
  }
});

void t.test('a collection that grows at its end has few blocks', async (t) => {
  const { list, takeEncoded, blocksOf } = counted();
  const records: StoredRecord[] = [];
  for (let count = 0; count < 500; count++) {
    records.push(recordOf(`object-${String(count).padStart(5, '0')}`));
    if (!list(records).equals(plain(records))) t.fail(`${count} records`);
    t.ok(takeEncoded() <= 50);
  }
  t.ok(blocksOf(records) <= 32, 'none is shorter than half a block but the last');
});

void t.test('a list that the cache cannot hold pushes nothing out of it', async (t) => {
  const { list, takeEncoded, encodings } = counted(400 * objectBytes);
  const small = newRecords(200);
  const large = newRecords(1_000);
  list(small);
  takeEncoded();
  const { bytes } = encodings;
  t.ok(list(large).equals(plain(large)));
  t.equal(takeEncoded(), 1_000);
  t.equal(encodings.bytes, bytes);
  list(small);
  t.equal(takeEncoded(), 0, 'the small one is still there');
  // Its room is needed by something else.
  encodings.add(400 * objectBytes, () => undefined);
  t.ok(list(small).equals(plain(small)));
  t.equal(takeEncoded(), 200);
});

void t.test('no records, and one that is larger than a block', async (t) => {
  const { list, takeEncoded } = counted();
  t.equal(list([]).length, 0);
  const large = { ...recordOf('large'), value: Buffer.alloc(100_000, 'x') };
  const records = [recordOf('a'), large, recordOf('z')];
  t.ok(list(records).equals(plain(records)));
  t.equal((takeEncoded(), list(records), takeEncoded()), 0);
});
