/**
 * Gives each node its part of the cluster's pod range (`spec.podCIDR`), which the node's kubelet waits for.
 *
 * The nodes themselves are the only record of what is in use, so a restart knows everything again. One key at a time:
 * two nodes must not choose at the same moment.
 */
import type { Node } from '../../../api/generated/core-v1.js';
import { nodes } from '../../../api/resources.js';
import { isStatusError } from '../../../api/status-error.js';
import { createController, keysFrom } from '../../../client/controller.js';
import type { ControllerDefinition } from '../../controller-definition.js';
import { chooseNodeCidr, nodeCidrRange } from './choose-node-cidr.js';

export const nodeIpam: ControllerDefinition = {
  name: 'node-ipam',
  create({ client, informers, log, clock, queueMetrics, settings, eventRecorder }) {
    if (!settings.allocateNodeCidrs) {
      return createController({
        name: 'node-ipam',
        queueName: 'cidrallocator_node',
        sources: [],
        reconcile: async () => undefined,
        log,
        clock,
        queueMetrics,
      });
    }
    const range = nodeCidrRange(settings.clusterCidr, settings.nodeCidrMaskSize);
    const recorder = eventRecorder('cidrAllocator');
    const informer = informers.informer(nodes);
    /** Assigned by us and not in the cache yet, by node name. */
    const underWay = new Map<string, string>();

    async function reconcile(name: string): Promise<void> {
      const node = informer.get(name);
      if (node === undefined || cidrsOf(node).length > 0) {
        underWay.delete(name);
        return;
      }
      if (underWay.has(name)) return;
      const podCIDR = chooseNodeCidr(range, inUse());
      if (podCIDR === undefined) {
        recorder.event(node, 'Normal', 'CIDRNotAvailable', `Node ${name} status is now: CIDRNotAvailable`);
        throw new Error(`no part of ${settings.clusterCidr} is free`);
      }
      underWay.set(name, podCIDR);
      try {
        await client.resource(nodes).patch({ name }, 'merge', { spec: { podCIDR, podCIDRs: [podCIDR] } });
        log.info('node got its pod range', { node: name, podCIDR });
      } catch (error) {
        underWay.delete(name);
        // Deleted meanwhile: its part stays free.
        if (!isStatusError(error, 'NotFound')) throw error;
      }
    }

    function* inUse(): Generator<string> {
      for (const node of informer.list()) yield* cidrsOf(node);
      yield* underWay.values();
    }

    return createController({
      name: 'node-ipam',
      queueName: 'cidrallocator_node',
      // Heartbeats of nodes that have their range are not worth a look.
      sources: [
        // Heartbeats of nodes that have their range are not worth a look.
        keysFrom(informer, undefined, {
          ignoreUpdate: (_, after) => cidrsOf(after).length > 0 && !underWay.has(after.metadata.name),
        }),
        // What one node leaves, another may be waiting for.
        {
          whenSynced: (signal) => informer.whenSynced(signal),
          start: (enqueue) =>
            informer.addHandler({
              onDelete: () => {
                for (const node of informer.list())
                  if (cidrsOf(node).length === 0) enqueue(node.metadata.name);
              },
            }),
        },
      ],
      reconcile,
      log,
      clock,
      queueMetrics,
    });
  },
};

function cidrsOf(node: Node): readonly string[] {
  const { podCIDR, podCIDRs } = node.spec;
  if (podCIDRs !== undefined && podCIDRs.length > 0) return podCIDRs;
  return podCIDR === undefined || podCIDR === '' ? [] : [podCIDR];
}
