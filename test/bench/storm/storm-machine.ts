/** One node by `knarr up` beside a throttled disk: its gate's mode, its pods, what it has counted. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pods as podResource } from '../../../api/resources.js';
import { PidFolder } from '../../../cli/supervisor/process-identity.js';
import { runCommand } from '../../../common/run-command.js';
import { until } from '../../support/until.js';
import { atOnce } from '../at-once.js';
import type { BenchmarkedCluster } from '../benchmarked-cluster.js';
import { namespace, PodWatch } from '../pod-watch.js';
import type { StormDisk } from './storm-disk.js';
import { podOf } from './storm-pod.js';
import type { StormFolders, StormPod } from './storm-pod.js';

/** How the kubelet admits starts: the key `startupIO` of its configuration. */
export type GateMode =
  { readonly mode: 'Off' | 'Adaptive' } | { readonly mode: 'Fixed'; readonly fixedLimit: number };

export const gateOff: GateMode = { mode: 'Off' };
export const adaptive: GateMode = { mode: 'Adaptive' };

const requestsAtOnce = 16;
const startTimeoutMs = 60_000;
const deletionTimeoutMs = 120_000;

export class StormMachine {
  readonly cluster: BenchmarkedCluster;
  readonly disk: StormDisk;
  readonly signal: AbortSignal;
  #watch: PodWatch | undefined;
  #mode = '';

  private constructor(cluster: BenchmarkedCluster, disk: StormDisk, signal: AbortSignal) {
    this.cluster = cluster;
    this.disk = disk;
    this.signal = signal;
  }

  /** Starts the cluster; with `isRuntimeOnDisk` images, containers and pods' folders lie on the throttled disk, too. */
  static async start(
    cluster: BenchmarkedCluster,
    disk: StormDisk,
    options: { readonly isRuntimeOnDisk: boolean; readonly mode: GateMode; readonly signal: AbortSignal },
  ): Promise<StormMachine> {
    const { data } = cluster.layout;
    if (options.isRuntimeOnDisk)
      for (const [name, folder] of [
        ['containerd', data.containerd],
        ['kubelet', data.kubelet],
      ] as const) {
        const source = join(disk.path, name);
        rmSync(source, { recursive: true, force: true });
        for (const made of [source, folder]) mkdirSync(made, { recursive: true });
        // Taken away again by `knarr down --purge`, which unmounts all that is in its folders.
        await runCommand('mount', ['--bind', source, folder]);
      }
    const machine = new StormMachine(cluster, disk, options.signal);
    machine.#writeMode(options.mode);
    await machine.up();
    return machine;
  }

  get watch(): PodWatch {
    if (this.#watch === undefined) throw new Error('the cluster is down');
    return this.#watch;
  }

  async up(): Promise<void> {
    this.signal.throwIfAborted();
    await this.cluster.knarr('up');
    await this.watchPods();
  }

  /** Begins to look at pods, as soon as the apiserver answers. */
  async watchPods(): Promise<void> {
    this.#watch ??= await until(
      'the apiserver answers',
      () => {
        this.signal.throwIfAborted();
        return PodWatch.start(this.cluster.kubeconfig).catch(() => undefined);
      },
      startTimeoutMs,
    );
  }

  async stopWatching(): Promise<void> {
    const watch = this.#watch;
    this.#watch = undefined;
    await watch?.stop();
  }

  async down(): Promise<void> {
    await this.stopWatching();
    await this.cluster.knarr('down');
  }

  /** Another mode is another kubelet: it reads its configuration when it starts. */
  async setMode(mode: GateMode): Promise<void> {
    if (JSON.stringify(mode) === this.#mode) return;
    this.#writeMode(mode);
    await this.restartKubelet('SIGTERM');
  }

  /** Ends the kubelet; resolves when its successor, which the supervisor starts, has answered. */
  async restartKubelet(how: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const before = this.#kubeletPid();
    if (before === undefined) throw new Error('the kubelet does not run');
    process.kill(before, how);
    await until(
      'the kubelet is back',
      async () => {
        this.signal.throwIfAborted();
        const pid = this.#kubeletPid();
        if (pid === undefined || pid === before) return false;
        return this.askKubelet('/healthz').then(
          () => true,
          () => false,
        );
      },
      startTimeoutMs,
    );
  }

  /** A page of the kubelet's server, by the apiserver. */
  askKubelet(path: string): Promise<string> {
    return this.watch.client.raw(`/api/v1/nodes/${this.cluster.layout.settings.nodeName}/proxy${path}`);
  }

  /** Creates them in this order. */
  async create(pods: readonly StormPod[], folders: StormFolders): Promise<void> {
    const client = this.watch.client.resource(podResource);
    await atOnce(requestsAtOnce, pods, async (pod) => {
      await client.create(podOf(pod, folders));
    });
  }

  /** Deletes all pods that there are, on a disk without a limit. */
  async clear(): Promise<void> {
    this.disk.throttle(undefined);
    const client = this.watch.client.resource(podResource);
    const { items } = await client.list({ namespace });
    const names = items.map(({ metadata }) => metadata.name);
    await atOnce(requestsAtOnce, names, (name) => client.delete({ namespace, name }));
    await until(
      'all pods are gone',
      async () => (await client.list({ namespace, limit: 1 })).items.length === 0,
      deletionTimeoutMs,
    );
  }

  #writeMode(mode: GateMode): void {
    const folder = this.cluster.layout.data.kubeletConfiguration;
    mkdirSync(folder, { recursive: true });
    const configuration = {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      startupIO: mode,
    };
    writeFileSync(join(folder, '10-storm.conf'), JSON.stringify(configuration));
    this.#mode = JSON.stringify(mode);
  }

  #kubeletPid(): number | undefined {
    return new PidFolder(this.cluster.layout.run.pids).readLive('kubelet')?.pid;
  }
}
