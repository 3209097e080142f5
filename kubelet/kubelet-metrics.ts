/** The kubelet's own metrics, with the names and labels of Kubernetes v1.35. */
import { Registry } from 'prom-client';
import { counterFamily, gaugeFamily, histogramFamily } from '../common/metric-cells.js';
import { isCriError } from './cri/runtime.js';
import { observeCalls } from './cri/observe-calls.js';
import type { ContainerRuntime } from './cri/runtime.js';
import type { ProbeKind } from './probes/probe-schedule.js';

export interface ProbedContainer {
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
  readonly container: string;
}

export interface KubeletMetrics {
  /** What `/metrics/probes` shows. */
  readonly probes: Registry;
  /** The same runtime, each call counted and timed. */
  observe(runtime: ContainerRuntime): ContainerRuntime;
  relisted(seconds: number, sinceLastSeconds: number | undefined, nowMs: number): void;
  probed(
    subject: ProbedContainer,
    kind: ProbeKind,
    result: 'successful' | 'failed' | 'unknown',
    seconds: number,
  ): void;
  /** A container's probes have ended: its series go. */
  forgetProbes(subject: ProbedContainer): void;
  /** A container was to be started. */
  containerStarting(type: ContainerType): void;
  /** A worker has looked at its Pod. */
  podWorked(operation: 'sync' | 'kill', seconds: number): void;
  /** A container could not be started, with the reason that its status shows. */
  containerNotStarted(type: ContainerType, code: string): void;
  /**
   * A Pod that was seen waiting runs: so long after it was seen, and after it was made. The last is the latter without
   * the time in which images were pulled and init containers ran.
   */
  podStarted(sinceSeenSeconds: number, sinceCreatedSeconds: number, sliSeconds: number): void;
  imagePulled(sizeBytes: number, seconds: number): void;
  /** Under pressure, by the signal that told of it. */
  evicted(signal: string): void;
  /** For a critical Pod, which lacked this resource. */
  preempted(resource: string): void;
  /** A request came in; the function is to be called at its end. */
  requested(method: string, path: string, isLongRunning: boolean): () => void;
}

export type ContainerType = 'container' | 'init_container' | 'ephemeral_container';

const startBuckets = [
  0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700,
  3600,
];
const quickBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** 5 ms, each 2.5 times the one before. */
const operationBuckets = Array.from({ length: 14 }, (_, index) =>
  Number((0.005 * 2.5 ** index).toPrecision(6)),
);

/** Names of operations as Kubernetes' kubelet has them, by the method of the port. */
const operations: Readonly<Partial<Record<string, string>>> = {
  version: 'version',
  status: 'status',
  runPodSandbox: 'run_podsandbox',
  stopPodSandbox: 'stop_podsandbox',
  removePodSandbox: 'remove_podsandbox',
  podSandboxStatus: 'podsandbox_status',
  listPodSandboxes: 'list_podsandbox',
  createContainer: 'create_container',
  startContainer: 'start_container',
  stopContainer: 'stop_container',
  removeContainer: 'remove_container',
  updateContainerResources: 'update_container_resources',
  listContainers: 'list_containers',
  containerStatus: 'container_status',
  listContainerStats: 'list_container_stats',
  reopenContainerLog: 'reopen_container_log',
  execSync: 'exec_sync',
  exec: 'exec',
  attach: 'attach',
  portForward: 'port_forward',
  listImages: 'list_images',
  imageStatus: 'image_status',
  pullImage: 'pull_image',
  removeImage: 'remove_image',
  imageFilesystems: 'image_fs_info',
};

const probeWords = { liveness: 'Liveness', readiness: 'Readiness', startup: 'Startup' } as const;

export function createKubeletMetrics(registry: Registry, nodeName: string): KubeletMetrics {
  gaugeFamily(registry, {
    name: 'kubelet_node_name',
    help: "The node's name; the value is always 1.",
    labelNames: ['node'],
  })
    .with(nodeName)
    .set(1);
  const requests = createRequestMetrics(registry);
  const relistDuration = histogramFamily(registry, {
    name: 'kubelet_pleg_relist_duration_seconds',
    help: 'How long it took to list all sandboxes and containers.',
    labelNames: [],
    buckets: quickBuckets,
  }).with();
  const relistInterval = histogramFamily(registry, {
    name: 'kubelet_pleg_relist_interval_seconds',
    help: 'How long after the one before a list was made.',
    labelNames: [],
    buckets: quickBuckets,
  }).with();
  const lastSeen = gaugeFamily(registry, {
    name: 'kubelet_pleg_last_seen_seconds',
    help: 'When sandboxes and containers were last listed, in seconds since 1970.',
    labelNames: [],
  }).with();
  const probes = new Registry();
  const probeLabels = ['probe_type', 'container', 'pod', 'namespace', 'pod_uid'];
  const probeTotal = counterFamily(probes, {
    name: 'prober_probe_total',
    help: 'Probes of containers by their result.',
    labelNames: ['probe_type', 'result', ...probeLabels.slice(1)],
  });
  const probeDuration = histogramFamily(probes, {
    name: 'prober_probe_duration_seconds',
    help: 'How long a probe took.',
    labelNames: ['probe_type', 'container', 'pod', 'namespace'],
    buckets: quickBuckets,
  });
  return {
    probes,
    observe: (runtime) => observeRuntime(runtime, registry),
    relisted: (seconds, sinceLastSeconds, nowMs) => {
      relistDuration.observe(seconds);
      lastSeen.set(nowMs / 1000);
      if (sinceLastSeconds !== undefined) relistInterval.observe(sinceLastSeconds);
    },
    probed: ({ container, pod, namespace, podUid }, kind, result, seconds) => {
      const type = probeWords[kind];
      probeTotal.with(type, result, container, pod, namespace, podUid).inc();
      probeDuration.with(type, container, pod, namespace).observe(seconds);
    },
    forgetProbes: ({ container, pod, namespace, podUid }) => {
      for (const type of Object.values(probeWords)) {
        for (const result of ['successful', 'failed', 'unknown'])
          probeTotal.delete(type, result, container, pod, namespace, podUid);
        probeDuration.delete(type, container, pod, namespace);
      }
    },
    requested: requests,
    ...createPodMetrics(registry),
    ...createLossMetrics(registry),
  };
}

function createLossMetrics(
  registry: Registry,
): Pick<KubeletMetrics, 'imagePulled' | 'evicted' | 'preempted'> {
  const pulls = histogramFamily(registry, {
    name: 'kubelet_image_pull_duration_seconds',
    help: 'How long it took to pull an image, by its size.',
    labelNames: ['image_size_in_bytes'],
    buckets: [1, 5, 10, 20, 30, 60, 180, 300, 600, 900, 1200, 1800, 2700, 3600],
  });
  const evictions = counterFamily(registry, {
    name: 'kubelet_evictions',
    help: 'Pods that were evicted, by the signal of the pressure.',
    labelNames: ['eviction_signal'],
  });
  const preemptions = counterFamily(registry, {
    name: 'kubelet_preemptions',
    help: 'Pods that went for a critical one, by the resource that it lacked.',
    labelNames: ['preemption_signal'],
  });
  return {
    imagePulled: (sizeBytes, seconds) => {
      pulls.with(imageSizeBucket(sizeBytes)).observe(seconds);
    },
    evicted: (signal) => {
      evictions.with(signal).inc();
    },
    preempted: (resource) => {
      preemptions.with(resource).inc();
    },
  };
}

const mebibyte = 1024 ** 2;
const imageSizes: readonly (readonly [fromBytes: number, name: string])[] = [
  [100 * 1024 * mebibyte, 'GT100GB'],
  [60 * 1024 * mebibyte, '60GB-100GB'],
  [40 * 1024 * mebibyte, '40GB-60GB'],
  [30 * 1024 * mebibyte, '30GB-40GB'],
  [20 * 1024 * mebibyte, '20GB-30GB'],
  [10 * 1024 * mebibyte, '10GB-20GB'],
  [5 * 1024 * mebibyte, '5GB-10GB'],
  [1024 * mebibyte, '1GB-5GB'],
  [500 * mebibyte, '500MB-1GB'],
  [100 * mebibyte, '100MB-500MB'],
  [10 * mebibyte, '10MB-100MB'],
  [0, '0-10MB'],
];

function imageSizeBucket(sizeBytes: number): string {
  if (sizeBytes === 0) return 'N/A';
  return imageSizes.find(([fromBytes]) => sizeBytes >= fromBytes)?.[1] ?? 'N/A';
}

function createPodMetrics(
  registry: Registry,
): Pick<KubeletMetrics, 'containerStarting' | 'containerNotStarted' | 'podWorked' | 'podStarted'> {
  const started = counterFamily(registry, {
    name: 'kubelet_started_containers_total',
    help: 'Containers that were to be started.',
    labelNames: ['container_type'],
  });
  const notStarted = counterFamily(registry, {
    name: 'kubelet_started_containers_errors_total',
    help: 'Containers that could not be started, by the reason that their status shows.',
    labelNames: ['code', 'container_type'],
  });
  const sli = histogramFamily(registry, {
    name: 'kubelet_pod_start_sli_duration_seconds',
    help: 'From the creation of the pod to the time at which it runs, without pulls and init containers.',
    labelNames: [],
    buckets: startBuckets,
  }).with();
  const worked = histogramFamily(registry, {
    name: 'kubelet_pod_worker_duration_seconds',
    help: 'How long a look at a pod took.',
    labelNames: ['operation_type'],
    buckets: quickBuckets,
  });
  const start = histogramFamily(registry, {
    name: 'kubelet_pod_start_duration_seconds',
    help: 'From the time at which the pod was seen to that at which it runs.',
    labelNames: [],
    buckets: startBuckets,
  }).with();
  const total = histogramFamily(registry, {
    name: 'kubelet_pod_start_total_duration_seconds',
    help: 'From the creation of the pod to the time at which it runs, pulls and init containers included.',
    labelNames: [],
    buckets: startBuckets,
  }).with();
  return {
    containerStarting: (type) => {
      started.with(type).inc();
    },
    podWorked: (operation, seconds) => {
      worked.with(operation).observe(seconds);
    },
    containerNotStarted: (type, code) => {
      notStarted.with(code, type).inc();
    },
    podStarted: (sinceSeenSeconds, sinceCreatedSeconds, sliSeconds) => {
      start.observe(sinceSeenSeconds);
      sli.observe(sliSeconds);
      total.observe(sinceCreatedSeconds);
    },
  };
}

function createRequestMetrics(registry: Registry): KubeletMetrics['requested'] {
  const labelNames = ['method', 'path', 'server_type', 'long_running'];
  const total = counterFamily(registry, {
    name: 'kubelet_http_requests_total',
    help: 'Requests to the server.',
    labelNames,
  });
  const inFlight = gaugeFamily(registry, {
    name: 'kubelet_http_inflight_requests',
    help: 'Requests that are being answered.',
    labelNames,
  });
  const duration = histogramFamily(registry, {
    name: 'kubelet_http_requests_duration_seconds',
    help: 'How long requests took.',
    labelNames,
    buckets: quickBuckets,
  });
  return (method, path, isLongRunning) => {
    const values = [method, path, 'readwrite', String(isLongRunning)];
    const began = performance.now();
    total.with(...values).inc();
    inFlight.with(...values).add(1);
    return () => {
      inFlight.with(...values).add(-1);
      duration.with(...values).observe((performance.now() - began) / 1000);
    };
  };
}

function observeRuntime(runtime: ContainerRuntime, registry: Registry): ContainerRuntime {
  const labelNames = ['operation_type'];
  const total = counterFamily(registry, {
    name: 'kubelet_runtime_operations_total',
    help: 'Calls of the runtime.',
    labelNames,
  });
  const errors = counterFamily(registry, {
    name: 'kubelet_runtime_operations_errors_total',
    help: 'Calls of the runtime that failed.',
    labelNames,
  });
  const durations = histogramFamily(registry, {
    name: 'kubelet_runtime_operations_duration_seconds',
    help: 'How long calls of the runtime took.',
    labelNames,
    buckets: operationBuckets,
  });
  const sandboxes = histogramFamily(registry, {
    name: 'kubelet_run_podsandbox_duration_seconds',
    help: 'How long it took to start a sandbox, by the handler of its RuntimeClass.',
    labelNames: ['runtime_handler'],
    buckets: quickBuckets,
  });
  const sandboxErrors = counterFamily(registry, {
    name: 'kubelet_run_podsandbox_errors_total',
    help: 'Sandboxes that could not be started, by the handler of their RuntimeClass.',
    labelNames: ['runtime_handler'],
  });
  const startedPods = counterFamily(registry, {
    name: 'kubelet_started_pods_total',
    help: 'Sandboxes that were to be started.',
    labelNames: [],
  }).with();
  const startedPodErrors = counterFamily(registry, {
    name: 'kubelet_started_pods_errors_total',
    help: 'Sandboxes that could not be started.',
    labelNames: [],
  }).with();
  const observed = observeCalls(runtime, (method, args) => {
    const operation = operations[method];
    if (operation === undefined) return undefined;
    const began = performance.now();
    const isSandbox = method === 'runPodSandbox';
    const handler = typeof args[2] === 'string' ? args[2] : '';
    total.with(operation).inc();
    if (isSandbox) startedPods.inc();
    return (hasFailed) => {
      const seconds = (performance.now() - began) / 1000;
      if (hasFailed) errors.with(operation).inc();
      durations.with(operation).observe(seconds);
      if (!isSandbox) return;
      sandboxes.with(handler).observe(seconds);
      if (!hasFailed) return;
      startedPodErrors.inc();
      sandboxErrors.with(handler).inc();
    };
  });
  showRunning(observed, registry);
  return observed;
}

/** How many Pods and containers there are, asked of the runtime at each scrape. */
function showRunning(runtime: ContainerRuntime, registry: Registry): void {
  const pods = gaugeFamily(registry, {
    name: 'kubelet_running_pods',
    help: 'Pods whose sandbox is ready.',
    labelNames: [],
    collect: async () => {
      const all = await runtime.listPodSandboxes().catch(unknownNow);
      pods.clear();
      if (all !== undefined) pods.with().set(all.filter(({ state }) => state === 'ready').length);
    },
  });
  const containers = gaugeFamily(registry, {
    name: 'kubelet_running_containers',
    help: 'Containers by their state.',
    labelNames: ['container_state'],
    collect: async () => {
      const all = await runtime.listContainers().catch(unknownNow);
      containers.clear();
      for (const state of all === undefined ? [] : ['created', 'running', 'exited', 'unknown'])
        containers.with(state).set(all?.filter((one) => one.state === state).length ?? 0);
    },
  });
}

/** While the runtime does not answer there is no number; that it does not is counted as an error of the operation. */
function unknownNow(error: unknown): undefined {
  if (!isCriError(error)) throw error;
  return undefined;
}
