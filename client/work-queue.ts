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
import type { WorkQueueMeter, WorkQueueMetrics, WorkQueueState } from './work-queue-metrics.js';

/** 5 ms after the first failure, doubling, at most 1000 s: as client-go's default rate limiter. */
export const defaultRetryBackoff: BackoffOptions = { initialMs: 5, maxMs: 1_000_000, factor: 2 };

export interface WorkQueueOptions {
  readonly clock?: Clock;
  readonly backoff?: BackoffOptions;
  /** Shows the queue on /metrics. */
  readonly shownAs?: { readonly name: string; readonly metrics: WorkQueueMetrics };
}

export class WorkQueue implements WorkQueueState {
  readonly #clock: Clock;
  readonly #backoff: KeyedBackoff;
  readonly #meter: WorkQueueMeter | undefined;
  /** In order of arrival, each key once, with the clock's time of its arrival. */
  readonly #waiting = new Map<string, number>();
  /** With the time at which the work began. */
  readonly #working = new Map<string, number>();
  /** Keys to take up again once the work on them is done, with the time at which that was asked for. */
  readonly #again = new Map<string, number>();
  readonly #delayed = new Map<string, { readonly dueAt: number; readonly cancel: () => void }>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #stopped = false;

  constructor(options: WorkQueueOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#backoff = new KeyedBackoff(options.backoff ?? defaultRetryBackoff);
    this.#meter = options.shownAs?.metrics.meter(options.shownAs.name, this);
  }

  /** Keys that could be taken now. */
  get length(): number {
    return this.#waiting.size;
  }

  runningSeconds(): readonly number[] {
    const nowMs = this.#clock.monotonicMs();
    return [...this.#working.values()].map((startedMs) => (nowMs - startedMs) / 1000);
  }

  /** Asks for work on a key, now. A delayed request for the same key stays. */
  add(key: string): void {
    if (this.#stopped) return;
    const isWorkedOn = this.#working.has(key);
    const asked = isWorkedOn ? this.#again : this.#waiting;
    if (asked.has(key)) return;
    this.#meter?.adds.inc();
    const nowMs = this.#clock.monotonicMs();
    if (isWorkedOn) asked.set(key, nowMs);
    else this.#offer(key, nowMs);
  }

  #offer(key: string, addedMs: number): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#waiting.set(key, addedMs);
    else taker(this.#begin(key, addedMs));
  }

  #begin(key: string, addedMs: number): string {
    const nowMs = this.#clock.monotonicMs();
    this.#meter?.queueSeconds.observe((nowMs - addedMs) / 1000);
    this.#working.set(key, nowMs);
    return key;
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
    this.#meter?.retries.inc();
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
    for (const [key, addedMs] of this.#waiting) {
      this.#waiting.delete(key);
      return Promise.resolve(this.#begin(key, addedMs));
    }
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  /** The work on a taken key has ended, well or not. */
  done(key: string): void {
    const startedMs = this.#working.get(key);
    if (startedMs === undefined) return;
    this.#working.delete(key);
    this.#meter?.workSeconds.observe((this.#clock.monotonicMs() - startedMs) / 1000);
    const askedMs = this.#again.get(key);
    if (askedMs === undefined) return;
    this.#again.delete(key);
    if (!this.#stopped) this.#offer(key, askedMs);
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
