/** Between the store's keys (`/registry/...`) and etcd's (`<prefix>/...`), and between records and messages. */
import { StoreError } from '../../store.js';
import type { StoredRecord, StoreEvent } from '../../store.js';
import type { KeyValue, WatchEvent } from './etcd-messages.js';

const storeRoot = '/registry';

export class EtcdKeys {
  readonly #root: string;

  /** `prefix` stands for `/registry`; a slash at its end is dropped, one at its start is added. */
  constructor(prefix: string) {
    this.#root = `/${prefix.replace(/^\/+|\/+$/g, '')}`;
  }

  toEtcd(key: string): Buffer {
    if (!key.startsWith(storeRoot)) {
      throw new RangeError(`the key ${key} does not begin with ${storeRoot}`);
    }
    return Buffer.from(this.#root + key.slice(storeRoot.length));
  }

  fromEtcd(key: Buffer): string {
    return storeRoot + key.toString('utf8', Buffer.byteLength(this.#root));
  }

  /** The half-open range of bytes [from, end) that holds the keys of a prefix, from `startKey` on. */
  range(prefix: string, startKey = ''): { readonly key: Buffer; readonly rangeEnd: Buffer } {
    const key = this.toEtcd(startKey > prefix ? startKey : prefix);
    return { key, rangeEnd: bytesAfterPrefix(this.toEtcd(prefix)) };
  }

  record(kv: KeyValue): StoredRecord {
    return {
      key: this.fromEtcd(kv.key),
      value: kv.value,
      createRevision: Number(kv.createRevision),
      modRevision: Number(kv.modRevision),
    };
  }

  /** Throws `compacted` when etcd could not find the previous value any more. */
  event(event: WatchEvent): StoreEvent {
    const previous = event.prevKv === null ? undefined : this.record(event.prevKv);
    const revision = Number(event.kv.modRevision);
    const isCreation = event.type === 'PUT' && event.kv.createRevision === event.kv.modRevision;
    if (previous === undefined && !isCreation) {
      throw new StoreError('compacted', `the value before revision ${revision} was compacted`);
    }
    if (event.type === 'PUT') return { type: 'put', record: this.record(event.kv), previous };
    return {
      type: 'delete',
      key: this.fromEtcd(event.kv.key),
      revision,
      previous: previous as StoredRecord,
    };
  }
}

/** The first key after all those that begin with these bytes. */
function bytesAfterPrefix(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  for (let i = end.length - 1; i >= 0; i--) {
    const byte = end[i] as number;
    if (byte < 0xff) {
      end[i] = byte + 1;
      return end.subarray(0, i + 1);
    }
  }
  return Buffer.from([0]); // etcd: to the end of all keys
}
