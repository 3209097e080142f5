/**
 * ConfigMaps and Secrets that Pods of this node refer to, each kept fresh by a watch of its own for as long as some
 * Pod refers to it. Nothing else of these kinds is ever read.
 */
import type { ConfigMap, Secret } from '../../api/generated/core-v1.js';
import type { KubernetesObject } from '../../api/objects.js';
import { configMaps, secrets } from '../../api/resources.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import type { ApiClient, ResourceClient } from '../../client/types.js';
import { backoffDelayMs } from '../../common/backoff.js';
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import { ConfigurationError } from '../environment/resolve-environment.js';

export interface ReferencedObjectCacheOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long a Pod waits for an object that was never read; after that it is looked at again later. */
const patienceMs = 10_000;

export type PodUid = string;

export class ReferencedObjectCache {
  readonly configMaps: WatchedObjects<ConfigMap>;
  readonly secrets: WatchedObjects<Secret>;

  /** `onChange` gets the uids of the Pods that refer to an object that changed. */
  constructor(options: ReferencedObjectCacheOptions, onChange: (pods: readonly PodUid[]) => void) {
    this.configMaps = new WatchedObjects(configMaps, options, onChange);
    this.secrets = new WatchedObjects(secrets, options, onChange);
  }

  release(uid: PodUid): void {
    this.configMaps.release(uid);
    this.secrets.release(uid);
  }

  async stop(): Promise<void> {
    await Promise.all([this.configMaps.stop(), this.secrets.stop()]);
  }
}

interface Watched<T> {
  readonly users: Set<PodUid>;
  readonly abort: AbortController;
  readonly first: Promise<T | undefined>;
  current: { readonly object: T | undefined } | undefined;
  task: Promise<void>;
}

/** The objects of one kind. */
export class WatchedObjects<T extends KubernetesObject> {
  readonly #client: ResourceClient<T>;
  readonly #options: ReferencedObjectCacheOptions;
  readonly #onChange: (pods: readonly PodUid[]) => void;
  readonly #watched = new Map<string, Watched<T>>();

  constructor(
    resource: ResourceDefinition<T>,
    options: ReferencedObjectCacheOptions,
    onChange: (pods: readonly PodUid[]) => void,
  ) {
    this.#client = options.client.resource(resource);
    this.#options = options;
    this.#onChange = onChange;
  }

  /**
   * The object as it is now; undefined when there is none. Keeps it fresh until {@link release} for `user`. Rejects with
   * ConfigurationError when the apiserver does not answer in time.
   */
  async get(namespace: string, name: string, user: PodUid): Promise<T | undefined> {
    const key = `${namespace}/${name}`;
    const watched = this.#watched.get(key) ?? this.#begin(key, namespace, name);
    watched.users.add(user);
    return watched.current === undefined ? this.#firstInTime(watched) : watched.current.object;
  }

  async #firstInTime(watched: Watched<T>): Promise<T | undefined> {
    let cancel: () => void = () => undefined;
    const late = new Promise<never>((_resolve, reject) => {
      cancel = this.#options.clock.schedule(patienceMs, () => {
        const cache = this.#client.resource.kind.toLowerCase();
        reject(new ConfigurationError(`failed to sync ${cache} cache: timed out waiting for the condition`));
      });
    });
    try {
      return await Promise.race([watched.first, late]);
    } finally {
      cancel();
    }
  }

  /** This Pod no longer refers to anything. */
  release(user: PodUid): void {
    for (const [key, watched] of this.#watched) {
      if (!watched.users.delete(user) || watched.users.size > 0) continue;
      watched.abort.abort();
      this.#watched.delete(key);
    }
  }

  async stop(): Promise<void> {
    const tasks = [...this.#watched.values()].map((watched) => {
      watched.abort.abort();
      return watched.task;
    });
    this.#watched.clear();
    await Promise.all(tasks);
  }

  #begin(key: string, namespace: string, name: string): Watched<T> {
    const abort = new AbortController();
    let settle: (object: T | undefined) => void = () => undefined;
    const first = new Promise<T | undefined>((resolve) => {
      settle = resolve;
    });
    const watched: Watched<T> = {
      users: new Set(),
      abort,
      first,
      current: undefined,
      task: Promise.resolve(),
    };
    const set = (object: T | undefined): void => {
      const before = watched.current;
      watched.current = { object };
      if (before === undefined) settle(object);
      else if (before.object?.metadata.resourceVersion !== object?.metadata.resourceVersion)
        this.#onChange([...watched.users]);
    };
    watched.task = this.#follow(namespace, name, set, abort.signal).finally(() => {
      settle(undefined);
    });
    this.#watched.set(key, watched);
    return watched;
  }

  async #follow(
    namespace: string,
    name: string,
    set: (object: T | undefined) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const selection = { namespace, fieldSelector: `metadata.name=${name}` };
    let failures = 0;
    const aborted = (): boolean => signal.aborted;
    while (!aborted()) {
      try {
        const list = await this.#client.list({ ...selection, signal });
        set(list.items[0]);
        failures = 0;
        // It will never change: no need to listen.
        if (isImmutable(list.items[0])) return;
        const watch = this.#client.watch({ ...selection, resourceVersion: list.resourceVersion, signal });
        for await (const event of watch) {
          if (event.type === 'BOOKMARK') continue;
          set(event.type === 'DELETED' ? undefined : event.object);
          if (event.type !== 'DELETED' && isImmutable(event.object)) return;
        }
      } catch (error) {
        if (aborted()) return;
        if (!isStatusError(error, 'Expired')) {
          if (failures === 0)
            this.#options.log.warn('an object that a pod refers to cannot be followed, will try again', {
              object: `${namespace}/${name}`,
              kind: this.#client.resource.kind,
              err: error,
            });
          failures++;
        }
      }
      const delay = backoffDelayMs(failures, { initialMs: 200, maxMs: 30_000, jitter: 0.3 });
      await sleep(this.#options.clock, delay, signal);
    }
  }
}

/** ConfigMaps and Secrets can be declared never to change. */
function isImmutable(object: (KubernetesObject & { readonly immutable?: boolean }) | undefined): boolean {
  return object?.immutable === true;
}
