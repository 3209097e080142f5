/** What watchers are sent for a batch of events: made by the first of those who see it in the same way, for all of them. */
import type { KubernetesObject } from '../../api/objects.js';
import type { ResourceEvent } from '../storage/resource-watch.js';

export type EventBatch = readonly ResourceEvent<KubernetesObject>[];

export interface WatchChunk {
  /** Events as they are on the line; none when nothing of the batch is seen. */
  readonly lines: readonly Uint8Array[];
  /** All of them, one after the other. */
  readonly bytes: Uint8Array;
}

export class WatchChunks {
  /** Watchers at the same place of the same collection get the same batch (see `WatchCache.collect`). */
  readonly #byBatch = new WeakMap<EventBatch, Map<string, WatchChunk>>();

  /** `view` stands for what is seen of a batch, and in which form: `make` depends on nothing else. */
  of(batch: EventBatch, view: string, make: () => WatchChunk): WatchChunk {
    let chunks = this.#byBatch.get(batch);
    if (chunks === undefined) {
      chunks = new Map();
      this.#byBatch.set(batch, chunks);
    }
    let chunk = chunks.get(view);
    if (chunk === undefined) {
      chunk = make();
      chunks.set(view, chunk);
    }
    return chunk;
  }
}
