/** Waits for a condition of the cluster that starts, and gives up early when one of its processes keeps failing. */
import { join } from 'node:path';
import { sleep, systemClock } from '../../common/clock.js';
import type { Layout } from '../layout.js';
import { askSupervisor } from '../supervisor/control.js';
import { lastLines } from './last-lines.js';

const pollMs = 25;
const superviseEveryMs = 500;
/** A process that ended so often since the start will not come up by waiting. */
const hopelessRestarts = 3;

export class NotReadyError extends Error {
  override readonly name = 'NotReadyError';
}

/**
 * Asks `probe` until it gives a value; undefined and a rejection both mean not yet. Throws NotReadyError with what
 * the probe said last, or with the log of the process that fails.
 */
export async function waitUntil<T>(
  layout: Layout,
  what: string,
  probe: () => Promise<T | undefined>,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<T> {
  const { signal, timeoutMs } = options;
  const startedAt = systemClock.monotonicMs();
  let nextLook = startedAt + superviseEveryMs;
  let why = '';
  for (;;) {
    signal.throwIfAborted();
    try {
      const value = await probe();
      if (value !== undefined) return value;
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
    }
    const now = systemClock.monotonicMs();
    if (now >= nextLook) {
      nextLook = now + superviseEveryMs;
      await throwIfHopeless(layout);
    }
    if (now - startedAt > timeoutMs) {
      throw new NotReadyError(
        `${what} within ${String(timeoutMs / 1000)} s${why === '' ? '' : `: ${why}`}; the logs are in ${layout.logs.root}`,
      );
    }
    await sleep(systemClock, pollMs, signal);
  }
}

async function throwIfHopeless(layout: Layout): Promise<void> {
  const status = await askSupervisor(layout.run.supervisorSocket);
  if (status === undefined) {
    const log = join(layout.logs.root, 'supervisor.log');
    throw new NotReadyError(`the supervisor ended; ${log} ends with:\n${await lastLines(log, 3)}`);
  }
  const failing = status.processes.find(
    ({ state, restarts }) => state === 'waiting' && restarts >= hopelessRestarts,
  );
  if (failing === undefined) return;
  const log = join(layout.logs.root, `${failing.name}.log`);
  throw new NotReadyError(
    `the process ${failing.name} keeps ending (${failing.lastEnd ?? ''}); ${log} ends with:\n${await lastLines(log, 3)}`,
  );
}
