/** A record of the store as an object: bytes at once, fields when somebody asks. */
import type { KubernetesObject } from '../../api/objects.js';
import type { EncodingCache } from './encoding-cache.js';
import type { ObjectCodec } from './object-codec.js';
import type { StoredRecord } from './store.js';

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED';

const endOfLine = Buffer.from('}\n');

/** How a kind's field selectors read its objects, by the name of the field. */
export type FieldReaders<T extends KubernetesObject> = Readonly<Record<string, (object: T) => string>>;

/** What selectors look at. */
export interface SelectableFields {
  readonly labels: Readonly<Record<string, string>> | undefined;
  /** Those of the kind's {@link FieldReaders}. */
  readonly fields: Readonly<Record<string, string>>;
}

/**
 * Shared between all requests and watchers that see the record. It lives as long as the record does, and so keeps little:
 * the parsed object goes with the next garbage collection, encoded forms when {@link EncodingCache} needs their room.
 */
export class StoredObject<T extends KubernetesObject = KubernetesObject> {
  readonly record: StoredRecord;
  /** That of the write, or of the deletion for an object that is gone. */
  readonly revision: number;
  readonly #codec: ObjectCodec<T>;
  readonly #encodings: EncodingCache | undefined;
  #object: WeakRef<T> | undefined;
  #selectable: SelectableFields | undefined;
  #forms: Map<string, Uint8Array> | undefined;

  /** Without a cache, every form is made anew. */
  constructor(codec: ObjectCodec<T>, record: StoredRecord, revision: number, encodings?: EncodingCache) {
    this.#codec = codec;
    this.#encodings = encodings;
    this.record = record;
    this.revision = revision;
  }

  /** Read-only: copy before you change it. */
  get object(): T {
    const known = this.#object?.deref();
    if (known !== undefined) return known;
    const object = this.copy();
    this.#object = new WeakRef(object);
    return object;
  }

  /** A copy of the caller's own. */
  copy(): T {
    return this.#codec.decode(this.record.value, this.revision);
  }

  /** Read once and kept. All callers pass the readers of the kind, and what is `known` already of the same bytes. */
  selectable(readers: FieldReaders<T>, known?: SelectableFields): SelectableFields {
    this.#selectable ??= known ?? readSelectable(this.#object?.deref() ?? this.copy(), readers);
    return this.#selectable;
  }

  get served(): Buffer {
    return this.#codec.served(this.record.value, this.revision);
  }

  /** One line of a watch in JSON, made once for all watchers that see the event in the same way. */
  watchLine(type: WatchEventType): Uint8Array {
    return this.encoded(`line ${type}`, () =>
      this.#codec.joinServed([this.record.value], [this.revision], {
        before: Buffer.from(`{"type":"${type}","object":`),
        after: endOfLine,
      }),
    );
  }

  /**
   * The object in a form that this name stands for, made by the first who asks and then shared. `make` depends on nothing
   * but the form and this object.
   */
  encoded(form: string, make: () => Uint8Array): Uint8Array {
    const known = this.#forms?.get(form);
    if (known !== undefined) return known;
    const made = make();
    if (this.#encodings === undefined) return made;
    const bytes = inOwnMemory(made);
    this.#forms ??= new Map();
    this.#forms.set(form, bytes);
    this.#encodings.add(bytes.byteLength, () => {
      this.#forms?.delete(form);
      if (this.#forms?.size === 0) this.#forms = undefined;
    });
    return bytes;
  }
}

/** A part of Node's pool would keep all 8 KiB around it, of which nobody keeps count. */
function inOwnMemory(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength === bytes.buffer.byteLength) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.byteLength);
  own.set(bytes);
  return own;
}

/** Pure. */
export function readSelectable<T extends KubernetesObject>(
  object: T,
  readers: FieldReaders<T>,
): SelectableFields {
  const fields: Record<string, string> = {};
  for (const [name, read] of Object.entries(readers)) fields[name] = read(object);
  fields['metadata.name'] = object.metadata.name;
  fields['metadata.namespace'] = object.metadata.namespace ?? '';
  return { labels: object.metadata.labels, fields };
}
