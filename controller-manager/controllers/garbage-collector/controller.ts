/**
 * Deletes what has lost its owners, and carries out foreground and orphaning deletions.
 *
 * The graph is built from informers over all resources; the queue holds uids. Nothing is deleted on the word of the
 * cache alone: an absent owner is asked for, and each deletion names the uid and version that was judged, so that
 * an object that changed meanwhile (was adopted, for example) is looked at again instead.
 */
import type { KubernetesObject } from '../../../api/objects.js';
import { keyOf } from '../../../api/objects.js';
import { events, storedResources } from '../../../api/resources.js';
import type { ResourceDefinition } from '../../../api/resources.js';
import { isStatusError } from '../../../api/status-error.js';
import { createController } from '../../../client/controller.js';
import type { KeySource, ReconcileResult } from '../../../client/controller.js';
import type { Informer, ResourceClient } from '../../../client/types.js';
import type { ControllerContext, ControllerDefinition } from '../../controller-definition.js';
import { decideOnDependent, ownDeletionOf } from './decide-dependent.js';
import { CustomMonitors } from './custom-monitors.js';
import { OwnerFinder, resourceOfKind } from './find-owners.js';
import {
  blockingDependents,
  foregroundFinalizer,
  orphanFinalizer,
  OwnerGraph,
  ownersOf,
} from './owner-graph.js';
import type { GraphNode } from './owner-graph.js';

/** When to look again at an object whose owner is on the server but not in any informer. */
const unseenOwnerMs = 30_000;
/** Often large, and no other controller reads them. */
const largeResources = new Set(['configmaps', 'secrets']);

export const garbageCollector: ControllerDefinition = {
  name: 'garbage-collector',
  create(context) {
    const { informers, log, clock, queueMetrics } = context;
    const graph = new OwnerGraph();
    const monitors = new CustomMonitors(context, graph, (enqueue) => observer(graph, enqueue));
    const collector = new Collector(context, graph, () => monitors.resources);
    const sources = storedResources
      .filter(({ plural }) => plural !== events.plural)
      .map((resource) =>
        graphSource(
          graph,
          informers.informer(resource, largeResources.has(resource.plural) ? { metadataOnly: true } : {}),
        ),
      );
    const controller = createController({
      name: 'garbage-collector',
      queueName: 'garbage_collector_attempt_to_delete',
      sources: [...sources, monitors.source()],
      reconcile: (uid, signal) => collector.reconcile(uid, signal),
      log,
      clock,
      queueMetrics,
      concurrency: 10,
    });
    return {
      run: async (signal) => {
        await Promise.all([controller.run(signal), monitors.run(signal)]);
      },
    };
  },
};

function observer(graph: OwnerGraph, enqueue: (uid: string) => void): (object: KubernetesObject) => void {
  return (object) => {
    graph.observe(object).forEach(enqueue);
  };
}

function graphSource(graph: OwnerGraph, informer: Informer<KubernetesObject>): KeySource {
  return {
    whenSynced: (signal) => informer.whenSynced(signal),
    start: (enqueue) => {
      const observe = observer(graph, enqueue);
      return informer.addHandler({
        onAdd: observe,
        onUpdate: (_, object) => {
          observe(object);
        },
        onDelete: ({ metadata }) => {
          graph.remove(metadata.uid).forEach(enqueue);
        },
      });
    },
  };
}

class Collector {
  readonly #context: ControllerContext;
  readonly #graph: OwnerGraph;
  readonly #discovered: () => readonly ResourceDefinition[];
  readonly #owners: OwnerFinder;

  constructor(
    context: ControllerContext,
    graph: OwnerGraph,
    discovered: () => readonly ResourceDefinition[],
  ) {
    this.#context = context;
    this.#graph = graph;
    this.#discovered = discovered;
    this.#owners = new OwnerFinder(context.client, graph, discovered);
  }

  async reconcile(uid: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const node = this.#graph.get(uid);
    const object = node?.object;
    if (node === undefined || object === undefined) return undefined;
    const resource = resourceOfKind(object.apiVersion, object.kind, this.#discovered());
    if (resource === undefined) return undefined;
    try {
      return await this.#collect(node, object, resource, signal);
    } catch (error) {
      // Gone already: the informer will say so.
      if (!isStatusError(error, 'NotFound')) throw error;
    }
    return undefined;
  }

  async #collect(
    node: GraphNode,
    object: KubernetesObject,
    resource: ResourceDefinition,
    signal: AbortSignal,
  ): Promise<ReconcileResult | undefined> {
    const collection = this.#context.client.resource(resource);
    switch (ownDeletionOf(object)) {
      case 'orphan-dependents':
        await this.#orphanDependents(node);
        await removeFinalizer(collection, object, orphanFinalizer);
        return undefined;
      case 'wait-for-dependents':
        // Dependents were queued when the deletion was seen, and queue this object when they go.
        if (blockingDependents(node).length === 0)
          await removeFinalizer(collection, object, foregroundFinalizer);
        return undefined;
      case 'none':
        return this.#judgeDependent(node, object, collection, signal);
    }
  }

  async #judgeDependent(
    node: GraphNode,
    object: KubernetesObject,
    collection: ResourceClient<KubernetesObject>,
    signal: AbortSignal,
  ): Promise<ReconcileResult | undefined> {
    if (object.metadata.deletionTimestamp !== undefined || ownersOf(object).length === 0) return undefined;
    const owners = await this.#owners.judge(object, signal);
    const decision = decideOnDependent(object, owners, node.dependents.size > 0);
    const { uid, resourceVersion } = object.metadata;
    switch (decision.kind) {
      case 'keep':
        break;
      case 'release':
        await collection.patch(object.metadata, 'merge', {
          metadata: { uid, resourceVersion, ownerReferences: decision.keep },
        });
        break;
      case 'delete':
        await collection.delete(object.metadata, {
          preconditions: { uid, resourceVersion },
          propagationPolicy: decision.propagation,
        });
        this.#context.log.info('deleted for want of an owner', { kind: object.kind, object: keyOf(object) });
    }
    return owners.some(({ unseen }) => unseen === true) ? { requeueAfterMs: unseenOwnerMs } : undefined;
  }

  async #orphanDependents(owner: GraphNode): Promise<void> {
    for (const { object } of [...owner.dependents]) {
      if (object === undefined) continue;
      const resource = resourceOfKind(object.apiVersion, object.kind, this.#discovered());
      if (resource === undefined) continue;
      const { uid, resourceVersion } = object.metadata;
      const ownerReferences = ownersOf(object).filter((reference) => reference.uid !== owner.uid);
      try {
        await this.#context.client
          .resource(resource)
          .patch(object.metadata, 'merge', { metadata: { uid, resourceVersion, ownerReferences } });
      } catch (error) {
        if (!isStatusError(error, 'NotFound')) throw error;
      }
    }
  }
}

async function removeFinalizer(
  collection: ResourceClient<KubernetesObject>,
  object: KubernetesObject,
  finalizer: string,
): Promise<void> {
  const { uid, resourceVersion } = object.metadata;
  const finalizers = (object.metadata.finalizers ?? []).filter((one) => one !== finalizer);
  await collection.patch(object.metadata, 'merge', { metadata: { uid, resourceVersion, finalizers } });
}
