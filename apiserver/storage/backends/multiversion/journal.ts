/**
 * The port below the multi-version core: an append-only log of writes that survives the process.
 *
 * The memory backend has a journal that forgets everything, the embedded one writes to lmdb.
 */

/** One write of the store. There is exactly one entry per revision. */
export interface LogEntry {
  readonly revision: number;
  readonly type: 'put' | 'delete';
  readonly key: string;
  /** Revision of the write that created the key; of a deletion, its own revision. */
  readonly createRevision: number;
  /** Empty for a deletion. */
  readonly value: Uint8Array;
  /** Milliseconds since the epoch after which the record is to be removed. */
  readonly expiresAtMs: number | undefined;
}

export interface Journal {
  /** Resolves when all entries are durable, as one. A rejection means that it is not known whether they are. */
  append(entries: readonly LogEntry[]): Promise<void>;
  /**
   * Drops superseded entries and records the new compaction revision, in the same order as appends. Idempotent.
   */
  compact(compactRevision: number, dropRevisions: readonly number[]): Promise<void>;
  sizeBytes(): number;
  close(): Promise<void>;
}

/** Keeps nothing: a store that lives as long as its process. */
export const forgetfulJournal: Journal = {
  append: () => Promise.resolve(),
  compact: () => Promise.resolve(),
  sizeBytes: () => 0,
  close: () => Promise.resolve(),
};
