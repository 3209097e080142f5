/** Opening a store whose etcd is not there yet, as every part of Knarr starts: in any order. */
import { backoffDelayMs } from '../../../../common/backoff.js';
import { sleep, systemClock } from '../../../../common/clock.js';
import type { Clock } from '../../../../common/clock.js';
import type { Logger } from '../../../../common/log.js';

const retry = { initialMs: 200, maxMs: 5_000, jitter: 0.3 };

export interface WaitOptions {
  readonly log: Logger;
  readonly clock?: Clock;
  readonly startTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Tries until it works; says once what it waits for, and again only when the reason is another one. */
export async function waitForEtcd(
  attempt: (signal: AbortSignal | undefined) => Promise<void>,
  { log, clock = systemClock, startTimeoutMs = Infinity, signal }: WaitOptions,
): Promise<void> {
  const startMs = clock.monotonicMs();
  let said = '';
  for (let failures = 0; ; failures++) {
    signal?.throwIfAborted();
    try {
      await attempt(signal);
      if (said !== '') log.info('etcd answers');
      return;
    } catch (error) {
      signal?.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      if (clock.monotonicMs() - startMs >= startTimeoutMs) throw error;
      if (reason !== said) log.warn('waiting for etcd', { reason });
      said = reason;
    }
    await sleep(clock, backoffDelayMs(failures, retry), signal);
  }
}
