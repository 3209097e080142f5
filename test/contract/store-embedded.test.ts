/** What only the embedded backend promises: its files, its lock, and that it survives being killed. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { openEmbeddedStore } from '../../apiserver/storage/backends/embedded/embedded-store.js';
import { silentLogger as log } from '../../common/log.js';
import type { Store } from '../../apiserver/storage/store.js';
import { text } from './store-watching.js';

const writerProgram = fileURLToPath(new URL('./store-embedded-writer.js', import.meta.url));

function folder(t: { teardown(run: () => void): void }): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'knarr-embedded-'));
  t.teardown(() => {
    rmSync(dataDir, { recursive: true, force: true });
  });
  return dataDir;
}

const open = (dataDir: string): Promise<Store> => openEmbeddedStore({ backend: 'embedded', dataDir, log });

interface Acknowledgement {
  readonly key: string;
  readonly revision: number;
  readonly value: string;
}

/** Runs the writer until it has acknowledged `count` writes, then kills it as a power cut would. */
async function writeAndKill(dataDir: string, round: number, count: number): Promise<Acknowledgement[]> {
  const child = spawn(process.execPath, [writerProgram, dataDir, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged: Acknowledgement[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(JSON.parse(line) as Acknowledgement);
    if (acknowledged.length === count) child.kill('SIGKILL');
  }
  return acknowledged;
}

void t.test('five rounds of kill -9 lose nothing that was acknowledged', async (t) => {
  const dataDir = folder(t);
  const expected = new Map<string, Acknowledgement>();
  let revision = 0;
  for (let round = 0; round < 5; round++) {
    const acknowledged = await writeAndKill(dataDir, round, 300 + 171 * round);
    t.ok(acknowledged.length >= 300, `round ${round}: ${acknowledged.length} acknowledged writes`);
    for (const write of acknowledged) {
      if (write.revision > (expected.get(write.key)?.revision ?? 0)) expected.set(write.key, write);
    }
    const store = await open(dataDir);
    const { records, revision: now } = await store.range({ prefix: '/registry/' });
    t.ok(now > revision, 'revisions never go back');
    revision = now;
    const found = new Map(records.map((record) => [record.key, record]));
    const lost = [...expected.values()].filter((write) => {
      const record = found.get(write.key);
      // A later write may be durable whose acknowledgement was cut off.
      if (record === undefined || record.modRevision < write.revision) return true;
      return record.modRevision === write.revision && text(record)?.slice(0, 40) !== write.value.slice(0, 40);
    });
    t.same(lost, []);
    await store.close();
  }
});

void t.test('a second process is refused and told who has the data', async (t) => {
  const dataDir = folder(t);
  const first = await open(dataDir);
  await t.rejects(open(dataDir), { code: 'locked', message: new RegExp(`process ${process.pid}\\b`) });
  const second = spawnSync(process.execPath, [writerProgram, dataDir, '0'], { encoding: 'utf8' });
  t.not(second.status, 0);
  t.match(second.stderr, new RegExp(`in use by process ${process.pid}\\b`));
  await first.close();
  await (await open(dataDir)).close();
});

void t.test('what is not a store of ours is refused, and the lock released', async (t) => {
  const dataDir = folder(t);
  writeFileSync(join(dataDir, 'store.lmdb'), 'not a database '.repeat(1_000));
  await t.rejects(open(dataDir), { code: 'corrupt' });
  rmSync(join(dataDir, 'store.lmdb'));
  const store = await open(dataDir);
  for (let i = 0; i < 50; i++) await store.create(`/registry/${i}`, Buffer.alloc(4_000));
  await store.close();
  truncateSync(join(dataDir, 'store.lmdb'), 20_000);
  await t.rejects(open(dataDir), { code: 'corrupt', message: /truncated/ });
  truncateSync(join(dataDir, 'store.lmdb'), 0);
  await (await open(dataDir)).close();
});

void t.test('compaction makes room that later writes use', async (t) => {
  const dataDir = folder(t);
  let store = await openEmbeddedStore({
    backend: 'embedded',
    dataDir,
    log,
    retention: { minRevisions: 10, maxRevisions: 200 },
  });
  const value = Buffer.alloc(4_000, 'x');
  const created = await store.create('/registry/a', value);
  let revision = 'revision' in created ? created.revision : 0;
  for (let i = 0; i < 3_000; i++) {
    const updated = await store.update('/registry/a', value, revision);
    revision = 'revision' in updated ? updated.revision : 0;
  }
  const { sizeBytes, compactRevision } = await store.status();
  t.ok(compactRevision > 2_700, 'history was compacted by itself');
  t.ok(sizeBytes < 10_000_000, `3,000 writes of 4 KB take ${sizeBytes} bytes`);
  await store.close();
  store = await open(dataDir);
  t.match(await store.status(), { revision, compactRevision });
  await store.close();
});

void t.test('a full disk refuses writes and keeps what was written', { skip: !canMount() }, async (t) => {
  const dataDir = folder(t);
  const mounted = join(dataDir, 'small');
  mkdirSync(mounted);
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', mounted]);
  try {
    const store = await open(mounted);
    const written: string[] = [];
    let failure: unknown;
    for (let i = 0; failure === undefined && i < 100; i++) {
      try {
        await store.create(`/registry/${i}`, Buffer.alloc(100_000));
        written.push(`/registry/${i}`);
      } catch (error) {
        failure = error;
      }
    }
    t.match(failure, { name: 'StoreError', code: 'ambiguous' });
    await t.rejects(store.create('/registry/x', Buffer.alloc(1)), { code: 'unavailable' });
    t.same((await store.range({ prefix: '/registry/' })).records.length, written.length);
    await store.close();
    const again = await open(mounted);
    const found = new Set((await again.range({ prefix: '/registry/' })).records.map((record) => record.key));
    t.ok(written.length > 5 && written.every((key) => found.has(key)));
    await again.close();
  } finally {
    spawnSync('umount', [mounted]);
  }
});

/** False says why it is skipped: mounting needs root. */
function canMount(): boolean {
  return process.getuid?.() === 0;
}
