/**
 * A whole cluster: how soon it is Ready, how soon a pod runs against the bare CRI calls on the same containerd, and
 * what all of it costs at rest.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { GrpcRuntime } from '../../kubelet/cri/grpc-runtime.js';
import { Kubectl } from '../support/kubectl.js';
import { timeBarePod } from './bare-pod.js';
import type { BenchmarkedCluster } from './benchmarked-cluster.js';
import { removeEmptyCgroups, withCluster } from './benchmarked-cluster.js';
import { PodTimer } from './pod-timer.js';
import { measureUsage, supervisedProcesses } from './process-usage.js';
import type { Section } from './report.js';
import { median, quantile, rounded } from './statistics.js';

export interface ClusterBenchmarkOptions {
  /** How many pods of each kind are timed. */
  readonly pods: number;
  readonly progress: (line: string) => void;
}

const aims = { readySeconds: 4, ratio: 1.3, memoryMiB: 450, cpuPercent: 3 };
const starts = 3;
const settleSeconds = 15;
const idleSeconds = 30;
const image = 'localhost/knarr/web:1';

export function benchmarkCluster(options: ClusterBenchmarkOptions): Promise<readonly Section[]> {
  return withCluster(options.progress, async (cluster) => {
    const ready = await timeStarts(cluster, options);
    const pods = await timePods(cluster, options);
    options.progress(`cluster: idle for ${settleSeconds + idleSeconds} s`);
    await new Promise((resolve) => setTimeout(resolve, settleSeconds * 1000));
    const idle = await measureIdle(cluster);
    return [ready, pods, idle];
  });
}

interface TimedStart {
  readonly totalMs: number;
  readonly stages: readonly { readonly name: string; readonly milliseconds: number }[];
}

async function timeStarts(
  cluster: BenchmarkedCluster,
  { progress }: ClusterBenchmarkOptions,
): Promise<Section> {
  const timed = async (): Promise<TimedStart> => {
    const startMs = performance.now();
    const { stages } = (await cluster.knarr('up')) as Pick<TimedStart, 'stages'>;
    return { totalMs: performance.now() - startMs, stages };
  };
  progress('cluster: the first start, which loads images and makes certificates');
  const first = await timed();
  const later: TimedStart[] = [];
  for (let i = 0; i < starts; i++) {
    await cluster.knarr('down');
    progress(`cluster: start ${i + 1} of ${starts}`);
    later.push(await timed());
  }
  const stageNames = first.stages.map((stage) => stage.name);
  const stageMs = (run: TimedStart, name: string): number =>
    run.stages.find((stage) => stage.name === name)?.milliseconds ?? 0;
  return {
    name: 'ready',
    columns: ['knarr up', 'first, s', 'later, s', 'aim, s'],
    rows: [
      [
        'until the node is Ready',
        rounded(first.totalMs / 1000),
        rounded(median(later.map((run) => run.totalMs)) / 1000),
        `< ${aims.readySeconds}`,
      ],
      ...stageNames.map((name) => [
        `of which ${name}`,
        rounded(stageMs(first, name) / 1000),
        rounded(median(later.map((run) => stageMs(run, name))) / 1000),
        '',
      ]),
    ],
    notes: [
      `The first start has an empty data directory on an installed machine; later ones are medians of ${starts} after \`knarr down\`. Stages may overlap.`,
    ],
  };
}

async function timePods(
  cluster: BenchmarkedCluster,
  { pods, progress }: ClusterBenchmarkOptions,
): Promise<Section> {
  const runtime = new GrpcRuntime(`unix://${cluster.layout.run.containerdSocket}`);
  const kubectl = await Kubectl.of('v1.35', cluster.kubeconfig);
  const timer = await PodTimer.start(kubectl);
  const logDirectory = join(cluster.layout.logs.pods, 'bench');
  const bare: number[] = [];
  const fromApply: number[] = [];
  const fromCreation: number[] = [];
  try {
    const imageId = (await runtime.imageStatus(image))?.id;
    if (imageId === undefined) throw new Error(`${image} was not loaded by knarr up`);
    for (let number = 0; number < pods; number++) {
      progress(`cluster: pod ${number + 1} of ${pods}`);
      mkdirSync(join(logDirectory, `bare-${number}`), { recursive: true });
      // Which of the two goes first changes, so that neither always finds the caches warm.
      const one = async (): Promise<unknown> =>
        bare.push(
          await timeBarePod({ runtime, image: imageId, logDirectory, cgroupParent: '/knarr-bench', number }),
        );
      const other = async (): Promise<void> => {
        const timed = await timer.time(`bench-${number}`, image);
        fromApply.push(timed.fromApplyMs);
        fromCreation.push(timed.fromCreationMs);
      };
      // The very first pod of the cluster is one by kubectl.
      for (const step of number % 2 === 0 ? [other, one] : [one, other]) await step();
    }
  } finally {
    await timer.stop();
    runtime.close();
    removeEmptyCgroups('knarr-bench');
  }
  const ratio = (values: readonly number[]): string => rounded(median(values) / median(bare));
  const row = (name: string, values: readonly number[], aim: string): string[] => [
    name,
    rounded(values[0] ?? Number.NaN),
    rounded(median(values)),
    rounded(quantile(values, 0.9)),
    ratio(values),
    aim,
  ];
  return {
    name: 'running',
    columns: ['one pod', 'first, ms', 'median, ms', 'p90, ms', '× bare CRI', 'aim'],
    rows: [
      row('bare CRI calls until StartContainer returns', bare, ''),
      row('kubectl apply, from its start until the pod is Running', fromApply, `<= ${aims.ratio}`),
      row('of which from the creation of the object', fromCreation, ''),
    ],
    notes: [
      `${pods} pods of each kind, alternating on the same containerd; the bare calls are RunPodSandbox, CreateContainer and StartContainer by a resident gRPC client. Running is seen by a watch.`,
    ],
  };
}

async function measureIdle(cluster: BenchmarkedCluster): Promise<Section> {
  const status = (await cluster.knarr('status')) as {
    processes: readonly { readonly name: string; readonly pid?: number }[];
  };
  const processes = supervisedProcesses(status.processes);
  const usages = await measureUsage(processes, idleSeconds);
  const own = usages.filter(({ name }) => !name.startsWith('containerd'));
  const sum = (pick: (usage: (typeof usages)[number]) => number): number =>
    own.reduce((total, usage) => total + pick(usage), 0);
  const mebibytes = (bytes: number): string => rounded(bytes / 1024 / 1024);
  return {
    name: 'idle',
    columns: ['process', 'memory (PSS), MiB', '% of a core'],
    rows: [
      ...usages.map((usage) => [usage.name, mebibytes(usage.memoryBytes), rounded(usage.cpuPercent)]),
      [
        'all but containerd',
        mebibytes(sum((usage) => usage.memoryBytes)),
        rounded(sum((usage) => usage.cpuPercent)),
      ],
      ['aim', `< ${aims.memoryMiB}`, `< ${aims.cpuPercent}`],
    ],
    notes: [`Over ${idleSeconds} s, without pods, ${settleSeconds} s after the last one was deleted.`],
  };
}
