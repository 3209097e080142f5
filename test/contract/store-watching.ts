/** What the store's contract suite uses to look at a watch. */
import type { Store, StoredRecord, StoreEvent, WatchBatch } from '../../apiserver/storage/store.js';

/** One event in a form that tests compare. */
export interface SeenEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  readonly revision: number;
  readonly value: string | undefined;
  readonly previous: number | undefined;
}

export function describeEvent(event: StoreEvent): SeenEvent {
  return event.type === 'put'
    ? {
        type: 'put',
        key: event.record.key,
        revision: event.record.modRevision,
        value: text(event.record),
        previous: event.previous?.modRevision,
      }
    : {
        type: 'delete',
        key: event.key,
        revision: event.revision,
        value: undefined,
        previous: event.previous.modRevision,
      };
}

export function text(record: StoredRecord | undefined): string | undefined {
  return record && Buffer.from(record.value).toString('utf8');
}

export function bytes(value: string): Uint8Array {
  return Buffer.from(value);
}

/** A watch that runs beside the test and remembers what it saw. */
export class WatchRecording {
  readonly batches: WatchBatch[] = [];
  readonly events: SeenEvent[] = [];
  readonly #abort = new AbortController();
  readonly #ended: Promise<void>;
  #notify: () => void = () => undefined;
  #done = false;

  constructor(store: Pick<Store, 'watch'>, prefix: string, afterRevision: number) {
    this.#ended = this.#run(store.watch({ prefix, afterRevision, signal: this.#abort.signal }));
    // Awaited in ended(); until then a failure must not end the process.
    this.#ended.catch(() => undefined);
  }

  get lastRevision(): number {
    return this.batches.at(-1)?.revision ?? 0;
  }

  /** Resolves when the condition holds, rejects when the watch ends or `timeoutMs` pass before. */
  async until(what: string, condition: (seen: this) => boolean, timeoutMs = 20_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!condition(this)) {
      if (this.#done) await this.#ended;
      if (this.#done) throw new Error(`the watch ended before ${what}`);
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#notify = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Resolves when the watch has ended by itself; rejects with its error. */
  ended(): Promise<void> {
    return this.#ended;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#ended;
  }

  async #run(watch: AsyncIterable<WatchBatch>): Promise<void> {
    try {
      for await (const batch of watch) {
        this.batches.push(batch);
        this.events.push(...batch.events.map(describeEvent));
        this.#notify();
      }
    } finally {
      this.#done = true;
      this.#notify();
    }
  }
}
