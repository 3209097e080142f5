/**
 * Empties a namespace that is being deleted and then lets it go: removes the `kubernetes` finalizer from its spec
 * (the `finalize` subresource), after which the apiserver deletes it.
 */
import type { Namespace } from '../../../api/generated/core-v1.js';
import { namespaces, pods, storedResources } from '../../../api/resources.js';
import type { ResourceDefinition } from '../../../api/resources.js';
import { isStatusError } from '../../../api/status-error.js';
import { createController, keysFrom } from '../../../client/controller.js';
import { discoverResources } from '../../../client/discover-resources.js';
import type { ReconcileResult } from '../../../client/controller.js';
import { timestamp } from '../../../client/timestamps.js';
import type { ControllerDefinition } from '../../controller-definition.js';
import { byNamespace } from '../indexes.js';
import { deleteContent } from './delete-content.js';
import type { ContentReport } from './namespace-conditions.js';
import { namespaceConditions } from './namespace-conditions.js';

const finalizer = 'kubernetes';
/** Between looks while something outside holds the content; Pods that end bring their own events. */
const patienceMs = { least: 1_000, most: 15_000 };

export const namespaceController: ControllerDefinition = {
  name: 'namespace',
  create({ client, informers, log, clock, queueMetrics }) {
    const informer = informers.informer(namespaces);
    const podInformer = informers.informer(pods, { indexes: byNamespace });
    const resource = client.resource(namespaces);

    async function reconcile(name: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
      const namespace = informer.get(name);
      if (namespace?.metadata.deletionTimestamp === undefined) return undefined;
      if (!(namespace.spec.finalizers ?? []).includes(finalizer)) return undefined;
      try {
        const { resources, failures: undiscovered } = await discoverResources(client, signal);
        const deleted = await deleteContent(client, contentInOrder(resources), name, signal);
        const outcome = { ...deleted, undiscovered };
        const latest = await resource.get({ name }, signal);
        if (latest.metadata.uid !== namespace.metadata.uid) return undefined;
        const reported = await report(latest, outcome);
        const isEmpty =
          outcome.remaining.size === 0 && outcome.failures.length === 0 && undiscovered.length === 0;
        if (!isEmpty) return { requeueAfterMs: clampPatience(outcome.lookAgainMs / 2) };
        await finalize(reported);
        log.info('namespace is empty and let go', { namespace: name });
      } catch (error) {
        // Somebody else let it go meanwhile.
        if (!isStatusError(error, 'NotFound')) throw error;
      }
      return undefined;
    }

    async function report(namespace: Namespace, outcome: ContentReport): Promise<Namespace> {
      const now = timestamp(clock.now());
      const conditions = namespaceConditions(namespace.status.conditions, outcome, now);
      if (conditions === namespace.status.conditions) return namespace;
      return resource.updateStatus({
        ...namespace,
        status: { ...namespace.status, conditions: [...conditions] },
      });
    }

    async function finalize(namespace: Namespace): Promise<void> {
      const finalizers = (namespace.spec.finalizers ?? []).filter((one) => one !== finalizer);
      await resource.update(
        { ...namespace, spec: { ...namespace.spec, finalizers } },
        { subresource: 'finalize' },
      );
    }

    return createController({
      name: 'namespace',
      sources: [
        keysFrom(informer),
        // The last Pod that ends is what a namespace usually waits for.
        {
          whenSynced: (signal) => podInformer.whenSynced(signal),
          start: (enqueue) =>
            podInformer.addHandler({
              onDelete: ({ metadata }) => {
                const doomed = informer.get(metadata.namespace)?.metadata.deletionTimestamp !== undefined;
                if (doomed && podInformer.byIndex('namespace', metadata.namespace).length === 0) {
                  enqueue(metadata.namespace);
                }
              },
            }),
        },
      ],
      reconcile,
      log,
      clock,
      queueMetrics,
      concurrency: 5,
    });
  },
};

/** Pods last: what controllers would replace goes first, its makers before it. */
function contentInOrder(discovered: readonly ResourceDefinition[]): readonly ResourceDefinition[] {
  const namespaced = [...discovered, ...storedResources].filter((resource) => resource.namespaced);
  return namespaced.sort((a, b) => Number(a.plural === 'pods') - Number(b.plural === 'pods'));
}

function clampPatience(ms: number): number {
  return Math.min(patienceMs.most, Math.max(patienceMs.least, ms));
}
