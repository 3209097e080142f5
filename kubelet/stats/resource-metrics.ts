/** What `/metrics/resource` shows, for metrics-server and its like: names and labels of Kubernetes v1.35. Pure. */
import type { StatsSnapshot } from './collect-stats.js';
import type { Family, Series } from './exposition.js';

/** Undefined: the node could not be measured, and only that is told. */
export function resourceMetrics(snapshot: StatsSnapshot | undefined): Family[] {
  const error: Family = {
    name: 'resource_scrape_error',
    type: 'gauge',
    help: '1 if there was an error while the metrics of containers were read, 0 otherwise.',
    series: [{ labels: {}, value: snapshot === undefined ? 1 : 0 }],
  };
  if (snapshot === undefined) return [error];
  const containers = snapshot.pods.flatMap(({ pod, containers: all }) =>
    all.map((one) => ({
      ...one,
      labels: { container: one.name, namespace: pod.metadata.namespace, pod: pod.metadata.name },
    })),
  );
  const pods = snapshot.pods.flatMap(({ pod, measured }) =>
    measured === undefined
      ? []
      : [{ usage: measured.usage, labels: { namespace: pod.metadata.namespace, pod: pod.metadata.name } }],
  );
  const node = [{ usage: snapshot.node.usage, labels: {} }];
  const levels = [
    ['container', containers],
    ['node', node],
    ['pod', pods],
  ] as const;
  const started = containers.map(({ labels, startedAt }): Series => ({
    labels,
    value: startedAt === undefined ? undefined : Date.parse(startedAt) / 1000,
  }));
  return [
    ...levels.map(([level, all]): Family => ({
      name: `${level}_cpu_usage_seconds_total`,
      type: 'counter',
      help: `Processor time of the ${level} in seconds.`,
      series: all.map(({ labels, usage }) => ({
        labels,
        value: usage.cpuNanoseconds === undefined ? undefined : usage.cpuNanoseconds / 1e9,
        timestampMs: usage.timestampMs,
      })),
    })),
    ...levels.map(([level, all]): Family => ({
      name: `${level}_memory_working_set_bytes`,
      type: 'gauge',
      help: `Memory of the ${level} that cannot be taken back, in bytes.`,
      series: all.map(({ labels, usage }) => ({
        labels,
        value: usage.workingSetBytes,
        timestampMs: usage.timestampMs,
      })),
    })),
    {
      name: 'container_start_time_seconds',
      type: 'gauge',
      help: 'When the container was started, in seconds since the epoch.',
      series: started,
    },
    error,
  ];
}
