/** A client whose apiserver can be taken away and brought back: for what must go on without one. */
import type { KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { StatusError } from '../../api/status-error.js';
import type { MemoryClient } from '../../client/memory-client.js';
import type { ApiClient, ResourceClient, WatchedEvent, WatchOptions } from '../../client/types.js';

export class AwayClient implements ApiClient {
  readonly #inner: MemoryClient;
  #isAway = false;

  constructor(inner: MemoryClient) {
    this.#inner = inner;
  }

  /** From now on nobody answers, and watches end. */
  leave(): void {
    this.#isAway = true;
    this.#inner.endWatches();
  }

  comeBack(): void {
    this.#isAway = false;
  }

  resource<T extends KubernetesObject>(definition: ResourceDefinition<T>): ResourceClient<T> {
    const inner = this.#inner.resource(definition);
    const check = (): void => {
      this.#check();
    };
    return new Proxy(inner, {
      get: (target, name) => {
        if (name === 'watch')
          return (options: WatchOptions): AsyncIterable<WatchedEvent<T>> =>
            watchIfThere(target, options, check);
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return async (...parameters: unknown[]): Promise<unknown> => {
          check();
          return (await Reflect.apply(value, target, parameters)) as unknown;
        };
      },
    });
  }

  async raw(path: string, signal?: AbortSignal): Promise<string> {
    this.#check();
    return this.#inner.raw(path, signal);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #check(): void {
    if (this.#isAway) throw new StatusError('ServiceUnavailable', 'the apiserver is away');
  }
}

async function* watchIfThere<T extends KubernetesObject>(
  inner: ResourceClient<T>,
  options: WatchOptions,
  check: () => void,
): AsyncIterable<WatchedEvent<T>> {
  check();
  yield* inner.watch(options);
}
