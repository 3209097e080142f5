/**
 * The queue between informers and a controller: keys, not events.
 *
 * A key that is added while it waits is in the queue once; one that is added while it is being worked on comes
 * back when that work is done. So work on one key never overlaps, and a burst of events costs one reconciliation.
 * The queue holds at most one entry per object, which bounds it.
 */
import { KeyedBackoff } from '../common/backoff.js';
import type { BackoffOptions } from '../common/backoff.js';
import { systemClock } from '../common/clock.js';
import type { Clock } from '../common/clock.js';

/** 5 ms after the first failure, doubling, at most 1000 s: as client-go's default rate limiter. */
export const defaultRetryBackoff: BackoffOptions = { initialMs: 5, maxMs: 1_000_000, factor: 2 };

export interface WorkQueueOptions {
  readonly clock?: Clock;
  readonly backoff?: BackoffOptions;
}

export class WorkQueue {
  readonly #clock: Clock;
  readonly #backoff: KeyedBackoff;
  /** In order of arrival; a Set, so that a key is there once. */
  readonly #waiting = new Set<string>();
  readonly #working = new Set<string>();
  /** Keys to take up again once the work on them is done. */
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, { readonly dueAt: number; readonly cancel: () => void }>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #stopped = false;

  constructor(options: WorkQueueOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#backoff = new KeyedBackoff(options.backoff ?? defaultRetryBackoff);
  }

  /** Keys that could be taken now. */
  get length(): number {
    return this.#waiting.size;
  }

  /** Asks for work on a key, now. A delayed request for the same key stays. */
  add(key: string): void {
    if (this.#stopped) return;
    if (this.#working.has(key)) {
      this.#again.add(key);
      return;
    }
    const taker = this.#waiting.has(key) ? undefined : this.#takers.shift();
    if (taker === undefined) {
      this.#waiting.add(key);
      return;
    }
    this.#working.add(key);
    taker(key);
  }

  /** Asks for work on a key after a delay in milliseconds; of several requests the earliest counts. */
  addAfter(key: string, delayMs: number): void {
    if (this.#stopped) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const dueAt = this.#clock.monotonicMs() + delayMs;
    const known = this.#delayed.get(key);
    if (known !== undefined && known.dueAt <= dueAt) return;
    known?.cancel();
    const cancel = this.#clock.schedule(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { dueAt, cancel });
  }

  /** Asks again after a failure: later with each failure in a row. Returns the delay in milliseconds. */
  addRateLimited(key: string): number {
    const delayMs = this.#backoff.next(key);
    this.addAfter(key, delayMs);
    return delayMs;
  }

  /** The work on a key succeeded: the next failure starts with the shortest delay again. */
  forget(key: string): void {
    this.#backoff.reset(key);
  }

  failures(key: string): number {
    return this.#backoff.failures(key);
  }

  /** The next key, which is then being worked on until {@link done}. Undefined once the queue is stopped. */
  take(): Promise<string | undefined> {
    if (this.#stopped) return Promise.resolve(undefined);
    for (const key of this.#waiting) {
      this.#waiting.delete(key);
      this.#working.add(key);
      return Promise.resolve(key);
    }
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  /** The work on a taken key has ended, well or not. */
  done(key: string): void {
    this.#working.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  /** Wakes those who wait with undefined; what waits is dropped. Idempotent. */
  stop(): void {
    this.#stopped = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#waiting.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }
}
