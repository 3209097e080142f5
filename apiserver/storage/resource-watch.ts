/** A watch on the cache whose events are objects. */
import type { KubernetesObject } from '../../api/objects.js';
import { eachOf } from './cache-watcher.js';
import type { CacheWatch } from './cache-watcher.js';
import type { StoreEvent, WatchBatch } from './store.js';
import type { StoredObject } from './stored-object.js';

export interface ResourceEvent<T extends KubernetesObject> {
  readonly type: 'put' | 'delete';
  /** The object as it is now, or as it was last, with the revision of the deletion. */
  readonly current: StoredObject<T>;
  readonly previous: StoredObject<T> | undefined;
}

type Events<T extends KubernetesObject> = readonly ResourceEvent<T>[];

/** Batches of events in order; each holds at least one. */
export interface ResourceWatch<T extends KubernetesObject> extends AsyncIterable<Events<T>> {
  /** Every event up to this revision was yielded: what a bookmark may say. */
  readonly progressRevision: number;
  /** The next batch, and undefined at the end, as {@link CacheWatch.next} gives them. */
  next(): Events<T> | Promise<Events<T> | undefined> | undefined;
  /** For who takes no more, and does not abort the signal. Idempotent; iterating does it by itself. */
  close(): void;
}

export class ResourceWatcher<T extends KubernetesObject> implements ResourceWatch<T> {
  readonly #batches: CacheWatch;
  readonly #toEvents: (events: readonly StoreEvent[]) => Events<T> | Promise<Events<T>>;
  /** While a batch is being converted, it has not been yielded: the progress is that before it. */
  #held: number | undefined;
  #progress: number;

  constructor(
    batches: CacheWatch,
    toEvents: (events: readonly StoreEvent[]) => Events<T> | Promise<Events<T>>,
  ) {
    this.#batches = batches;
    this.#toEvents = toEvents;
    this.#progress = batches.progressRevision;
  }

  get progressRevision(): number {
    return this.#held ?? this.#batches.progressRevision;
  }

  next(): Events<T> | Promise<Events<T> | undefined> | undefined {
    const batch = this.#batches.next();
    return batch instanceof Promise ? batch.then((one) => this.#eventsOf(one)) : this.#eventsOf(batch);
  }

  #eventsOf(batch: WatchBatch | undefined): Events<T> | Promise<Events<T> | undefined> | undefined {
    if (batch === undefined) return undefined;
    this.#held = this.#progress;
    const events = this.#toEvents(batch.events);
    return events instanceof Promise
      ? events.then((made) => this.#yielded(batch, made))
      : this.#yielded(batch, events);
  }

  #yielded(
    { revision }: WatchBatch,
    events: Events<T>,
  ): Events<T> | Promise<Events<T> | undefined> | undefined {
    this.#held = undefined;
    this.#progress = revision;
    return events.length > 0 ? events : this.next();
  }

  close(): void {
    this.#batches.close();
  }

  [Symbol.asyncIterator](): AsyncGenerator<Events<T>, undefined> {
    return eachOf(this);
  }
}
