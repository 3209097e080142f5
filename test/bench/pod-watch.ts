/** When a watch has shown what of pods. */
import { namespaces, pods } from '../../api/resources.js';
import type { Pod } from '../../api/generated/core-v1.js';
import { createRestClient } from '../../client/rest-client.js';
import type { ApiClient, ObjectList } from '../../client/types.js';

/** Times of `performance.now()`, the first of each. */
export interface SeenPod {
  createdMs?: number;
  runningMs?: number;
  /** Ready, with a container that was not there when the watch began. */
  readyMs?: number;
  /** A container runs for the second time. */
  restartedMs?: number;
  deletedMs?: number;
  /** As last seen. */
  containerId?: string;
  isRunning: boolean;
  /** Containers that were there when the watch began. */
  readonly earlier: ReadonlySet<string>;
  /** Containers that have ended since, and how: `Error 137`. */
  readonly ended: Map<string, string>;
}

type Moment = 'createdMs' | 'runningMs' | 'readyMs' | 'restartedMs' | 'deletedMs';

export const namespace = 'default';
const podTimeoutMs = 180_000;

export class PodWatch {
  readonly client: ApiClient;
  readonly #abort = new AbortController();
  readonly #seen = new Map<string, SeenPod>();
  /** By pod, what is asked again when an event of it comes: looking all the time would take from what is measured. */
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #watching: Promise<void>;

  private constructor(client: ApiClient, { items, resourceVersion }: ObjectList<Pod>) {
    this.client = client;
    for (const { metadata, status } of items)
      this.#seen.set(metadata.name, {
        earlier: new Set([...containerIds(status), ...endsOf(status).map(([id]) => id)]),
        ended: new Map(),
        isRunning: false,
      });
    this.#watching = this.#watch(resourceVersion);
  }

  static async start(kubeconfig: string): Promise<PodWatch> {
    const client = createRestClient({ connection: { kubeconfig }, userAgent: 'knarr-bench' });
    await client.resource(namespaces).get({ name: namespace });
    return new PodWatch(client, await client.resource(pods).list({ namespace }));
  }

  /** Waits until the watch has shown it of the pod. */
  when(name: string, what: Moment): Promise<number> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(name) ?? new Set();
      this.#waiting.set(name, waiting);
      const look = (): void => {
        const timeMs = this.#seen.get(name)?.[what];
        if (timeMs === undefined) return;
        waiting.delete(look);
        clearTimeout(timer);
        resolve(timeMs);
      };
      const timer = setTimeout(() => {
        waiting.delete(look);
        reject(new Error(`gave up waiting until the watch shows ${what} of ${name}`));
      }, podTimeoutMs);
      waiting.add(look);
      look();
    });
  }

  seen(name: string): SeenPod {
    return this.#seen.get(name) ?? unseenPod;
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
    if (type === 'ADDED')
      this.#seen.set(metadata.name, {
        createdMs: nowMs,
        earlier: new Set(),
        ended: new Map(),
        isRunning: false,
      });
    const seen = this.#seen.get(metadata.name);
    if (seen === undefined) return;
    const [container] = status.containerStatuses ?? [];
    const isLater = !seen.earlier.has(container?.containerID ?? '');
    if (status.phase === 'Running' && isLater) seen.runningMs ??= nowMs;
    seen.isRunning = container?.state?.running !== undefined;
    if (container?.containerID !== undefined) seen.containerId = container.containerID;
    if (container !== undefined && container.restartCount > 0 && container.state?.running !== undefined)
      seen.restartedMs ??= nowMs;
    const isReady = status.conditions?.some((one) => one.type === 'Ready' && one.status === 'True');
    if (isReady === true && isLater) seen.readyMs ??= nowMs;
    for (const [id, how] of endsOf(status)) if (!seen.earlier.has(id)) seen.ended.set(id, how);
    if (type === 'DELETED') seen.deletedMs = nowMs;
    for (const look of this.#waiting.get(metadata.name) ?? []) look();
  }
}

/** A pod that no watch has shown. */
export const unseenPod: SeenPod = { earlier: new Set(), ended: new Map(), isRunning: false };

function containerIds(status: Pod['status']): string[] {
  return (status.containerStatuses ?? []).flatMap(({ containerID }) => containerID ?? []);
}

/** Of containers that have ended, now or before the one that there is now. */
function endsOf(status: Pod['status']): [id: string, how: string][] {
  return (status.containerStatuses ?? []).flatMap(({ state, lastState }) =>
    [state?.terminated, lastState?.terminated].flatMap((one): [string, string][] =>
      one?.containerID === undefined ? [] : [[one.containerID, `${one.reason ?? ''} ${one.exitCode}`]],
    ),
  );
}
