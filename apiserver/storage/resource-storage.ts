/**
 * Objects of one resource on top of the {@link Store}: compare-and-swap with retries, lists from one revision,
 * events as objects. Knows nothing of HTTP.
 */
import { isDeepStrictEqual } from 'node:util';
import type { KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { alreadyExists, conflict, notFound } from '../../api/status-error.js';
import { EncodingCache } from './encoding-cache.js';
import { subjectOf } from './error-subject.js';
import { KeyLayout } from './key-layout.js';
import { ObjectCodec } from './object-codec.js';
import { fieldTerm, ResourceIndex } from './resource-index.js';
import type { SelectorTerm } from './selector-index.js';
import type { RangeOptions, RangeResult, Store, StoredRecord, StoreEvent } from './store.js';
import { readSelectable, StoredObject } from './stored-object.js';
import type { FieldReaders, SelectableFields } from './stored-object.js';
import type { VersionConversion } from './version-conversion.js';
import type { WatchCache } from './watch-cache.js';

export interface ObjectPage<T extends KubernetesObject> {
  readonly items: readonly StoredObject<T>[];
  /** The revision that was read. */
  readonly revision: number;
  readonly remaining: number;
}

export interface ListOptions {
  /** '' for all. */
  readonly namespace: string;
  readonly startKey?: string;
  readonly limit?: number;
  readonly revision?: number;
}

/** What a change of {@link ResourceStorage.guaranteedUpdate} decides on. */
export type Change<T> =
  | { readonly kind: 'write'; readonly object: T }
  | { readonly kind: 'delete' }
  /** Leave it as it is; the caller gets the current object. */
  | { readonly kind: 'keep' };

export interface ChangeResult<T extends KubernetesObject> {
  readonly object: T;
  readonly deleted: boolean;
}

export interface ResourceEvent<T extends KubernetesObject> {
  readonly type: 'put' | 'delete';
  /** The object as it is now, or as it was last, with the revision of the deletion. */
  readonly current: StoredObject<T>;
  readonly previous: StoredObject<T> | undefined;
}

/** Batches of events in order; each holds at least one. */
export interface ResourceWatch<T extends KubernetesObject> extends AsyncIterable<
  readonly ResourceEvent<T>[]
> {
  /** Every event up to this revision was yielded: what a bookmark may say. */
  readonly progressRevision: number;
}

export interface StorageOptions<T extends KubernetesObject = KubernetesObject> {
  readonly store: Store;
  readonly cache: WatchCache;
  /** Shared by all resources; one of its own unless told. */
  readonly encodings?: EncodingCache;
  /** Watches that select by this field are woken by objects with their value alone: the node of a pod. */
  readonly triggerField?: string;
  /** How field selectors read the objects; asked for when the first one comes. */
  readonly fieldReaders?: () => FieldReaders<T>;
  /** Where the objects are stored in another version than they are served in. */
  readonly conversion?: VersionConversion<T>;
  /** Objects vanish after this time. */
  readonly ttlSeconds?: number;
}

/** More lost races than this on one object mean that something is wrong, not busy. */
const maxAttempts = 64;

export class ResourceStorage<T extends KubernetesObject = KubernetesObject> {
  readonly definition: ResourceDefinition<T>;
  readonly layout: KeyLayout;
  readonly #store: Store;
  readonly #cache: WatchCache;
  readonly #codec: ObjectCodec<T>;
  readonly #encodings: EncodingCache;
  readonly #fieldReaders: () => FieldReaders<T>;
  readonly #index: ResourceIndex;
  readonly #trigger: string | undefined;
  readonly #writeOptions: { readonly ttlSeconds?: number };
  /** One view per record, however many watchers look at it. */
  readonly #views = new WeakMap<StoredRecord, StoredObject<T>>();
  /** Read from objects at their write, by the bytes that were stored of them. */
  readonly #selectable = new WeakMap<Uint8Array, SelectableFields>();
  readonly #servable = new WeakMap<
    KubernetesObject,
    { readonly value: Uint8Array; readonly revision: number }
  >();
  readonly #isConverted: boolean;
  readonly #departed = new WeakMap<StoredRecord, StoredObject<T>>();

  constructor(definition: ResourceDefinition<T>, options: StorageOptions<T>) {
    this.definition = definition;
    this.layout = new KeyLayout(options.conversion?.storedAs ?? definition);
    this.#store = options.store;
    this.#cache = options.cache;
    this.#codec = new ObjectCodec(definition, options.conversion);
    this.#isConverted = options.conversion !== undefined;
    this.#encodings = options.encodings ?? new EncodingCache();
    this.#writeOptions = options.ttlSeconds === undefined ? {} : { ttlSeconds: options.ttlSeconds };
    this.#fieldReaders = options.fieldReaders ?? (() => ({}));
    const read = (record: StoredRecord): SelectableFields => this.selectable(this.#view(record));
    this.#index = new ResourceIndex(options.cache, this.layout.prefix(''), read);
    const { triggerField } = options;
    this.#trigger = triggerField === undefined ? undefined : fieldTerm(triggerField, '').name;
    if (triggerField !== undefined)
      options.cache.setTrigger(this.layout.prefix(''), (record) => read(record).fields[triggerField] ?? '');
  }

  /** What selectors look at; read once for each record. */
  selectable(stored: StoredObject<T>): SelectableFields {
    return stored.selectable(this.#fieldReaders(), this.#selectable.get(stored.record.value));
  }

  /** The object, or undefined. */
  async find(namespace: string, name: string, signal?: AbortSignal): Promise<StoredObject<T> | undefined> {
    const { record } = await this.#store.get(this.layout.key(namespace, name), signal);
    return record === undefined ? undefined : this.#view(record);
  }

  /** Whether it is there, as far as the cache has heard: a hint that costs nothing. */
  isCached(namespace: string, name: string): boolean {
    return this.#cache.get(this.layout.key(namespace, name)) !== undefined;
  }

  /** The object. Throws NotFound. */
  async get(namespace: string, name: string, signal?: AbortSignal): Promise<StoredObject<T>> {
    const found = await this.find(namespace, name, signal);
    if (found === undefined) throw notFound(subjectOf(this.definition), name);
    return found;
  }

  /**
   * A page of a collection in key order, from one revision; without a revision, from one that shows all that was written
   * before the call. It comes from the cache wherever the cache can know it, and else from the store.
   */
  async list(options: ListOptions, signal?: AbortSignal): Promise<ObjectPage<T>> {
    const { namespace, revision, ...rest } = options;
    const range = { ...rest, prefix: this.layout.prefix(namespace) };
    if (revision === undefined && (await this.#cache.catchUp(signal)))
      return this.#page(this.#cache.list(range));
    const cached = revision === undefined ? undefined : this.#cache.list({ ...range, revision });
    const asked: RangeOptions = revision === undefined ? range : { ...range, revision };
    return this.#page(cached ?? (await this.#store.range(asked, signal)));
  }

  /**
   * What a list would give, less objects that do not satisfy all `terms`: some of those that are left may not, either. As
   * fresh as {@link list}, or not older than a revision where one is given. Undefined where nothing is gained by an index.
   */
  async listCandidates(
    { namespace, notOlderThan }: { readonly namespace: string; readonly notOlderThan?: number },
    terms: readonly SelectorTerm[],
    signal: AbortSignal,
  ): Promise<ObjectPage<T> | undefined> {
    if (terms.length === 0) return undefined;
    if (notOlderThan !== undefined) await this.#cache.waitForRevision(notOlderThan, signal);
    else if (!(await this.#cache.catchUp(signal))) return undefined;
    const candidates = await this.#index.candidates(terms, signal);
    if (candidates === undefined) return undefined;
    const prefix = this.layout.prefix(namespace);
    const keys = [...candidates].filter((key) => key.startsWith(prefix)).sort();
    const records = keys.flatMap((key) => this.#cache.get(key) ?? []);
    return this.#page({ records, revision: this.#cache.revision, remaining: 0 });
  }

  /**
   * A whole collection as the cache shows it, not older than a revision (0 for whatever is there). Rejects with
   * the signal's reason when the cache does not get there in time.
   */
  async listCached(namespace: string, notOlderThan: number, signal: AbortSignal): Promise<ObjectPage<T>> {
    await this.#cache.waitForRevision(notOlderThan, signal);
    return this.#page(this.#cache.list({ prefix: this.layout.prefix(namespace) }));
  }

  /** How many objects a collection has, as the cache shows it. */
  count(namespace: string): number {
    const { records, remaining } = this.#cache.list({ prefix: this.layout.prefix(namespace), limit: 1 });
    return records.length + remaining;
  }

  /** Resolves when watches can begin after this revision; rejects with the signal's reason. */
  async whenCached(revision: number, signal: AbortSignal): Promise<void> {
    await this.#cache.waitForRevision(revision, signal);
  }

  /** Writes a new object and returns it with its resourceVersion. Throws AlreadyExists. */
  async create(object: T): Promise<T> {
    const { namespace = '', name } = object.metadata;
    const value = this.#encode(object);
    const result = await this.#store.create(this.layout.key(namespace, name), value, this.#writeOptions);
    if (result.kind === 'exists') throw alreadyExists(subjectOf(this.definition), name);
    return this.#written(object, value, result.revision);
  }

  /**
   * The served JSON of an object that a write of this storage returned, for as long as nobody has changed it; undefined for
   * any other object, which has to be written as JSON anew.
   */
  servedOf(written: KubernetesObject): Buffer | undefined {
    const known = this.#servable.get(written);
    return known === undefined ? undefined : this.#codec.served(known.value, known.revision);
  }

  /**
   * Reads, asks `change` what to do with the object (a copy of its own), and writes if nobody was faster; else
   * again from the start. `change` may so be called several times and must not have effects of its own. Throws
   * NotFound, and what `change` throws.
   */
  async guaranteedUpdate(
    namespace: string,
    name: string,
    change: (current: T) => Promise<Change<T>> | Change<T>,
  ): Promise<ChangeResult<T>> {
    const key = this.layout.key(namespace, name);
    let { record } = await this.#store.get(key);
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      if (record === undefined) throw notFound(subjectOf(this.definition), name);
      const before = record;
      const decision = await change(this.#codec.decode(before.value, before.modRevision));
      if (decision.kind === 'keep') return this.#unchanged(before);
      if (decision.kind === 'delete') {
        const result = await this.#store.delete(key, before.modRevision);
        if (result.kind === 'deleted') {
          return { object: this.#codec.decode(result.record.value, result.revision), deleted: true };
        }
        record = result.current;
        continue;
      }
      const value = this.#encode(decision.object);
      // A write that changes nothing would wake every watcher for nothing.
      if (this.#isSame(value, before.value)) return this.#unchanged(before);
      const result = await this.#store.update(key, value, before.modRevision, this.#writeOptions);
      if (result.kind === 'updated')
        return { object: this.#written(decision.object, value, result.revision), deleted: false };
      record = result.current;
    }
    throw conflict(
      subjectOf(this.definition),
      name,
      'it is written to by too many at once; please try again',
    );
  }

  /** Events after a revision, as objects. Throws StoreError `compacted`, here or while iterating. */
  watch(options: {
    readonly namespace: string;
    /** Only this object. */
    readonly name?: string;
    /** The watcher looks at objects that satisfy all of these only; what it gets may still hold others. */
    readonly terms?: readonly SelectorTerm[];
    readonly afterRevision: number;
    readonly signal: AbortSignal;
  }): ResourceWatch<T> {
    const { namespace, name, terms = [], afterRevision, signal } = options;
    const key = name === undefined ? undefined : this.layout.key(namespace, name);
    const prefix = key ?? this.layout.prefix(namespace);
    const trigger =
      prefix === this.layout.prefix('') ? terms.find((one) => one.name === this.#trigger) : undefined;
    const batches = this.#cache.watch({
      prefix,
      ...(trigger === undefined ? {} : { triggerValue: trigger.value }),
      afterRevision,
      signal,
    });
    const toEvents = (events: readonly StoreEvent[]): ResourceEvent<T>[] => this.#toEvents(events, key);
    return {
      get progressRevision() {
        return batches.progressRevision;
      },
      async *[Symbol.asyncIterator]() {
        for await (const batch of batches) {
          const events = toEvents(batch.events);
          if (events.length > 0) yield events;
        }
      },
    };
  }

  /** The last state of an object that went, or went out of sight, with the revision at which it did. */
  departed(record: StoredRecord, revision: number): StoredObject<T> {
    let view = this.#departed.get(record);
    if (view?.revision !== revision) {
      view = new StoredObject(this.#codec, record, revision, this.#encodings);
      this.#departed.set(record, view);
    }
    return view;
  }

  /** With `onlyKey`, events of other keys that merely begin like it are left out. */
  #toEvents(events: readonly StoreEvent[], onlyKey: string | undefined): ResourceEvent<T>[] {
    const result: ResourceEvent<T>[] = [];
    for (const event of events) {
      const key = event.type === 'put' ? event.record.key : event.key;
      if (onlyKey !== undefined && key !== onlyKey) continue;
      const previous = event.previous === undefined ? undefined : this.#view(event.previous);
      const current =
        event.type === 'put' ? this.#view(event.record) : this.departed(event.previous, event.revision);
      result.push({ type: event.type, current, previous });
    }
    return result;
  }

  #page(result: RangeResult): ObjectPage<T> {
    return {
      items: result.records.map((record) => this.#view(record)),
      revision: result.revision,
      remaining: result.remaining,
    };
  }

  /** Clients send fields in any order: equal objects have equal lengths, but not always equal bytes. */
  #isSame(next: Buffer, before: Uint8Array): boolean {
    if (next.length !== before.length) return false;
    return (
      next.equals(before) || isDeepStrictEqual(this.#codec.decode(next, 0), this.#codec.decode(before, 0))
    );
  }

  #unchanged(record: StoredRecord): ChangeResult<T> {
    return { object: this.#codec.decode(record.value, record.modRevision), deleted: false };
  }

  /** What selectors will ask of the record is read while the object is at hand: parsing it again costs ten times as much. */
  #encode(object: T): Buffer {
    const value = this.#codec.encode(object);
    if (this.#trigger !== undefined && !this.#isConverted)
      this.#selectable.set(value, readSelectable(object, this.#fieldReaders()));
    return value;
  }

  #written(object: T, value: Uint8Array, revision: number): T {
    const result = withRevision(object, revision);
    if (!this.#isConverted) this.#servable.set(result, { value, revision });
    return result;
  }

  #view(record: StoredRecord): StoredObject<T> {
    let view = this.#views.get(record);
    if (view === undefined) {
      view = new StoredObject(this.#codec, record, record.modRevision, this.#encodings);
      this.#views.set(record, view);
    }
    return view;
  }
}

function withRevision<T extends KubernetesObject>(object: T, revision: number): T {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}
