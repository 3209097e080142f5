/**
 * Keeps the EndpointSlices of every Service that has a selector: what the service proxies work from. A Pod that
 * becomes ready is in its slice one watch event and one write later.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Service } from '../../../api/generated/core-v1.js';
import type { EndpointSlice } from '../../../api/generated/discovery-v1.js';
import { controllerReference, keyOf, splitKey } from '../../../api/objects.js';
import { endpointSlices, nodes, pods, services } from '../../../api/resources.js';
import { isHeadless } from '../../../api/service-helpers.js';
import { isStatusError } from '../../../api/status-error.js';
import { createController, keysFrom } from '../../../client/controller.js';
import type { ControllerContext, ControllerDefinition } from '../../controller-definition.js';
import { isNamespaceGoing } from '../ensure-in-namespace.js';
import { byNamespace } from '../indexes.js';
import { hasSelector, headlessLabel, isSameToServices, selects, servicesOf } from '../service-pods.js';
import { desiredGroups } from './desired-endpoints.js';
import { OwnWrites } from './own-writes.js';
import { planSlices } from './plan-slices.js';
import type { SliceContent } from './plan-slices.js';

const serviceNameLabel = 'kubernetes.io/service-name';
const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
const managedByUs = 'endpointslice-controller.k8s.io';
const zoneLabel = 'topology.kubernetes.io/zone';

export const endpointSliceController: ControllerDefinition = {
  name: 'endpointslice',
  create: (context) => {
    const { informers, log, clock, queueMetrics } = context;
    const serviceInformer = informers.informer(services, { indexes: byNamespace });
    const podInformer = informers.informer(pods, { indexes: byNamespace });
    const nodeInformer = informers.informer(nodes);
    const sliceInformer = informers.informer(endpointSlices, { indexes: { service: serviceOfSlice } });
    const ownWrites = new OwnWrites<EndpointSlice>(clock);
    const writer = new SliceWriter(context, ownWrites);
    sliceInformer.addHandler({
      onAdd: (slice) => {
        ownWrites.seen(slice);
      },
      onUpdate: (_, slice) => {
        ownWrites.seen(slice);
      },
      onDelete: (slice) => {
        ownWrites.forget(keyOf(slice));
      },
    });

    async function reconcile(key: string): Promise<void> {
      const service = serviceInformer.get(key);
      // The slices of a Service that is gone belong to the garbage collector.
      if (service === undefined || service.metadata.deletionTimestamp !== undefined) return;
      if (!hasSelector(service)) return;
      const { namespace } = splitKey(key);
      const members = podInformer.byIndex('namespace', namespace).filter((pod) => selects(service, pod));
      const zoneOf = (node: string): string | undefined =>
        nodeInformer.get(node)?.metadata.labels?.[zoneLabel];
      const existing = ownWrites
        .over(sliceInformer.byIndex('service', key), (slice) => serviceOfSlice(slice).includes(key))
        .filter((slice) => slice.metadata.deletionTimestamp === undefined);
      const plan = planSlices(desiredGroups(service, members, zoneOf), existing, (slice) =>
        isMetadataCurrent(slice, service),
      );
      for (const content of plan.write) await writer.write(service, content);
      for (const slice of plan.remove) await writer.remove(slice);
    }

    return createController({
      name: 'endpointslice',
      queueName: 'endpoint_slice',
      sources: [
        keysFrom(serviceInformer),
        keysFrom(
          podInformer,
          (pod) => servicesOf(pod, serviceInformer.byIndex('namespace', pod.metadata.namespace)),
          { ignoreUpdate: isSameToServices },
        ),
        keysFrom(sliceInformer, serviceOfSlice),
      ],
      alsoReads: [nodeInformer],
      reconcile,
      log,
      clock,
      queueMetrics,
      concurrency: 5,
    });
  },
};

class SliceWriter {
  readonly #context: ControllerContext;
  readonly #ownWrites: OwnWrites<EndpointSlice>;

  constructor(context: ControllerContext, ownWrites: OwnWrites<EndpointSlice>) {
    this.#context = context;
    this.#ownWrites = ownWrites;
  }

  async write(service: Service, { slice, addressType, ports, endpoints }: SliceContent): Promise<void> {
    const resource = this.#context.client.resource(endpointSlices);
    const content = { addressType, ports: [...ports], endpoints: [...endpoints] };
    const metadata = { labels: labelsOf(service), ownerReferences: [controllerReference(service)] };
    try {
      const written =
        slice === undefined
          ? await resource.create({
              apiVersion: 'discovery.k8s.io/v1',
              kind: 'EndpointSlice',
              metadata: {
                generateName: `${service.metadata.name}-`,
                namespace: service.metadata.namespace,
                ...metadata,
              },
              ...content,
            })
          : await resource.update({ ...slice, ...content, metadata: { ...slice.metadata, ...metadata } });
      this.#ownWrites.remember(written);
    } catch (error) {
      if (slice !== undefined) this.#ownWrites.forget(keyOf(slice));
      if (slice === undefined && isNamespaceGoing(error)) return;
      throw error;
    }
  }

  async remove({ metadata }: EndpointSlice): Promise<void> {
    this.#ownWrites.forget(keyOf({ metadata }));
    try {
      await this.#context.client
        .resource(endpointSlices)
        .delete(metadata, { preconditions: { uid: metadata.uid } });
    } catch (error) {
      if (!isStatusError(error, 'NotFound')) throw error;
    }
  }
}

/** The key of the Service that a slice of ours belongs to. Slices of other makers are theirs. */
function serviceOfSlice({ metadata }: EndpointSlice): readonly string[] {
  const name = metadata.labels?.[serviceNameLabel];
  if (name === undefined || metadata.labels?.[managedByLabel] !== managedByUs) return [];
  return [`${metadata.namespace}/${name}`];
}

function labelsOf(service: Service): Record<string, string> {
  return {
    ...service.metadata.labels,
    ...(isHeadless(service) ? { [headlessLabel]: '' } : {}),
    [serviceNameLabel]: service.metadata.name,
    [managedByLabel]: managedByUs,
  };
}

function isMetadataCurrent({ metadata }: EndpointSlice, service: Service): boolean {
  return (
    isDeepStrictEqual(metadata.labels ?? {}, labelsOf(service)) &&
    metadata.ownerReferences?.some(({ uid }) => uid === service.metadata.uid) === true
  );
}
