/**
 * Metrics for hot paths. A cell is one time series: whoever holds it counts with one addition, where prom-client
 * sorts and joins the labels anew with every observation. At a scrape the cells are read through prom-client's registry.
 */
import type { Metric, Registry } from 'prom-client';

export interface MetricOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

interface Sample {
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly metricName?: string;
}

/** Cells of one metric by the values of its labels, which must come from a bounded set. */
class MetricFamily<C> {
  readonly #cells = new Map<
    string,
    { readonly labels: Readonly<Record<string, string>>; readonly cell: C }
  >();
  readonly #labelNames: readonly string[];
  readonly #create: () => C;

  constructor(
    registry: Registry,
    options: MetricOptions & {
      readonly type: 'counter' | 'gauge' | 'histogram';
      readonly create: () => C;
      readonly samplesOf: (cell: C, labels: Readonly<Record<string, string>>) => readonly Sample[];
      /** Runs before each scrape. A rejection fails the scrape. */
      readonly collect?: () => Promise<void> | void;
    },
  ) {
    const { name, help, type, labelNames, samplesOf, collect } = options;
    this.#labelNames = labelNames;
    this.#create = options.create;
    const get = async (): Promise<object> => {
      await collect?.();
      const values = [...this.#cells.values()].flatMap(({ cell, labels }) => samplesOf(cell, labels));
      return { name, help, type, values, aggregator: 'sum' };
    };
    // The registry asks a metric for nothing but its name and `get`; its type lists prom-client's own classes only.
    registry.registerMetric({ name, type, labelNames, get } as unknown as Metric);
  }

  /** The cell of these label values, in the order of the names. The same values give the same cell. */
  with(...values: readonly string[]): C {
    const key = values.length === 1 ? (values[0] ?? '') : values.join('\0');
    const found = this.#cells.get(key);
    if (found !== undefined) return found.cell;
    const labels = Object.fromEntries(this.#labelNames.map((name, index) => [name, values[index] ?? '']));
    const cell = this.#create();
    this.#cells.set(key, { labels, cell });
    return cell;
  }

  /** Forgets a time series: what it measured is gone. */
  delete(...values: readonly string[]): void {
    this.#cells.delete(values.join('\0'));
  }

  clear(): void {
    this.#cells.clear();
  }
}

export class CounterCell {
  value = 0;

  inc(by = 1): void {
    this.value += by;
  }
}

export class GaugeCell {
  value = 0;

  set(value: number): void {
    this.value = value;
  }

  add(by: number): void {
    this.value += by;
  }
}

export class HistogramCell {
  readonly #bounds: readonly number[];
  /** By bucket, not cumulated; the last one is for what is above all bounds. */
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    this.#sum += value;
    let low = 0;
    let high = this.#bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= (this.#bounds[middle] ?? 0)) high = middle;
      else low = middle + 1;
    }
    this.#counts[low] = (this.#counts[low] ?? 0) + 1;
  }

  samples(name: string, labels: Readonly<Record<string, string>>): readonly Sample[] {
    let count = 0;
    const buckets = this.#counts.map((inBucket, index): Sample => {
      count += inBucket;
      const le = String(this.#bounds[index] ?? '+Inf');
      return { metricName: `${name}_bucket`, value: count, labels: { le, ...labels } };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, value: this.#sum, labels },
      { metricName: `${name}_count`, value: count, labels },
    ];
  }
}

export type CounterFamily = MetricFamily<CounterCell>;
export type GaugeFamily = MetricFamily<GaugeCell>;
export type HistogramFamily = MetricFamily<HistogramCell>;

export function counterFamily(registry: Registry, options: MetricOptions): CounterFamily {
  return new MetricFamily(registry, {
    ...options,
    type: 'counter',
    create: () => new CounterCell(),
    samplesOf: ({ value }, labels) => [{ value, labels }],
  });
}

/** `collect` runs before each scrape: for what is cheaper to look up than to keep. */
export function gaugeFamily(
  registry: Registry,
  options: MetricOptions & { readonly collect?: (family: GaugeFamily) => Promise<void> | void },
): GaugeFamily {
  const { collect, ...rest } = options;
  const family: GaugeFamily = new MetricFamily<GaugeCell>(registry, {
    ...rest,
    type: 'gauge',
    create: () => new GaugeCell(),
    samplesOf: ({ value }, labels) => [{ value, labels }],
    ...(collect === undefined
      ? {}
      : {
          collect: () => collect(family),
        }),
  });
  return family;
}

export function histogramFamily(
  registry: Registry,
  options: MetricOptions & { readonly buckets: readonly number[] },
): HistogramFamily {
  return new MetricFamily(registry, {
    ...options,
    type: 'histogram',
    create: () => new HistogramCell(options.buckets),
    samplesOf: (cell, labels) => cell.samples(options.name, labels),
  });
}
