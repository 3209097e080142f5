/** Flipped bits, torn pages and cut files: each is found, named, and never served. Seeded: argument 1. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import t from 'tap';
import { openEmbeddedStore } from '../../apiserver/storage/backends/embedded/embedded-store.js';
import { readStoreFiles } from '../../apiserver/storage/backends/embedded/read-store-files.js';
import { findStoreFiles } from '../../apiserver/storage/backends/embedded/store-files.js';
import { decodeGroupHead, pageBytes } from '../../apiserver/storage/record-file/format.js';
import type { Damage } from '../../apiserver/storage/record-file/read-record-file.js';
import { silentLogger as log } from '../../common/log.js';
import { seededRandom } from '../support/seeded-random.js';

const random = seededRandom(Number(process.argv[2] ?? 1));
const base = mkdtempSync(join(tmpdir(), 'knarr-damage-'));
t.teardown(() => {
  rmSync(base, { recursive: true, force: true });
});

/** A store with a snapshot, several logs, and every kind of record. */
async function makeClosedStore(): Promise<string> {
  const dataDir = join(base, 'closed');
  const store = await openEmbeddedStore({
    backend: 'embedded',
    dataDir,
    log,
    retention: { minRevisions: 30, maxRevisions: 60 },
    limits: { logBytes: 60_000, minReplacedBytes: 60_000 },
  });
  for (let i = 0; i < 300; i++) {
    const key = `/registry/pods/ns/pod-${i % 40}`;
    const { record } = await store.get(key);
    const value = Buffer.from(`value of ${key} as of write ${i} ${'.'.repeat(Math.floor(random() * 1_500))}`);
    if (record === undefined) await store.create(key, value, { ttlSeconds: 3_600 });
    else if (i % 7 === 0) await store.delete(key, record.modRevision);
    else await store.update(key, value, record.modRevision);
  }
  await store.close();
  return dataDir;
}

/** A copy of a store at work, as a crash leaves it: revision 11, and a last write that brings it to 31. */
async function makeCrashedStore(): Promise<string> {
  const dataDir = join(base, 'crashed');
  const store = await openEmbeddedStore({ backend: 'embedded', dataDir: join(base, 'open'), log });
  const create = (i: number) => store.create(`/registry/${i}`, Buffer.alloc(900, 'z'));
  for (let i = 0; i < 10; i++) await create(i);
  await Promise.all(Array.from({ length: 20 }, (_, i) => create(10 + i)));
  cpSync(join(base, 'open'), dataDir, { recursive: true });
  await store.close();
  return dataDir;
}

const closed = await makeClosedStore();
const crashed = await makeCrashedStore();
const dataFiles = (dataDir: string): string[] =>
  readdirSync(dataDir)
    .filter((name) => /^(snapshot|log|closed)/.test(name))
    .map((name) => join(dataDir, name));

async function findDamage(dataDir: string): Promise<Damage[]> {
  const found: Damage[] = [];
  await readStoreFiles(await findStoreFiles(dataDir), (damage) => found.push(damage));
  return found;
}

/** Runs with one file changed, and puts it back. */
async function withFile<T>(
  path: string,
  change: (bytes: Buffer) => Buffer,
  run: () => Promise<T>,
): Promise<T> {
  const before = readFileSync(path);
  writeFileSync(path, change(Buffer.from(before)));
  try {
    return await run();
  } finally {
    writeFileSync(path, before);
  }
}

function flip(bytes: Buffer, bit: number): Buffer {
  bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
  return bytes;
}

void t.test('every flipped bit in any file of a closed store is found', async (t) => {
  t.same(await findDamage(closed), [], 'nothing is wrong to begin with');
  const files = dataFiles(closed);
  t.ok(files.length > 4, files.map((path) => basename(path)).join(' '));
  let named = 0;
  let flips = 0;
  for (const path of files) {
    for (let i = 0; i < 60; i++) {
      const bit = Math.floor(random() * statSync(path).size * 8);
      const found = await withFile(
        path,
        (bytes) => flip(bytes, bit),
        () => findDamage(closed),
      );
      flips++;
      if (found.length === 0) t.fail(`bit ${bit} of ${basename(path)} was not found`);
      if (found[0]?.path !== path)
        t.fail(`bit ${bit} of ${basename(path)} is said to be in ${found[0]?.path ?? ''}`);
      if (found[0]?.key !== undefined) named++;
    }
  }
  t.ok(named > flips / 6, `${named} of ${flips} in a record, the others between them`);
});

void t.test('a flipped bit in a value or a key is called by key and revision', async (t) => {
  for (const path of dataFiles(closed)) {
    const text = readFileSync(path).toString('latin1');
    const places = [...text.matchAll(/value of (\/registry\/pods\/ns\/pod-\d+) as of write (\d+) /g)];
    for (const place of places.slice(0, 15)) {
      const [whole, key = '', write = ''] = place;
      // Each write took one revision; the first one is 2.
      const revision = Number(write) + 2;
      for (const at of [place.index + 3, place.index + whole.length - 2, place.index - 4]) {
        const found = await withFile(
          path,
          (bytes) => flip(bytes, at * 8 + Math.floor(random() * 8)),
          () => findDamage(closed),
        );
        t.match(found, [{ path, key, revision }], { message: `byte ${at}` });
      }
    }
  }
});

void t.test('a damaged store does not open, says what to do, and stays as it is', async (t) => {
  const path = dataFiles(closed).find((name) => name.includes('snapshot')) ?? '';
  const at = readFileSync(path).indexOf('value of ');
  await withFile(
    path,
    (bytes) => flip(bytes, at * 8),
    async () => {
      const before = dataFiles(closed).map((name) => readFileSync(name));
      await t.rejects(openEmbeddedStore({ backend: 'embedded', dataDir: closed, log }), {
        code: 'corrupt',
        message:
          /the value of \/registry\/pods\/ns\/pod-\d+ at revision \d+ is damaged.*knarr store verify.*knarr store restore/,
      });
      t.same(
        dataFiles(closed).map((name) => readFileSync(name)),
        before,
      );
    },
  );
});

void t.test('several places are all told in one pass', async (t) => {
  const path = dataFiles(closed).find((name) => name.includes('snapshot')) ?? '';
  const text = readFileSync(path).toString('latin1');
  const places = [...text.matchAll(/value of \S+/g)].slice(0, 5);
  const found = await withFile(
    path,
    (bytes) => places.reduce((all, place) => flip(all, place.index * 8), bytes),
    () => findDamage(closed),
  );
  t.same(
    found.slice(0, 5).map((one) => `value of ${one.key ?? ''}`),
    places.map(([words]) => words),
  );
});

void t.test('a file that was cut, or lost a page, is found', async (t) => {
  for (const path of dataFiles(closed)) {
    const { size } = statSync(path);
    for (const left of [
      0,
      1,
      size - 1,
      size - pageBytes,
      Math.floor((random() * size) / pageBytes) * pageBytes,
    ]) {
      const found = await withFile(
        path,
        (bytes) => bytes.subarray(0, left),
        () => findDamage(closed).catch((error: unknown) => [error]),
      );
      if (basename(path) !== 'closed') t.ok(found.length > 0, `${basename(path)} cut to ${left} bytes`);
    }
    for (let page = 0; page < size / pageBytes; page++) {
      const found = await withFile(
        path,
        (bytes) => bytes.fill(0, page * pageBytes, (page + 1) * pageBytes),
        () => findDamage(closed).catch((error: unknown) => [error]),
      );
      if (found.length === 0 && basename(path) !== 'closed') t.fail(`${basename(path)} without page ${page}`);
    }
  }
});

/** Where the last group of a log begins, and its length. */
function lastGroup(path: string): { at: number; bytes: number } {
  const file = readFileSync(path);
  for (let at = Math.floor(file.length / pageBytes) * pageBytes; at > 0; at -= pageBytes) {
    const head = decodeGroupHead(file.subarray(at));
    if (head !== undefined) return { at, bytes: head.bytes };
  }
  throw new Error('there is no group');
}

void t.test('after a crash a torn last write is dropped, and a flipped bit in it is not', async (t) => {
  const path = dataFiles(crashed).at(-1) ?? '';
  const { at, bytes: length } = lastGroup(path);
  t.ok(length > 3 * pageBytes, 'the last write has several pages');
  t.same(await findDamage(crashed), []);
  const revisionWith = (change: (bytes: Buffer) => Buffer): Promise<number | Damage[]> =>
    withFile(path, change, async () => {
      const found: Damage[] = [];
      const { state } = await readStoreFiles(await findStoreFiles(crashed), (damage) => found.push(damage));
      return found.length > 0 ? found : state.revision;
    });
  const whole = await revisionWith((bytes) => bytes);
  t.equal(whole, 31);
  const torn: Record<string, (bytes: Buffer) => Buffer> = {
    'the end is missing': (bytes) => bytes.fill(0, at + pageBytes + 700),
    'the beginning is missing': (bytes) => bytes.fill(0, at, at + pageBytes),
    'one sector is missing': (bytes) => bytes.fill(0, at + 2 * pageBytes + 512, at + 2 * pageBytes + 1024),
    'the file ends in it': (bytes) => bytes.subarray(0, at + 2 * pageBytes),
    'nothing is there': (bytes) => bytes.fill(0, at),
  };
  for (const [how, change] of Object.entries(torn)) t.equal(await revisionWith(change), 11, how);
  for (let i = 0; i < 40; i++) {
    const bit = Math.floor((at + random() * length) * 8);
    t.type(await revisionWith((bytes) => flip(bytes, bit)), Array, `bit ${bit} is told`);
  }
});
