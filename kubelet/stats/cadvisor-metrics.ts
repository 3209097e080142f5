/** What `/metrics/cadvisor` shows: the series of cAdvisor that dashboards use, for containers, Pods and the node. Pure. */
import type { StatsSnapshot } from './collect-stats.js';
import type { UsageStats } from './cgroup-stats.js';
import type { Family, Series } from './exposition.js';
import type { InterfaceStats } from './network-stats.js';

interface Subject {
  readonly labels: Readonly<Record<string, string>>;
  readonly usage: UsageStats;
  readonly startedAt?: string | undefined;
  readonly writableBytes?: number | undefined;
}

const nobody = { container: '', image: '', name: '', namespace: '', pod: '' };

export function cadvisorMetrics(snapshot: StatsSnapshot): Family[] {
  const subjects = [
    { labels: { ...nobody, id: '/' }, usage: snapshot.node.usage },
    ...snapshot.pods.flatMap(({ pod, cgroup, measured, containers }): Subject[] => {
      const { namespace, name } = pod.metadata;
      const own = { ...nobody, namespace, pod: name };
      return [
        ...(measured === undefined ? [] : [{ labels: { ...own, id: cgroup }, usage: measured.usage }]),
        ...containers.map((one) => ({
          ...one,
          labels: { ...own, container: one.name, image: one.image, name: one.id, id: `${cgroup}/${one.id}` },
        })),
      ];
    }),
  ];
  const family = (
    name: string,
    type: Family['type'],
    help: string,
    value: (subject: Subject) => number | undefined,
    more: Readonly<Record<string, string>> = {},
  ): Family => ({
    name,
    type,
    help,
    series: subjects.map((subject): Series => ({
      labels: { ...subject.labels, ...more },
      value: value(subject),
      timestampMs: subject.usage.timestampMs,
    })),
  });
  const faults = (
    kind: 'pgfault' | 'pgmajfault',
    read: (usage: UsageStats) => number | undefined,
  ): readonly Series[] =>
    family('', 'counter', '', ({ usage }) => read(usage), { failure_type: kind, scope: 'container' }).series;
  return [
    family(
      'container_cpu_usage_seconds_total',
      'counter',
      'Processor time in seconds.',
      ({ usage }) => (usage.cpuNanoseconds === undefined ? undefined : usage.cpuNanoseconds / 1e9),
      { cpu: 'total' },
    ),
    family(
      'container_memory_usage_bytes',
      'gauge',
      'Memory with all caches, in bytes.',
      ({ usage }) => usage.usageBytes,
    ),
    family(
      'container_memory_working_set_bytes',
      'gauge',
      'Memory that cannot be taken back, in bytes.',
      ({ usage }) => usage.workingSetBytes,
    ),
    family('container_memory_rss', 'gauge', 'Anonymous memory in bytes.', ({ usage }) => usage.rssBytes),
    {
      name: 'container_memory_failures_total',
      type: 'counter',
      help: 'Page faults.',
      series: [
        ...faults('pgfault', ({ pageFaults }) => pageFaults),
        ...faults('pgmajfault', ({ majorPageFaults }) => majorPageFaults),
      ],
    },
    family(
      'container_fs_usage_bytes',
      'gauge',
      'What the container wrote beside its volumes, in bytes.',
      ({ writableBytes }) => writableBytes,
    ),
    family(
      'container_start_time_seconds',
      'gauge',
      'When it was started, in seconds since the epoch.',
      ({ startedAt }) => (startedAt === undefined ? undefined : Date.parse(startedAt) / 1000),
    ),
    family('container_last_seen', 'gauge', 'When it was measured, in seconds since the epoch.', ({ usage }) =>
      Math.floor(usage.timestampMs / 1000),
    ),
    ...networkFamilies(snapshot),
    {
      name: 'machine_cpu_cores',
      type: 'gauge',
      help: 'Logical processors of the machine.',
      series: [{ labels: {}, value: snapshot.cpuCount }],
    },
    {
      name: 'machine_memory_bytes',
      type: 'gauge',
      help: 'Memory of the machine in bytes.',
      series: [{ labels: {}, value: snapshot.memoryBytes }],
    },
  ];
}

function networkFamilies({ pods, nodeNetwork, timestampMs }: StatsSnapshot): Family[] {
  const subjects = [
    { labels: { ...nobody, id: '/' }, devices: nodeNetwork },
    ...pods.map(({ pod: { metadata }, cgroup, network }) => ({
      labels: { ...nobody, namespace: metadata.namespace, pod: metadata.name, id: cgroup },
      devices: network ?? [],
    })),
  ];
  const family = (name: string, help: string, value: (device: InterfaceStats) => number): Family => ({
    name: `container_network_${name}_total`,
    type: 'counter',
    help,
    series: subjects.flatMap(({ labels, devices }) =>
      devices.map((device): Series => ({
        labels: { ...labels, interface: device.name },
        value: value(device),
        timestampMs,
      })),
    ),
  });
  return [
    family('receive_bytes', 'Bytes that came in.', ({ rxBytes }) => rxBytes),
    family('receive_packets', 'Packets that came in.', ({ rxPackets }) => rxPackets),
    family('receive_errors', 'Packets that came in broken.', ({ rxErrors }) => rxErrors),
    family('receive_packets_dropped', 'Packets that came in and were dropped.', ({ rxDropped }) => rxDropped),
    family('transmit_bytes', 'Bytes that went out.', ({ txBytes }) => txBytes),
    family('transmit_packets', 'Packets that went out.', ({ txPackets }) => txPackets),
    family('transmit_errors', 'Packets that could not go out.', ({ txErrors }) => txErrors),
    family(
      'transmit_packets_dropped',
      'Packets that were dropped on their way out.',
      ({ txDropped }) => txDropped,
    ),
  ];
}
