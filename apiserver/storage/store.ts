/**
 * The storage seam: everything above it (watch cache, handlers) is the same on every engine.
 *
 * Keys are slash-separated paths as Kubernetes lays them out in etcd, `/registry/<resource>/[<namespace>/]<name>`.
 * Values are opaque bytes. Revisions are positive integers that grow by one with every write of the whole store
 * and are the cluster's resourceVersions. A write is acknowledged only once it is durable, and no read or watch
 * shows a write before that. Every method may be called concurrently.
 *
 * Implementations: `backends/embedded`, `backends/etcd` and the in-memory twin for tests; all of them pass
 * `test/contract/store.ts`. They are named in `backends/registry.ts`.
 */

export interface StoredRecord {
  readonly key: string;
  readonly value: Uint8Array;
  /** Revision of the write that created the key. */
  readonly createRevision: number;
  /** Revision of the last write of the key. */
  readonly modRevision: number;
  /** Milliseconds since the epoch after which it is removed; absent when never, or when the engine does not say. */
  readonly expiresAtMs?: number;
}

export type StoreEvent =
  | { readonly type: 'put'; readonly record: StoredRecord; readonly previous: StoredRecord | undefined }
  /** `revision` is that of the deletion; `previous` is what was deleted. */
  | {
      readonly type: 'delete';
      readonly key: string;
      readonly revision: number;
      readonly previous: StoredRecord;
    };

/** What a watch yields: events in revision order, never half of a revision; `revision` is how far it has seen. */
export interface WatchBatch {
  readonly events: readonly StoreEvent[];
  readonly revision: number;
}

export interface RangeOptions {
  /** All keys that start with this. */
  readonly prefix: string;
  /** Begin at this key (inclusive) instead of the first of the prefix: how a chunked list goes on. */
  readonly startKey?: string;
  /** Read as of this revision instead of now. Throws `compacted` or `future-revision`. */
  readonly revision?: number;
  /** At most so many records. */
  readonly limit?: number;
}

export interface RangeResult {
  readonly records: readonly StoredRecord[];
  /** The revision that was read. */
  readonly revision: number;
  /** How many records of the range lie beyond `limit`. */
  readonly remaining: number;
}

export type CreateResult =
  | { readonly kind: 'created'; readonly revision: number }
  | { readonly kind: 'exists'; readonly record: StoredRecord };

/** `current` is undefined when the key is not there (any more). */
export type UpdateResult =
  | { readonly kind: 'updated'; readonly revision: number }
  | { readonly kind: 'conflict'; readonly current: StoredRecord | undefined };

export type DeleteResult =
  | { readonly kind: 'deleted'; readonly revision: number; readonly record: StoredRecord }
  | { readonly kind: 'conflict'; readonly current: StoredRecord | undefined };

export interface StoreStatus {
  /** `embedded`, `etcd`, `memory`. */
  readonly backend: string;
  readonly revision: number;
  /** Reads and watches before this revision fail with `compacted`. 0 when nothing was compacted. */
  readonly compactRevision: number;
  /** What the store takes on its disk. */
  readonly sizeBytes: number;
  /** Records that are there now, and the bytes of their values; absent when the engine does not say. */
  readonly keys?: number;
  readonly liveBytes?: number;
  /** Absent when all is well. */
  readonly problem?: StoreProblem;
}

/** What is wrong with a store that still answers reads and watches. It clears up by itself when its cause does. */
export interface StoreProblem {
  /** `refusing-writes`: writes are answered `unavailable`. `slow`: they are taken and wait long. */
  readonly kind: 'refusing-writes' | 'slow';
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
  /** One sentence for people: what, where, for how long. */
  readonly message: string;
}

export interface Store {
  /** The record of a key, or undefined, with the revision that was read. Linearizable. */
  get(
    key: string,
    signal?: AbortSignal,
  ): Promise<{ readonly record: StoredRecord | undefined; readonly revision: number }>;
  /** A consistent snapshot of a range in key order. Linearizable where no revision is given. */
  range(options: RangeOptions, signal?: AbortSignal): Promise<RangeResult>;
  /** Writes a key that must not exist. With `ttlSeconds` the record is removed after that time (Events). */
  create(key: string, value: Uint8Array, options?: { readonly ttlSeconds?: number }): Promise<CreateResult>;
  /** Compare and swap: replaces the value if its modRevision is `expectedModRevision`. */
  update(
    key: string,
    value: Uint8Array,
    expectedModRevision: number,
    options?: { readonly ttlSeconds?: number },
  ): Promise<UpdateResult>;
  /** Compare and delete. */
  delete(key: string, expectedModRevision: number): Promise<DeleteResult>;
  /**
   * All events of a prefix with a revision above `afterRevision`, then those to come, until the signal aborts
   * (the iterator then ends without an error). Batches without events report progress of the revision.
   * Throws `compacted` when that history is gone. Resumes by itself after a lost connection, without a gap.
   */
  watch(options: {
    readonly prefix: string;
    readonly afterRevision: number;
    readonly signal: AbortSignal;
  }): AsyncIterable<WatchBatch>;
  /**
   * Makes open watches report the revision that the store has by now, also where nothing of their prefix was written.
   * False where the engine cannot be relied on for that: a reader that needs to be fresh then reads the store. With
   * `mayWrite`, such an engine writes a record of its own for it, which no reader sees; the watches report that.
   */
  requestProgress(options?: { readonly mayWrite?: boolean }): boolean;
  /** Revisions before this one are gone, as far as this process knows: never read one from a cache, either. */
  readonly compactedBefore: number;
  /** Forgets history before `revision`; the state as of `revision` stays readable. */
  compact(revision: number): Promise<void>;
  status(): Promise<StoreStatus>;
  /** Ends all watches, finishes writes under way, releases the engine. Idempotent. */
  close(): Promise<void>;
}

export type StoreErrorCode =
  /** The revision asked for is older than the history kept. */
  | 'compacted'
  /** The revision asked for does not exist yet. */
  | 'future-revision'
  /** The engine cannot be reached or refuses (disk full, no leader): nothing was done, and it may be tried again. */
  | 'unavailable'
  /** It is not known whether the write was applied. */
  | 'ambiguous'
  /** Another process owns the data. */
  | 'locked'
  | 'too-large'
  | 'corrupt'
  | 'closed';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  /** With `compacted`: the oldest revision that can still be read. */
  readonly compactRevision: number | undefined;

  constructor(
    code: StoreErrorCode,
    message: string,
    options: { cause?: unknown; compactRevision?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.compactRevision = options.compactRevision;
  }
}
