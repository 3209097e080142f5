/** When a watch has shown what of pods. */
import { namespaces, pods } from '../../api/resources.js';
import type { Pod } from '../../api/generated/core-v1.js';
import { createRestClient } from '../../client/rest-client.js';
import type { ApiClient } from '../../client/types.js';
import { until } from '../support/until.js';

/** Times of `performance.now()`, the first of each. */
export interface SeenPod {
  createdMs?: number;
  runningMs?: number;
  /** A container runs for the second time. */
  restartedMs?: number;
  deletedMs?: number;
  /** As last seen. */
  containerId?: string;
}

export const namespace = 'default';
const podTimeoutMs = 180_000;

export class PodWatch {
  readonly client: ApiClient;
  readonly #abort = new AbortController();
  readonly #seen = new Map<string, SeenPod>();
  readonly #watching: Promise<void>;

  private constructor(client: ApiClient, resourceVersion: string) {
    this.client = client;
    this.#watching = this.#watch(resourceVersion);
  }

  static async start(kubeconfig: string): Promise<PodWatch> {
    const client = createRestClient({ connection: { kubeconfig }, userAgent: 'knarr-bench' });
    await client.resource(namespaces).get({ name: namespace });
    const { resourceVersion } = await client.resource(pods).list({ namespace });
    return new PodWatch(client, resourceVersion);
  }

  /** Waits until the watch has shown it of the pod. */
  async when(name: string, what: 'createdMs' | 'runningMs' | 'restartedMs' | 'deletedMs'): Promise<number> {
    return until(`${what} of ${name}`, () => this.#seen.get(name)?.[what], podTimeoutMs);
  }

  seen(name: string): SeenPod {
    return this.#seen.get(name) ?? {};
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#watching;
    await this.client.close();
  }

  async #watch(resourceVersion: string): Promise<void> {
    const events = this.client
      .resource(pods)
      .watch({ namespace, resourceVersion, signal: this.#abort.signal });
    for await (const event of events) {
      if (event.type !== 'BOOKMARK') this.#note(event.type, event.object);
    }
  }

  #note(type: 'ADDED' | 'MODIFIED' | 'DELETED', { metadata, status }: Pod): void {
    const nowMs = performance.now();
    if (type === 'ADDED') this.#seen.set(metadata.name, { createdMs: nowMs });
    const seen = this.#seen.get(metadata.name);
    if (seen === undefined) return;
    if (status.phase === 'Running') seen.runningMs ??= nowMs;
    const [container] = status.containerStatuses ?? [];
    if (container?.containerID !== undefined) seen.containerId = container.containerID;
    if (container !== undefined && container.restartCount > 0 && container.state?.running !== undefined)
      seen.restartedMs ??= nowMs;
    if (type === 'DELETED') seen.deletedMs = nowMs;
  }
}
