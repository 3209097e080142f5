/** The default backend: the multi-version core with its journal in files, in one process and one directory. */
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { systemClock } from '../../../../common/clock.js';
import type { Clock } from '../../../../common/clock.js';
import type { Logger } from '../../../../common/log.js';
import { openDurableFile } from '../../record-file/durable-file.js';
import type { OpenDurableFile } from '../../record-file/durable-file.js';
import type { Damage } from '../../record-file/read-record-file.js';
import { StoreError } from '../../store.js';
import type { Store } from '../../store.js';
import type { RetentionLimits } from '../multiversion/history-retention.js';
import type { Journal } from '../multiversion/journal.js';
import { MultiVersionStore } from '../multiversion/multiversion-store.js';
import { serveAdmin } from './admin-socket.js';
import { lockDataDir } from './lock-data-dir.js';
import { LogJournal } from './log-journal.js';
import type { LogLimits } from './log-journal.js';
import { readStoreFiles } from './read-store-files.js';
import type { LogFacts, StoreContents } from './read-store-files.js';
import { findStoreFiles } from './store-files.js';
import type { StoreFiles } from './store-files.js';

export interface EmbeddedStoreOptions {
  readonly backend: 'embedded';
  /** Made when it is not there; store-files.ts tells what it holds. */
  readonly dataDir: string;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly retention?: Partial<RetentionLimits>;
  /** How files are written: tests put a failing disk here. */
  readonly openFile?: OpenDurableFile;
  readonly limits?: Partial<LogLimits>;
  /** Answers `knarr store` on a socket in the directory. */
  readonly servesAdmin?: boolean;
}

/** Opens the directory and reads it whole. Throws `locked`, `corrupt` or the error of the file system. */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<Store> {
  const { dataDir, log, clock = systemClock, openFile = openDurableFile } = options;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const unlock = lockDataDir(dataDir);
  try {
    const startMs = performance.now();
    const files = await findStoreFiles(dataDir);
    refuseOldFormat(dataDir, files);
    const contents = await readStoreFiles(files, refuse);
    const logs = await tidyUp(files, contents, openFile);
    const { state } = contents;
    log.info('the embedded store is open', {
      dataDir,
      revision: state.revision,
      compactRevision: state.compactRevision,
      keys: state.keys,
      milliseconds: Math.round(performance.now() - startMs),
    });
    const journal = new LogJournal({
      dataDir,
      log,
      clock,
      contents: { logs, snapshot: contents.snapshot },
      revision: state.revision,
      isMarkedClosed: files.closed !== undefined,
      openFile,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
    let stopAdmin = async (): Promise<void> => undefined;
    const store = new MultiVersionStore(state, {
      ...options,
      journal: withFarewell(journal, async () => {
        await stopAdmin();
        unlock();
      }),
      expiries: contents.expiries.values(),
    });
    if (options.servesAdmin === true) stopAdmin = await serveAdmin(dataDir, store, { log, clock });
    return store;
  } catch (error) {
    unlock();
    throw error;
  }
}

function refuse({ path, at, message }: Damage): never {
  throw new StoreError(
    'corrupt',
    `${path} is damaged at byte ${at}: ${message}. Nothing was changed. 'knarr store verify' lists all of the ` +
      `damage; to go on, move the folder away and bring back a snapshot with 'knarr store restore'`,
  );
}

/** Development versions before 0.1.0 kept the state in lmdb. An empty cluster in its place would be a bad surprise. */
function refuseOldFormat(dataDir: string, files: StoreFiles): void {
  if (!files.hasOldFormat) return;
  throw new StoreError(
    'corrupt',
    `${dataDir} holds store.lmdb of a development version, which is no longer read: move it away to begin anew`,
  );
}

/** Takes away what a crash left. Returns the logs that stay. */
async function tidyUp(
  files: StoreFiles,
  contents: StoreContents,
  openFile: OpenDurableFile,
): Promise<LogFacts[]> {
  for (const path of [...files.partial, ...files.snapshots.slice(0, -1).map((file) => file.path)]) {
    await rm(path);
  }
  const logs: LogFacts[] = [];
  for (const log of contents.logs) {
    if (log.usedBytes === 0) {
      await rm(log.path);
      continue;
    }
    if (log.usedBytes < log.sizeBytes) {
      const file = await openFile(log.path, 'existing');
      try {
        await file.truncate(log.usedBytes);
      } finally {
        await file.close();
      }
    }
    logs.push({ ...log, sizeBytes: log.usedBytes });
  }
  return logs;
}

/** The journal, with what is to be done when it is closed, however that goes. */
function withFarewell(journal: LogJournal, farewell: () => Promise<void>): Journal {
  return {
    append: (entries) => journal.append(entries),
    compact: (revision, recordsAt) => journal.compact(revision, recordsAt),
    recover: () => journal.recover(),
    sizeBytes: () => journal.sizeBytes(),
    close: async () => {
      try {
        await journal.close();
      } finally {
        await farewell();
      }
    },
  };
}
