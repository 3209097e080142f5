/** A record of the store as an object: bytes at once, fields when somebody asks. */
import type { KubernetesObject } from '../../api/objects.js';
import type { ObjectCodec } from './object-codec.js';
import type { StoredRecord } from './store.js';

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/**
 * Shared between all requests and watchers that see the record: it parses at most once, and what it returns is
 * read-only.
 */
export class StoredObject<T extends KubernetesObject = KubernetesObject> {
  readonly record: StoredRecord;
  /** That of the write, or of the deletion for an object that is gone. */
  readonly revision: number;
  readonly #codec: ObjectCodec<T>;
  #object: T | undefined;
  #line: { readonly type: WatchEventType; readonly bytes: Buffer } | undefined;
  #message: Buffer | undefined;
  #frame: { readonly type: WatchEventType; readonly bytes: Buffer } | undefined;

  constructor(codec: ObjectCodec<T>, record: StoredRecord, revision: number) {
    this.#codec = codec;
    this.record = record;
    this.revision = revision;
  }

  /** Read-only: copy before you change it. */
  get object(): T {
    this.#object ??= this.#codec.decode(this.record.value, this.revision);
    return this.#object;
  }

  /** A copy of the caller's own. */
  copy(): T {
    return this.#codec.decode(this.record.value, this.revision);
  }

  get servedParts(): readonly Uint8Array[] {
    return this.#codec.servedParts(this.record.value, this.revision);
  }

  get served(): Buffer {
    return this.#codec.served(this.record.value, this.revision);
  }

  /** One line of a watch, made once for all watchers that see the event in the same way. */
  watchLine(type: WatchEventType): Buffer {
    if (this.#line?.type !== type) {
      const bytes = Buffer.concat([
        Buffer.from(`{"type":"${type}","object":`),
        ...this.servedParts,
        Buffer.from('}\n'),
      ]);
      this.#line = { type, bytes };
    }
    return this.#line.bytes;
  }

  /** The protobuf message of the object, made by `encode` for the first who asks, and then shared. */
  message(encode: (object: T) => Buffer): Buffer {
    // Who wants protobuf often wants nothing else: what is parsed for it is not kept.
    return (this.#message ??= encode(this.#object ?? this.copy()));
  }

  /** One protobuf frame of a watch, shared as {@link watchLine} is. */
  watchFrame(type: WatchEventType, make: () => Buffer): Buffer {
    if (this.#frame?.type !== type) this.#frame = { type, bytes: make() };
    return this.#frame.bytes;
  }
}
