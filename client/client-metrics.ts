/** What a program's own calls of the API server show on its /metrics, under client-go's names. */
import type { Registry } from 'prom-client';
import type { CounterCell, HistogramCell } from '../common/metric-cells.js';
import { counterFamily, gaugeFamily, histogramFamily } from '../common/metric-cells.js';

export interface ClientMetrics {
  /** A request was answered, or failed without an answer: then the code is 0. Watches count when they have begun. */
  requested(host: string, method: string, code: number, seconds: number): void;
  /** Whether this process holds the Lease of this name. */
  leading(lease: string, holds: boolean): void;
}

export const noClientMetrics: ClientMetrics = { requested: () => undefined, leading: () => undefined };

const durationBuckets = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];

export function createClientMetrics(registry: Registry): ClientMetrics {
  const requests = counterFamily(registry, {
    name: 'rest_client_requests_total',
    help: 'Requests to the API server by the HTTP code of the answer.',
    labelNames: ['code', 'method', 'host'],
  });
  const durations = histogramFamily(registry, {
    name: 'rest_client_request_duration_seconds',
    help: 'Time from the sending of a request to the end of its answer.',
    labelNames: ['verb', 'host'],
    buckets: durationBuckets,
  });
  const masterStatus = gaugeFamily(registry, {
    name: 'leader_election_master_status',
    help: 'Whether this process leads: 1, or stands by: 0.',
    labelNames: ['name'],
  });
  const counters = new Map<string, CounterCell>();
  const histograms = new Map<string, HistogramCell>();
  return {
    requested: (host, method, code, seconds) => {
      // As client-go words a request that got no answer.
      const shown = code === 0 ? '<error>' : String(code);
      const key = `${shown} ${method} ${host}`;
      let counter = counters.get(key);
      if (counter === undefined) counters.set(key, (counter = requests.with(shown, method, host)));
      counter.inc();
      let histogram = histograms.get(`${method} ${host}`);
      if (histogram === undefined)
        histograms.set(`${method} ${host}`, (histogram = durations.with(method, host)));
      histogram.observe(seconds);
    },
    leading: (lease, holds) => {
      masterStatus.with(lease).set(holds ? 1 : 0);
    },
  };
}
