/**
 * A watch that survives its connection: after a failure it begins again after the last event delivered, never
 * after what a response header says, because events of that revision may not have arrived yet.
 */
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { backoffDelayMs } from '../../../../common/backoff.js';
import { sleep } from '../../../../common/clock.js';
import type { Clock } from '../../../../common/clock.js';
import type { Logger } from '../../../../common/log.js';
import { StoreError } from '../../store.js';
import type { StoreEvent, WatchBatch } from '../../store.js';
import type { EtcdClient } from './etcd-client.js';
import type { EtcdKeys } from './etcd-keys.js';
import type { WatchRequest, WatchResponse } from './etcd-messages.js';

export interface EtcdWatchOptions {
  readonly prefix: string;
  readonly afterRevision: number;
  readonly signal: AbortSignal;
  readonly client: EtcdClient;
  readonly keys: EtcdKeys;
  readonly log: Logger;
  readonly clock: Clock;
}

const retry = { initialMs: 100, maxMs: 5_000, jitter: 0.3 };

export async function* watchEtcd(options: EtcdWatchOptions): AsyncGenerator<WatchBatch> {
  const { signal, client, log, clock } = options;
  let seen = options.afterRevision;
  let failures = 0;
  while (!signal.aborted) {
    let stream: ClientDuplexStream<WatchRequest, WatchResponse> | undefined;
    try {
      await client.connect();
      stream = client.watch();
      for await (const batch of readStream(stream, seen, options)) {
        failures = 0;
        for (const event of batch.events) {
          seen = Math.max(seen, event.type === 'put' ? event.record.modRevision : event.revision);
        }
        yield batch;
      }
    } catch (error) {
      if (isAborted(signal)) return;
      if (error instanceof StoreError && error.code === 'compacted') throw error;
      log.warn('the watch on etcd was interrupted and goes on', { afterRevision: seen, err: error });
      client.rotate();
    } finally {
      stream?.cancel();
    }
    await sleep(clock, backoffDelayMs(failures++, retry), signal);
  }
}

/** One stream to its end. A cancelled stream ends in an error, also when it was us who cancelled it. */
async function* readStream(
  stream: ClientDuplexStream<WatchRequest, WatchResponse>,
  afterRevision: number,
  { prefix, keys, signal }: EtcdWatchOptions,
): AsyncGenerator<WatchBatch> {
  const onAbort = (): void => {
    stream.cancel();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    stream.write({
      createRequest: {
        ...keys.range(prefix),
        startRevision: afterRevision + 1,
        progressNotify: true,
        prevKv: true,
        fragment: true,
      },
    });
    let pieces: StoreEvent[] = [];
    for await (const response of stream as AsyncIterable<WatchResponse>) {
      if (response.canceled) throw cancellation(response);
      if (response.created) continue;
      for (const event of response.events) pieces.push(keys.event(event));
      if (response.fragment) continue;
      const last = pieces.at(-1);
      // Of a batch, no more is claimed than it holds; without events the header tells of progress.
      const revision =
        last === undefined
          ? Number(response.header.revision)
          : last.type === 'put'
            ? last.record.modRevision
            : last.revision;
      const events = pieces;
      pieces = [];
      if (revision > afterRevision) yield { events, revision };
    }
    throw new StoreError('unavailable', 'etcd ended the watch');
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function cancellation(response: WatchResponse): StoreError {
  const compactRevision = Number(response.compactRevision);
  if (compactRevision > 0) {
    return new StoreError('compacted', `history begins at revision ${compactRevision}`, { compactRevision });
  }
  return new StoreError('unavailable', `etcd cancelled the watch: ${response.cancelReason}`);
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
