/**
 * Local, always-fresh copies of collections: list once, then watch, as client-go's reflectors do.
 *
 * A watch that ends is resumed after the last version seen, so nothing is listed again unless the server has
 * forgotten that version (410). Handlers run synchronously, in order, on the event loop turn that received the
 * event: from the server's write to the handler there is no queue.
 */
import { setMaxListeners } from 'node:events';
import { backoffDelayMs } from '../common/backoff.js';
import { sleep, systemClock } from '../common/clock.js';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import { keyOf } from '../api/objects.js';
import type { KubernetesObject } from '../api/objects.js';
import type { ResourceDefinition } from '../api/resources.js';
import { isStatusError } from '../api/status-error.js';
import { isAborted } from './is-aborted.js';
import { ObjectCache } from './object-cache.js';
import type { IndexFunction } from './object-cache.js';
import type { ApiClient, Informer, InformerFactory, InformerHandler } from './types.js';

/** The server ends a watch after 5 to 10 minutes; a random moment keeps watches from ending together. */
const watchSeconds = { least: 300, most: 600 };
const retryBackoff = { initialMs: 50, maxMs: 2_000, factor: 2, jitter: 0.3 };
/** After so many failures in a row the outage is worth a line in the log: a restart of the server is not. */
const failuresWorthALine = 3;

export interface InformerFactoryOptions {
  readonly client: ApiClient;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly random?: () => number;
}

export interface InformerOptions<T extends KubernetesObject> {
  readonly namespace?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  readonly metadataOnly?: boolean;
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>>;
}

/** Makes the one factory of a process. Informers with the same resource and selectors are the same informer. */
export function createInformerFactory(options: InformerFactoryOptions): InformerFactory {
  return new SharedInformers(options);
}

class SharedInformers implements InformerFactory {
  readonly #options: Required<InformerFactoryOptions>;
  readonly #informers = new Map<string, WatchingInformer<KubernetesObject>>();
  readonly #running = new Map<WatchingInformer<KubernetesObject>, Promise<void>>();
  #signal: AbortSignal | undefined;

  constructor(options: InformerFactoryOptions) {
    this.#options = { clock: systemClock, random: Math.random, ...options };
  }

  informer<T extends KubernetesObject>(
    resource: ResourceDefinition<T>,
    options: InformerOptions<T> = {},
  ): Informer<T> {
    const scope = [options.namespace ?? '', options.fieldSelector ?? '', options.labelSelector ?? ''];
    if (options.metadataOnly === true) scope.push('metadata');
    const id = [resource.group, resource.plural, ...scope].join('|');
    // The id names the resource, so the type of what is found is that of the resource.
    let informer = this.#informers.get(id) as WatchingInformer<T> | undefined;
    if (informer === undefined) {
      informer = new WatchingInformer(resource, options, this.#options);
      const erased = informer as unknown as WatchingInformer<KubernetesObject>;
      this.#informers.set(id, erased);
      if (this.#signal !== undefined) this.#running.set(erased, informer.run(this.#signal));
    }
    for (const [name, index] of Object.entries(options.indexes ?? {})) informer.addIndex(name, index);
    return informer;
  }

  async run(signal: AbortSignal): Promise<void> {
    if (this.#signal !== undefined) throw new Error('the informers are running already');
    this.#signal = signal;
    // One listener per watch and waiter is no leak, however many there are.
    setMaxListeners(0, signal);
    for (const informer of this.#informers.values()) this.#running.set(informer, informer.run(signal));
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else
        signal.addEventListener(
          'abort',
          () => {
            resolve();
          },
          { once: true },
        );
    });
    await Promise.all(this.#running.values());
  }
}

class WatchingInformer<T extends KubernetesObject> implements Informer<T> {
  readonly resource: ResourceDefinition<T>;
  readonly #scope: Omit<InformerOptions<T>, 'indexes' | 'metadataOnly'>;
  readonly #metadataOnly: boolean;
  readonly #environment: Required<InformerFactoryOptions>;
  readonly #cache = new ObjectCache<T>();
  readonly #handlers = new Set<InformerHandler<T>>();
  readonly #waiting = new Set<() => void>();
  #synced = false;
  /** How far the cache has seen; undefined means that the next step is a list. */
  #resourceVersion: string | undefined;

  constructor(
    resource: ResourceDefinition<T>,
    options: InformerOptions<T>,
    environment: Required<InformerFactoryOptions>,
  ) {
    this.resource = resource;
    this.#environment = environment;
    this.#metadataOnly = options.metadataOnly === true;
    this.#scope = {
      ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
      ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
      ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
    };
  }

  get synced(): boolean {
    return this.#synced;
  }

  get(key: string): T | undefined {
    return this.#cache.get(key);
  }

  list(): readonly T[] {
    return this.#cache.list();
  }

  byIndex(index: string, value: string): readonly T[] {
    return this.#cache.byIndex(index, value);
  }

  addIndex(name: string, index: IndexFunction<T>): void {
    this.#cache.addIndex(name, index);
  }

  addHandler(handler: InformerHandler<T>): () => void {
    for (const object of this.#cache.list()) {
      this.#tell('onAdd', () => handler.onAdd?.(object, true));
    }
    this.#handlers.add(handler);
    return () => {
      this.#handlers.delete(handler);
    };
  }

  whenSynced(signal?: AbortSignal): Promise<void> {
    if (this.#synced) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const abort = (): void => {
        this.#waiting.delete(done);
        reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
      };
      this.#waiting.add(done);
      if (signal?.aborted === true) abort();
      else signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Lists and watches until the signal aborts. Never rejects: failures are retried with backoff. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, random } = this.#environment;
    let failures = 0;
    while (!isAborted(signal)) {
      try {
        if (this.#resourceVersion === undefined) await this.#list(signal);
        const heard = await this.#watch(signal);
        // A watch that ends at once and empty is a failure in disguise: without a pause this would spin.
        if (heard) {
          if (failures >= failuresWorthALine) log.info('watching again', { resource: this.resource.plural });
          failures = 0;
        } else failures++;
      } catch (error) {
        if (isAborted(signal)) return;
        if (isVersionUnknown(error)) this.#resourceVersion = undefined;
        failures++;
        if (failures === failuresWorthALine)
          log.warn('a watch fails and is retried', { resource: this.resource.plural, err: error });
      }
      if (failures > 0) await sleep(clock, backoffDelayMs(failures - 1, { ...retryBackoff, random }), signal);
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const list = await this.#environment.client.resource(this.resource).list({ ...this.#scope, signal });
    const initial = !this.#synced;
    const gone = new Map(this.#cache.list().map((object) => [keyOf(object), object]));
    for (const object of list.items) {
      const key = keyOf(object);
      const before = gone.get(key);
      gone.delete(key);
      if (before?.metadata.resourceVersion === object.metadata.resourceVersion) continue;
      // The same name with another uid is another object: the old one was deleted while nobody watched.
      if (before !== undefined && before.metadata.uid !== object.metadata.uid) this.#remove(before);
      this.#put(object, initial);
    }
    for (const object of gone.values()) this.#remove(object);
    this.#resourceVersion = list.resourceVersion;
    this.#synced = true;
    for (const resolve of [...this.#waiting]) resolve();
  }

  /** True when the watch did its duty: it brought something, or lasted for more than a second. */
  async #watch(signal: AbortSignal): Promise<boolean> {
    const { client, clock, random } = this.#environment;
    const spread = watchSeconds.most - watchSeconds.least;
    const startedAt = clock.monotonicMs();
    let heard = false;
    const events = client.resource(this.resource).watch({
      ...this.#scope,
      resourceVersion: this.#resourceVersion ?? '',
      allowBookmarks: true,
      timeoutSeconds: watchSeconds.least + Math.floor(random() * spread),
      signal,
    });
    for await (const event of events) {
      heard = true;
      if (event.type === 'BOOKMARK') {
        this.#resourceVersion = event.resourceVersion;
        continue;
      }
      this.#resourceVersion = event.object.metadata.resourceVersion;
      if (event.type === 'DELETED') this.#remove(event.object);
      else this.#put(event.object, false);
    }
    return heard || clock.monotonicMs() - startedAt >= 1_000;
  }

  #put(received: T, initial: boolean): void {
    const object = this.#metadataOnly ? withoutContent(received) : received;
    const before = this.#cache.put(object);
    for (const handler of [...this.#handlers]) {
      if (before === undefined) this.#tell('onAdd', () => handler.onAdd?.(object, initial));
      else this.#tell('onUpdate', () => handler.onUpdate?.(before, object));
    }
  }

  #remove(object: T): void {
    this.#cache.remove(keyOf(object));
    for (const handler of [...this.#handlers]) this.#tell('onDelete', () => handler.onDelete?.(object));
  }

  /** One handler's mistake must not stop the cache that all the others rely on. */
  #tell(what: string, call: () => void): void {
    try {
      call();
    } catch (error) {
      const fields = { resource: this.resource.plural, handler: what, err: error };
      this.#environment.log.error('an informer handler threw', fields);
    }
  }
}

function withoutContent<T extends KubernetesObject>({ apiVersion, kind, metadata }: T): T {
  // Whoever asked for metadata alone has promised to look at nothing else.
  return { apiVersion, kind, metadata } as T;
}

/** The server has forgotten our version, or has never had it (its data was restored or replaced): list again. */
function isVersionUnknown(error: unknown): boolean {
  if (isStatusError(error, 'Expired') || isStatusError(error, 'Gone')) return true;
  return (
    isStatusError(error, 'Timeout') &&
    error.details?.causes?.some(({ reason }) => reason === 'ResourceVersionTooLarge') === true
  );
}
