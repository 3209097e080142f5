/**
 * Keeps the Endpoints object of every Service that has a selector: the older form, still read by many tools.
 * Endpoints of Services without a selector belong to whoever made them.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Endpoints } from '../../../api/generated/core-v1.js';
import { keyOf, splitKey } from '../../../api/objects.js';
import { endpoints, pods, services } from '../../../api/resources.js';
import { isStatusError } from '../../../api/status-error.js';
import { createController, keysFrom } from '../../../client/controller.js';
import type { ControllerDefinition } from '../../controller-definition.js';
import { createUnlessThere } from '../ensure-in-namespace.js';
import { byNamespace } from '../indexes.js';
import { hasSelector, isSameToServices, selects, servicesOf } from '../service-pods.js';
import {
  computeEndpoints,
  managedByLabel,
  managedByUs,
  overCapacityAnnotation,
} from './compute-endpoints.js';
import type { DesiredEndpoints } from './compute-endpoints.js';

export const endpointsController: ControllerDefinition = {
  name: 'endpoints',
  create({ client, informers, log, clock, queueMetrics }) {
    const serviceInformer = informers.informer(services, { indexes: byNamespace });
    const podInformer = informers.informer(pods, { indexes: byNamespace });
    const endpointsInformer = informers.informer(endpoints);
    const resource = client.resource(endpoints);

    async function reconcile(key: string): Promise<void> {
      const { namespace, name } = splitKey(key);
      const service = serviceInformer.get(key);
      const current = endpointsInformer.get(key);
      if (service === undefined) {
        if (current !== undefined && isOurs(current)) await remove(current);
        return;
      }
      if (!hasSelector(service) || service.metadata.deletionTimestamp !== undefined) return;
      const members = podInformer.byIndex('namespace', namespace).filter((pod) => selects(service, pod));
      const desired = computeEndpoints(service, members);
      if (current === undefined) {
        await createUnlessThere(resource, {
          apiVersion: 'v1',
          kind: 'Endpoints',
          metadata: {
            name,
            namespace,
            labels: desired.labels,
            annotations: annotationsOf(undefined, desired),
          },
          subsets: desired.subsets,
        });
      } else if (!isAsDesired(current, desired)) {
        const annotations = annotationsOf(current, desired);
        await resource.update({
          ...current,
          metadata: { ...current.metadata, labels: desired.labels, annotations },
          subsets: desired.subsets,
        });
      }
    }

    async function remove({ metadata }: Endpoints): Promise<void> {
      try {
        await resource.delete(metadata, { preconditions: { uid: metadata.uid } });
      } catch (error) {
        if (!isStatusError(error, 'NotFound')) throw error;
      }
    }

    return createController({
      name: 'endpoints',
      queueName: 'endpoint',
      sources: [
        keysFrom(serviceInformer),
        keysFrom(
          podInformer,
          (pod) => servicesOf(pod, serviceInformer.byIndex('namespace', pod.metadata.namespace)),
          { ignoreUpdate: isSameToServices },
        ),
        // Restores what somebody else changed or deleted, and finds what a Service left behind.
        keysFrom(endpointsInformer, (object) => (isOurs(object) ? [keyOf(object)] : [])),
      ],
      reconcile,
      log,
      clock,
      queueMetrics,
      concurrency: 5,
    });
  },
};

/** Endpoints that somebody else made wait for their Service undisturbed. */
function isOurs({ metadata }: Endpoints): boolean {
  return metadata.labels?.[managedByLabel] === managedByUs;
}

function isAsDesired(current: Endpoints, desired: DesiredEndpoints): boolean {
  return (
    isDeepStrictEqual(current.subsets ?? [], desired.subsets) &&
    isDeepStrictEqual(current.metadata.labels ?? {}, desired.labels) &&
    (current.metadata.annotations?.[overCapacityAnnotation] === 'truncated') === desired.truncated
  );
}

function annotationsOf(
  current: Endpoints | undefined,
  { truncated }: DesiredEndpoints,
): Record<string, string> {
  const others = Object.entries(current?.metadata.annotations ?? {}).filter(
    ([key]) => key !== overCapacityAnnotation,
  );
  return Object.fromEntries(truncated ? [...others, [overCapacityAnnotation, 'truncated']] : others);
}
