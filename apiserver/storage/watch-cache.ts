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
import { Deadline } from '../../common/deadline.js';
import type { Logger } from '../../common/log.js';
import { SortedMap } from '../../common/sorted-map.js';
import { CacheWatcher } from './cache-watcher.js';
import type { CacheWatch, CacheWatchOptions, CollectedEvents, WatchedEvents } from './cache-watcher.js';
import { IdleWatchers } from './idle-watchers.js';
import { keyOf, readRange, revisionOf } from './read-range.js';
import type { CacheMeter } from './storage-metrics.js';
import { StoreError } from './store.js';
import type { RangeOptions, RangeResult, Store, StoredRecord, StoreEvent } from './store.js';
import { eventBytes, WatchCacheRing } from './watch-cache-ring.js';
import type { RingLimits } from './watch-cache-ring.js';

export interface WatchCacheOptions {
  readonly log: Logger;
  readonly clock?: Clock;
  /** What is mirrored; all keys of a cluster unless told. */
  readonly prefix?: string;
  readonly ring?: Partial<RingLimits>;
  readonly meter?: CacheMeter;
}

export interface CacheListOptions extends Omit<RangeOptions, 'revision'> {
  /** As of this revision, not above that of the cache, instead of now. */
  readonly revision?: number;
}

/** Told of every change of the records below a prefix, in order, in the turn in which the cache shows it. */
export interface CacheObserver {
  changed(event: StoreEvent): void;
  /** All records may be others now: the cache was loaded anew. */
  reloaded(): void;
}

const defaultRing: RingLimits = { maxEvents: 10_000, maxBytes: 16 * 1024 * 1024 };
/** The list begins so many revisions in the past, so that clients resume their watches after a restart. */
const replayedRevisions = 1_000;
const listChunk = 500;
/** A batch is cut here, so that a watcher far behind does not take all events in one piece. */
const batchBytes = 1024 * 1024;
/** How long a read waits for the cache where the store is sure to report its revision, and where it is not. */
const reliableCatchUpMs = 3000;
const hopefulCatchUpMs = 100;
/** How often the store is asked for progress while somebody waits for a revision. */
const progressIntervalMs = 150;
const retry = { initialMs: 200, maxMs: 10_000, jitter: 0.3 };

export class WatchCache implements WatchedEvents {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #ring: WatchCacheRing;
  readonly #meter: CacheMeter | undefined;

  #records = new SortedMap<StoredRecord>();
  #revision = 0;
  /** The records were listed at this revision; older events only fill the ring. */
  #listRevision = 0;
  #replayFrom = 0;
  /** How far the store's watch has come: at first behind the list. */
  #streamRevision = 0;
  #synced = false;
  #ended = false;
  readonly #idle = new IdleWatchers();
  /** By prefix, until something changes. */
  readonly #lastCollected = new Map<
    string,
    { readonly from: number; readonly afterRevision: number; readonly collected: CollectedEvents }
  >();
  readonly #observers = new Set<{ readonly prefix: string; readonly observer: CacheObserver }>();
  #readUnderWay: Promise<unknown> = Promise.resolve();
  #nextRead: Promise<number> | undefined;
  readonly #revisionWaiters = new Set<{ readonly revision: number; readonly wake: () => void }>();

  constructor(store: Store, options: WatchCacheOptions) {
    this.#store = store;
    this.#log = options.log;
    this.#clock = options.clock ?? systemClock;
    this.#prefix = options.prefix ?? '/registry/';
    this.#ring = new WatchCacheRing({ ...defaultRing, ...options.ring });
    this.#meter = options.meter;
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

  /**
   * Resolves true once the cache shows whatever was written before this call: a list of it is then as good as one of the
   * store. False when that cannot be known soon, and the store has to be read. Rejects with the signal's reason, and with
   * what the store says.
   *
   * It asks the store for nothing but its revision, and calls that come together ask once (consistent reads from cache,
   * KEP-2340).
   */
  async catchUp(signal?: AbortSignal): Promise<boolean> {
    const revision = await this.#newestRevision();
    signal?.throwIfAborted();
    if (this.#synced && this.#revision >= revision) return true;
    const patienceMs = this.#store.requestProgress() ? reliableCatchUpMs : hopefulCatchUpMs;
    const deadline = new Deadline(this.#clock, patienceMs, ...(signal === undefined ? [] : [signal]));
    try {
      await this.waitForRevision(revision, deadline.signal);
      return true;
    } catch (error) {
      if (!deadline.passed) throw error;
      return false;
    } finally {
      deadline.clear();
    }
  }

  /** Only a read that begins after a call may answer it: who comes while one is under way shares the next. */
  #newestRevision(): Promise<number> {
    this.#nextRead ??= this.#readUnderWay.then(async () => {
      const read = this.#store.get(this.#prefix);
      this.#readUnderWay = read.catch(() => undefined); // told to those who wait for it
      this.#nextRead = undefined;
      return (await read).revision;
    });
    return this.#nextRead;
  }

  /**
   * Records of a prefix in key order, from `startKey` on, now or as of a revision that the ring still reaches back to.
   * `remaining` counts those beyond `limit`. Undefined for a revision that only the store can know.
   */
  list(options: CacheListOptions & { readonly revision: number }): RangeResult | undefined;
  list(options: CacheListOptions & { readonly revision?: undefined }): RangeResult;
  list(options: CacheListOptions): RangeResult | undefined {
    const { revision = this.#revision } = options;
    if (revision === this.#revision) return { ...readRange(this.#records, options), revision };
    const isKept = revision >= Math.max(this.#ring.completeAfter, this.#store.compactedBefore);
    const isFilled = this.#streamRevision >= this.#listRevision;
    if (!isKept || !isFilled || revision > this.#revision) return undefined;
    return { ...readRange(this.#records, options, this.#eventsAfter(revision)), revision };
  }

  *#eventsAfter(revision: number): Iterable<StoreEvent> {
    for (let at = this.#ring.positionAfter(revision); at < this.#ring.end; at++) yield this.#ring.at(at);
  }

  /** Watchers of the prefix with a trigger value are woken by it alone. `valueOf` must be pure; one trigger a prefix. */
  setTrigger(prefix: string, valueOf: (record: StoredRecord) => string): void {
    this.#idle.setTrigger(prefix, valueOf);
  }

  /** Tells of changes below the prefix, until the result is called. */
  observe(prefix: string, observer: CacheObserver): () => void {
    const observing = { prefix, observer };
    this.#observers.add(observing);
    return () => this.#observers.delete(observing);
  }

  /** How many are told of changes. */
  get observerCount(): number {
    return this.#observers.size;
  }

  /**
   * Events of a prefix above `afterRevision`: at once those of the ring, then each as it comes. Ends without an
   * error when the signal aborts or the cache ends. Throws `compacted`, here or while iterating, when events are
   * gone that it had to deliver.
   */
  watch(options: CacheWatchOptions): CacheWatch {
    return new CacheWatcher(this, options);
  }

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

  /** Watchers at the same place get the same batch: what is made of it for one of them can serve all. */
  collect(from: number, prefix: string, afterRevision: number): CollectedEvents {
    const last = this.#lastCollected.get(prefix);
    if (last?.from === from && last.afterRevision === afterRevision) return last.collected;
    const collected = this.#collect(from, prefix, afterRevision);
    this.#lastCollected.set(prefix, { from, afterRevision, collected });
    return collected;
  }

  #collect(from: number, prefix: string, afterRevision: number): CollectedEvents {
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

  get streamRevision(): number {
    return this.#streamRevision;
  }

  addIdle(watcher: CacheWatcher): void {
    this.#idle.add(watcher);
  }

  removeIdle(watcher: CacheWatcher): void {
    this.#idle.remove(watcher);
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
    this.#meter?.loaded(loaded.entries(), at.revision);
    for (const { observer } of this.#observers) observer.reloaded();
    this.#replayAfter(Math.max(1, at.revision - replayedRevisions));
    this.#wakeRevisionWaiters();
  }

  #replayAfter(revision: number): void {
    this.#replayFrom = revision;
    this.#streamRevision = revision;
    this.#ring.reset(revision);
    this.#lastCollected.clear();
    // Who waits here may miss events from now on, and finds out when woken.
    this.#idle.wakeAll();
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
      this.#lastCollected.clear();
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
    if (revision > this.#listRevision) this.#tellObservers(event);
    this.#idle.wake(event, position);
    this.#meter?.event(keyOf(event), revision);
  }

  #tellObservers(event: StoreEvent): void {
    const key = keyOf(event);
    for (const { prefix, observer } of this.#observers) if (key.startsWith(prefix)) observer.changed(event);
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
        stopAsking();
        this.#revisionWaiters.delete(waiter);
        signal?.removeEventListener('abort', finish);
        if (signal?.aborted === true) reject(signal.reason as Error);
        else resolve();
      };
      const waiter = { revision, wake: finish };
      this.#revisionWaiters.add(waiter);
      const stopAsking = this.#askForProgress();
      signal?.addEventListener('abort', finish, { once: true });
    });
  }

  /**
   * The revision may be one that has no event for us. Events come within milliseconds, so it is worth asking only
   * after a moment; then again and again, as an answer may be from before the revision. The result ends it.
   */
  #askForProgress(): () => void {
    let cancel = (): void => undefined;
    const later = (): void => {
      cancel = this.#clock.schedule(progressIntervalMs, () => {
        this.#store.requestProgress({ mayWrite: true });
        later();
      });
    };
    later();
    return () => {
      cancel();
    };
  }

  #end(): void {
    this.#ended = true;
    this.#idle.wakeAll();
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

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
