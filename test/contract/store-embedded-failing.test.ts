/**
 * A disk that fails again and again, torn writes and failed repairs included: nothing acknowledged is lost or
 * doubled, in the process and in what a crash at that moment would leave. Seeded: argument 1.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { openEmbeddedStore } from '../../apiserver/storage/backends/embedded/embedded-store.js';
import { openDurableFile } from '../../apiserver/storage/record-file/durable-file.js';
import type { OpenDurableFile } from '../../apiserver/storage/record-file/durable-file.js';
import { StoreError } from '../../apiserver/storage/store.js';
import type { Store } from '../../apiserver/storage/store.js';
import { ManualClock } from '../../common/clock.js';
import { silentLogger as log } from '../../common/log.js';
import { seededRandom } from '../support/seeded-random.js';

const random = seededRandom(Number(process.argv[2] ?? 1));
const base = mkdtempSync(join(tmpdir(), 'knarr-failing-'));
t.teardown(() => {
  rmSync(base, { recursive: true, force: true });
});

const ioError = (): Error => Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });

/** One write in 30 fails, most of them with a part done; every third repair fails, too. */
const failingDisk: OpenDurableFile = async (path, mode) => {
  const file = await openDurableFile(path, mode);
  return {
    write: async (pieces, at) => {
      if (random() > 1 / 30) return file.write(pieces, at);
      const bytes = Buffer.concat(pieces);
      // Sometimes all of it is there, and only the answer is lost.
      const part = Math.min(bytes.length, Math.floor(random() * bytes.length * 1.2));
      await file.write([bytes.subarray(0, part)], at);
      throw ioError();
    },
    truncate: async (length) => {
      if (random() < 1 / 3) throw ioError();
      await file.truncate(length);
    },
    close: () => file.close(),
  };
};

/** A thread of the store may rename a file that has just been listed: then the copy is made anew. */
function copyFolder(from: string, to: string): void {
  for (;;) {
    try {
      cpSync(from, to, { recursive: true });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      rmSync(to, { recursive: true, force: true });
    }
  }
}

void t.test('a disk that fails again and again', async (t) => {
  const clock = new ManualClock();
  const dataDir = join(base, 'store');
  const store = await openEmbeddedStore({
    backend: 'embedded',
    dataDir,
    log,
    clock,
    openFile: failingDisk,
    retention: { minRevisions: 20, maxRevisions: 60 },
    limits: { logBytes: 100_000, minReplacedBytes: 100_000 },
  });
  const acknowledged = new Map<string, number>();
  const given = new Set<number>();
  const tally = { done: 0, unavailable: 0, ambiguous: 0, crashes: 0 };

  const write = async (key: string): Promise<void> => {
    const { record } = await store.get(key);
    if (record?.modRevision !== acknowledged.get(key)) t.fail(`${key} is not as it was acknowledged`);
    try {
      const value = Buffer.alloc(Math.floor(random() * 12_000), 'x');
      const result =
        record === undefined
          ? await store.create(key, value)
          : await store.update(key, value, record.modRevision);
      if (!('revision' in result)) throw new Error(`${key} was written by somebody else`);
      if (given.has(result.revision)) t.fail(`revision ${result.revision} was given twice`);
      given.add(result.revision);
      acknowledged.set(key, result.revision);
      tally.done++;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (error.code !== 'unavailable' && error.code !== 'ambiguous') throw error;
      tally[error.code]++;
    }
  };
  /** What a crash now would leave: everything acknowledged, and at most what was in doubt besides. */
  const crash = async (): Promise<void> => {
    const copy = join(base, `crash-${tally.crashes++}`);
    copyFolder(dataDir, copy);
    const again: Store = await openEmbeddedStore({ backend: 'embedded', dataDir: copy, log });
    for (const [key, revision] of acknowledged) {
      const found = (await again.get(key)).record?.modRevision ?? 0;
      if (found < revision) t.fail(`${key} at ${revision} is lost in a crash: there is ${found}`);
    }
    await again.close();
    rmSync(copy, { recursive: true });
  };

  for (let i = 0; i < 600; i++) {
    await Promise.all(Array.from({ length: 4 }, (_, writer) => write(`/registry/${writer}`)));
    if ((await store.status()).problem === undefined) continue;
    if (tally.crashes < 15) await crash();
    while ((await store.status()).problem !== undefined) {
      clock.advance(1_000);
      await setImmediate();
    }
  }
  t.ok(tally.done > 1_000 && tally.unavailable > 20 && tally.ambiguous > 5, JSON.stringify(tally));
  for (const [key, revision] of acknowledged) t.equal((await store.get(key)).record?.modRevision, revision);
  await store.close().catch((error: unknown) => {
    t.match(error, { code: 'EIO' }, 'also the last file may fail');
  });
  const again = await openEmbeddedStore({ backend: 'embedded', dataDir, log });
  for (const [key, revision] of acknowledged) t.equal((await again.get(key)).record?.modRevision, revision);
  await again.close();
});
