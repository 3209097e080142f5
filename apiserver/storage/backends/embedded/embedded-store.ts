/** The default backend: the multi-version core with its journal in lmdb, in one process and one directory. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../../../common/clock.js';
import type { Logger } from '../../../../common/log.js';
import type { Store } from '../../store.js';
import type { Expiry } from '../multiversion/expiry-queue.js';
import type { RetentionLimits } from '../multiversion/history-retention.js';
import type { Journal, LogEntry } from '../multiversion/journal.js';
import { MultiVersionState } from '../multiversion/multiversion-state.js';
import { MultiVersionStore } from '../multiversion/multiversion-store.js';
import { LmdbJournal } from './lmdb-journal.js';
import { lockDataDir } from './lock-data-dir.js';

export interface EmbeddedStoreOptions {
  readonly backend: 'embedded';
  /** Made when it is not there. Holds `store.lmdb` and `store.lock`. */
  readonly dataDir: string;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly retention?: Partial<RetentionLimits>;
}

/** Opens the directory and reads it whole. Throws `locked`, `corrupt` or the error of the file system. */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<Store> {
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const unlock = lockDataDir(options.dataDir);
  let lmdb: LmdbJournal | undefined;
  try {
    const startMs = performance.now();
    lmdb = new LmdbJournal(join(options.dataDir, 'store.lmdb'));
    const state = new MultiVersionState();
    const expiries = new Map<string, Expiry>();
    const leftOver = state.restore(noteExpiries(lmdb.entries(), expiries), lmdb.compactRevision);
    if (leftOver.length > 0) await lmdb.compact(lmdb.compactRevision, leftOver);
    options.log.info('the embedded store is open', {
      dataDir: options.dataDir,
      revision: state.revision,
      compactRevision: state.compactRevision,
      milliseconds: Math.round(performance.now() - startMs),
    });
    return new MultiVersionStore(state, {
      ...options,
      journal: unlockedAtTheEnd(lmdb, unlock),
      expiries: expiries.values(),
    });
  } catch (error) {
    await lmdb?.close();
    unlock();
    throw error;
  }
}

function* noteExpiries(entries: Iterable<LogEntry>, expiries: Map<string, Expiry>): Generator<LogEntry> {
  for (const entry of entries) {
    const { key, revision, expiresAtMs: atMs } = entry;
    if (atMs === undefined) expiries.delete(key);
    else expiries.set(key, { key, revision, atMs });
    yield entry;
  }
}

function unlockedAtTheEnd(journal: LmdbJournal, unlock: () => void): Journal {
  return {
    append: (entries) => journal.append(entries),
    compact: (revision, drop) => journal.compact(revision, drop),
    sizeBytes: () => journal.sizeBytes(),
    close: async () => {
      await journal.close();
      unlock();
    },
  };
}
