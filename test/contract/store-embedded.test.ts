/** What only the embedded backend promises: its files, its lock, and what it does on a bad or full disk. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { Test } from 'tap';
import { openEmbeddedStore } from '../../apiserver/storage/backends/embedded/embedded-store.js';
import type { EmbeddedStoreOptions } from '../../apiserver/storage/backends/embedded/embedded-store.js';
import type { Store } from '../../apiserver/storage/store.js';
import { silentLogger as log } from '../../common/log.js';
import { BadDisk } from '../support/bad-disk.js';
import { until } from '../support/until.js';
import { bytes, text, WatchRecording } from './store-watching.js';

const writerProgram = fileURLToPath(new URL('./store-embedded-writer.js', import.meta.url));

function folder(t: { teardown(run: () => void): void }): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'knarr-embedded-'));
  t.teardown(() => {
    rmSync(dataDir, { recursive: true, force: true });
  });
  return dataDir;
}

const open = (dataDir: string, options: Partial<EmbeddedStoreOptions> = {}): Promise<Store> =>
  openEmbeddedStore({ backend: 'embedded', dataDir, log, ...options });

function revisionOf(result: object): number {
  if ('revision' in result && typeof result.revision === 'number') return result.revision;
  throw new Error('the write was refused');
}

void t.test('a second process is refused and told who has the data', async (t) => {
  const dataDir = folder(t);
  const first = await open(dataDir);
  const owner = new RegExp(`in use by process ${process.pid} on \\S+ \\(.*store-embedded\\.test\\.js.*\\)`);
  await t.rejects(open(dataDir), { code: 'locked', message: owner });
  const second = spawnSync(process.execPath, [writerProgram, dataDir, '0', '1'], { encoding: 'utf8' });
  t.not(second.status, 0);
  t.match(second.stderr, owner);
  await first.close();
  await (await open(dataDir)).close();
});

void t.test('the lock holds in another pid namespace', { skip: !isRoot() }, async (t) => {
  const dataDir = folder(t);
  const first = await open(dataDir);
  const args = ['--pid', '--fork', '--mount-proc', process.execPath, writerProgram, dataDir, '0', '1'];
  const second = spawnSync('unshare', args, { encoding: 'utf8' });
  t.match(second.stderr, new RegExp(`in use by process ${process.pid} `));
  await first.close();
  t.equal(
    spawnSync('unshare', args, { encoding: 'utf8' }).status,
    0,
    'and a later owner finds nothing stale',
  );
});

void t.test('what is not a store of ours is refused, and the lock released', async (t) => {
  const dataDir = folder(t);
  const log1 = join(dataDir, 'log-0000000000000001');
  writeFileSync(log1, 'not a log '.repeat(1_000));
  await t.rejects(open(dataDir), { code: 'corrupt', message: /is not a file of a store of Knarr/ });
  rmSync(log1);
  writeFileSync(join(dataDir, 'store.lmdb'), 'x');
  await t.rejects(open(dataDir), { code: 'corrupt', message: /store\.lmdb of a development version/ });
  rmSync(join(dataDir, 'store.lmdb'));
  const store = await open(dataDir);
  for (let i = 0; i < 50; i++) await store.create(`/registry/${i}`, Buffer.alloc(4_000, 'x'));
  await store.close();
  truncateSync(log1, 20_000);
  await t.rejects(open(dataDir), { code: 'corrupt', message: /verify.*restore/ });
  truncateSync(log1, 8192);
  await t.rejects(open(dataDir), {
    code: 'corrupt',
    message: /ended at byte \d+ and was cut off/,
  });
  rmSync(log1);
  await t.rejects(open(dataDir), {
    code: 'corrupt',
    message: /closed at revision 51 and its files end at 1/,
  });
});

void t.test('a log that is missing in the middle is noticed', async (t) => {
  const dataDir = folder(t);
  for (let i = 0; i < 3; i++) {
    const store = await open(dataDir);
    await store.create(`/registry/${i}`, bytes('x'));
    await store.close();
  }
  rmSync(join(dataDir, 'log-0000000000000002'));
  await t.rejects(open(dataDir), { code: 'corrupt', message: /goes on with revision 4 after 2/ });
});

void t.test('opening and closing without a write leaves no files behind', async (t) => {
  const dataDir = folder(t);
  for (let i = 0; i < 3; i++) await (await open(dataDir)).close();
  const store = await open(dataDir);
  await store.create('/registry/a', bytes('x'));
  await store.close();
  const names = readdirSync(dataDir);
  for (let i = 0; i < 3; i++) await (await open(dataDir)).close();
  t.same(readdirSync(dataDir), names);
  t.ok(names.includes('closed'));
});

void t.test('compaction gives room back while writes go on, and is there after a restart', async (t) => {
  const dataDir = folder(t);
  let store = await open(dataDir, {
    retention: { minRevisions: 10, maxRevisions: 500 },
    limits: { logBytes: 256 * 1024, minReplacedBytes: 512 * 1024 },
  });
  const value = Buffer.alloc(4_000, 'x');
  const live = 100;
  const revisions = await Promise.all(
    Array.from({ length: live }, async (_, i) => revisionOf(await store.create(`/registry/${i}`, value))),
  );
  let largest = 0;
  let written = 0;
  await Promise.all(
    revisions.map(async (first, i) => {
      let revision = first;
      for (let n = 0; n < 100; n++) {
        revision = revisionOf(await store.update(`/registry/${i}`, value, revision));
        written += value.length;
        if (i === 0) largest = Math.max(largest, (await store.status()).sizeBytes);
      }
    }),
  );
  // Live 0.4 MB, a snapshot being written beside it, 2 MB of history, and the logs that wait for a snapshot.
  t.ok(largest < 16_000_000, `${written} bytes were written over ${live * value.length}; largest ${largest}`);
  const { revision, compactRevision } = await store.status();
  t.ok(compactRevision > revision - 600, 'history was compacted by itself');
  await store.close();
  t.equal(readdirSync(dataDir).filter((name) => name.startsWith('snapshot-')).length, 1);
  store = await open(dataDir);
  t.match(await store.status(), { revision, compactRevision, keys: live });
  const seen = new WatchRecording(store, '/registry/', compactRevision);
  await seen.until('the history', () => seen.events.length === revision - compactRevision);
  await seen.stop();
  await store.close();
});

/** Fills a file system of its own until nothing more fits. */
function fillUp(path: string): void {
  for (const size of [1024 * 1024, 64 * 1024, 4096, 1]) {
    for (;;) {
      try {
        writeFileSync(path, Buffer.alloc(size), { flag: 'a' });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOSPC') break;
        throw error;
      }
    }
  }
}

async function fullDisk(t: Test, mounted: string): Promise<void> {
  const store = await open(mounted);
  const { revision } = await store.get('/');
  const watch = new WatchRecording(store, '/registry/', revision);
  const acknowledged = new Map<string, number>();
  const write = async (key: string): Promise<void> => {
    acknowledged.set(key, revisionOf(await store.create(key, Buffer.alloc(50_000, 'x'))));
  };
  for (let i = 0; i < 5; i++) await write(`/registry/before/${i}`);
  fillUp(join(mounted, 'filler'));

  const refused = await Promise.allSettled(
    Array.from({ length: 20 }, (_, i) => write(`/registry/full/${i}`)),
  );
  const failures = refused.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  t.ok(failures.length > 0, 'no room for all of them');
  for (const failure of failures) {
    t.match(failure, { name: 'StoreError', code: 'unavailable' });
    t.match(String(failure), `the disk under ${mounted} is full`);
  }
  t.match(await store.status(), { problem: { kind: 'refusing-writes', message: /is full/ } });
  t.equal((await store.range({ prefix: '/registry/' })).records.length, acknowledged.size, 'reads go on');

  rmSync(join(mounted, 'filler'));
  await until('the store takes writes again', async () => (await store.status()).problem === undefined);
  for (let i = 0; i < 5; i++) await write(`/registry/after/${i}`);
  await watch.until('every write', () => watch.events.length === acknowledged.size);
  t.same(
    new Map(watch.events.map((event) => [event.key, event.revision])),
    acknowledged,
    'a watch sees each acknowledged write once, and no other',
  );
  await watch.stop();
  await store.close();
  const again = await open(mounted);
  t.same(
    new Map(
      (await again.range({ prefix: '/registry/' })).records.map((record) => [record.key, record.modRevision]),
    ),
    acknowledged,
  );
  await again.close();
}

void t.test(
  'a full disk refuses writes, serves reads, and recovers by itself',
  { skip: !isRoot() },
  async (t) => {
    const base = folder(t);
    const image = join(base, 'disk');
    const mounted = join(base, 'small');
    mkdirSync(mounted);
    const kinds: Record<string, string[]> = {
      tmpfs: ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', mounted],
      ext4: ['-o', 'loop', image, mounted],
    };
    writeFileSync(image, Buffer.alloc(8 * 1024 * 1024));
    spawnSync('mkfs.ext4', ['-q', '-F', image]);
    for (const [kind, args] of Object.entries(kinds)) {
      await t.test(kind, async (t) => {
        t.equal(spawnSync('mount', args).status, 0);
        try {
          await fullDisk(t, mounted);
        } finally {
          spawnSync('umount', [mounted]);
        }
      });
    }
  },
);

void t.test('a store on a full disk opens and serves reads', { skip: !isRoot() }, async (t) => {
  const mounted = join(folder(t), 'small');
  mkdirSync(mounted);
  t.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', mounted]).status, 0);
  try {
    const store = await open(mounted);
    const revision = revisionOf(await store.create('/registry/a', bytes('one')));
    await store.close();
    fillUp(join(mounted, 'filler'));
    const again = await open(mounted);
    t.equal(text((await again.get('/registry/a')).record), 'one');
    await t.rejects(again.update('/registry/a', bytes('two'), revision), { code: 'unavailable' });
    rmSync(join(mounted, 'filler'));
    await until('it takes writes', async () => (await again.status()).problem === undefined);
    t.match(await again.update('/registry/a', bytes('two'), revision), { kind: 'updated' });
    await again.close();
  } finally {
    spawnSync('umount', [mounted]);
  }
});

void t.test('a disk that fails: only what was under way is in doubt, and it heals', async (t) => {
  const dataDir = folder(t);
  const disk = new BadDisk();
  const store = await open(dataDir, { openFile: disk.open });
  const first = revisionOf(await store.create('/registry/a', bytes('1')));
  disk.failWrites = disk.failTruncates = disk.tears = true;
  const large = Buffer.alloc(10_000, 'x');
  await t.rejects(store.update('/registry/a', large, first), { code: 'ambiguous', message: /EIO/ });
  await t.rejects(store.update('/registry/a', large, first), {
    code: 'unavailable',
    message: /EIO.*reads go on/,
  });
  t.equal(text((await store.get('/registry/a')).record), '1');
  const crashed = join(folder(t), 'copy');
  cpSync(dataDir, crashed, { recursive: true });

  disk.failTruncates = false;
  disk.tears = false;
  await t.rejects(store.update('/registry/a', large, first), { code: 'unavailable' });
  disk.failWrites = false;
  await until('the store takes writes again', async () => (await store.status()).problem === undefined);
  t.match(await store.update('/registry/a', bytes('2'), first), { kind: 'updated', revision: first + 1 });
  await store.close();
  const again = await open(dataDir);
  t.equal(text((await again.get('/registry/a')).record), '2');
  t.equal((await again.range({ prefix: '/' })).revision, first + 1);
  await again.close();

  const afterCrash = await open(crashed);
  t.equal(text((await afterCrash.get('/registry/a')).record), '1', 'what was torn was never acknowledged');
  await afterCrash.close();
});

void t.test('a slow disk is told, and what waits is written when it goes on', async (t) => {
  const dataDir = folder(t);
  const disk = new BadDisk();
  const store = await open(dataDir, { openFile: disk.open });
  let release = (): void => undefined;
  disk.hold = new Promise((resolve) => (release = resolve));
  const waiting = Array.from({ length: 50 }, (_, i) => store.create(`/registry/${i}`, bytes('x')));
  await until('it is told', async () => (await store.status()).problem?.kind === 'slow');
  release();
  disk.hold = undefined;
  t.ok((await Promise.all(waiting)).every((result) => result.kind === 'created'));
  await store.create('/registry/next', bytes('x'));
  t.equal((await store.status()).problem, undefined);
  await store.close();
});

function isRoot(): boolean {
  return process.getuid?.() === 0;
}
