/** What the node, its Pods and its containers use, in each of the forms in which it is asked for. */
import type { KubeletMetrics } from '../kubelet-metrics.js';
import { cadvisorMetrics } from '../stats/cadvisor-metrics.js';
import type { StatsCollector } from '../stats/collect-stats.js';
import { expose } from '../stats/exposition.js';
import { resourceMetrics } from '../stats/resource-metrics.js';
import { summaryOf } from '../stats/summary.js';
import { volumeMetrics } from '../stats/volume-metrics.js';
import type { Logger } from '../../common/log.js';
import type { Registry } from 'prom-client';

export interface MeasurementSources {
  readonly stats: StatsCollector;
  readonly kubeletMetrics: KubeletMetrics;
  readonly metrics: Registry;
  readonly log: Logger;
}

export interface Measurement {
  readonly contentType: string;
  readonly body: string;
}

const textFormat = 'text/plain; version=0.0.4; charset=utf-8';

/** Undefined when the path is none of those. Rejects when the runtime cannot say. */
export async function measurementAt(
  path: string,
  query: URLSearchParams,
  { stats, kubeletMetrics, metrics, log }: MeasurementSources,
): Promise<Measurement | undefined> {
  switch (path) {
    case '/metrics':
      return {
        contentType: metrics.contentType,
        body: (await metrics.metrics()) + expose(volumeMetrics(await stats.volumes())),
      };
    case '/metrics/probes':
      return { contentType: metrics.contentType, body: await kubeletMetrics.probes.metrics() };
    case '/metrics/cadvisor':
      return { contentType: textFormat, body: expose(cadvisorMetrics(await stats.collect())) };
    case '/metrics/resource': {
      const snapshot = await stats.collect().catch((error: unknown) => {
        // Whoever scrapes is told by a metric of its own, as in Kubernetes.
        log.warn('the node could not be measured', { err: error });
        return undefined;
      });
      return { contentType: textFormat, body: expose(resourceMetrics(snapshot)) };
    }
    case '/stats/summary': {
      const onlyCpuAndMemory = query.get('only_cpu_and_memory') === 'true';
      const summary = summaryOf(await stats.collect(), onlyCpuAndMemory);
      return { contentType: 'application/json', body: JSON.stringify(summary) };
    }
    default:
      return undefined;
  }
}
