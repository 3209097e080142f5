/** What /metrics tells, under the names of the kube-apiserver. */
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

export interface RequestLabels {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly code: number;
}

export class ApiServerMetrics {
  readonly registry: Registry;
  readonly #requests: Counter;
  readonly #durations: Histogram;
  readonly #running: Gauge;

  /** `countObjects` is called at each scrape. */
  constructor(registry: Registry, countObjects: () => ReadonlyMap<string, number>) {
    this.registry = registry;
    this.#requests = new Counter({
      name: 'apiserver_request_total',
      help: 'Requests by verb, group, resource and HTTP code.',
      labelNames: ['verb', 'group', 'resource', 'code'],
      registers: [registry],
    });
    this.#durations = new Histogram({
      name: 'apiserver_request_duration_seconds',
      help: 'Time from the head of a request to the end of its answer, watches left out.',
      labelNames: ['verb', 'group', 'resource'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers: [registry],
    });
    this.#running = new Gauge({
      name: 'apiserver_longrunning_requests',
      help: 'Watches, logs and tunnels under way.',
      labelNames: ['verb', 'group', 'resource'],
      registers: [registry],
    });
    new Gauge({
      name: 'apiserver_storage_objects',
      help: 'Objects in the store by resource.',
      labelNames: ['resource'],
      registers: [registry],
      collect() {
        for (const [resource, count] of countObjects()) this.set({ resource }, count);
      },
    });
  }

  finished(labels: RequestLabels, seconds: number, longRunning: boolean): void {
    const { code, ...rest } = labels;
    this.#requests.inc({ ...rest, code: String(code) });
    if (!longRunning) this.#durations.observe(rest, seconds);
  }

  /** Counts one more; the returned function counts it off. */
  began({ verb, group, resource }: Omit<RequestLabels, 'code'>): () => void {
    this.#running.inc({ verb, group, resource });
    return () => {
      this.#running.dec({ verb, group, resource });
    };
  }
}
