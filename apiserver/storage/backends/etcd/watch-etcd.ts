/**
 * A watch that survives its connection: after a failure it begins again after the last event delivered, never
 * after what a response header says, because events of that revision may not have arrived yet.
 *
 * Each watch has a gRPC stream of its own. etcd could carry many on one, but then the slowest reader holds up the
 * others, and one cut hits all. There are few: the apiserver's watch cache has one and serves everybody from it.
 */
import { backoffDelayMs } from '../../../../common/backoff.js';
import { sleep } from '../../../../common/clock.js';
import type { Clock } from '../../../../common/clock.js';
import type { Logger } from '../../../../common/log.js';
import { StoreError } from '../../store.js';
import type { StoreEvent, WatchBatch } from '../../store.js';
import type { EtcdClient } from './etcd-client.js';
import type { WatchStream } from './etcd-endpoint.js';
import type { EtcdKeys } from './etcd-keys.js';
import type { WatchResponse } from './etcd-messages.js';
import type { EtcdProgress } from './etcd-progress.js';

export interface EtcdWatchOptions {
  readonly prefix: string;
  readonly afterRevision: number;
  readonly signal: AbortSignal;
  readonly client: EtcdClient;
  readonly keys: EtcdKeys;
  readonly progress: EtcdProgress;
  readonly log: Logger;
  readonly clock: Clock;
}

const retry = { initialMs: 100, maxMs: 5_000, jitter: 0.3 };

/** The server ended this watch by a message: not the connection's fault. */
class WatchCancelled extends Error {
  override readonly name = 'WatchCancelled';
}

export async function* watchEtcd(options: EtcdWatchOptions): AsyncGenerator<WatchBatch> {
  const { signal, client, keys, progress, log, clock } = options;
  let seen = options.afterRevision;
  if (keys.toEtcdRevision(seen + 1) <= 0) {
    const compactRevision = keys.revisionOffset + 1;
    throw new StoreError('compacted', `history begins at revision ${compactRevision}`, { compactRevision });
  }
  let failures = 0;
  while (!signal.aborted) {
    let opened: Awaited<ReturnType<EtcdClient['watch']>> | undefined;
    try {
      const version = (await client.status())?.version ?? '';
      opened = await client.watch();
      progress.add(opened.stream, version);
      for await (const batch of readStream(opened.stream, seen, options)) {
        failures = 0;
        seen = batch.revision;
        yield batch;
      }
    } catch (error) {
      if (isAborted(signal)) return;
      if (error instanceof StoreError && error.code === 'compacted') throw error;
      const reason = error instanceof Error ? error.message : String(error);
      const fields = { afterRevision: seen, reason };
      if (failures === 0) log.warn('the watch on etcd was interrupted and goes on', fields);
      else log.debug('the watch on etcd is still interrupted', fields);
      if (opened !== undefined)
        client.watchFailed(opened.endpoint, reason, { cancelled: error instanceof WatchCancelled });
    } finally {
      if (opened !== undefined) {
        progress.remove(opened.stream);
        opened.stream.cancel();
      }
    }
    await sleep(clock, backoffDelayMs(failures++, retry), signal);
  }
}

/** One stream to its end. A cancelled stream ends in an error, also when it was us who cancelled it. */
async function* readStream(
  stream: WatchStream,
  afterRevision: number,
  { prefix, keys, progress, signal }: EtcdWatchOptions,
): AsyncGenerator<WatchBatch> {
  const onAbort = (): void => {
    stream.cancel();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    const progressNotify = progress.isOrdered(stream);
    stream.write({
      createRequest: {
        ...keys.watchRange(prefix, !progressNotify),
        startRevision: keys.toEtcdRevision(afterRevision + 1),
        progressNotify,
        prevKv: true,
        fragment: true,
      },
    });
    let seen = afterRevision;
    /** The revision of the last event of the batch that is coming in, shown or not. */
    let reached = afterRevision;
    let events: StoreEvent[] = [];
    for await (const response of stream as AsyncIterable<WatchResponse>) {
      if (response.canceled) throw cancellation(response, keys);
      if (response.created) continue;
      for (const event of response.events) {
        const revision = keys.fromEtcdRevision(event.kv.modRevision);
        // Versions before 3.4.25 and 3.5.8 may send an event again after they caught up from a snapshot.
        if (revision <= seen) continue;
        reached = revision;
        if (keys.isShown(event.kv.key, prefix)) events.push(keys.event(event));
      }
      if (response.fragment) continue;
      // Of a batch, no more is claimed than it holds; without events the header tells of progress.
      if (response.events.length === 0 && progressNotify)
        reached = Math.max(reached, keys.fromEtcdRevision(response.header.revision));
      if (reached > seen) yield { events, revision: reached };
      seen = reached;
      events = [];
    }
    throw new StoreError('unavailable', 'etcd ended the watch');
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function cancellation(response: WatchResponse, keys: EtcdKeys): Error {
  if (Number(response.compactRevision) > 0) {
    const compactRevision = keys.fromEtcdRevision(response.compactRevision);
    return new StoreError('compacted', `history begins at revision ${compactRevision}`, { compactRevision });
  }
  return new WatchCancelled(`etcd cancelled the watch: ${response.cancelReason}`);
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
