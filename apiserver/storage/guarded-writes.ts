/**
 * Writes of one resource's objects on top of the {@link Store}: creations, and changes by compare-and-swap that are tried
 * again when somebody was faster. Part of ResourceStorage, which reads.
 */
import { sameMembers } from '../../api/apply/json-values.js';
import type { KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { alreadyExists, conflict, notFound } from '../../api/status-error.js';
import { subjectOf } from './error-subject.js';
import { toJson } from './object-codec.js';
import type { ObjectCodec } from './object-codec.js';
import type { RecentObjects } from './recent-objects.js';
import type { RemoteConversion } from './remote-conversion.js';
import type { Store, StoredRecord } from './store.js';

/** What a change of {@link GuardedWrites.update} decides on. */
export type Change<T> =
  | { readonly kind: 'write'; readonly object: T }
  | { readonly kind: 'delete' }
  /** Leave it as it is; the caller gets the current object. */
  | { readonly kind: 'keep' };

export interface ChangeResult<T extends KubernetesObject> {
  readonly object: T;
  readonly deleted: boolean;
}

export interface GuardedWritesOptions<T extends KubernetesObject> {
  readonly definition: ResourceDefinition<T>;
  readonly store: Store;
  readonly codec: ObjectCodec<T>;
  readonly recent: RecentObjects;
  /** Objects vanish after this time. */
  readonly ttlSeconds: number | undefined;
  /** The objects are stored in another version than they are served in. */
  readonly isConverted: boolean;
  readonly remoteConversion: RemoteConversion | undefined;
  /** A record as it is served. */
  readonly shown: (record: StoredRecord) => Promise<StoredRecord>;
  /** Called with what is about to be stored, while the object is at hand. */
  readonly onEncoded: (object: T, value: Buffer) => void;
}

/** More lost races than this on one object mean that something is wrong, not busy. */
const maxAttempts = 64;

export class GuardedWrites<T extends KubernetesObject> {
  readonly #options: GuardedWritesOptions<T>;
  readonly #writeOptions: { readonly ttlSeconds?: number };
  readonly #servable = new WeakMap<
    KubernetesObject,
    { readonly value: Uint8Array; readonly revision: number }
  >();

  constructor(options: GuardedWritesOptions<T>) {
    this.#options = options;
    const { ttlSeconds } = options;
    this.#writeOptions = ttlSeconds === undefined ? {} : { ttlSeconds };
  }

  /** Writes a new object and returns it with its resourceVersion. Throws AlreadyExists. */
  async create(key: string, object: T): Promise<T> {
    const value = await this.#encode(object);
    const result = await this.#options.store.create(key, value, this.#writeOptions);
    if (result.kind === 'exists')
      throw alreadyExists(subjectOf(this.#options.definition), object.metadata.name);
    return this.#written(key, object, value, result.revision);
  }

  /**
   * Reads, asks `change` what to do with the object, and writes if nobody was faster; else again from the start. `change`
   * may so be called several times and must not have effects of its own; what it gets is shared and read-only, and what it
   * returns may share parts of it. Throws NotFound, and what `change` throws.
   */
  async update(
    key: string,
    name: string,
    change: (current: T) => Promise<Change<T>> | Change<T>,
  ): Promise<ChangeResult<T>> {
    const { store, codec, recent, remoteConversion, shown: show, definition } = this.#options;
    let { record } = await store.get(key);
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      if (record === undefined) throw notFound(subjectOf(definition), name);
      const before = record;
      const shown = remoteConversion === undefined ? before : await show(before);
      const current = this.#recentOf(before) ?? codec.decode(shown.value, before.modRevision);
      const decision = await change(current);
      if (decision.kind === 'keep') return { object: current, deleted: false };
      if (decision.kind === 'delete') {
        const result = await store.delete(key, before.modRevision);
        if (result.kind === 'deleted') {
          recent.delete(key);
          return { object: codec.decode(shown.value, result.revision), deleted: true };
        }
        record = result.current;
        continue;
      }
      const value = await this.#encode(decision.object);
      // A write that changes nothing would wake every watcher for nothing.
      if (this.#isSame(decision.object, value, current, before.value))
        return { object: current, deleted: false };
      const result = await store.update(key, value, before.modRevision, this.#writeOptions);
      if (result.kind === 'updated')
        return { object: await this.#written(key, decision.object, value, result.revision), deleted: false };
      record = result.current;
    }
    throw conflict(subjectOf(definition), name, 'it is written to by too many at once; please try again');
  }

  /**
   * The served JSON of an object that a write returned, for as long as nobody has changed it; undefined for any other
   * object, which has to be written as JSON anew.
   */
  servedOf(written: KubernetesObject): Buffer | undefined {
    const known = this.#servable.get(written);
    return known === undefined ? undefined : this.#options.codec.served(known.value, known.revision);
  }

  /** Clients send fields in any order: equal objects have equal lengths, but not always equal bytes. */
  #isSame(next: T, value: Buffer, current: T, before: Uint8Array): boolean {
    if (value.length !== before.length) return false;
    if (value.equals(before)) return true;
    const { isConverted, codec } = this.#options;
    if (!isConverted) return sameContent(next, current);
    // A conversion may have changed what it was given.
    return sameContent(codec.decode(value, 0), codec.decode(before, 0));
  }

  /** Not where a resource is stored in another version: its key holds what the other version wrote, too. */
  #recentOf({ key, modRevision }: StoredRecord): T | undefined {
    const { isConverted, recent } = this.#options;
    return isConverted ? undefined : (recent.get(key, modRevision) as T | undefined);
  }

  #encode(object: T): Buffer | Promise<Buffer> {
    const { remoteConversion, codec, onEncoded } = this.#options;
    if (remoteConversion !== undefined) {
      const { storedAs } = remoteConversion;
      return remoteConversion.toStored(object).then((stored) => toJson(storedAs, stored));
    }
    const value = codec.encode(object);
    onEncoded(object, value);
    return value;
  }

  #written(key: string, object: T, value: Uint8Array, revision: number): T | Promise<T> {
    const { remoteConversion, isConverted, recent } = this.#options;
    if (remoteConversion !== undefined) return this.#readBack(value, revision);
    const result = withRevision(object, revision);
    if (isConverted) return result;
    this.#servable.set(result, { value, revision });
    recent.set(key, revision, result, value.byteLength);
    return result;
  }

  /** Whoever wrote the object is shown what is left of it in the version that is stored. */
  async #readBack(value: Uint8Array, revision: number): Promise<T> {
    const { shown: show, codec } = this.#options;
    const shown = await show({ key: '', value, createRevision: revision, modRevision: revision });
    return codec.decode(shown.value, revision);
  }
}

function sameContent(a: KubernetesObject, b: KubernetesObject): boolean {
  return sameMembers(a, b, ['metadata']) && sameMembers(a.metadata, b.metadata, ['resourceVersion']);
}

function withRevision<T extends KubernetesObject>(object: T, revision: number): T {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}
