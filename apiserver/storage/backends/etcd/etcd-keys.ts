/**
 * Between the store's keys (`/registry/...`) and etcd's (`<prefix>/...`), its revisions and etcd's, and between
 * records and messages.
 *
 * The revisions of a cluster that came from another store go on where they were: the store's are then etcd's plus an
 * offset, which is kept in a record of the backend's own. Otherwise it is 0, as on every etcd of Kubernetes.
 */
import { StoreError } from '../../store.js';
import type { StoredRecord, StoreEvent } from '../../store.js';
import type { KeyValue, WatchEvent } from './etcd-messages.js';

const storeRoot = '/registry';
/**
 * Below the root, names that begin with this character are the backend's own: no resource of Kubernetes has such a
 * name, and so whoever may use the prefix may use them, and the store does not show them.
 */
const ownMark = '!';
const firstShown = `${storeRoot}/${String.fromCharCode(ownMark.charCodeAt(0) + 1)}`;

export interface KeyRange {
  readonly key: Buffer;
  readonly rangeEnd: Buffer;
}

export class EtcdKeys {
  readonly #root: string;
  /** Set once, when the store is opened. */
  revisionOffset = 0;

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

  /** A key of the backend's own. */
  own(name: string): Buffer {
    return this.toEtcd(`${storeRoot}/${ownMark}${name}`);
  }

  /** The half-open range of bytes [from, end) that holds the keys of a prefix, from `startKey` on. */
  range(prefix: string, startKey = ''): KeyRange {
    const from = prefix === `${storeRoot}/` && startKey < firstShown ? firstShown : startKey;
    return { key: this.toEtcd(from > prefix ? from : prefix), rangeEnd: this.#end(prefix) };
  }

  /** What a watch of this prefix asks for; `whole` includes everything of this store, and what is its own. */
  watchRange(prefix: string, whole: boolean): KeyRange {
    const from = whole ? `${storeRoot}/` : prefix;
    return { key: this.toEtcd(from), rangeEnd: this.#end(from) };
  }

  /** Whether an event of a watch is for those who watch this prefix. */
  isShown(etcdKey: Buffer, prefix: string): boolean {
    const key = this.fromEtcd(etcdKey);
    return key.startsWith(prefix) && !key.startsWith(`${storeRoot}/${ownMark}`);
  }

  #end(prefix: string): Buffer {
    return bytesAfterPrefix(this.toEtcd(prefix));
  }

  fromEtcdRevision(revision: string | number): number {
    return Number(revision) + this.revisionOffset;
  }

  /** 0 or less for a revision from before this etcd held the cluster, which etcd must not be asked for. */
  toEtcdRevision(revision: number): number {
    return revision - this.revisionOffset;
  }

  /** Zero is etcd's word for a key that is not there; a revision that cannot be is one that no key has. */
  toEtcdExpectation(modRevision: number): number {
    if (modRevision === 0) return 0;
    const revision = this.toEtcdRevision(modRevision);
    return revision > 0 ? revision : -1;
  }

  record(kv: KeyValue): StoredRecord {
    return {
      key: this.fromEtcd(kv.key),
      value: kv.value,
      createRevision: this.fromEtcdRevision(kv.createRevision),
      modRevision: this.fromEtcdRevision(kv.modRevision),
    };
  }

  /** Throws `compacted` when etcd could not find the previous value any more. */
  event(event: WatchEvent): StoreEvent {
    const previous = event.prevKv === null ? undefined : this.record(event.prevKv);
    const revision = this.fromEtcdRevision(event.kv.modRevision);
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
