/** Watches the custom resources that come and go while the garbage collector runs. */
import type { KubernetesObject } from '../../../api/objects.js';
import { customResourceDefinitions } from '../../../api/resources.js';
import type { ResourceDefinition } from '../../../api/resources.js';
import { sleep } from '../../../common/clock.js';
import type { KeySource } from '../../../client/controller.js';
import { discoverResources } from '../../../client/discover-resources.js';
import { isAborted } from '../../../client/is-aborted.js';
import { createInformerFactory } from '../../../client/informer.js';
import type { Informer } from '../../../client/types.js';
import type { ControllerContext } from '../../controller-definition.js';
import type { OwnerGraph } from './owner-graph.js';

/** Definitions say at once when they change; other API servers do not. */
const lookEveryMs = 30_000;
/** A definition is served a moment after it was written. */
const settleMs = 1_000;

interface Monitor {
  readonly informer: Informer<KubernetesObject>;
  readonly end: AbortController;
  readonly running: Promise<void>;
}

export class CustomMonitors {
  readonly #context: ControllerContext;
  readonly #graph: OwnerGraph;
  readonly #observe: (enqueue: (uid: string) => void) => (object: KubernetesObject) => void;
  readonly #monitors = new Map<string, Monitor>();
  #resources: readonly ResourceDefinition[] = [];
  #enqueue: (uid: string) => void = () => undefined;
  #changed = new AbortController();

  constructor(
    context: ControllerContext,
    graph: OwnerGraph,
    observe: (enqueue: (uid: string) => void) => (object: KubernetesObject) => void,
  ) {
    this.#context = context;
    this.#graph = graph;
    this.#observe = observe;
  }

  /** What was discovered last. */
  get resources(): readonly ResourceDefinition[] {
    return this.#resources;
  }

  /** Feeds the queue of the collector, which does not wait for it. */
  source(): KeySource {
    const definitions = this.#context.informers.informer(customResourceDefinitions);
    return {
      whenSynced: (signal) => definitions.whenSynced(signal),
      start: (enqueue) => {
        this.#enqueue = enqueue;
        const look = (): void => {
          this.#changed.abort();
        };
        return definitions.addHandler({ onAdd: look, onUpdate: look, onDelete: look });
      },
    };
  }

  /** Looks again and again until the signal aborts; resolves when all watches have ended. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, clock, log } = this.#context;
    while (!signal.aborted) {
      this.#changed = new AbortController();
      try {
        const { resources, failures } = await discoverResources(client, signal);
        this.#follow(resources, signal);
        if (failures.length > 0) log.warn('some resources could not be discovered', { failures });
      } catch (error) {
        if (isAborted(signal)) break;
        log.warn('custom resources could not be discovered', { err: error });
      }
      await sleep(clock, lookEveryMs, AbortSignal.any([signal, this.#changed.signal]));
      if (this.#changed.signal.aborted) await sleep(clock, settleMs, signal);
    }
    await Promise.all([...this.#monitors.values()].map(({ running }) => running));
  }

  #follow(resources: readonly ResourceDefinition[], signal: AbortSignal): void {
    this.#resources = resources;
    const wanted = new Map(resources.map((resource) => [idOf(resource), resource]));
    for (const [id, monitor] of this.#monitors) {
      if (wanted.has(id)) continue;
      this.#monitors.delete(id);
      monitor.end.abort();
      for (const { metadata } of monitor.informer.list())
        this.#graph.remove(metadata.uid).forEach(this.#enqueue);
    }
    const before = this.#monitors.size;
    for (const [id, resource] of wanted)
      if (!this.#monitors.has(id)) this.#monitors.set(id, this.#begin(resource, signal));
    // Who names an owner of a kind that was not known before can be judged now.
    if (this.#monitors.size > before) this.#graph.dependents().forEach(this.#enqueue);
  }

  #begin(resource: ResourceDefinition, signal: AbortSignal): Monitor {
    const { client, log, clock, random } = this.#context;
    const end = new AbortController();
    const factory = createInformerFactory({ client, log, clock, random });
    const informer = factory.informer(resource, { metadataOnly: true });
    const enqueue = (uid: string): void => {
      this.#enqueue(uid);
    };
    const observe = this.#observe(enqueue);
    informer.addHandler({
      onAdd: observe,
      onUpdate: (_, object) => {
        observe(object);
      },
      onDelete: ({ metadata }) => {
        this.#graph.remove(metadata.uid).forEach(enqueue);
      },
    });
    return { informer, end, running: factory.run(AbortSignal.any([signal, end.signal])) };
  }
}

function idOf({ group, version, plural }: ResourceDefinition): string {
  return `${group}/${version}/${plural}`;
}
