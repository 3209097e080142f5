/**
 * The port below the multi-version core: a log of writes that survives the process.
 *
 * The memory backend has a journal that forgets everything, the embedded one writes to files.
 */
import type { StoredRecord } from '../../store.js';

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
  /**
   * Resolves when all entries are durable, as one. Rejects with StoreError `unavailable` when none of them is on
   * the disk, and `ambiguous` when that cannot be told; then {@link recover} comes before anything else.
   */
  append(entries: readonly LogEntry[]): Promise<void>;
  /**
   * Notes that history before `revision` is forgotten, in the same order as appends; rejects as `append` does.
   * May use `recordsAt`, the state as of that revision, once and before it resolves, to give room back.
   */
  compact(revision: number, recordsAt: () => readonly StoredRecord[]): Promise<void>;
  /**
   * After a rejection: makes sure that nothing of what was rejected is on the disk, and that the disk takes writes
   * again. Rejects while that is not so, and may be called again.
   */
  recover(): Promise<void>;
  sizeBytes(): number;
  close(): Promise<void>;
}

/** Keeps nothing: a store that lives as long as its process. */
export const forgetfulJournal: Journal = {
  append: () => Promise.resolve(),
  compact: () => Promise.resolve(),
  recover: () => Promise.resolve(),
  sizeBytes: () => 0,
  close: () => Promise.resolve(),
};
