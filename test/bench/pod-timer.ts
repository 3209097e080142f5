/** Times a pod from `kubectl apply` to Running, as a watch sees it. */
import { namespaces, pods } from '../../api/resources.js';
import type { Pod } from '../../api/generated/core-v1.js';
import { createRestClient } from '../../client/rest-client.js';
import type { ApiClient } from '../../client/types.js';
import type { Kubectl } from '../support/kubectl.js';
import { until } from '../support/until.js';

export interface TimedPod {
  /** From the start of kubectl. */
  readonly fromApplyMs: number;
  /** From when the watch showed the object. */
  readonly fromCreationMs: number;
}

interface Seen {
  createdMs?: number;
  runningMs?: number;
  deleted?: boolean;
}

const namespace = 'default';
const podTimeoutMs = 60_000;

export class PodTimer {
  readonly #kubectl: Kubectl;
  readonly #client: ApiClient;
  readonly #abort = new AbortController();
  readonly #seen = new Map<string, Seen>();
  readonly #watching: Promise<void>;

  private constructor(kubectl: Kubectl, client: ApiClient, resourceVersion: string) {
    this.#kubectl = kubectl;
    this.#client = client;
    this.#watching = this.#watch(resourceVersion);
  }

  static async start(kubectl: Kubectl): Promise<PodTimer> {
    const client = createRestClient({
      connection: { kubeconfig: kubectl.kubeconfig },
      userAgent: 'knarr-bench',
    });
    await client.resource(namespaces).get({ name: namespace });
    const { resourceVersion } = await client.resource(pods).list({ namespace });
    return new PodTimer(kubectl, client, resourceVersion);
  }

  /** Applies a manifest of one pod, waits until it runs, deletes it and waits until it is gone. */
  async time(name: string, image: string): Promise<TimedPod> {
    const seen: Seen = {};
    this.#seen.set(name, seen);
    const manifest = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace },
      spec: { containers: [{ name: 'web', image, imagePullPolicy: 'IfNotPresent' }] },
    });
    const startMs = performance.now();
    await this.#kubectl.run(['apply', '-f', '-'], { input: manifest });
    const runningMs = await until(`${name} runs`, () => seen.runningMs, podTimeoutMs);
    await this.#kubectl.run(['delete', 'pod', name, '--namespace', namespace, '--grace-period=1']);
    await until(`${name} is gone`, () => seen.deleted === true, podTimeoutMs);
    return {
      fromApplyMs: runningMs - startMs,
      fromCreationMs: runningMs - (seen.createdMs ?? startMs),
    };
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#watching;
    await this.#client.close();
  }

  async #watch(resourceVersion: string): Promise<void> {
    const events = this.#client
      .resource(pods)
      .watch({ namespace, resourceVersion, signal: this.#abort.signal });
    for await (const event of events) {
      if (event.type === 'BOOKMARK') continue;
      this.#note(event.type, event.object);
    }
  }

  #note(type: 'ADDED' | 'MODIFIED' | 'DELETED', pod: Pod): void {
    const seen = this.#seen.get(pod.metadata.name);
    if (seen === undefined) return;
    const nowMs = performance.now();
    seen.createdMs ??= nowMs;
    if (pod.status.phase === 'Running') seen.runningMs ??= nowMs;
    if (type === 'DELETED') seen.deleted = true;
  }
}
