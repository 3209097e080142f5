/** How long admission takes, whole and by plugin, under the names of kube-apiserver. */
import type { Registry } from 'prom-client';
import type { Clock } from '../../common/clock.js';
import type { HistogramCell } from '../../common/metric-cells.js';
import { histogramFamily } from '../../common/metric-cells.js';

export type AdmissionStep = 'admit' | 'validate';
export type Operation = 'CREATE' | 'UPDATE' | 'DELETE';

/** The time series of one plugin in one step, or of the whole step. */
export interface StepMeter {
  observe(operation: Operation, rejected: boolean, seconds: number): void;
}

const buckets = [0.005, 0.025, 0.1, 0.5, 1, 2.5];

export class AdmissionMetrics {
  readonly #plugins: ReturnType<typeof histogramFamily>;
  readonly #steps: ReturnType<typeof histogramFamily>;

  readonly clock: Clock;

  constructor(registry: Registry, clock: Clock) {
    this.clock = clock;
    const labelNames = ['operation', 'type', 'rejected'];
    this.#plugins = histogramFamily(registry, {
      name: 'apiserver_admission_controller_admission_duration_seconds',
      help: 'How long an admission plugin took.',
      labelNames: ['name', ...labelNames],
      buckets,
    });
    this.#steps = histogramFamily(registry, {
      name: 'apiserver_admission_step_admission_duration_seconds',
      help: 'How long all admission plugins took together.',
      labelNames,
      buckets,
    });
  }

  plugin(name: string, step: AdmissionStep): StepMeter {
    return stepMeter((...labels) => this.#plugins.with(name, ...labels), step);
  }

  step(step: AdmissionStep): StepMeter {
    return stepMeter((...labels) => this.#steps.with(...labels), step);
  }
}

function stepMeter(cellOf: (...labels: readonly string[]) => HistogramCell, step: AdmissionStep): StepMeter {
  const cells = new Map<Operation, { fine?: HistogramCell; rejected?: HistogramCell }>();
  return {
    observe: (operation, rejected, seconds) => {
      let known = cells.get(operation);
      if (known === undefined) cells.set(operation, (known = {}));
      const cell = (known[rejected ? 'rejected' : 'fine'] ??= cellOf(operation, step, String(rejected)));
      cell.observe(seconds);
    },
  };
}
