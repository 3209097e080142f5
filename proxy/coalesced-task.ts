/** Runs a task when asked: at once when idle, and under a stream of requests once per interval for all of them. */
import { sleep } from '../common/clock.js';
import type { Clock } from '../common/clock.js';

export interface CoalescedTaskOptions {
  readonly clock: Clock;
  /** Shortest time between the beginnings of two runs; a long run is followed by a rest twice as long. */
  readonly minIntervalMs: number;
  /** Resolves to the least rest in milliseconds that it wants before it runs again. Must not reject. */
  readonly task: () => Promise<number>;
}

export class CoalescedTask {
  readonly #options: CoalescedTaskOptions;
  #requested = false;
  #wake: (() => void) | undefined;

  constructor(options: CoalescedTaskOptions) {
    this.#options = options;
  }

  /** Asks for a run that begins after this call. */
  request(): void {
    this.#requested = true;
    this.#wake?.();
  }

  /** Runs what is requested until the signal aborts; resolves when the last run has ended. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, minIntervalMs, task } = this.#options;
    const isStopped = (): boolean => signal.aborted;
    while (!isStopped()) {
      await this.#untilRequested(signal);
      if (isStopped()) return;
      this.#requested = false;
      const startedAt = clock.monotonicMs();
      const wantedRestMs = await task();
      const tookMs = clock.monotonicMs() - startedAt;
      await sleep(clock, Math.max(minIntervalMs - tookMs, 2 * tookMs, wantedRestMs), signal);
    }
  }

  async #untilRequested(signal: AbortSignal): Promise<void> {
    if (this.#requested) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#wake = undefined;
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
