/** One watch on the cache: a scope and a position in its ring. It pulls at its own pace; nothing is queued for it. */
import type { StoreEvent, WatchBatch } from './store.js';

export interface CacheWatchOptions {
  /** What all keys begin with; it ends with a slash, or is one whole key. */
  readonly prefix: string;
  /** With a trigger of this prefix (see `WatchCache.setTrigger`): only events of records with this value wake the watcher. */
  readonly triggerValue?: string;
  readonly afterRevision: number;
  readonly signal: AbortSignal;
  /** Waited for after the watcher has been woken, before it looks what there is; nothing unless told. */
  readonly turn?: () => Promise<void> | undefined;
}

/**
 * A watch on the cache. Its batches always hold events, never half of a revision; with a trigger value some of them may
 * be of other values.
 */
export interface CacheWatch extends AsyncIterable<WatchBatch> {
  /**
   * The next batch: at once where there is one, so that in a storm nobody has to wait for promises; undefined when the watch
   * has ended. Throws, or rejects with, `compacted`. Called again only when the last batch is there.
   */
  next(): WatchBatch | Promise<WatchBatch | undefined> | undefined;
  /** For who takes no more, and does not abort the signal. Idempotent; iterating does it by itself. */
  close(): void;
  /** Every event up to this revision was yielded: what a bookmark may say. */
  readonly progressRevision: number;
}

export interface CollectedEvents {
  readonly events: readonly StoreEvent[];
  /** The position after them. */
  readonly next: number;
  /** How far the cache was looked through. */
  readonly revision: number;
}

/** The cache, as its watchers see it. */
export interface WatchedEvents {
  /** True when nothing will come any more. */
  readonly ended: boolean;
  readonly endPosition: number;
  /** Nothing up to here is still to come. */
  readonly streamRevision: number;
  /** Where to begin; throws `compacted`. */
  positionAfter(revision: number): number;
  /** Events from a position on, and the position after them; throws `compacted` when the ring has passed it. */
  collect(from: number, prefix: string, afterRevision: number): CollectedEvents;
  addIdle(watcher: CacheWatcher): void;
  removeIdle(watcher: CacheWatcher): void;
}

export class CacheWatcher implements CacheWatch {
  readonly prefix: string;
  readonly triggerValue: string | undefined;
  readonly #signal: AbortSignal;
  readonly #source: WatchedEvents;
  readonly #turn: (() => Promise<void> | undefined) | undefined;
  #position: number;
  #afterRevision: number;
  #wake: (() => void) | undefined;
  readonly #onAbort = (): void => {
    this.wake();
  };

  constructor(source: WatchedEvents, options: CacheWatchOptions) {
    this.#source = source;
    this.prefix = options.prefix;
    this.triggerValue = options.triggerValue;
    this.#signal = options.signal;
    this.#turn = options.turn;
    this.#afterRevision = options.afterRevision;
    this.#position = source.positionAfter(options.afterRevision);
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  get progressRevision(): number {
    return this.#wake === undefined
      ? this.#afterRevision
      : Math.max(this.#afterRevision, this.#source.streamRevision);
  }

  next(): WatchBatch | Promise<WatchBatch | undefined> | undefined {
    return this.#take() ?? (this.#hasEnded ? undefined : this.#wait());
  }

  close(): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
  }

  [Symbol.asyncIterator](): AsyncGenerator<WatchBatch, undefined> {
    return eachOf(this);
  }

  get #hasEnded(): boolean {
    return this.#signal.aborted || this.#source.ended;
  }

  /** What there is now. */
  #take(): WatchBatch | undefined {
    while (!this.#hasEnded) {
      const { events, next, revision } = this.#source.collect(
        this.#position,
        this.prefix,
        this.#afterRevision,
      );
      this.#position = next;
      this.#afterRevision = revision;
      if (events.length > 0) return { events, revision };
      if (next === this.#source.endPosition) return undefined;
    }
    return undefined;
  }

  async #wait(): Promise<WatchBatch | undefined> {
    for (;;) {
      await this.#idle();
      const batch = this.#take();
      if (batch !== undefined || this.#hasEnded) return batch;
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
    this.#source.addIdle(this);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#source.removeIdle(this);
    await this.#turn?.();
  }
}

/** Iterates over what a watch yields, and closes it. */
export async function* eachOf<T>(watch: {
  next(): T | Promise<T | undefined> | undefined;
  close(): void;
}): AsyncGenerator<T, undefined> {
  try {
    for (let one = await watch.next(); one !== undefined; one = await watch.next()) yield one;
  } finally {
    watch.close();
  }
}
