/**
 * Controllers of the controller manager on the in-memory client, with a small kubelet that makes every Pod ready, and
 * with ways to make the server refuse, lose answers, or show Pods late.
 */
import { Registry } from 'prom-client';
import { systemClock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import type { KubernetesObject } from '../../api/objects.js';
import { isPodActive } from '../../api/pod-helpers.js';
import { pods } from '../../api/resources.js';
import type { Pod } from '../../api/generated/core-v1.js';
import { createInformerFactory } from '../../client/informer.js';
import { createMemoryClient } from '../../client/memory-client.js';
import type { ApiClient, WatchedEvent } from '../../client/types.js';
import { createWorkQueueMetrics } from '../../client/work-queue-metrics.js';
import type {
  ControllerContext,
  ControllerDefinition,
} from '../../controller-manager/controller-definition.js';
import { makePod } from './scheduling-objects.js';
import { runSmallKubelet } from './small-kubelet.js';
import { until } from './until.js';

/** The part of a tap test that is needed. */
interface Teardown {
  teardown(what: () => Promise<void>): void;
}

export function runWorkload(t: Teardown, definitions: readonly ControllerDefinition[]): WorkloadWorld {
  const world = new WorkloadWorld();
  const stop = new AbortController();
  const running = world.run(definitions, stop.signal);
  t.teardown(async () => {
    stop.abort();
    world.releasePodWatch();
    await running;
  });
  return world;
}

export class WorkloadWorld {
  /** Sees everything at once and is never made to fail. */
  readonly client = createMemoryClient();
  readonly events: string[] = [];
  /** May throw to refuse the creation of a Pod by a controller. */
  beforeCreate: () => void = () => undefined;
  /** May throw to lose the answer: the Pod is there all the same. */
  afterCreate: () => void = () => undefined;
  /** Pods that the small kubelet does not make ready. */
  unready: (pod: Pod) => boolean = () => false;
  #reconciliations = 0;
  #podWatchHeld: Promise<void> | undefined;
  #release: () => void = () => undefined;

  async run(definitions: readonly ControllerDefinition[], signal: AbortSignal): Promise<void> {
    const client = this.#troubled(this.client);
    const informers = createInformerFactory({ client, log: silentLogger });
    const context: ControllerContext = {
      client,
      informers,
      log: silentLogger,
      clock: systemClock,
      random: Math.random,
      metrics: new Registry(),
      queueMetrics: createWorkQueueMetrics(new Registry()),
      settings: {
        clusterCidr: '10.244.0.0/16',
        nodeCidrMaskSize: 24,
        allocateNodeCidrs: true,
        rootCa: undefined,
        nodeMonitorGracePeriodMs: 40_000,
        terminatedPodGcThreshold: 0,
      },
      eventRecorder: () => ({
        event: (about, type, reason, message) =>
          this.events.push(`${about.metadata.name} ${type} ${reason}: ${message}`),
      }),
    };
    const kubelet = {
      run: (until: AbortSignal) =>
        runSmallKubelet(this.client, { needsNode: false, unready: (pod) => this.unready(pod) }, until),
    };
    const controllers = definitions.map((definition) => definition.create(context));
    await Promise.all([informers, ...controllers, kubelet].map((part) => part.run(signal)));
  }

  async pods(): Promise<readonly Pod[]> {
    return (await this.client.resource(pods).list({ namespace: 'default' })).items;
  }

  pod(name: string): Promise<Pod> {
    return this.client.resource(pods).get({ namespace: 'default', name });
  }

  /** Waits until so many Pods with the label app count as replicas. */
  activePods(count: number, app = 'web'): Promise<readonly Pod[]> {
    return until(`${String(count)} pods are active`, async () => {
      const active = (await this.pods()).filter(
        (pod) => isPodActive(pod) && pod.metadata.labels?.['app'] === app,
      );
      return active.length === count ? active : undefined;
    });
  }

  async addPod(name: string, labels: Record<string, string>): Promise<void> {
    await this.client.resource(pods).create(makePod({ name, labels }));
  }

  async label(name: string, labels: Record<string, string>): Promise<void> {
    await this.client.resource(pods).patch({ namespace: 'default', name }, 'merge', { metadata: { labels } });
  }

  async setPhase(pod: Pod | undefined, phase: 'Failed' | 'Succeeded'): Promise<void> {
    if (pod === undefined) throw new Error('no such pod');
    const patch = { status: { phase, conditions: [] } };
    await this.client.resource(pods).patch(pod.metadata, 'merge', patch, { subresource: 'status' });
  }

  async remove(pod: Pod | undefined): Promise<void> {
    if (pod === undefined) throw new Error('no such pod');
    await this.client.resource(pods).delete(pod.metadata, { gracePeriodSeconds: 0 });
  }

  /** From now on controllers hear nothing new of Pods. */
  holdPodWatch(): void {
    this.#podWatchHeld = new Promise((resolve) => (this.#release = resolve));
  }

  releasePodWatch(): void {
    this.#release();
    this.#podWatchHeld = undefined;
  }

  /** Resolves when the controllers have asked the server for nothing over some turns of the event loop. */
  async settle(): Promise<void> {
    for (let quiet = 0, seen = this.#reconciliations; quiet < 30; quiet++) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (seen === this.#reconciliations) continue;
      seen = this.#reconciliations;
      quiet = 0;
    }
  }

  /** What the controllers see of the server. */
  #troubled(client: ApiClient): ApiClient {
    return {
      resource: (definition) => {
        const resource = client.resource(definition);
        const isPods = definition.kind === 'Pod';
        const create: typeof resource.create = async (object) => {
          this.#reconciliations++;
          if (isPods) this.beforeCreate();
          const created = await resource.create(object);
          if (isPods) this.afterCreate();
          return created;
        };
        const watch: typeof resource.watch = (options) =>
          isPods ? this.#delayed(resource.watch(options)) : resource.watch(options);
        return new Proxy(resource, {
          get: (target, property) => {
            if (property === 'create') return create;
            if (property === 'watch') return watch;
            const member: unknown = Reflect.get(target, property);
            if (typeof member !== 'function') return member;
            return (...args: unknown[]): unknown => {
              this.#reconciliations++;
              return Reflect.apply(member, target, args);
            };
          },
        });
      },
      raw: (path, signal) => client.raw(path, signal),
      close: () => client.close(),
    };
  }

  async *#delayed<T extends KubernetesObject>(
    events: AsyncIterable<WatchedEvent<T>>,
  ): AsyncGenerator<WatchedEvent<T>> {
    for await (const event of events) {
      await this.#podWatchHeld;
      yield event;
    }
  }
}
