/** What API priority and fairness tells about itself, under the names that Kubernetes uses. */
import type { Registry } from 'prom-client';
import { counterFamily, gaugeFamily, histogramFamily } from '../../common/metric-cells.js';

const waitBuckets = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
const seatBuckets = [1, 2, 4, 8, 16, 32, 64, 100];
const lengthBuckets = [0, 10, 25, 50, 100, 250, 500, 1000];
const levelAndSchema = ['priority_level', 'flow_schema'];
const prefix = 'apiserver_flowcontrol_';

export type FlowControlMetrics = ReturnType<typeof createFlowControlMetrics>;

export function createFlowControlMetrics(registry: Registry) {
  const gauge = (name: string, help: string, labelNames: readonly string[] = ['priority_level']) =>
    gaugeFamily(registry, { name: prefix + name, help, labelNames });
  return {
    executing: gauge('current_executing_requests', 'Requests that are being worked on.', levelAndSchema),
    executingSeats: gauge('current_executing_seats', 'Seats that these requests hold.', levelAndSchema),
    inQueue: gauge('current_inqueue_requests', 'Requests that wait in queues.', levelAndSchema),
    inQueueSeats: gauge('current_inqueue_seats', 'Seats that these requests will hold.', levelAndSchema),
    queueLength: histogramFamily(registry, {
      name: `${prefix}request_queue_length_after_enqueue`,
      help: 'Requests in a queue when one has come into it, that one included.',
      labelNames: levelAndSchema,
      buckets: lengthBuckets,
    }),
    notAccommodated: counterFamily(registry, {
      name: `${prefix}request_dispatch_no_accommodation_total`,
      help: 'Requests that had to wait because there were no seats for them.',
      labelNames: levelAndSchema,
    }),
    dispatched: counterFamily(registry, {
      name: `${prefix}dispatched_requests_total`,
      help: 'Requests that were let through.',
      labelNames: levelAndSchema,
    }),
    rejected: counterFamily(registry, {
      name: `${prefix}rejected_requests_total`,
      help: 'Requests that were refused, by reason.',
      labelNames: [...levelAndSchema, 'reason'],
    }),
    waitSeconds: histogramFamily(registry, {
      name: `${prefix}request_wait_duration_seconds`,
      help: 'How long requests waited for seats.',
      labelNames: [...levelAndSchema, 'execute'],
      buckets: waitBuckets,
    }),
    executionSeconds: histogramFamily(registry, {
      name: `${prefix}request_execution_seconds`,
      help: 'How long requests held their seats.',
      labelNames: [...levelAndSchema, 'type'],
      buckets: waitBuckets,
    }),
    estimatedSeats: histogramFamily(registry, {
      name: `${prefix}work_estimated_seats`,
      help: 'Seats that requests were estimated to need.',
      labelNames: levelAndSchema,
      buckets: seatBuckets,
    }),
    nominalSeats: gauge('nominal_limit_seats', 'Seats of the level by its shares.'),
    lowerSeats: gauge('lower_limit_seats', 'Seats that the level keeps whatever others need.'),
    upperSeats: gauge('upper_limit_seats', 'Seats that the level may have by borrowing.'),
    currentSeats: gauge('current_limit_seats', 'Seats that the level has now.'),
    averageDemand: gauge(
      'demand_seats_average',
      'Seats that the level wanted on average over the last period.',
    ),
    highestDemand: gauge('demand_seats_high_watermark', 'Most seats that the level wanted in it.'),
    demandDeviation: gauge('demand_seats_stdev', 'Standard deviation of the seats that it wanted in it.'),
    targetSeats: gauge('target_seats', 'Seats that the level asks for when they are shared out.'),
    fairFraction: gauge(
      'seat_fair_frac',
      'The part of what they ask for that all levels get, as far as their limits let it.',
      [],
    ),
    smoothedDemand: gauge('demand_seats_smoothed', 'Seats that the level has wanted of late.'),
  };
}
