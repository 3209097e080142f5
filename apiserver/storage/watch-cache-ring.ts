/** The last events of a watch cache, bounded by count and bytes. A watcher is a position in it, not a queue. */
import { revisionOf } from './read-range.js';
import type { StoreEvent } from './store.js';

export interface RingLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/**
 * Events have consecutive positions that are never used again; several events may share a revision (etcd
 * removes all keys of an expired lease in one). Adding an event may drop the oldest ones.
 */
export class WatchCacheRing {
  readonly #limits: RingLimits;
  #events: StoreEvent[] = [];
  /** Dropped events at the head of `#events` that are still to be cut off. */
  #dropped = 0;
  #headPosition = 0;
  #bytes = 0;
  #completeAfter = 0;

  constructor(limits: RingLimits) {
    this.#limits = limits;
  }

  /** Position of the oldest event kept. */
  get first(): number {
    return this.#headPosition;
  }

  /** Position that the next event will get. */
  get end(): number {
    return this.#headPosition + this.#events.length - this.#dropped;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Every event above this revision is here. */
  get completeAfter(): number {
    return this.#completeAfter;
  }

  /** Forgets everything; positions go on, so that whoever still stands in the past is found out. */
  reset(revision: number): void {
    this.#headPosition = this.end + 1;
    this.#events = [];
    this.#dropped = 0;
    this.#bytes = 0;
    this.#completeAfter = revision;
  }

  at(position: number): StoreEvent {
    const event = this.#events[position - this.#headPosition + this.#dropped];
    if (event === undefined || position < this.#headPosition) {
      throw new RangeError(`position ${position} is outside of ${this.#headPosition} to ${this.end}`);
    }
    return event;
  }

  add(event: StoreEvent): void {
    this.#events.push(event);
    this.#bytes += eventBytes(event);
    while (
      this.end - this.#headPosition > this.#limits.maxEvents ||
      (this.#bytes > this.#limits.maxBytes && this.end - this.#headPosition > 1)
    ) {
      this.#dropFirst();
    }
  }

  /** The position of the first event above `revision`. */
  positionAfter(revision: number): number {
    let low = this.#headPosition;
    let high = this.end;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (revisionOf(this.at(middle)) <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #dropFirst(): void {
    const event = this.at(this.#headPosition);
    this.#bytes -= eventBytes(event);
    this.#completeAfter = revisionOf(event);
    this.#headPosition++;
    this.#dropped++;
    if (this.#dropped >= 1024 && this.#dropped * 2 >= this.#events.length) {
      this.#events.splice(0, this.#dropped);
      this.#dropped = 0;
    }
  }
}

/** What an event keeps alive: its value, and of a deletion the value deleted. */
export function eventBytes(event: StoreEvent): number {
  return event.type === 'put' ? event.record.value.byteLength : event.previous.value.byteLength;
}
