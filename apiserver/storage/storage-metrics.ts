/**
 * What the server shows of its store and of its cache, under the names of kube-apiserver. The metrics that are called
 * etcd_… count what is asked of the store, whatever the engine.
 */
import type { Registry } from 'prom-client';
import type { Clock } from '../../common/clock.js';
import type { CounterCell, HistogramCell } from '../../common/metric-cells.js';
import { counterFamily, gaugeFamily, histogramFamily } from '../../common/metric-cells.js';
import type { Store } from './store.js';

export type StoreOperation = 'get' | 'list' | 'create' | 'update' | 'delete';

export interface OperationMeter {
  /** The same promise, measured. */
  measure<T>(call: Promise<T>): Promise<T>;
}

/** The time series of one resource. */
export interface ResourceMeter {
  readonly operations: Readonly<Record<StoreOperation, OperationMeter>>;
  /** A list was read from the cache: all of it, or what an index found. `index` is empty without one. */
  cacheList(index: string, fetched: number): void;
  storeList(fetched: number): void;
  returned(from: 'cache' | 'store', objects: number): void;
  /** A list that had to be fresh: whether the cache got there in time. */
  consistentRead(fromCache: boolean): void;
  /** The same promise, measured. */
  waitForCache<T>(call: Promise<T>): Promise<T>;
}

/** Told of what comes into the cache. */
export interface CacheMeter {
  /** Everything below the root was listed. */
  loaded(records: Iterable<readonly [key: string, unknown]>, revision: number): void;
  event(key: string, revision: number): void;
}

const requestBuckets = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];
const waitBuckets = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3];
/** Kubernetes names its etcd clusters so; there is one store. */
const storageClusterId = 'etcd-0';

/** What the cache holds of one folder of keys. */
interface FolderCells {
  readonly initEvents: CounterCell;
  readonly initializations: CounterCell;
  readonly stored: CounterCell;
  readonly received: CounterCell;
  readonly dispatched: CounterCell;
}

export class StorageMetrics implements CacheMeter {
  readonly #families: ReturnType<typeof createFamilies>;
  readonly #clock: Clock;
  readonly #folders = new Map<string, FolderCells>();
  readonly #resources = new Map<string, { readonly group: string; readonly resource: string }>();
  #revision = 0;

  constructor(registry: Registry, store: Pick<Store, 'status'>, clock: Clock) {
    this.#clock = clock;
    this.#families = createFamilies(registry, store);
    gaugeFamily(registry, {
      name: 'apiserver_watch_cache_resource_version',
      help: 'The revision that the watch cache shows. One cache holds all resources.',
      labelNames: ['group', 'resource'],
      collect: (family) => {
        for (const { group, resource } of this.#resources.values())
          family.with(group, resource).set(this.#revision);
      },
    });
  }

  /** The meter of a resource whose keys begin with this. Asked again, it gives the same time series. */
  of(group: string, resource: string, prefix: string): ResourceMeter {
    const families = this.#families;
    const clock = this.#clock;
    this.#resources.set(prefix, { group, resource });
    this.#folders.set(prefix, {
      initEvents: families.initEvents.with(group, resource),
      initializations: families.initializations.with(group, resource),
      stored: families.storeEvents.with(group, resource),
      received: families.received.with(group, resource),
      dispatched: families.dispatched.with(group, resource),
    });
    const operation = (name: StoreOperation): OperationMeter => {
      const cells: OperationCells = {
        seconds: families.seconds.with(name, group, resource),
        requests: families.requests.with(name, group, resource),
        errors: families.errors.with(name, group, resource),
      };
      return { measure: (call) => measure(call, cells, clock) };
    };
    const wholeLists = families.cacheLists.with(group, resource, '');
    const wholeFetched = families.cacheFetched.with(group, resource, '');
    const cacheReturned = families.cacheReturned.with(group, resource);
    const storeReturned = families.storeReturned.with(group, resource);
    const storeEvaluated = families.storeEvaluated.with(group, resource);
    const storeFetched = families.storeFetched.with(group, resource);
    const storeLists = families.storeLists.with(group, resource);
    const fresh = families.consistentReads.with(group, resource, 'true', 'false');
    const fallenBack = families.consistentReads.with(group, resource, 'false', 'true');
    const waits = families.waits.with(group, resource);
    return {
      operations: {
        get: operation('get'),
        list: operation('list'),
        create: operation('create'),
        update: operation('update'),
        delete: operation('delete'),
      },
      cacheList: (index, fetched) => {
        (index === '' ? wholeLists : families.cacheLists.with(group, resource, index)).inc();
        (index === '' ? wholeFetched : families.cacheFetched.with(group, resource, index)).inc(fetched);
      },
      storeList: (fetched) => {
        storeLists.inc();
        storeFetched.inc(fetched);
        storeEvaluated.inc(fetched);
      },
      returned: (from, objects) => {
        (from === 'cache' ? cacheReturned : storeReturned).inc(objects);
      },
      consistentRead: (fromCache) => {
        (fromCache ? fresh : fallenBack).inc();
      },
      waitForCache: async (call) => {
        const startedMs = clock.monotonicMs();
        const result = await call;
        waits.observe((clock.monotonicMs() - startedMs) / 1000);
        return result;
      },
    };
  }

  loaded(records: Iterable<readonly [key: string, unknown]>, revision: number): void {
    this.#revision = revision;
    for (const { initializations } of this.#folders.values()) initializations.inc();
    for (const [key] of records) this.#folderOf(key)?.initEvents.inc();
  }

  event(key: string, revision: number): void {
    this.#revision = Math.max(this.#revision, revision);
    const cells = this.#folderOf(key);
    if (cells === undefined) return;
    cells.stored.inc();
    cells.received.inc();
    cells.dispatched.inc();
  }

  /** A folder is one or two names below the root: `/registry/pods/`, `/registry/services/specs/`. */
  #folderOf(key: string): FolderCells | undefined {
    const first = key.indexOf('/', key.indexOf('/', 1) + 1);
    const found = this.#folders.get(key.slice(0, first + 1));
    return found ?? this.#folders.get(key.slice(0, key.indexOf('/', first + 1) + 1));
  }
}

interface OperationCells {
  readonly seconds: HistogramCell;
  readonly requests: CounterCell;
  readonly errors: CounterCell;
}

async function measure<T>(call: Promise<T>, cells: OperationCells, clock: Clock): Promise<T> {
  const startedMs = clock.monotonicMs();
  try {
    return await call;
  } catch (error) {
    cells.errors.inc();
    throw error;
  } finally {
    cells.requests.inc();
    cells.seconds.observe((clock.monotonicMs() - startedMs) / 1000);
  }
}

/** The store, with each call counted for one resource. */
export function measuredStore(store: Store, { operations }: ResourceMeter): Store {
  return {
    get: (key, signal) => operations.get.measure(store.get(key, signal)),
    range: (options, signal) => operations.list.measure(store.range(options, signal)),
    create: (key, value, options) => operations.create.measure(store.create(key, value, options)),
    update: (key, value, expected, options) =>
      operations.update.measure(store.update(key, value, expected, options)),
    delete: (key, expected) => operations.delete.measure(store.delete(key, expected)),
    watch: (options) => store.watch(options),
    requestProgress: (options) => store.requestProgress(options),
    get compactedBefore() {
      return store.compactedBefore;
    },
    compact: (revision) => store.compact(revision),
    status: () => store.status(),
    close: () => store.close(),
  };
}

function createFamilies(registry: Registry, store: Pick<Store, 'status'>) {
  const counter = (name: string, help: string, labels: readonly string[] = []) =>
    counterFamily(registry, { name, help, labelNames: [...labels, 'group', 'resource'] });
  gaugeFamily(registry, {
    name: 'apiserver_storage_size_bytes',
    help: 'What the store takes on its disk.',
    labelNames: ['storage_cluster_id'],
    collect: async (family) => {
      family.with(storageClusterId).set((await store.status()).sizeBytes);
    },
  });
  const indexed = (name: string, help: string) =>
    counterFamily(registry, { name, help, labelNames: ['group', 'resource', 'index'] });
  return {
    seconds: histogramFamily(registry, {
      name: 'etcd_request_duration_seconds',
      help: 'How long calls of the store took, by operation and resource.',
      labelNames: ['operation', 'group', 'resource'],
      buckets: requestBuckets,
    }),
    requests: counter('etcd_requests_total', 'Calls of the store.', ['operation']),
    errors: counter('etcd_request_errors_total', 'Calls of the store that failed.', ['operation']),
    storeLists: counter('apiserver_storage_list_total', 'Lists that were read from the store.'),
    storeFetched: counter('apiserver_storage_list_fetched_objects_total', 'Objects that these lists read.'),
    storeEvaluated: counter(
      'apiserver_storage_list_evaluated_objects_total',
      'Objects of these lists that selectors looked at.',
    ),
    storeReturned: counter(
      'apiserver_storage_list_returned_objects_total',
      'Objects that these lists showed.',
    ),
    storeEvents: counter('apiserver_storage_events_received_total', 'Events that the store reported.'),
    cacheLists: indexed('apiserver_cache_list_total', 'Lists that were read from the cache.'),
    cacheFetched: indexed('apiserver_cache_list_fetched_objects_total', 'Objects that these lists read.'),
    cacheReturned: counter('apiserver_cache_list_returned_objects_total', 'Objects that these lists showed.'),
    initEvents: counter('apiserver_init_events_total', 'Objects that the watch cache was loaded with.'),
    initializations: counter('apiserver_watch_cache_initializations_total', 'Loads of the watch cache.'),
    received: counter(
      'apiserver_watch_cache_events_received_total',
      'Events that came into the watch cache.',
    ),
    dispatched: counter(
      'apiserver_watch_cache_events_dispatched_total',
      'Events that watchers were told of.',
    ),
    consistentReads: counterFamily(registry, {
      name: 'apiserver_watch_cache_consistent_read_total',
      help: 'Lists that had to be fresh, and whether they came from the cache or fell back to the store.',
      labelNames: ['group', 'resource', 'success', 'fallback'],
    }),
    waits: histogramFamily(registry, {
      name: 'apiserver_watch_cache_read_wait_seconds',
      help: 'How long reads waited for the cache to be fresh enough.',
      labelNames: ['group', 'resource'],
      buckets: waitBuckets,
    }),
  };
}
