/** What the node lifecycle shows on /metrics, under the names of Kubernetes' node controller. */
import type { Registry } from 'prom-client';
import type { Node, Taint } from '../../../api/generated/core-v1.js';
import type { CounterFamily } from '../../../common/metric-cells.js';
import { counterFamily, gaugeFamily } from '../../../common/metric-cells.js';
import { notReadyTaint, readinessOf, unreachableTaint } from './assess-node.js';

/** `listNodes` is called at each scrape. Returns the counter of nodes whose pods began to be driven off, by zone. */
export function createNodeMetrics(registry: Registry, listNodes: () => readonly Node[]): CounterFamily {
  const perZone = (name: string, help: string, valueOf: (nodes: readonly Node[]) => number): void => {
    gaugeFamily(registry, {
      name: `node_collector_${name}`,
      help,
      labelNames: ['zone'],
      collect: (family) => {
        family.clear();
        const nodes = listNodes();
        for (const zone of new Set(nodes.map(zoneOf)))
          family.with(zone).set(valueOf(nodes.filter((node) => zoneOf(node) === zone)));
      },
    });
  };
  perZone('zone_size', 'Nodes by zone.', ({ length }) => length);
  perZone('unhealthy_nodes_in_zone', 'Nodes that are not ready, by zone.', unhealthy);
  perZone('zone_health', 'Percentage of the nodes of a zone that are ready.', (nodes) =>
    Math.round((100 * (nodes.length - unhealthy(nodes))) / nodes.length),
  );
  return counterFamily(registry, {
    name: 'node_collector_evictions_total',
    help: 'Nodes whose pods began to be driven off because they are not ready, by zone.',
    labelNames: ['zone'],
  });
}

/** Region and zone as Kubernetes joins them; empty for a node that tells neither. */
export function zoneOf({ metadata }: Node): string {
  const region = metadata.labels?.['topology.kubernetes.io/region'] ?? '';
  const zone = metadata.labels?.['topology.kubernetes.io/zone'] ?? '';
  return region === '' && zone === '' ? '' : `${region}:\0:${zone}`;
}

/** Whether these taints drive pods off, and those before did not. */
export function beginsEviction(before: readonly Taint[], now: readonly Taint[]): boolean {
  return drivesOff(now) && !drivesOff(before);
}

function drivesOff(taints: readonly Taint[]): boolean {
  return taints.some(
    ({ key, effect }) => effect === 'NoExecute' && (key === notReadyTaint || key === unreachableTaint),
  );
}

function unhealthy(nodes: readonly Node[]): number {
  return nodes.filter((node) => readinessOf(node) !== 'ready').length;
}
