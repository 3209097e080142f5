/** What the kernel and the runtime count, and the forms in which it is told. */
import { Registry } from 'prom-client';
import t from 'tap';
import type { Pod } from '../../../api/generated/core-v1.js';
import { CriError } from '../../../kubelet/cri/runtime.js';
import type { ContainerRuntime, RuntimeContainerStats } from '../../../kubelet/cri/runtime.js';
import { createKubeletMetrics } from '../../../kubelet/kubelet-metrics.js';
import { cadvisorMetrics } from '../../../kubelet/stats/cadvisor-metrics.js';
import { parseCgroupStats, parseNodeStats } from '../../../kubelet/stats/cgroup-stats.js';
import { currentStats, nanocores } from '../../../kubelet/stats/collect-stats.js';
import type { StatsSnapshot } from '../../../kubelet/stats/collect-stats.js';
import { expose } from '../../../kubelet/stats/exposition.js';
import { resourceMetrics } from '../../../kubelet/stats/resource-metrics.js';
import { volumeMetrics } from '../../../kubelet/stats/volume-metrics.js';
import { parseNetworkDevices } from '../../../kubelet/stats/network-stats.js';
import { summaryOf } from '../../../kubelet/stats/summary.js';

void t.test('counters of cgroups', (t) => {
  const expected = {
    timestampMs: 5,
    cpuNanoseconds: 7000,
    usageBytes: 1000,
    workingSetBytes: 900,
    rssBytes: 300,
    pageFaults: 11,
    majorPageFaults: 2,
  };
  const v1 =
    'inactive_file 1\nrss 2\ntotal_inactive_file 100\ntotal_rss 300\ntotal_pgfault 11\ntotal_pgmajfault 2';
  t.strictSame(parseCgroupStats({ version: 1, cpu: '7000', memory: '1000', memoryStat: v1 }, 5), expected);
  const v2 = 'anon 300\ninactive_file 100\npgfault 11\npgmajfault 2';
  const cpu = 'usage_usec 7\nuser_usec 4\nsystem_usec 3';
  t.strictSame(parseCgroupStats({ version: 2, cpu, memory: '1000', memoryStat: v2 }, 5), expected);
  const without = parseCgroupStats(
    { version: 2, cpu: undefined, memory: undefined, memoryStat: undefined },
    5,
  );
  t.match(without, { cpuNanoseconds: undefined, workingSetBytes: undefined }, 'what is not told is not zero');
  t.strictSame(
    parseNodeStats(
      {
        stat: 'cpu  10 1 5 1000 50 2 3 4 99 0\ncpu0 1 1 1 1\n',
        meminfo:
          'MemTotal:       1000 kB\nMemFree:         400 kB\nInactive(file):  100 kB\nAnonPages:       50 kB\n',
        vmstat: 'pgfault 8\npgmajfault 1\n',
      },
      5,
    ),
    {
      timestampMs: 5,
      cpuNanoseconds: 25 * 1e7,
      usageBytes: 600 * 1024,
      workingSetBytes: 500 * 1024,
      rssBytes: 50 * 1024,
      pageFaults: 8,
      majorPageFaults: 1,
    },
  );
  t.end();
});

const usage = {
  timestampMs: 1_767_225_600_000,
  cpuNanoseconds: 2_500_000_000,
  usageBytes: 2000,
  workingSetBytes: 1500,
  rssBytes: 1000,
  pageFaults: 3,
  majorPageFaults: 1,
};

void t.test('processor time a second', (t) => {
  const later = { ...usage, timestampMs: usage.timestampMs + 2000, cpuNanoseconds: 3_000_000_000 };
  t.equal(nanocores(usage, later), 250_000_000, 'a quarter of a core');
  t.equal(nanocores(undefined, later), undefined);
  t.equal(nanocores(later, later), undefined, 'no time has passed');
  t.equal(
    nanocores(later, { ...usage, timestampMs: later.timestampMs + 1 }),
    undefined,
    'a counter that began anew',
  );
  t.end();
});

void t.test('containers that have ended are not measured', (t) => {
  const stats = (name: string, attempt: number, cpuNanoseconds: number | undefined): RuntimeContainerStats =>
    ({
      ...{ metadata: { name, attempt }, cpuNanoseconds, id: `${name}${String(attempt)}` },
      labels: { 'io.kubernetes.pod.uid': 'u1' },
    }) as unknown as RuntimeContainerStats;
  const all = [stats('a', 0, undefined), stats('a', 2, 7), stats('a', 1, 6), stats('b', 0, undefined)];
  t.strictSame(
    currentStats(all).map(({ id }) => id),
    ['a2'],
  );
  t.end();
});

const disk = {
  timestampMs: usage.timestampMs,
  capacityBytes: 100,
  availableBytes: 60,
  usedBytes: 30,
  inodes: 9,
  inodesFree: 4,
};
const device = {
  ...{ name: 'eth0', rxBytes: 1, rxPackets: 2, rxErrors: 3, rxDropped: 4 },
  ...{ txBytes: 5, txPackets: 6, txErrors: 7, txDropped: 8 },
};
const snapshot: StatsSnapshot = {
  nodeName: 'node-1',
  timestampMs: usage.timestampMs,
  bootedAtMs: usage.timestampMs - 1000,
  cpuCount: 2,
  memoryBytes: 5000,
  node: { usage, cpuNanocores: 7 },
  nodeNetwork: [{ ...device, name: 'ens3' }],
  nodeFilesystem: disk,
  imageFilesystem: disk,
  imageBytes: 12,
  pods: [
    {
      pod: {
        metadata: { name: 'web', namespace: 'shop', uid: 'u1' },
        status: { startTime: '2026-01-01T00:00:00Z' },
      } as Pod,
      cgroup: '/kubepods/podu1',
      measured: { usage, cpuNanocores: undefined },
      network: [device],
      containers: [
        {
          ...{ usage, cpuNanocores: 5, name: 'server', id: 'c1', image: 'web:1' },
          ...{ startedAt: '2026-01-01T00:00:01Z', writableBytes: 4, writableInodes: 2, logBytes: 6 },
        },
      ],
    },
  ],
};

void t.test('volumes behind claims on /metrics, each claim once', (t) => {
  const one = {
    ...{ name: 'data', claim: 'shop/data', isEphemeralStorage: false, sizeLimitBytes: undefined },
    ...{ usedBytes: 30, inodesUsed: 5, capacityBytes: 90, availableBytes: 60, inodes: 9, inodesFree: 4 },
    timeMs: usage.timestampMs,
  };
  const text = expose(volumeMetrics([one, { ...one, name: 'same' }, { ...one, claim: undefined }]));
  t.strictSame(
    text.split('\n').filter((line) => line !== '' && !line.startsWith('#')),
    [
      ['capacity_bytes', 90],
      ['available_bytes', 60],
      ['used_bytes', 30],
      ['inodes', 9],
      ['inodes_free', 4],
      ['inodes_used', 5],
    ].map(
      ([name, value]) =>
        `kubelet_volume_stats_${name}{namespace="shop",persistentvolumeclaim="data"} ${value}`,
    ),
  );
  t.equal(expose(volumeMetrics([])), '');
  t.end();
});

void t.test('/metrics/resource', (t) => {
  const text = expose(resourceMetrics(snapshot));
  for (const line of [
    '# TYPE container_cpu_usage_seconds_total counter',
    'container_cpu_usage_seconds_total{container="server",namespace="shop",pod="web"} 2.5 1767225600000',
    'container_memory_working_set_bytes{container="server",namespace="shop",pod="web"} 1500 1767225600000',
    'container_start_time_seconds{container="server",namespace="shop",pod="web"} 1767225601',
    'pod_cpu_usage_seconds_total{namespace="shop",pod="web"} 2.5 1767225600000',
    'pod_memory_working_set_bytes{namespace="shop",pod="web"} 1500 1767225600000',
    'node_cpu_usage_seconds_total 2.5 1767225600000',
    'node_memory_working_set_bytes 1500 1767225600000',
    'resource_scrape_error 0',
  ])
    t.ok(text.split('\n').includes(line), line);
  t.match(
    expose(resourceMetrics(undefined)),
    /^# HELP[^\n]*\n# TYPE resource_scrape_error gauge\nresource_scrape_error 1\n$/,
  );
  t.end();
});

void t.test('network devices as the kernel lists them, the loopback left out', (t) => {
  const text = [
    'Inter-|   Receive                                                |  Transmit',
    ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
    '    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0',
    '  eth0:       1       2    3    4    0     0          0         0        5       6    7    8    0     0       0          0',
    'veth12345:1234567890 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0',
    '',
  ].join('\n');
  t.strictSame(parseNetworkDevices(text), [device, { ...device, name: 'veth12345', rxBytes: 1_234_567_890 }]);
  t.end();
});

void t.test('/metrics/cadvisor', (t) => {
  const text = expose(cadvisorMetrics(snapshot));
  for (const line of [
    'container_cpu_usage_seconds_total{container="server",image="web:1",name="c1",namespace="shop",pod="web",id="/kubepods/podu1/c1",cpu="total"} 2.5 1767225600000',
    'container_memory_working_set_bytes{container="",image="",name="",namespace="shop",pod="web",id="/kubepods/podu1"} 1500 1767225600000',
    'machine_cpu_cores 2',
    'container_network_receive_bytes_total{container="",image="",name="",namespace="shop",pod="web",id="/kubepods/podu1",interface="eth0"} 1 1767225600000',
    'container_network_transmit_packets_dropped_total{container="",image="",name="",namespace="",pod="",id="/",interface="ens3"} 8 1767225600000',
  ])
    t.ok(text.split('\n').includes(line), line);
  t.match(text, /container_memory_failures_total\{.*failure_type="pgmajfault",scope="container"\} 1 /);
  t.end();
});

void t.test('/stats/summary', (t) => {
  const all = JSON.parse(JSON.stringify(summaryOf(snapshot, false))) as unknown;
  t.match(all, {
    node: {
      nodeName: 'node-1',
      startTime: '2025-12-31T23:59:59Z',
      cpu: { time: '2026-01-01T00:00:00Z', usageNanoCores: 7, usageCoreNanoSeconds: 2_500_000_000 },
      memory: {
        availableBytes: 3500,
        workingSetBytes: 1500,
        rssBytes: 1000,
        pageFaults: 3,
        majorPageFaults: 1,
      },
      fs: { availableBytes: 60, capacityBytes: 100, usedBytes: 30, inodes: 9, inodesFree: 4, inodesUsed: 5 },
      runtime: { imageFs: { usedBytes: 12 } },
      network: { interfaces: [{ name: 'ens3', rxBytes: 1, rxErrors: 3, txBytes: 5, txErrors: 7 }] },
    },
    pods: [
      {
        podRef: { name: 'web', namespace: 'shop', uid: 'u1' },
        containers: [
          {
            name: 'server',
            startTime: '2026-01-01T00:00:01Z',
            rootfs: { usedBytes: 4 },
            logs: { usedBytes: 6 },
          },
        ],
        memory: { workingSetBytes: 1500 },
        network: {
          ...{ time: '2026-01-01T00:00:00Z', name: 'eth0', rxBytes: 1, rxErrors: 3, txBytes: 5, txErrors: 7 },
          interfaces: [{ name: 'eth0', rxBytes: 1, rxErrors: 3, txBytes: 5, txErrors: 7 }],
        },
        'ephemeral-storage': { usedBytes: 10 },
      },
    ],
  });
  const few = summaryOf(snapshot, true);
  t.notHas(few['node'], { fs: {} });
  t.notHas(few['node'], { network: {} });
  t.end();
});

void t.test('volumes in /stats/summary', (t) => {
  const figures = {
    usedBytes: 7,
    inodesUsed: 2,
    capacityBytes: 100,
    availableBytes: 60,
    inodes: 9,
    inodesFree: 4,
    timeMs: 0,
    sizeLimitBytes: undefined,
  };
  const volumes = [
    { ...figures, name: 'scratch', claim: undefined, isEphemeralStorage: true },
    { ...figures, name: 'data', claim: 'shop/disk', isEphemeralStorage: false },
  ];
  const pods = snapshot.pods.map((one) => ({ ...one, volumes }));
  t.match(JSON.parse(JSON.stringify(summaryOf({ ...snapshot, pods }, false))), {
    pods: [
      {
        volume: [
          { name: 'scratch', usedBytes: 7, inodesUsed: 2, capacityBytes: 100, time: '1970-01-01T00:00:00Z' },
          { name: 'data', pvcRef: { name: 'disk', namespace: 'shop' } },
        ],
        'ephemeral-storage': { usedBytes: 17 },
      },
    ],
  });
  t.end();
});

void t.test('labels are escaped, and a family without values is left out', (t) => {
  const series = [{ labels: { a: 'x"y\\z\n' }, value: 1 }];
  t.equal(
    expose([
      { name: 'one', type: 'gauge', help: 'H.', series },
      { name: 'two', type: 'gauge', help: 'H.', series: [{ labels: {}, value: undefined }] },
    ]),
    '# HELP one H.\n# TYPE one gauge\none{a="x\\"y\\\\z\\n"} 1\n',
  );
  t.end();
});

void t.test('calls of the runtime, probes and requests are counted', async (t) => {
  const registry = new Registry();
  const metrics = createKubeletMetrics(registry, 'node-1');
  let isAway = false;
  const answer = async <T>(value: T): Promise<T> => {
    if (isAway) throw new CriError('unavailable', 'away');
    return value;
  };
  const runtime = metrics.observe({
    listPodSandboxes: () => answer([{ state: 'ready' }, { state: 'not-ready' }]),
    listContainers: () => answer([{ state: 'running' }, { state: 'exited' }, { state: 'exited' }]),
    runPodSandbox: () => answer('s1'),
    close: () => undefined,
  } as unknown as ContainerRuntime);
  t.equal(await runtime.runPodSandbox({} as never), 's1');
  runtime.close();
  metrics.relisted(0.02, 1.5, 5_000);
  metrics.podStarted(1, 10, 2.5);
  metrics.imagePulled(20 * 1024 ** 2, 3);
  metrics.imagePulled(200 * 1024 ** 3, 3);
  metrics.evicted('memory.available');
  metrics.preempted('pods');
  metrics.containerNotStarted('init_container', 'RunContainerError');
  metrics.requested('GET', 'pods', false)();
  const text = await registry.metrics();
  for (const line of [
    'kubelet_node_name{node="node-1"} 1',
    'kubelet_running_pods 1',
    'kubelet_running_containers{container_state="running"} 1',
    'kubelet_running_containers{container_state="exited"} 2',
    'kubelet_started_pods_total 1',
    'kubelet_runtime_operations_total{operation_type="run_podsandbox"} 1',
    'kubelet_pleg_relist_interval_seconds_count 1',
    'kubelet_pleg_last_seen_seconds 5',
    'kubelet_run_podsandbox_duration_seconds_count{runtime_handler=""} 1',
    'kubelet_pod_start_sli_duration_seconds_sum 2.5',
    'kubelet_image_pull_duration_seconds_count{image_size_in_bytes="10MB-100MB"} 1',
    'kubelet_image_pull_duration_seconds_count{image_size_in_bytes="GT100GB"} 1',
    'kubelet_evictions{eviction_signal="memory.available"} 1',
    'kubelet_preemptions{preemption_signal="pods"} 1',
    'kubelet_started_containers_errors_total{code="RunContainerError",container_type="init_container"} 1',
    'kubelet_http_requests_total{method="GET",path="pods",server_type="readwrite",long_running="false"} 1',
    'kubelet_http_inflight_requests{method="GET",path="pods",server_type="readwrite",long_running="false"} 0',
  ])
    t.ok(text.split('\n').includes(line), line);
  isAway = true;
  await t.rejects(runtime.runPodSandbox({} as never), { code: 'unavailable' });
  await registry.metrics();
  const away = await registry.metrics();
  t.match(away, 'kubelet_started_pods_errors_total 1');
  t.match(away, /^kubelet_runtime_operations_errors_total\{operation_type="list_containers"\} [12]$/m);
  t.notMatch(away, /^kubelet_running_pods /m, 'no number while nobody knows');
  const subject = { namespace: 'shop', pod: 'web', podUid: 'u1', container: 'server' };
  metrics.probed(subject, 'readiness', 'failed', 0.1);
  t.match(
    await metrics.probes.metrics(),
    'prober_probe_total{probe_type="Readiness",result="failed",container="server",pod="web",namespace="shop",pod_uid="u1"} 1',
  );
  metrics.forgetProbes(subject);
  t.notMatch(await metrics.probes.metrics(), 'pod="web"');
});
