/**
 * The node agent: a burst of pods against the bare CRI calls on the same containerd, what the agent costs with a full
 * node at rest, how soon a container that died is back, and how soon a deleted pod is gone.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '../../api/generated/core-v1.js';
import type { Draft } from '../../api/objects.js';
import { pods } from '../../api/resources.js';
import { runCommand } from '../../common/run-command.js';
import { GrpcRuntime } from '../../kubelet/cri/grpc-runtime.js';
import type { ContainerRuntime } from '../../kubelet/cri/runtime.js';
import { atOnce } from './at-once.js';
import { removeBarePod, startBarePod } from './bare-pod.js';
import type { BenchmarkedCluster } from './benchmarked-cluster.js';
import { removeEmptyCgroups, withCluster } from './benchmarked-cluster.js';
import { namespace, PodWatch } from './pod-watch.js';
import { measureUsage, supervisedProcesses } from './process-usage.js';
import type { Section } from './report.js';
import { median, quantile, rounded } from './statistics.js';

export interface NodeBenchmarkOptions {
  /** Pods of a burst. */
  readonly pods: number;
  /** Bursts of each kind. */
  readonly rounds: number;
  readonly progress: (line: string) => void;
}

const aims = { ratio: 1.1, cpuPercent: 3, memoryMiB: 150 };
const image = 'localhost/knarr/web:1';
/** Numbers of pods that the bare client makes at a time; the best one is compared with. */
const concurrencies = [2, 4, 8, 16];
/** Requests that the creator and the remover have in flight. */
const requestsAtOnce = 16;
const idlePods = 110;
const settleSeconds = 20;
const idleSeconds = 30;
const deaths = 15;

export function benchmarkNode(options: NodeBenchmarkOptions): Promise<readonly Section[]> {
  return withCluster(options.progress, async (cluster) => {
    options.progress('node: a cluster starts');
    await cluster.knarr('up');
    const runtime = new GrpcRuntime(`unix://${cluster.layout.run.containerdSocket}`);
    const watch = await PodWatch.start(cluster.kubeconfig);
    try {
      const node = new Node(cluster, runtime, watch);
      const burst = await timeBursts(node, options);
      options.progress(`node: ${idlePods} pods`);
      await node.create(podNames('idle', idlePods));
      const idle = await measureIdle(node, options);
      options.progress(`node: ${deaths} containers die`);
      const restarts = await node.timeRestarts(podNames('idle', deaths));
      options.progress(`node: ${idlePods} pods go`);
      const deletions = await node.timeDeletions(podNames('idle', idlePods));
      return [burst, idle, ageing(restarts, deletions)];
    } finally {
      await watch.stop();
      runtime.close();
      removeEmptyCgroups('knarr-bench');
    }
  });
}

function podNames(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}

/** The node under measurement. All times are milliseconds. */
class Node {
  readonly cluster: BenchmarkedCluster;
  readonly #runtime: ContainerRuntime;
  readonly #watch: PodWatch;

  constructor(cluster: BenchmarkedCluster, runtime: ContainerRuntime, watch: PodWatch) {
    this.cluster = cluster;
    this.#runtime = runtime;
    this.#watch = watch;
  }

  /** Creates the pods and returns the time from the first request until the watch has shown the last one Running. */
  async create(names: readonly string[]): Promise<number> {
    const client = this.#watch.client.resource(pods);
    const startMs = performance.now();
    await atOnce(requestsAtOnce, names, async (name) => {
      await client.create(podOf(name));
    });
    const running = await Promise.all(names.map((name) => this.#watch.when(name, 'runningMs')));
    return Math.max(...running) - startMs;
  }

  /** Deletes them and returns the time from each request until the watch has shown the pod gone. */
  async timeDeletions(names: readonly string[]): Promise<number[]> {
    const client = this.#watch.client.resource(pods);
    const times: number[] = [];
    await atOnce(names.length, names, async (name) => {
      const startMs = performance.now();
      await client.delete({ namespace, name });
      times.push((await this.#watch.when(name, 'deletedMs')) - startMs);
    });
    return times;
  }

  /** Kills a container of each, one after the other, and returns the time until the watch has shown the next one. */
  async timeRestarts(names: readonly string[]): Promise<number[]> {
    const processes = await this.#processes();
    const times: number[] = [];
    for (const name of names) {
      const id = this.#watch.seen(name).containerId?.replace('containerd://', '');
      const pid = processes.get(id ?? '');
      if (pid === undefined) throw new Error(`no process of ${name} is known to containerd`);
      const startMs = performance.now();
      process.kill(pid, 'SIGKILL');
      times.push((await this.#watch.when(name, 'restartedMs')) - startMs);
    }
    return times;
  }

  /** The same number of pods by bare CRI calls, as fast as the runtime allows; the pods are gone afterwards. */
  async bareBurst(count: number, concurrency: number): Promise<number> {
    const imageId = (await this.#runtime.imageStatus(image))?.id;
    if (imageId === undefined) throw new Error(`${image} was not loaded by knarr up`);
    const logDirectory = join(this.cluster.layout.logs.pods, 'bench');
    const numbers = Array.from({ length: count }, (_, number) => number);
    for (const number of numbers) mkdirSync(join(logDirectory, `bare-${number}`), { recursive: true });
    const sandboxes: string[] = [];
    const startMs = performance.now();
    try {
      await atOnce(concurrency, numbers, async (number) => {
        const options = { logDirectory, cgroupParent: '/knarr-bench', number };
        sandboxes.push(await startBarePod({ runtime: this.#runtime, image: imageId, ...options }));
      });
      return performance.now() - startMs;
    } finally {
      await atOnce(requestsAtOnce, sandboxes, (id) => removeBarePod(this.#runtime, id));
    }
  }

  /** Process ids of the containers that run, by container id. */
  async #processes(): Promise<ReadonlyMap<string, number>> {
    const socket = this.cluster.layout.run.containerdSocket;
    const table = await runCommand('ctr', [`--address=${socket}`, '--namespace=k8s.io', 'tasks', 'ls']);
    const lines = table
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/));
    return new Map(lines.map(([id = '', pid]) => [id, Number(pid)]));
  }
}

function podOf(name: string): Draft<Pod> {
  return {
    metadata: { name, namespace },
    spec: { containers: [{ name: 'web', image, imagePullPolicy: 'IfNotPresent' }] },
  } as Draft<Pod>;
}

async function timeBursts(node: Node, options: NodeBenchmarkOptions): Promise<Section> {
  const { pods: count, rounds, progress } = options;
  const sweep: { readonly concurrency: number; readonly ms: number }[] = [];
  for (const concurrency of concurrencies) {
    progress(`node: ${count} bare pods, ${concurrency} at a time`);
    sweep.push({ concurrency, ms: await node.bareBurst(count, concurrency) });
  }
  const { concurrency } = sweep.reduce((best, one) => (one.ms < best.ms ? one : best));
  const bare: number[] = [];
  const knarr: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const names = podNames(`burst-${round}`, count);
    progress(`node: burst ${round + 1} of ${rounds}`);
    knarr.push(await node.create(names));
    await node.timeDeletions(names);
    bare.push(await node.bareBurst(count, concurrency));
  }
  const row = (name: string, times: readonly number[], aim = ''): string[] => [
    name,
    rounded(median(times) / 1000),
    rounded((count / median(times)) * 1000),
    rounded(median(times) / median(bare)),
    aim,
  ];
  return {
    name: 'burst',
    columns: [`${count} pods at once`, 's', 'pods/s', '× bare CRI', 'aim'],
    rows: [
      row(`bare CRI calls, ${concurrency} at a time`, bare),
      row('created, bound and Running by Knarr', knarr, `<= ${aims.ratio}`),
    ],
    notes: [
      `Medians of ${rounds} bursts of each kind, alternating on the same containerd. The bare calls are those of a resident gRPC client at the best of ${concurrencies.join(', ')} pods at a time (${sweep.map(({ concurrency: at, ms }) => `${at}: ${rounded(ms / 1000)} s`).join(', ')}), until the last StartContainer has returned. Knarr's time goes from the first creation until a watch has shown the last pod Running.`,
    ],
  };
}

async function measureIdle(node: Node, { progress }: NodeBenchmarkOptions): Promise<Section> {
  progress(`node: idle for ${settleSeconds + idleSeconds} s`);
  await new Promise((resolve) => setTimeout(resolve, settleSeconds * 1000));
  const status = (await node.cluster.knarr('status')) as {
    processes: readonly { readonly name: string; readonly pid?: number }[];
  };
  const usages = await measureUsage(supervisedProcesses(status.processes), idleSeconds);
  return {
    name: 'full-node',
    columns: [`process, with ${idlePods} idle pods`, 'memory (PSS), MiB', '% of a core'],
    rows: [
      ...usages.map((usage) => [
        usage.name,
        rounded(usage.memoryBytes / 1024 / 1024),
        rounded(usage.cpuPercent),
      ]),
      ['aim for the kubelet', `< ${aims.memoryMiB}`, `< ${aims.cpuPercent}`],
    ],
    notes: [`Over ${idleSeconds} s, ${settleSeconds} s after the last of the pods had become Running.`],
  };
}

function ageing(restarts: readonly number[], deletions: readonly number[]): Section {
  const row = (name: string, times: readonly number[]): string[] => [
    name,
    rounded(median(times)),
    rounded(quantile(times, 0.9)),
    rounded(Math.max(...times)),
  ];
  return {
    name: 'restart',
    columns: [`with ${idlePods} pods on the node`, 'median, ms', 'p90, ms', 'longest, ms'],
    rows: [
      row('from the death of a container until its successor is seen to run', restarts),
      row(`from the deletion of all ${deletions.length} until one is gone`, deletions),
    ],
    notes: [
      `${restarts.length} containers were killed by SIGKILL, one after the other, each for the first time, so that no back-off counts. Their programs end at once on SIGTERM.`,
    ],
  };
}
