import { statusOfStoreError } from '../http/respond.js';
import { StoreError } from '../storage/store.js';
import type { ResourceRequest } from './context.js';
import { Deadline } from '../../common/deadline.js';

/** How long a client that knows a newer revision than this server is made to wait. */
const maxWaitMs = 3000;

/**
 * Runs what waits for the cache to show a revision. Throws Timeout (`Too large resource version`) when that does not
 * happen in time: the client has its revision from another life of the cluster, and lists again.
 */
export async function waitForRevision<T>(
  { parts, exchange }: ResourceRequest,
  revision: number,
  wait: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new Deadline(parts.clock, maxWaitMs, exchange.signal, parts.stopping);
  try {
    return await wait(deadline.signal);
  } catch (error) {
    if (!deadline.passed) throw error;
    throw statusOfStoreError(new StoreError('future-revision', String(revision)));
  } finally {
    deadline.clear();
  }
}
