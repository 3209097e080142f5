/** What /metrics tells, under the names and labels of the kube-apiserver. */
import type { Registry } from 'prom-client';
import type { Clock } from '../common/clock.js';
import type { CounterCell, GaugeCell, HistogramCell } from '../common/metric-cells.js';
import { counterFamily, gaugeFamily, histogramFamily } from '../common/metric-cells.js';
import { RecentMaximum } from '../common/recent-maximum.js';

export interface RequestLabels {
  /** As in authorization: `get`, `list`, `create`, …; for paths that are no resource the HTTP method. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly scope: '' | 'cluster' | 'namespace' | 'resource';
  readonly dryRun: boolean;
}

export type RequestKind = 'readOnly' | 'mutating';

export interface WatchEventMeter {
  /** These events were sent, as they are on the line. */
  sent(events: readonly Uint8Array[]): void;
}

export interface StoredCount {
  readonly group: string;
  readonly resource: string;
  readonly count: number;
}

const target = ['group', 'version', 'resource', 'subresource', 'scope', 'component'];
const component = 'apiserver';
const durationBuckets = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];
const serviceLevelBuckets = durationBuckets.filter((bound) => bound >= 0.05);
const sizeBuckets = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/** Verbs whose names in metrics are not those of authorization. */
const reportedVerbs: Readonly<Record<string, string>> = { create: 'POST', update: 'PUT' };

/** The time series of requests of one kind. */
interface RequestCells {
  readonly byCode: Map<number, CounterCell>;
  readonly seconds: HistogramCell;
  readonly serviceLevel: HistogramCell;
  readonly bytes: HistogramCell;
  readonly running: GaugeCell;
  readonly aborted: CounterCell;
}

export class ApiServerMetrics {
  readonly registry: Registry;
  readonly #families: ReturnType<typeof createFamilies>;
  readonly #cells = new Map<string, RequestCells>();

  readonly #waiting: Readonly<Record<RequestKind, RecentMaximum>>;
  readonly #executing: Readonly<Record<RequestKind, RecentMaximum>>;

  /** `countObjects` is called at each scrape. */
  constructor(registry: Registry, countObjects: () => readonly StoredCount[], clock: Clock) {
    this.registry = registry;
    this.#families = createFamilies(registry, countObjects);
    const byKind = (name: string, help: string): Record<RequestKind, RecentMaximum> => {
      const numbers = { readOnly: new RecentMaximum(), mutating: new RecentMaximum() };
      gaugeFamily(registry, {
        name,
        help,
        labelNames: ['request_kind'],
        collect: (family) => {
          for (const kind of ['readOnly', 'mutating'] as const)
            family.with(kind).set(numbers[kind].highest(clock.monotonicMs()));
        },
      });
      return numbers;
    };
    this.#executing = byKind(
      'apiserver_current_inflight_requests',
      'Most requests at once in the last second that were worked on and are not long-running, by kind.',
    );
    this.#waiting = byKind(
      'apiserver_current_inqueue_requests',
      'Most requests at once in the last second that waited until they may run, by kind.',
    );
  }

  /** So many requests more, or less, wait until they may run. */
  waiting(kind: RequestKind, by: number, nowMs: number): void {
    this.#waiting[kind].add(by, nowMs);
  }

  /** So many requests more, or less, are worked on. */
  executing(kind: RequestKind, by: number, nowMs: number): void {
    this.#executing[kind].add(by, nowMs);
  }

  /** So many watches, logs and tunnels more, or less, are under way. */
  longRunning(labels: RequestLabels, by: number): void {
    this.#of(labels).running.add(by);
  }

  /** A kind was asked for that its users are to leave. */
  deprecated({ group, version, resource, subresource }: RequestLabels): void {
    // No kind that is served has a release yet in which it goes.
    this.#families.deprecated.with(group, version, resource, subresource, '').set(1);
  }

  /** A request has ended. A code of 0 says that its client went away before there was an answer. */
  finished(
    labels: RequestLabels,
    result: {
      readonly code: number;
      readonly seconds: number;
      /** Those of them that it waited until it might run. */
      readonly waitedSeconds: number;
      readonly bytes: number;
      readonly longRunning: boolean;
    },
  ): void {
    const cells = this.#of(labels);
    const { code, seconds, waitedSeconds, bytes, longRunning } = result;
    if (code === 0) cells.aborted.inc();
    let counter = cells.byCode.get(code);
    if (counter === undefined) {
      counter = this.#families.requests.with(...valuesOf(labels), dryRunOf(labels), String(code));
      cells.byCode.set(code, counter);
    }
    counter.inc();
    if (longRunning) return;
    cells.seconds.observe(seconds);
    cells.serviceLevel.observe(seconds - waitedSeconds);
    cells.bytes.observe(bytes);
  }

  /** A request was refused because there are too many. */
  refused(labels: RequestLabels, code: number): void {
    this.#families.terminations.with(String(code), ...valuesOf(labels)).inc();
  }

  /** Events of watches of a resource that were sent. */
  watchEvents(group: string, version: string, resource: string): WatchEventMeter {
    const total = this.#families.watchEvents.with(group, version, resource);
    const sizes = this.#families.watchEventSizes.with(group, version, resource);
    return {
      sent: (events) => {
        total.inc(events.length);
        for (const { length } of events) sizes.observe(length);
      },
    };
  }

  #of(labels: RequestLabels): RequestCells {
    const { verb, group, version, resource, subresource, scope, dryRun } = labels;
    const key = `${verb} ${group} ${version} ${resource} ${subresource} ${scope} ${String(dryRun)}`;
    const known = this.#cells.get(key);
    if (known !== undefined) return known;
    const values = valuesOf(labels);
    const { durations, serviceLevels, sizes, running, aborts } = this.#families;
    const made = {
      byCode: new Map<number, CounterCell>(),
      seconds: durations.with(...values, dryRunOf(labels)),
      serviceLevel: serviceLevels.with(...values),
      bytes: sizes.with(...values),
      running: running.with(...values),
      aborted: aborts.with(...values.slice(0, -1)),
    };
    this.#cells.set(key, made);
    return made;
  }
}

function valuesOf({ verb, group, version, resource, subresource, scope }: RequestLabels): readonly string[] {
  const reported = reportedVerbs[verb] ?? verb.toUpperCase();
  return [reported, group, version, resource, subresource, scope, component];
}

function dryRunOf({ dryRun }: RequestLabels): string {
  return dryRun ? 'All' : '';
}

function createFamilies(registry: Registry, countObjects: () => readonly StoredCount[]) {
  const perRequest = ['verb', ...target];
  gaugeFamily(registry, {
    name: 'apiserver_storage_objects',
    help: 'Objects in the store by resource.',
    labelNames: ['resource'],
    collect: (family) => {
      family.clear();
      for (const { group, resource, count } of countObjects())
        family.with(group === '' ? resource : `${resource}.${group}`).set(count);
    },
  });
  gaugeFamily(registry, {
    name: 'apiserver_resource_objects',
    help: 'Objects in the store by group and resource.',
    labelNames: ['group', 'resource'],
    collect: (family) => {
      family.clear();
      for (const { group, resource, count } of countObjects()) family.with(group, resource).set(count);
    },
  });
  return {
    requests: counterFamily(registry, {
      name: 'apiserver_request_total',
      help: 'Requests by what they asked for and the HTTP code of the answer.',
      labelNames: [...perRequest, 'dry_run', 'code'],
    }),
    durations: histogramFamily(registry, {
      name: 'apiserver_request_duration_seconds',
      help: 'Time from the head of a request to the end of its answer, without long-running ones.',
      labelNames: [...perRequest, 'dry_run'],
      buckets: durationBuckets,
    }),
    sizes: histogramFamily(registry, {
      name: 'apiserver_response_sizes',
      help: 'Bytes of the bodies of answers, without long-running requests.',
      labelNames: perRequest,
      buckets: sizeBuckets,
    }),
    running: gaugeFamily(registry, {
      name: 'apiserver_longrunning_requests',
      help: 'Watches, logs and tunnels under way.',
      labelNames: perRequest,
    }),
    serviceLevels: histogramFamily(registry, {
      name: 'apiserver_request_sli_duration_seconds',
      help: 'As apiserver_request_duration_seconds, without the time that requests waited until they might run.',
      labelNames: perRequest,
      buckets: serviceLevelBuckets,
    }),
    deprecated: gaugeFamily(registry, {
      name: 'apiserver_requested_deprecated_apis',
      help: 'Kinds that were asked for and that their users are to leave.',
      labelNames: ['group', 'version', 'resource', 'subresource', 'removed_release'],
    }),
    aborts: counterFamily(registry, {
      name: 'apiserver_request_aborts_total',
      help: 'Requests whose client went away before the answer.',
      labelNames: perRequest.slice(0, -1),
    }),
    terminations: counterFamily(registry, {
      name: 'apiserver_request_terminations_total',
      help: 'Requests that the server refused to protect itself.',
      labelNames: ['code', ...perRequest],
    }),
    watchEvents: counterFamily(registry, {
      name: 'apiserver_watch_events_total',
      help: 'Events sent to watches.',
      labelNames: ['group', 'version', 'resource'],
    }),
    watchEventSizes: histogramFamily(registry, {
      name: 'apiserver_watch_events_sizes',
      help: 'Bytes of the events sent to watches.',
      labelNames: ['group', 'version', 'resource'],
      buckets: Array.from({ length: 8 }, (_, power) => 1024 * 2 ** power),
    }),
  };
}
