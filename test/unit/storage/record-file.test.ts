import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { crc32, crc32ByTable } from '../../../common/crc32.js';
import {
  decodeFileHead,
  decodeGroupHead,
  decodeRecord,
  encodeFileHead,
  encodeGroup,
  groupHeadBytes,
} from '../../../apiserver/storage/record-file/format.js';
import type { FileRecord } from '../../../apiserver/storage/record-file/format.js';
import { writeFileWhole } from '../../../apiserver/storage/record-file/durable-file.js';
import { encodeSnapshot, openSnapshot, wholeParts } from '../../../apiserver/storage/record-file/snapshot.js';
import type { StoredRecord } from '../../../apiserver/storage/store.js';
import { countInWords, sizeInWords } from '../../../apiserver/store-tool/report.js';
import { seededRandom } from '../../support/seeded-random.js';

const random = seededRandom(3);
const randomBytes = (length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));

void t.test('CRC-32', async (t) => {
  t.equal(crc32(Buffer.from('123456789')), 0xcbf43926, 'the check value of the standard');
  t.equal(crc32(Buffer.alloc(0)), 0);
  for (const length of [1, 7, 100, 4096]) {
    const bytes = randomBytes(length);
    t.equal(crc32ByTable(bytes), crc32(bytes), `${length} bytes by the table, for Node before 20.15`);
    const cut = Math.floor(length / 2);
    t.equal(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut))), crc32(bytes), 'in two pieces');
    t.equal(crc32ByTable(bytes.subarray(cut), crc32ByTable(bytes.subarray(0, cut))), crc32(bytes));
  }
});

const records: readonly FileRecord[] = [
  { type: 'put', key: '/a', value: randomBytes(300), revision: 7, createRevision: 3, expiresAtMs: 1e12 },
  {
    type: 'put',
    key: '/ключ/€',
    value: Buffer.alloc(0),
    revision: 8,
    createRevision: 8,
    expiresAtMs: undefined,
  },
  {
    type: 'delete',
    key: '/a',
    value: Buffer.alloc(0),
    revision: Number.MAX_SAFE_INTEGER,
    createRevision: 9,
    expiresAtMs: undefined,
  },
];

void t.test('a group is read as it was written', async (t) => {
  const bytes = encodeGroup(5, records);
  t.same(decodeGroupHead(bytes), { ordinal: 5, bytes: bytes.length, records: 3 });
  let at = groupHeadBytes;
  for (const record of records) {
    const decoded = decodeRecord(bytes, at);
    t.same(decoded?.record, record);
    t.equal(decoded?.valueIsDamaged, false);
    at = decoded?.end ?? 0;
  }
  t.equal(at, bytes.length);
  t.equal(decodeRecord(bytes, at), undefined, 'nothing behind the end');
});

void t.test('no bit of a record can flip unseen', async (t) => {
  const bytes = encodeGroup(0, records.slice(0, 1));
  for (let bit = groupHeadBytes * 8; bit < bytes.length * 8; bit++) {
    const byte = bit >> 3;
    bytes[byte] = (bytes[byte] as number) ^ (1 << (bit & 7));
    const decoded = decodeRecord(bytes, groupHeadBytes);
    if (decoded !== undefined && !decoded.valueIsDamaged) t.fail(`bit ${bit}`);
    bytes[byte] = bytes[byte] ^ (1 << (bit & 7));
  }
  t.equal(decodeRecord(bytes, groupHeadBytes)?.valueIsDamaged, false);
});

void t.test('the first page of a file', async (t) => {
  const head = { kind: 'log', revision: 3, writtenAt: '2026-01-01T00:00:00.000Z' } as const;
  const page = encodeFileHead(head);
  t.same(decodeFileHead(page), head);
  for (const at of [0, 17, 30, 4000]) {
    const damaged = Buffer.from(page);
    damaged[at] = (damaged[at] as number) ^ 1;
    t.equal(decodeFileHead(damaged), 'damaged', `byte ${at}`);
  }
  t.equal(decodeFileHead(Buffer.alloc(4096, 'x')), 'foreign');
  t.equal(decodeFileHead(page.subarray(0, 100)), 'damaged');
});

const folder = mkdtempSync(join(tmpdir(), 'knarr-record-file-'));
t.teardown(() => {
  rmSync(folder, { recursive: true, force: true });
});

void t.test('a snapshot is read as it was written, whatever its size', async (t) => {
  const writtenAt = new Date('2026-01-01T00:00:00Z');
  const made = (count: number): StoredRecord[] =>
    Array.from({ length: count }, (_, i) => ({
      key: `/registry/${String(i).padStart(6, '0')}`,
      value: randomBytes(i % 50),
      createRevision: i + 1,
      modRevision: i + 2,
      ...(i % 3 === 0 ? { expiresAtMs: 5_000 + i } : {}),
    }));
  const large = { key: '/registry/x', value: randomBytes(400_000), createRevision: 1, modRevision: 2 };
  for (const written of [[], made(1), made(20_000), [...made(3), large]]) {
    const path = join(folder, 'snapshot');
    const revision = written.length + 10;
    await writeFileWhole(path, encodeSnapshot({ revision, records: written, writtenAt }));
    const reader = await openSnapshot(path, { withDigest: true });
    t.same(reader.head, { kind: 'snapshot', revision, writtenAt: writtenAt.toISOString() });
    const found: StoredRecord[] = [];
    for await (const part of wholeParts(path, reader)) found.push(...part.records);
    await reader.close();
    t.same(found, written, `${written.length} records`);
  }
});

void t.test('a file is written whole or not at all', async (t) => {
  const target = join(folder, 'whole');
  const pieces = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from('half');
    throw new Error('the source ended');
  };
  await t.rejects(writeFileWhole(target, pieces()), /the source ended/);
  const one = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from('one');
  };
  await t.rejects(writeFileWhole(target, one(), { signal: AbortSignal.abort() }));
  await t.rejects(
    writeFileWhole(target, one(), {
      check: async () => {
        throw new Error('not what was meant');
      },
    }),
    /not what was meant/,
  );
  t.same(
    readdirSync(folder).filter((name) => name.startsWith('whole')),
    [],
  );
});

void t.test('sizes and counts in words', async (t) => {
  for (const [bytes, words] of [
    [0, '0 B'],
    [1023, '1023 B'],
    [1536, '1.5 KiB'],
    [200 * 1024 * 1024, '200 MiB'],
  ] as const) {
    t.equal(sizeInWords(bytes), words);
  }
  t.equal(countInWords(1, 'key'), '1 key');
  t.equal(countInWords(12_345, 'key'), '12,345 keys');
});
