/**
 * The apiserver's copy of the store: current records by key, and the recent events that watches resume from.
 *
 * One store watch feeds everybody. Values are the store's own bytes, shared and never changed. A watcher is a
 * position in a ring of events that it pulls from at its own pace, so a slow one costs nothing but its position:
 * when the ring has passed it, it is told `compacted`, which a handler answers as 410 (Kubernetes' watch cache
 * and its "too old resource version").
 */
import { backoffDelayMs } from '../../common/backoff.js';
import { sleep, systemClock } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import { SortedMap } from '../../common/sorted-map.js';
import { StoreError } from './store.js';
import type { RangeResult, Store, StoredRecord, StoreEvent, WatchBatch } from './store.js';
import { keyOf, readRange, revisionOf } from './read-range.js';
import { eventBytes, WatchCacheRing } from './watch-cache-ring.js';
import type { RingLimits } from './watch-cache-ring.js';

export interface WatchCacheOptions {
  readonly log: Logger;
  readonly clock?: Clock;
  /** What is mirrored; all keys of a cluster unless told. */
  readonly prefix?: string;
  readonly ring?: Partial<RingLimits>;
}

export interface CacheListOptions {
  readonly prefix: string;
  readonly startKey?: string;
  readonly limit?: number;
}

export interface CacheWatchOptions {
  readonly prefix: string;
  readonly afterRevision: number;
  readonly signal: AbortSignal;
}

/** A watch on the cache. Its batches always hold events, never half of a revision. */
export interface CacheWatch extends AsyncIterable<WatchBatch> {
  /** Every event up to this revision was yielded: what a bookmark may say. */
  readonly progressRevision: number;
}

const defaultRing: RingLimits = { maxEvents: 10_000, maxBytes: 16 * 1024 * 1024 };
/** The list begins so many revisions in the past, so that clients resume their watches after a restart. */
const replayedRevisions = 1_000;
const listChunk = 500;
/** A batch is cut here, so that a watcher far behind does not take all events in one piece. */
const batchBytes = 1024 * 1024;
const retry = { initialMs: 200, maxMs: 10_000, jitter: 0.3 };

export class WatchCache {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #ring: WatchCacheRing;

  #records = new SortedMap<StoredRecord>();
  #revision = 0;
  /** The records were listed at this revision; older events only fill the ring. */
  #listRevision = 0;
  #replayFrom = 0;
  /** How far the store's watch has come: at first behind the list. */
  #streamRevision = 0;
  #synced = false;
  #ended = false;
  readonly #idle = new Map<string, Set<Watcher>>();
  readonly #revisionWaiters = new Set<{ readonly revision: number; readonly wake: () => void }>();

  constructor(store: Store, options: WatchCacheOptions) {
    this.#store = store;
    this.#log = options.log;
    this.#clock = options.clock ?? systemClock;
    this.#prefix = options.prefix ?? '/registry/';
    this.#ring = new WatchCacheRing({ ...defaultRing, ...options.ring });
  }

  /** True once the cache holds everything that the store held when it began. */
  get ready(): boolean {
    return this.#synced && !this.#ended;
  }

  /** The revision that the cache shows. */
  get revision(): number {
    return this.#revision;
  }

  /** A watch can begin after this revision, or after any later one. */
  get oldestRevision(): number {
    return this.#ring.completeAfter;
  }

  get size(): number {
    return this.#records.size;
  }

  /**
   * Lists and watches the store until the signal aborts or the store is closed; errors are logged and retried.
   * Called once, by the owner, who awaits it. All watches end with it.
   */
  async run(signal: AbortSignal): Promise<void> {
    let mustList = true;
    let failures = 0;
    try {
      while (!signal.aborted) {
        try {
          if (mustList) await this.#load(signal);
          mustList = false;
          await this.#follow(signal, () => {
            failures = 0;
          });
          return;
        } catch (error) {
          if (isAborted(signal)) return;
          if (error instanceof StoreError && error.code === 'closed') return;
          if (error instanceof StoreError && error.code === 'compacted') {
            mustList = !this.#shortenReplay(error);
            continue;
          }
          this.#log.warn('the watch of the store failed; it goes on where it was', { err: error });
          await sleep(this.#clock, backoffDelayMs(failures++, retry), signal);
        }
      }
    } finally {
      this.#end();
    }
  }

  /** Resolves when the cache is ready; rejects with the signal's reason, or `closed` when the cache has ended. */
  async whenReady(signal?: AbortSignal): Promise<void> {
    await this.waitForRevision(0, signal);
  }

  /**
   * Resolves when the cache shows at least this revision: how a read becomes no older than one's own write.
   * Rejects with the signal's reason, or with `closed`.
   */
  async waitForRevision(revision: number, signal?: AbortSignal): Promise<void> {
    while (!this.#synced || this.#revision < revision) await this.#waitFor(revision, signal);
  }

  get(key: string): StoredRecord | undefined {
    return this.#records.get(key);
  }

  /** Records of a prefix in key order, from `startKey` on. `remaining` counts those beyond `limit`. */
  list(options: CacheListOptions): RangeResult {
    return { ...readRange(this.#records, options), revision: this.#revision };
  }

  /**
   * Events of a prefix above `afterRevision`: at once those of the ring, then each as it comes. Ends without an
   * error when the signal aborts or the cache ends. Throws `compacted`, here or while iterating, when events are
   * gone that it had to deliver.
   */
  watch(options: CacheWatchOptions): CacheWatch {
    return new Watcher(this, options);
  }

  /** For {@link Watcher}: where to begin. */
  positionAfter(revision: number): number {
    if (revision < this.#ring.completeAfter) throw this.#compacted(revision);
    return this.#ring.positionAfter(revision);
  }

  get endPosition(): number {
    return this.#ring.end;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** For {@link Watcher}: events from a position on, and the position after them. */
  collect(
    from: number,
    prefix: string,
    afterRevision: number,
  ): { readonly events: StoreEvent[]; readonly next: number; readonly revision: number } {
    if (from < this.#ring.first) throw this.#compacted(afterRevision);
    const events: StoreEvent[] = [];
    let bytes = 0;
    let seen = afterRevision;
    for (let position = from; position < this.#ring.end; position++) {
      const event = this.#ring.at(position);
      const revision = revisionOf(event);
      // A revision is never cut in two.
      if (bytes >= batchBytes && revision > seen) return { events, next: position, revision: seen };
      if (revision <= afterRevision) continue;
      seen = revision;
      if (!keyOf(event).startsWith(prefix)) continue;
      events.push(event);
      bytes += eventBytes(event);
    }
    return { events, next: this.#ring.end, revision: Math.max(seen, this.#streamRevision) };
  }

  /** For {@link Watcher}: nothing up to here is still to come from the store. */
  get streamRevision(): number {
    return this.#streamRevision;
  }

  /** For {@link Watcher}: wake me when an event of my prefix comes. */
  addIdle(watcher: Watcher): void {
    let watchers = this.#idle.get(watcher.prefix);
    if (watchers === undefined) {
      watchers = new Set();
      this.#idle.set(watcher.prefix, watchers);
    }
    watchers.add(watcher);
  }

  removeIdle(watcher: Watcher): void {
    const watchers = this.#idle.get(watcher.prefix);
    watchers?.delete(watcher);
    if (watchers?.size === 0) this.#idle.delete(watcher.prefix);
  }

  /**
   * Reads everything as it is now. The watch then begins a little before that: what it replays fills the ring, so
   * that clients of an apiserver that restarted resume their watches instead of listing everything again.
   */
  async #load(signal: AbortSignal): Promise<void> {
    const loaded = new SortedMap<StoredRecord>();
    let at: { revision: number; startKey: string } | undefined;
    for (;;) {
      const page = await this.#store.range({ prefix: this.#prefix, limit: listChunk, ...at }, signal);
      for (const record of page.records) loaded.set(record.key, record);
      const last = page.records.at(-1);
      at = { revision: page.revision, startKey: `${last?.key ?? ''}\0` };
      if (page.remaining === 0 || last === undefined) break;
    }
    this.#records = loaded;
    this.#revision = at.revision;
    this.#listRevision = at.revision;
    this.#synced = true;
    this.#replayAfter(Math.max(1, at.revision - replayedRevisions));
    this.#wakeRevisionWaiters();
  }

  #replayAfter(revision: number): void {
    this.#replayFrom = revision;
    this.#streamRevision = revision;
    this.#ring.reset(revision);
    // Who waits here may miss events from now on, and finds out when woken.
    this.#wakeAllIdle();
  }

  /** When the replay reached too far back, it begins where history does; false when events were really missed. */
  #shortenReplay(error: StoreError): boolean {
    if (this.#streamRevision !== this.#replayFrom || this.#replayFrom >= this.#listRevision) {
      this.#log.warn('the watch cache fell behind the history of the store and lists again', { err: error });
      return false;
    }
    const oldest = Math.max(this.#replayFrom + 1, error.compactRevision ?? this.#listRevision);
    this.#replayAfter(Math.min(this.#listRevision, oldest));
    return true;
  }

  async #follow(signal: AbortSignal, onProgress: () => void): Promise<void> {
    const afterRevision = this.#streamRevision;
    for await (const batch of this.#store.watch({ prefix: this.#prefix, afterRevision, signal })) {
      for (const event of batch.events) this.#apply(event);
      this.#streamRevision = Math.max(this.#streamRevision, batch.revision);
      this.#revision = Math.max(this.#revision, this.#streamRevision);
      this.#wakeRevisionWaiters();
      onProgress();
    }
  }

  #apply(event: StoreEvent): void {
    const revision = revisionOf(event);
    if (revision > this.#listRevision) {
      if (event.type === 'put') this.#records.set(event.record.key, event.record);
      else this.#records.delete(event.key);
    }
    const position = this.#ring.end;
    this.#ring.add(event);
    const key = keyOf(event);
    for (const [prefix, watchers] of this.#idle) {
      if (!key.startsWith(prefix)) continue;
      this.#idle.delete(prefix);
      for (const watcher of watchers) watcher.wakeAt(position);
    }
  }

  #wakeRevisionWaiters(): void {
    for (const waiter of this.#revisionWaiters) {
      if (this.#revision >= waiter.revision) waiter.wake();
    }
  }

  #waitFor(revision: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(new StoreError('closed', 'the watch cache has ended'));
        return;
      }
      signal?.throwIfAborted();
      const finish = (): void => {
        this.#revisionWaiters.delete(waiter);
        signal?.removeEventListener('abort', finish);
        if (signal?.aborted === true) reject(signal.reason as Error);
        else resolve();
      };
      const waiter = { revision, wake: finish };
      this.#revisionWaiters.add(waiter);
      signal?.addEventListener('abort', finish, { once: true });
    });
  }

  #wakeAllIdle(): void {
    const idle = [...this.#idle.values()];
    this.#idle.clear();
    for (const watchers of idle) for (const watcher of watchers) watcher.wake();
  }

  #end(): void {
    this.#ended = true;
    this.#wakeAllIdle();
    for (const waiter of this.#revisionWaiters) waiter.wake();
  }

  #compacted(revision: number): StoreError {
    return new StoreError(
      'compacted',
      `events after revision ${revision} are gone: the oldest kept are those after ${this.#ring.completeAfter}`,
      { compactRevision: this.#ring.completeAfter },
    );
  }
}

/** One watch: a prefix and a position in the ring. */
class Watcher implements CacheWatch {
  readonly prefix: string;
  readonly #cache: WatchCache;
  readonly #signal: AbortSignal;
  #position: number;
  #afterRevision: number;
  #wake: (() => void) | undefined;

  constructor(cache: WatchCache, options: CacheWatchOptions) {
    this.#cache = cache;
    this.prefix = options.prefix;
    this.#signal = options.signal;
    this.#afterRevision = options.afterRevision;
    this.#position = cache.positionAfter(options.afterRevision);
  }

  get progressRevision(): number {
    return this.#wake === undefined
      ? this.#afterRevision
      : Math.max(this.#afterRevision, this.#cache.streamRevision);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchBatch, undefined> {
    const onAbort = (): void => {
      this.wake();
    };
    this.#signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!this.#signal.aborted && !this.#cache.ended) {
        const { events, next, revision } = this.#cache.collect(
          this.#position,
          this.prefix,
          this.#afterRevision,
        );
        this.#position = next;
        this.#afterRevision = revision;
        if (events.length > 0) yield { events, revision };
        else if (next === this.#cache.endPosition) await this.#idle();
      }
    } finally {
      this.#signal.removeEventListener('abort', onAbort);
    }
  }

  /** Called by the cache when the event at this position is for us; those before it were not. */
  wakeAt(position: number): void {
    this.#position = position;
    this.wake();
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  async #idle(): Promise<void> {
    this.#cache.addIdle(this);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#cache.removeIdle(this);
  }
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
