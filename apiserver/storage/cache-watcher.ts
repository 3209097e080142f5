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

  constructor(source: WatchedEvents, options: CacheWatchOptions) {
    this.#source = source;
    this.prefix = options.prefix;
    this.triggerValue = options.triggerValue;
    this.#signal = options.signal;
    this.#turn = options.turn;
    this.#afterRevision = options.afterRevision;
    this.#position = source.positionAfter(options.afterRevision);
  }

  get progressRevision(): number {
    return this.#wake === undefined
      ? this.#afterRevision
      : Math.max(this.#afterRevision, this.#source.streamRevision);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchBatch, undefined> {
    const { prefix } = this;
    const signal = this.#signal;
    const onAbort = (): void => {
      this.wake();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!signal.aborted && !this.#source.ended) {
        const { events, next, revision } = this.#source.collect(this.#position, prefix, this.#afterRevision);
        this.#position = next;
        this.#afterRevision = revision;
        if (events.length > 0) yield { events, revision };
        else if (next === this.#source.endPosition) await this.#idle();
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
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
