/** The reads and writes of a start: a store that changes its leader just then is waited for. */
import { backoffDelayMs } from '../../common/backoff.js';
import { sleep } from '../../common/clock.js';
import type { ServerParts } from '../handlers/context.js';
import { StoreError } from '../storage/store.js';

const retry = { initialMs: 100, maxMs: 2_000, jitter: 0.3 };
/** Longer than etcd takes to elect a leader. Who starts the server sees then what is wrong. */
const patienceMs = 30_000;

/**
 * Does the work, again and again while the store is unavailable or leaves open what it wrote: the work must be one that
 * can be repeated. Rejects with the last error after half a minute, with any other one at once.
 */
export async function untilStoreAnswers<T>(
  { clock, log, stopping }: Pick<ServerParts, 'clock' | 'log' | 'stopping'>,
  work: () => Promise<T>,
): Promise<T> {
  const startMs = clock.monotonicMs();
  for (let failures = 0; ; failures++) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error) || stopping.aborted || clock.monotonicMs() - startMs >= patienceMs) throw error;
      if (failures === 0) log.warn('waiting for the store', { reason: error.message });
    }
    await sleep(clock, backoffDelayMs(failures, retry), stopping);
  }
}

function isPassing(error: unknown): error is StoreError {
  return error instanceof StoreError && (error.code === 'unavailable' || error.code === 'ambiguous');
}
