/** What the queues of controllers show on /metrics, under client-go's names. */
import type { Registry } from 'prom-client';
import type { CounterCell, HistogramCell } from '../common/metric-cells.js';
import { counterFamily, gaugeFamily, histogramFamily } from '../common/metric-cells.js';

/** Asked at each scrape. */
export interface WorkQueueState {
  /** Keys that wait. */
  readonly length: number;
  /** For how long each key under way has been worked on by now. */
  runningSeconds(): readonly number[];
}

export interface WorkQueueMeter {
  readonly adds: CounterCell;
  readonly retries: CounterCell;
  readonly queueSeconds: HistogramCell;
  readonly workSeconds: HistogramCell;
}

export interface WorkQueueMetrics {
  /** Shows the queue under this name from now on, in the place of one that had it before. */
  meter(name: string, queue: WorkQueueState): WorkQueueMeter;
}

/** From 10 ns to 10 s, in steps of ten. */
const durationBuckets = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10];

export function createWorkQueueMetrics(registry: Registry): WorkQueueMetrics {
  const queues = new Map<string, WorkQueueState>();
  const labelNames = ['name'];
  const gauge = (name: string, help: string, valueOf: (queue: WorkQueueState) => number): void => {
    gaugeFamily(registry, {
      name: `workqueue_${name}`,
      help,
      labelNames,
      collect: (family) => {
        for (const [queue, state] of queues) family.with(queue).set(valueOf(state));
      },
    });
  };
  gauge('depth', 'Keys that wait.', ({ length }) => length);
  gauge('unfinished_work_seconds', 'Time spent so far on the keys that are being worked on.', (queue) =>
    queue.runningSeconds().reduce((sum, seconds) => sum + seconds, 0),
  );
  gauge(
    'longest_running_processor_seconds',
    'Time spent so far on the key that has taken longest.',
    (queue) => Math.max(0, ...queue.runningSeconds()),
  );
  const counter = (name: string, help: string) =>
    counterFamily(registry, { name: `workqueue_${name}`, help, labelNames });
  const histogram = (name: string, help: string) =>
    histogramFamily(registry, { name: `workqueue_${name}`, help, labelNames, buckets: durationBuckets });
  const adds = counter('adds_total', 'Keys that were added, without those that were there already.');
  const retries = counter('retries_total', 'Keys that were added again after a failure.');
  const queueSeconds = histogram('queue_duration_seconds', 'How long keys waited.');
  const workSeconds = histogram('work_duration_seconds', 'How long keys were worked on.');
  return {
    meter: (name, queue) => {
      queues.set(name, queue);
      return {
        adds: adds.with(name),
        retries: retries.with(name),
        queueSeconds: queueSeconds.with(name),
        workSeconds: workSeconds.with(name),
      };
    },
  };
}
