/** The proxy's metrics, under the names of kube-proxy where it has the same, else under `knarr_proxy_`. */
import type { Registry } from 'prom-client';
import type { Clock } from '../common/clock.js';
import { counterFamily, gaugeFamily, histogramFamily } from '../common/metric-cells.js';

export interface ProxyMetrics {
  /** A synchronisation was asked for. */
  queued(): void;
  /** Changes of Services and of EndpointSlices that were seen, and have not been applied yet. */
  changed(kind: 'service' | 'endpoint'): void;
  /** A transaction was applied after so many seconds of computing and waiting for the kernel; nothing is pending. */
  synced(seconds: number, kind: 'full' | 'partial'): void;
  /** There was nothing to apply: nothing is pending. */
  unchanged(): void;
  failed(): void;
  served(services: number, elements: number): void;
  flowsForgotten(count: number): void;
}

/** Only IPv4 is served. */
const family = 'IPv4';
const syncBuckets = Array.from({ length: 15 }, (_, power) => 0.001 * 2 ** power);

export function createProxyMetrics(registry: Registry, clock: Clock): ProxyMetrics {
  const labelNames = ['ip_family'];
  const sync = (name: string, help: string) =>
    histogramFamily(registry, { name: `kubeproxy_${name}`, help, labelNames, buckets: syncBuckets }).with(
      family,
    );
  const all = sync('sync_proxy_rules_duration_seconds', 'Time that synchronisations took.');
  const full = sync('sync_full_proxy_rules_duration_seconds', 'Time that those of all rules took.');
  const partial = sync('sync_partial_proxy_rules_duration_seconds', 'Time that those of changes took.');
  const gauge = (name: string, help: string) =>
    gaugeFamily(registry, { name: `kubeproxy_sync_proxy_rules_${name}`, help, labelNames }).with(family);
  const lastSync = gauge('last_timestamp_seconds', 'When rules were last applied, since the epoch.');
  const lastQueued = gauge('last_queued_timestamp_seconds', 'When that was last asked for, since the epoch.');
  const failures = counterFamily(registry, {
    name: 'kubeproxy_sync_proxy_rules_nftables_sync_failures_total',
    help: 'Synchronisations that the kernel refused.',
    labelNames,
  }).with(family);
  const changes = {
    service: changeCells(registry, 'service'),
    endpoint: changeCells(registry, 'endpoint'),
  };
  const plain = (name: string, help: string) =>
    gaugeFamily(registry, { name: `knarr_proxy_${name}`, help, labelNames: [] }).with();
  const services = plain('services', 'Services in the table.');
  const elements = plain('elements', 'Elements in the maps and sets of the table.');
  const flows = counterFamily(registry, {
    name: 'knarr_proxy_forgotten_udp_flows_total',
    help: 'UDP flows to endpoints that went, removed from connection tracking.',
    labelNames: [],
  }).with();
  const nothingPending = (): void => {
    for (const { pending } of [changes.service, changes.endpoint]) pending.set(0);
  };
  return {
    queued() {
      lastQueued.set(clock.now() / 1000);
    },
    changed(kind) {
      changes[kind].total.inc();
      changes[kind].pending.add(1);
    },
    synced(seconds, kind) {
      all.observe(seconds);
      (kind === 'full' ? full : partial).observe(seconds);
      lastSync.set(clock.now() / 1000);
      nothingPending();
    },
    unchanged: nothingPending,
    failed() {
      failures.inc();
    },
    served(serviceCount, elementCount) {
      services.set(serviceCount);
      elements.set(elementCount);
    },
    flowsForgotten(count) {
      flows.inc(count);
    },
  };
}

function changeCells(registry: Registry, kind: 'service' | 'endpoint') {
  const name = `kubeproxy_sync_proxy_rules_${kind}_changes`;
  const what = kind === 'service' ? 'Services' : 'EndpointSlices';
  return {
    total: counterFamily(registry, {
      name: `${name}_total`,
      help: `Changes of ${what} that were seen.`,
      labelNames: [],
    }).with(),
    pending: gaugeFamily(registry, {
      name: `${name}_pending`,
      help: 'Those of them that are not in the rules yet.',
      labelNames: [],
    }).with(),
  };
}
