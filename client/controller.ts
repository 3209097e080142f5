/**
 * The loop that every controller is: keys from informers, one reconciliation per key at a time.
 *
 * The contract of `reconcile(key, signal)`: it looks at the whole state of the object that the key names (in the
 * informers' caches, where it may be absent: it was deleted) and brings the world nearer to it. It is level based:
 * it must not care which event queued the key, or how often, and running it twice must do no harm.
 *
 * - It returns nothing: done until something changes. Failures of the key are forgotten.
 * - It returns `{ requeueAfterMs }`: done for now, come back after that time even if nothing changes.
 * - It throws: the key is queued again after a delay that doubles with every failure in a row. Conflict is no
 *   error in the log (the cache was behind and will catch up), nor is ServiceUnavailable (informers report that).
 * - It throws TerminalError: trying again cannot help; logged, and the key rests until its next event.
 *
 * The same key never runs twice at once; different keys run concurrently, up to `concurrency`. Nothing runs before
 * all informers have synced: a decision on half a cache would create what is already there.
 */
import type { BackoffOptions } from '../common/backoff.js';
import { systemClock } from '../common/clock.js';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import { keyOf } from '../api/objects.js';
import type { KubernetesObject } from '../api/objects.js';
import { isStatusError } from '../api/status-error.js';
import type { Informer } from './types.js';
import { WorkQueue } from './work-queue.js';
import type { WorkQueueMetrics } from './work-queue-metrics.js';

/** An error that a retry cannot mend: wrong input, a missing flag. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}

export interface ReconcileResult {
  readonly requeueAfterMs?: number;
}

/** Where keys come from: an informer and how to get from one of its objects to the keys that it concerns. */
export interface KeySource {
  readonly whenSynced: (signal: AbortSignal) => Promise<void>;
  /** Starts to queue; the returned function stops it. */
  readonly start: (enqueue: (key: string) => void) => () => void;
}

export interface ControllerOptions {
  /** In logs: `endpointslice`. */
  readonly name: string;
  readonly sources: readonly KeySource[];
  /** Informers that `reconcile` reads but that queue nothing: they must have synced as well. */
  readonly alsoReads?: readonly Pick<Informer<KubernetesObject>, 'whenSynced'>[];
  readonly reconcile: (
    key: string,
    signal: AbortSignal,
  ) => Promise<ReconcileResult | undefined> | Promise<void>;
  readonly log: Logger;
  /** How many keys are worked on at once. Default 1. */
  readonly concurrency?: number;
  readonly clock?: Clock;
  readonly backoff?: BackoffOptions;
  /** Where the queue shows itself. */
  readonly queueMetrics?: WorkQueueMetrics;
  /** Under this name; that of the controller unless told. */
  readonly queueName?: string;
}

export interface Controller {
  /** For keys that no informer brings. May be called before `run`. */
  add(key: string): void;
  addAfter(key: string, delayMs: number): void;
  /** Runs until the signal aborts; resolves when reconciliations under way have ended. */
  run(signal: AbortSignal): Promise<void>;
}

/**
 * Keys of the objects that an informer brings; by default each object's own. After an update the keys of both
 * states are queued (an object may have changed whom it belongs to). `ignoreUpdate` leaves out changes that
 * cannot matter, such as heartbeats.
 */
export function keysFrom<T extends KubernetesObject>(
  informer: Informer<T>,
  keysOf: (object: T) => Iterable<string> = (object) => [keyOf(object)],
  options: { readonly ignoreUpdate?: (before: T, after: T) => boolean } = {},
): KeySource {
  return {
    whenSynced: (signal) => informer.whenSynced(signal),
    start: (enqueue) => {
      const enqueueAll = (object: T): void => {
        for (const key of keysOf(object)) enqueue(key);
      };
      return informer.addHandler({
        onAdd: enqueueAll,
        onUpdate: (before, after) => {
          if (options.ignoreUpdate?.(before, after) === true) return;
          enqueueAll(after);
          enqueueAll(before);
        },
        onDelete: enqueueAll,
      });
    },
  };
}

export function createController(options: ControllerOptions): Controller {
  const clock = options.clock ?? systemClock;
  const log = options.log.child({ controller: options.name });
  const queue = new WorkQueue({
    clock,
    ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
    ...(options.queueMetrics === undefined
      ? {}
      : { shownAs: { name: options.queueName ?? options.name, metrics: options.queueMetrics } }),
  });

  async function reconcileOnce(key: string, signal: AbortSignal): Promise<void> {
    try {
      const result = await options.reconcile(key, signal);
      queue.forget(key);
      if (result?.requeueAfterMs !== undefined) queue.addAfter(key, result.requeueAfterMs);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof TerminalError) {
        queue.forget(key);
        log.error('reconciling failed for good', { key, err: error });
        return;
      }
      const retryInMs = Math.round(queue.addRateLimited(key));
      if (isExpected(error)) log.debug('reconciling is tried again', { key, retryInMs, err: error });
      else log.warn('reconciling failed and is tried again', { key, retryInMs, err: error });
    }
  }

  async function work(signal: AbortSignal): Promise<void> {
    for (;;) {
      const key = await queue.take();
      if (key === undefined) return;
      await reconcileOnce(key, signal);
      queue.done(key);
    }
  }

  return {
    add: (key) => {
      queue.add(key);
    },
    addAfter: (key, delayMs) => {
      queue.addAfter(key, delayMs);
    },
    async run(signal) {
      const stopQueue = (): void => {
        queue.stop();
      };
      signal.addEventListener('abort', stopQueue, { once: true });
      const stops = options.sources.map((source) =>
        source.start((key) => {
          queue.add(key);
        }),
      );
      try {
        const readers = [...options.sources, ...(options.alsoReads ?? [])];
        await Promise.all(readers.map((reader) => reader.whenSynced(signal)));
        await Promise.all(Array.from({ length: options.concurrency ?? 1 }, () => work(signal)));
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        for (const stop of stops) stop();
        stopQueue();
      }
    },
  };
}

/** Part of normal life: a cache that is behind, a server that restarts. */
function isExpected(error: unknown): boolean {
  return isStatusError(error, 'Conflict') || isStatusError(error, 'ServiceUnavailable');
}
