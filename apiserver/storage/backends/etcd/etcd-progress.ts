/**
 * How a watch learns of revisions that are not below its prefix: those of other prefixes of the same etcd, and that
 * of the compaction key. etcd tells by itself every ten minutes only.
 *
 * From 3.4.25 and 3.5.8 on a request on the stream is answered in order with the events. Before, the answer could
 * overtake events, and so it is no promise: there, a watch covers all of the store's prefix, and one small record is
 * written below it, whose event cannot overtake any other of the same watch.
 */
import type { EtcdClient } from './etcd-client.js';
import type { WatchStream } from './etcd-endpoint.js';
import type { EtcdKeys } from './etcd-keys.js';

const progressRecord = 'watch-progress';

export class EtcdProgress {
  readonly #client: EtcdClient;
  readonly #keys: EtcdKeys;
  readonly #streams = new Map<WatchStream, { readonly ordered: boolean }>();
  #writing: Promise<void> | undefined;

  constructor(client: EtcdClient, keys: EtcdKeys) {
    this.#client = client;
    this.#keys = keys;
  }

  /** A stream on a server of this version was opened. */
  add(stream: WatchStream, version: string): void {
    this.#streams.set(stream, { ordered: answersInOrder(version) });
  }

  remove(stream: WatchStream): void {
    this.#streams.delete(stream);
  }

  /** What this stream reports without events can be relied on. */
  isOrdered(stream: WatchStream): boolean {
    return this.#streams.get(stream)?.ordered ?? false;
  }

  /** Asks on every stream. False when one of them is such that its answer says nothing. */
  request(): boolean {
    let ordered = true;
    for (const [stream, server] of this.#streams) {
      if (server.ordered) stream.write({ progressRequest: {} });
      else ordered = false;
    }
    return ordered;
  }

  /** Resolves when the record is written; calls at the same time share one. Rejects with EtcdCallError, StoreError. */
  async write(): Promise<void> {
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
    await this.#writing;
  }

  async #write(): Promise<void> {
    const put = { key: this.#keys.own(progressRecord), value: Buffer.from('') };
    await this.#client.txn({ compare: [], success: [{ requestPut: put }], failure: [] });
  }
}

/** Pure. An unknown version is taken for an old one. */
export function answersInOrder(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  if (major !== 3 || minor > 5) return major > 3 || (major === 3 && minor > 5);
  return (minor === 5 && patch >= 8) || (minor === 4 && patch >= 25);
}
