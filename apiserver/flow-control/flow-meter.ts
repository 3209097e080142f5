/** The time series of one FlowSchema in its priority level, looked up once. */
import type { CounterCell, GaugeCell, HistogramCell } from '../../common/metric-cells.js';
import type { FlowControlMetrics } from './flow-control-metrics.js';

export class FlowMeter {
  readonly executing: GaugeCell;
  readonly executingSeats: GaugeCell;
  readonly inQueue: GaugeCell;
  readonly inQueueSeats: GaugeCell;
  readonly queueLength: HistogramCell;
  readonly notAccommodated: CounterCell;
  readonly dispatched: CounterCell;
  readonly estimated: HistogramCell;
  readonly waited: HistogramCell;
  readonly waitedInVain: HistogramCell;
  readonly executed: HistogramCell;
  readonly watchStarted: HistogramCell;
  readonly rejected: (reason: string) => CounterCell;

  constructor(metrics: FlowControlMetrics, level: string, schema: string) {
    this.executing = metrics.executing.with(level, schema);
    this.executingSeats = metrics.executingSeats.with(level, schema);
    this.inQueue = metrics.inQueue.with(level, schema);
    this.inQueueSeats = metrics.inQueueSeats.with(level, schema);
    this.queueLength = metrics.queueLength.with(level, schema);
    this.notAccommodated = metrics.notAccommodated.with(level, schema);
    this.dispatched = metrics.dispatched.with(level, schema);
    this.estimated = metrics.estimatedSeats.with(level, schema);
    this.waited = metrics.waitSeconds.with(level, schema, 'true');
    this.waitedInVain = metrics.waitSeconds.with(level, schema, 'false');
    this.executed = metrics.executionSeconds.with(level, schema, 'regular');
    this.watchStarted = metrics.executionSeconds.with(level, schema, 'watch');
    this.rejected = (reason) => metrics.rejected.with(level, schema, reason);
  }
}
