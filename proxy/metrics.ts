/** The proxy's metrics, with the names that dashboards for Kubernetes know. */
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

export interface ProxyMetrics {
  /** A transaction was applied after so many seconds of computing and waiting for the kernel. */
  synced(seconds: number, kind: 'full' | 'partial'): void;
  failed(): void;
  served(services: number, elements: number): void;
  flowsForgotten(count: number): void;
}

export function createProxyMetrics(registry: Registry): ProxyMetrics {
  const registers = [registry];
  const duration = new Histogram({
    name: 'kubeproxy_sync_proxy_rules_duration_seconds',
    help: 'Time from the start of a synchronisation to its end.',
    labelNames: ['kind'],
    buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
    registers,
  });
  const last = new Gauge({
    name: 'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
    help: 'When rules were last applied, in seconds since the epoch.',
    registers,
  });
  const failures = new Counter({
    name: 'kubeproxy_sync_proxy_rules_nftables_sync_failures_total',
    help: 'Synchronisations that the kernel refused.',
    registers,
  });
  const services = new Gauge({ name: 'knarr_proxy_services', help: 'Services in the table.', registers });
  const elements = new Gauge({
    name: 'knarr_proxy_elements',
    help: 'Elements in the maps and sets of the table.',
    registers,
  });
  const flows = new Counter({
    name: 'knarr_proxy_forgotten_udp_flows_total',
    help: 'UDP flows to endpoints that went, removed from connection tracking.',
    registers,
  });
  return {
    synced(seconds, kind) {
      duration.observe({ kind }, seconds);
      last.setToCurrentTime();
    },
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
