/**
 * Objects of one resource on top of the {@link Store}: compare-and-swap with retries, lists from one revision,
 * events as objects. Knows nothing of HTTP.
 */
import type { KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { notFound } from '../../api/status-error.js';
import { newEncodings } from './encoding-cache.js';
import type { Encodings } from './encoding-cache.js';
import { subjectOf } from './error-subject.js';
import { GuardedWrites } from './guarded-writes.js';
import type { Change, ChangeResult } from './guarded-writes.js';
import { KeyLayout } from './key-layout.js';
import { ListBlocks } from './list-blocks.js';
import type { EncodeRecords } from './list-blocks.js';
import { ObjectCodec } from './object-codec.js';
import { keyOf } from './read-range.js';
import { RecentObjects } from './recent-objects.js';
import { fieldTerm, ResourceIndex } from './resource-index.js';
import type { SelectorTerm } from './selector-index.js';
import { measuredStore } from './storage-metrics.js';
import type { ResourceMeter, StorageMetrics } from './storage-metrics.js';
import type { RangeOptions, RangeResult, Store, StoredRecord, StoreEvent } from './store.js';
import { ConvertedRecords } from './remote-conversion.js';
import type { RemoteConversion } from './remote-conversion.js';
import { readSelectable, StoredObject } from './stored-object.js';
import type { FieldReaders, SelectableFields } from './stored-object.js';
import { ResourceWatcher } from './resource-watch.js';
import type { ResourceEvent, ResourceWatch } from './resource-watch.js';
import type { VersionConversion } from './version-conversion.js';
import type { WatchCache } from './watch-cache.js';

export interface ObjectPage<T extends KubernetesObject> {
  readonly records: readonly StoredRecord[];
  /** The records as objects. A list that sends bytes does without them. */
  readonly items: readonly StoredObject<T>[];
  /** The revision that was read. */
  readonly revision: number;
  readonly remaining: number;
  readonly from: 'cache' | 'store';
}

export interface ListOptions {
  /** '' for all. */
  readonly namespace: string;
  readonly startKey?: string;
  readonly limit?: number;
  readonly revision?: number;
}

export interface StorageOptions<T extends KubernetesObject = KubernetesObject> {
  readonly store: Store;
  readonly cache: WatchCache;
  readonly metrics?: StorageMetrics;
  /** Shared by all resources; of its own unless told. */
  readonly encodings?: Encodings;
  /** Shared by all resources; one of its own unless told. */
  readonly recent?: RecentObjects;
  /** Watches that select by this field are woken by objects with their value alone: the node of a pod. */
  readonly triggerField?: string;
  /** How field selectors read the objects; asked for when the first one comes. */
  readonly fieldReaders?: () => FieldReaders<T>;
  /** Where the objects are stored in another version than they are served in. */
  readonly conversion?: VersionConversion<T>;
  /** Where somebody else converts them, instead of `conversion`. */
  readonly remoteConversion?: RemoteConversion;
  /** Aborts when nobody asks this storage any more: nothing of it then stays in the cache. */
  readonly gone?: AbortSignal;
  /** Objects vanish after this time. */
  readonly ttlSeconds?: number;
}

const comma = Buffer.from(',');

export class ResourceStorage<T extends KubernetesObject = KubernetesObject> {
  readonly definition: ResourceDefinition<T>;
  readonly layout: KeyLayout;
  readonly #store: Store;
  readonly #cache: WatchCache;
  readonly #meter: ResourceMeter | undefined;
  readonly #codec: ObjectCodec<T>;
  readonly #encodings: Encodings;
  readonly #writes: GuardedWrites<T>;
  readonly #fieldReaders: () => FieldReaders<T>;
  readonly #index: ResourceIndex;
  readonly #trigger: string | undefined;
  /** One view per record, however many watchers look at it. */
  readonly #views = new WeakMap<StoredRecord, StoredObject<T>>();
  readonly #listBlocks = new Map<string, ListBlocks>();
  readonly #eventsOf = new WeakMap<readonly StoreEvent[], readonly ResourceEvent<T>[]>();
  /** Read from objects at their write, by the bytes that were stored of them. */
  readonly #selectable = new WeakMap<Uint8Array, SelectableFields>();
  readonly #remote:
    { readonly conversion: RemoteConversion; readonly converted: ConvertedRecords } | undefined;
  readonly #departed = new WeakMap<StoredRecord, StoredObject<T>>();

  constructor(definition: ResourceDefinition<T>, options: StorageOptions<T>) {
    this.definition = definition;
    const { remoteConversion } = options;
    const storedAs = options.conversion?.storedAs ?? remoteConversion?.storedAs;
    this.layout = new KeyLayout(storedAs ?? definition);
    this.#meter = options.metrics?.of(definition.group, definition.plural, this.layout.prefix(''));
    this.#store = this.#meter === undefined ? options.store : measuredStore(options.store, this.#meter);
    this.#cache = options.cache;
    this.#codec = new ObjectCodec(definition, options.conversion);
    if (remoteConversion !== undefined)
      this.#remote = { conversion: remoteConversion, converted: new ConvertedRecords(remoteConversion) };
    this.#encodings = options.encodings ?? newEncodings();
    this.#fieldReaders = options.fieldReaders ?? (() => ({}));
    const read = (record: StoredRecord): SelectableFields => this.selectable(this.view(record));
    this.#index = new ResourceIndex(options.cache, this.layout.prefix(''), read, options.gone);
    const { triggerField } = options;
    this.#trigger = triggerField === undefined ? undefined : fieldTerm(triggerField, '').name;
    if (triggerField !== undefined)
      options.cache.setTrigger(this.layout.prefix(''), (record) => read(record).fields[triggerField] ?? '');
    const isConverted = storedAs !== undefined;
    this.#writes = new GuardedWrites({
      definition,
      store: this.#store,
      codec: this.#codec,
      recent: options.recent ?? new RecentObjects(),
      ttlSeconds: options.ttlSeconds,
      isConverted,
      remoteConversion,
      shown: (record) => this.#shown(record),
      // What selectors will ask of the record: parsing it again costs ten times as much.
      onEncoded: (object, value) => {
        if (triggerField !== undefined && !isConverted)
          this.#selectable.set(value, readSelectable(object, this.#fieldReaders()));
      },
    });
  }

  /** What selectors look at; read once for each record. */
  selectable(stored: StoredObject<T>): SelectableFields {
    return stored.selectable(this.#fieldReaders(), this.#selectable.get(stored.record.value));
  }

  /** The object, or undefined. */
  async find(namespace: string, name: string, signal?: AbortSignal): Promise<StoredObject<T> | undefined> {
    const { record } = await this.#store.get(this.layout.key(namespace, name), signal);
    if (record === undefined) return undefined;
    return this.view(this.#remote === undefined ? record : await this.#shown(record, signal));
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
    if (revision === undefined && (await this.#catchUp(signal)))
      return this.#cached(this.#cache.list(range), signal);
    const cached = revision === undefined ? undefined : this.#cache.list({ ...range, revision });
    if (cached !== undefined) return this.#cached(cached, signal);
    const asked: RangeOptions = revision === undefined ? range : { ...range, revision };
    const read = await this.#store.range(asked, signal);
    this.#meter?.storeList(read.records.length);
    return this.#page(read, 'store', signal);
  }

  async #catchUp(signal?: AbortSignal): Promise<boolean> {
    const catchingUp = this.#cache.catchUp(signal);
    const isFresh = await (this.#meter?.waitForCache(catchingUp) ?? catchingUp);
    this.#meter?.consistentRead(isFresh);
    return isFresh;
  }

  async #waitForRevision(revision: number, signal: AbortSignal): Promise<void> {
    const waiting = this.#cache.waitForRevision(revision, signal);
    await (this.#meter?.waitForCache(waiting) ?? waiting);
  }

  /**
   * What a list would give, less objects that do not satisfy all `terms`: some of those that are left may not, either. As
   * fresh as {@link list}, or not older than a revision where one is given. Undefined where nothing is gained by an index, and
   * where labels may be others than those that are stored.
   */
  async listCandidates(
    { namespace, notOlderThan }: { readonly namespace: string; readonly notOlderThan?: number },
    terms: readonly SelectorTerm[],
    signal: AbortSignal,
  ): Promise<ObjectPage<T> | undefined> {
    if (terms.length === 0 || this.#remote !== undefined) return undefined;
    if (notOlderThan !== undefined) await this.#waitForRevision(notOlderThan, signal);
    else if (!(await this.#catchUp(signal))) return undefined;
    const candidates = await this.#index.candidates(terms, signal);
    if (candidates === undefined) return undefined;
    const prefix = this.layout.prefix(namespace);
    const keys = [...candidates].filter((key) => key.startsWith(prefix)).sort();
    const records = keys.flatMap((key) => this.#cache.get(key) ?? []);
    return this.#cached({ records, revision: this.#cache.revision, remaining: 0 }, signal, terms);
  }

  /**
   * A whole collection as the cache shows it, not older than a revision (0 for whatever is there). Rejects with
   * the signal's reason when the cache does not get there in time.
   */
  async listCached(namespace: string, notOlderThan: number, signal: AbortSignal): Promise<ObjectPage<T>> {
    await this.#waitForRevision(notOlderThan, signal);
    return this.#cached(this.#cache.list({ prefix: this.layout.prefix(namespace) }), signal);
  }

  /** So many objects of a page were shown to who asked for it. */
  countReturned({ from }: Pick<ObjectPage<T>, 'from'>, objects: number): void {
    this.#meter?.returned(from, objects);
  }

  /** An object of the caller's own, of which nothing is kept: for those who look at many, once. */
  decode({ value, modRevision }: StoredRecord): T {
    return this.#codec.decode(value, modRevision);
  }

  /** What lists in the form of this name are made of. The first to ask says how records are encoded in it. */
  listBlocks(form: string, encode: EncodeRecords): ListBlocks {
    let blocks = this.#listBlocks.get(form);
    if (blocks === undefined) {
      blocks = new ListBlocks(this.#encodings.lists, encode);
      this.#listBlocks.set(form, blocks);
    }
    return blocks;
  }

  /** The served JSON of records, each after a comma. */
  encodeItems(records: readonly StoredRecord[]): Buffer {
    return this.#codec.joinServed(
      records.map(({ value }) => value),
      records.map(({ modRevision }) => modRevision),
      { before: comma },
    );
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
  create(object: T): Promise<T> {
    const { namespace = '', name } = object.metadata;
    return this.#writes.create(this.layout.key(namespace, name), object);
  }

  /**
   * The served JSON of an object that a write of this storage returned, for as long as nobody has changed it; undefined for
   * any other object, which has to be written as JSON anew.
   */
  servedOf(written: KubernetesObject): Buffer | undefined {
    return this.#writes.servedOf(written);
  }

  /**
   * Reads, asks `change` what to do with the object, and writes if nobody was faster; else again from the start. `change`
   * may so be called several times and must not have effects of its own; what it gets is shared and read-only, and what it
   * returns may share parts of it. Throws NotFound, and what `change` throws.
   */
  guaranteedUpdate(
    namespace: string,
    name: string,
    change: (current: T) => Promise<Change<T>> | Change<T>,
  ): Promise<ChangeResult<T>> {
    return this.#writes.update(this.layout.key(namespace, name), name, change);
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
    /** Waited for when the watch has been woken, before it takes what there is. */
    readonly turn?: () => Promise<void> | undefined;
  }): ResourceWatch<T> {
    const { namespace, name, terms = [], afterRevision, signal, turn } = options;
    const key = name === undefined ? undefined : this.layout.key(namespace, name);
    const prefix = key ?? this.layout.prefix(namespace);
    const trigger =
      prefix === this.layout.prefix('') ? terms.find((one) => one.name === this.#trigger) : undefined;
    const batches = this.#cache.watch({
      prefix,
      ...(trigger === undefined ? {} : { triggerValue: trigger.value }),
      afterRevision,
      signal,
      ...(turn === undefined ? {} : { turn }),
    });
    const toEvents = (
      events: readonly StoreEvent[],
    ): readonly ResourceEvent<T>[] | Promise<ResourceEvent<T>[]> =>
      this.#remote === undefined
        ? this.#sharedEvents(events, key)
        : this.#toRemoteEvents(events, key, signal);
    return new ResourceWatcher(batches, toEvents);
  }

  /** The last state of an object that went, or went out of sight, with the revision at which it did. */
  departed(record: StoredRecord, revision: number): StoredObject<T> {
    let view = this.#departed.get(record);
    if (view?.revision !== revision) {
      view = new StoredObject(this.#codec, record, revision, this.#encodings.objects);
      this.#departed.set(record, view);
    }
    return view;
  }

  /** One list for all watchers that the cache has given the same events: they look at the same prefix, or key. */
  #sharedEvents(events: readonly StoreEvent[], onlyKey: string | undefined): readonly ResourceEvent<T>[] {
    let known = this.#eventsOf.get(events);
    if (known === undefined) {
      known = this.#toEvents(events, onlyKey);
      this.#eventsOf.set(events, known);
    }
    return known;
  }

  /** With `onlyKey`, events of other keys that merely begin like it are left out. */
  #toEvents(
    events: readonly StoreEvent[],
    onlyKey: string | undefined,
    shown: (record: StoredRecord) => StoredRecord = (record) => record,
  ): ResourceEvent<T>[] {
    const result: ResourceEvent<T>[] = [];
    for (const event of events) {
      if (onlyKey !== undefined && keyOf(event) !== onlyKey) continue;
      const previous = event.previous === undefined ? undefined : this.view(shown(event.previous));
      const current =
        event.type === 'put'
          ? this.view(shown(event.record))
          : this.departed(shown(event.previous), event.revision);
      result.push({ type: event.type, current, previous });
    }
    return result;
  }

  async #toRemoteEvents(
    events: readonly StoreEvent[],
    onlyKey: string | undefined,
    signal: AbortSignal,
  ): Promise<ResourceEvent<T>[]> {
    const wanted = events.filter((event) => onlyKey === undefined || keyOf(event) === onlyKey);
    const records = wanted.flatMap((event) => [
      ...(event.type === 'put' ? [event.record] : []),
      ...(event.previous === undefined ? [] : [event.previous]),
    ]);
    let converted: readonly StoredRecord[];
    try {
      converted = await this.#convert(records, signal);
    } catch (error) {
      // Nobody watches any more: the watch ends, as it does while it waits for events.
      if (signal.aborted) return [];
      throw error;
    }
    const shown = new Map(records.map((record, index) => [record, converted[index] ?? record]));
    return this.#toEvents(wanted, undefined, (record) => shown.get(record) ?? record);
  }

  #cached(
    result: RangeResult,
    signal?: AbortSignal,
    terms: readonly SelectorTerm[] = [],
  ): Promise<ObjectPage<T>> {
    this.#meter?.cacheList(indexName(terms), result.records.length);
    return this.#page(result, 'cache', signal);
  }

  async #page(result: RangeResult, from: 'cache' | 'store', signal?: AbortSignal): Promise<ObjectPage<T>> {
    const { revision, remaining } = result;
    const records = this.#remote === undefined ? result.records : await this.#convert(result.records, signal);
    const view = (record: StoredRecord): StoredObject<T> => this.view(record);
    return {
      records,
      revision,
      remaining,
      from,
      get items() {
        return records.map(view);
      },
    };
  }

  #convert(records: readonly StoredRecord[], signal?: AbortSignal): Promise<readonly StoredRecord[]> {
    return this.#remote?.converted.convert(records, signal) ?? Promise.resolve(records);
  }

  /** A record as it is served. The cache may hold the same bytes, and they may be converted already. */
  async #shown(record: StoredRecord, signal?: AbortSignal): Promise<StoredRecord> {
    const cached = this.#cache.get(record.key);
    const same = cached?.modRevision === record.modRevision ? cached : record;
    const [shown = record] = await this.#convert([same], signal);
    return shown;
  }

  /** A record of this storage as an object that all who look at it share. */
  view(record: StoredRecord): StoredObject<T> {
    let view = this.#views.get(record);
    if (view === undefined) {
      view = new StoredObject(this.#codec, record, record.modRevision, this.#encodings.objects);
      this.#views.set(record, view);
    }
    return view;
  }
}

/** As Kubernetes names indexes: `f:` and the field, `l:` for labels, of which there may be too many to tell apart. */
function indexName([first]: readonly SelectorTerm[]): string {
  if (first === undefined) return '';
  return first.name.startsWith('field ') ? `f:${first.name.slice('field '.length)}` : 'l:';
}
