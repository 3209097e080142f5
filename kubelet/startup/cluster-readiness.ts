/**
 * Whether Services, and Pods of other nodes, are ready: what starts may have to wait for. A Service with a ready Pod on
 * this node is; for the rest the apiserver is asked, and its answer is believed for a few seconds. While it cannot be
 * reached nothing new becomes ready, and the wait goes on until its timeout.
 */
import type { Pod, Service } from '../../api/generated/core-v1.js';
import { isPodReady } from '../../api/pod-helpers.js';
import { endpointSlices, pods } from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import type { ApiClient } from '../../client/types.js';
import type { Clock } from '../../common/clock.js';
import type { OtherReadiness } from './dependency-judge.js';

export interface ClusterReadinessOptions {
  readonly client: ApiClient;
  readonly nodeName: string;
  /** Those that are known; may be out of date while the apiserver is away. */
  readonly service: (namespace: string, name: string) => Service | undefined;
  /** The Pods of this node. */
  readonly pods: () => readonly Pod[];
  readonly clock: Clock;
}

interface Answer {
  isReady: boolean;
  askedAtMs: number;
  isAsking: boolean;
}

const believedMs = 2000;
/** More names than these are asked for by nobody who means it. */
const maxAnswers = 1000;

export class ClusterReadiness implements OtherReadiness {
  readonly #options: ClusterReadinessOptions;
  readonly #answers = new Map<string, Answer>();
  #onChange: () => void = () => undefined;

  constructor(options: ClusterReadinessOptions) {
    this.#options = options;
  }

  refresh(onChange: () => void): void {
    this.#onChange = onChange;
  }

  isPodReady(namespace: string, name: string): boolean {
    return this.#isReady(`pod/${namespace}/${name}`, async () => {
      const found = await this.#options.client.resource(pods).get({ namespace, name });
      return isPodReady(found) || found.status.phase === 'Succeeded';
    });
  }

  isServiceReady(namespace: string, name: string): boolean {
    if (this.#podsOfService(namespace, name).some(isPodReady)) return true;
    const { nodeName } = this.#options;
    return this.#isReady(`service/${namespace}/${name}`, async () => {
      const labelSelector = `kubernetes.io/service-name=${name}`;
      const { items } = await this.#options.client
        .resource(endpointSlices)
        .list({ namespace, labelSelector });
      // Of its own Pods the node knows better: a slice lags behind, and after a reboot it tells of those before.
      const others = items.flatMap(({ endpoints }) => endpoints).filter((one) => one.nodeName !== nodeName);
      return others.some(({ conditions }) => conditions?.ready !== false);
    });
  }

  podsOfService(namespace: string, name: string): readonly string[] {
    return this.#podsOfService(namespace, name).map(({ metadata: { uid } }) => uid);
  }

  #podsOfService(namespace: string, name: string): readonly Pod[] {
    const selector = Object.entries(this.#options.service(namespace, name)?.spec.selector ?? {});
    if (selector.length === 0) return [];
    return this.#options
      .pods()
      .filter(({ metadata }) => metadata.namespace === namespace)
      .filter(({ metadata: { labels } }) => selector.every(([key, value]) => labels?.[key] === value));
  }

  #isReady(key: string, ask: () => Promise<boolean>): boolean {
    const { clock } = this.#options;
    const known = this.#answers.get(key) ?? { isReady: false, askedAtMs: -Infinity, isAsking: false };
    if (!this.#answers.has(key) && this.#answers.size >= maxAnswers) this.#answers.clear();
    this.#answers.set(key, known);
    if (!known.isAsking && clock.monotonicMs() - known.askedAtMs >= believedMs) void this.#ask(known, ask);
    return known.isReady;
  }

  async #ask(answer: Answer, ask: () => Promise<boolean>): Promise<void> {
    answer.isAsking = true;
    const before = answer.isReady;
    try {
      answer.isReady = await ask();
    } catch (error) {
      // Only an answer changes what is believed: an apiserver that is away says nothing.
      if (isStatusError(error, 'NotFound')) answer.isReady = false;
    }
    answer.isAsking = false;
    answer.askedAtMs = this.#options.clock.monotonicMs();
    if (answer.isReady !== before) this.#onChange();
  }
}
