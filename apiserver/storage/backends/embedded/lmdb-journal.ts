/**
 * The journal of the embedded backend: two tables in one lmdb file.
 *
 * `log` maps a revision to its write, `meta` holds the format and the compaction revision. A commit is fsynced
 * before it is acknowledged. The file grows as needed; compaction makes room inside it, but does not shrink it.
 */
import { statSync } from 'node:fs';
import { open } from 'lmdb';
import type { Database, RootDatabase } from 'lmdb';
import { StoreError } from '../../store.js';
import type { Journal, LogEntry } from '../multiversion/journal.js';
import { checkLmdbFile } from './check-lmdb-file.js';
import { decodeLogEntry, encodeLogEntry } from './log-entry-codec.js';
import { reserveRoom } from './reserve-room.js';

const format = 1;
/** Entries removed in one transaction, so that compaction does not hold up writes. */
const dropChunk = 1_000;

export class LmdbJournal implements Journal {
  readonly #path: string;
  readonly #environment: RootDatabase;
  readonly #log: Database<Buffer, number>;
  readonly #meta: Database<number, string>;

  /** Opens or creates the file. Throws `corrupt` when it is not one of ours. */
  constructor(path: string) {
    this.#path = path;
    checkLmdbFile(path);
    try {
      this.#environment = open({
        path,
        noSubdir: true,
        maxDbs: 2,
        // Without this a commit is acknowledged before it is on the disk.
        overlappingSync: false,
        // Transactions are grouped by the store; no need to wait for more.
        commitDelay: 0,
        // The data is the apiserver's alone; pages may hold old bytes of the same store.
        noMemInit: true,
      });
      this.#log = this.#environment.openDB('log', { encoding: 'binary' });
      this.#meta = this.#environment.openDB('meta', { encoding: 'ordered-binary' });
    } catch (cause) {
      throw new StoreError('corrupt', `${path} cannot be opened as a store`, { cause });
    }
    reserveRoom(path);
    const found = this.#meta.get('format');
    if (found === undefined) this.#meta.putSync('format', format);
    else if (found !== format) {
      throw new StoreError('corrupt', `${path} has format ${found}; this version of Knarr reads ${format}`);
    }
  }

  get compactRevision(): number {
    return this.#meta.get('compactRevision') ?? 0;
  }

  /** All entries in the order of their revisions. */
  *entries(): IterableIterator<LogEntry> {
    for (const { key, value } of this.#log.getRange({ snapshot: true })) yield decodeLogEntry(key, value);
  }

  async append(entries: readonly LogEntry[]): Promise<void> {
    await this.#commit(() => {
      for (const entry of entries) this.#write(this.#log.put(entry.revision, encodeLogEntry(entry)));
    });
  }

  async compact(compactRevision: number, dropRevisions: readonly number[]): Promise<void> {
    // First of all, so that a crash half-way leaves entries too many and never a history with holes.
    await this.#commit(() => {
      this.#write(this.#meta.put('compactRevision', compactRevision));
    });
    for (let start = 0; start < dropRevisions.length; start += dropChunk) {
      await this.#commit(() => {
        for (const revision of dropRevisions.slice(start, start + dropChunk)) {
          this.#write(this.#log.remove(revision));
        }
      });
    }
  }

  sizeBytes(): number {
    return statSync(this.#path).size;
  }

  async close(): Promise<void> {
    await this.#environment.close();
  }

  /** One transaction; resolves when it is on the disk. */
  async #commit(writes: () => void): Promise<void> {
    try {
      await this.#environment.batch(writes);
    } catch (error) {
      throw new Error('lmdb could not commit', { cause: await reasonOf(error) });
    }
  }

  /** The promise of one operation fails together with that of its batch, which is the one awaited. */
  #write(operation: Promise<boolean>): void {
    operation.catch(() => undefined);
  }
}

/** lmdb rejects with an error that holds the promise of another one, which tells why. */
async function reasonOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  try {
    await Promise.race([error.commitError, new Promise((resolve) => setImmediate(resolve))]);
    return error;
  } catch (reason) {
    return reason;
  }
}
