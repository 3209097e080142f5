/** A component may be started before the apiserver: it waits here and says so on one line. */
import { sleep, systemClock } from '../common/clock.js';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import { isStatusError } from '../api/status-error.js';
import { isAborted } from './is-aborted.js';
import type { ApiClient } from './types.js';

const pollMs = { first: 20, most: 1_000 };
/** A server that comes up this soon is not worth a line. */
const patienceMs = 300;

/**
 * Resolves once the server's /readyz answers, or when the signal aborts. Logs one line when it has to wait and
 * one when it has waited. Rejects where waiting cannot help: the server refuses who we are.
 */
export async function waitForServer(options: {
  readonly client: ApiClient;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}): Promise<void> {
  const { client, log, signal } = options;
  const clock = options.clock ?? systemClock;
  const startedAt = clock.monotonicMs();
  let said = false;
  for (let delayMs = pollMs.first; !isAborted(signal); delayMs = Math.min(pollMs.most, delayMs * 1.5)) {
    try {
      await client.raw('/readyz', signal);
      if (said) log.info('the apiserver is ready', { waitedMs: Math.round(clock.monotonicMs() - startedAt) });
      return;
    } catch (error) {
      if (isStatusError(error, 'Unauthorized') || isStatusError(error, 'Forbidden')) throw error;
      if (!said && !isAborted(signal) && clock.monotonicMs() - startedAt >= patienceMs) {
        said = true;
        log.info('waiting for the apiserver', {
          why: error instanceof Error ? error.message : String(error),
        });
      }
    }
    await sleep(clock, delayMs, signal);
  }
}
