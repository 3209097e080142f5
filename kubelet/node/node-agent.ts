/**
 * This machine as a Node: registers it, gives its network to the runtime, and reports how it is.
 *
 * On the way to Ready nothing waits for a timer that is longer than it must be: the pod CIDR arrives by watch, and the
 * runtime is asked every 50 ms only while it takes up the new network configuration. Afterwards a Lease,
 * looks at runtime and machine, and a status when something changed, as often as the configuration says. While the runtime is
 * not well, a look every second; a silence that a restart explains is not reported, because its containers run on.
 */
import type { Node, NodeStatus } from '../../api/generated/core-v1.js';
import { nodes } from '../../api/resources.js';
import type { StartupReport } from '../../api/startup-report.js';
import { isStatusError } from '../../api/status-error.js';
import type { ApiClient, Informer, ResourceClient } from '../../client/types.js';
import { backoffDelayMs } from '../../common/backoff.js';
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import { isAborted } from '../../client/is-aborted.js';
import type { KubeletConfiguration } from '../config/kubelet-configuration.js';
import type { Pressure } from '../eviction/signals.js';
import type { ContainerRuntime, RuntimeFeatures, RuntimeImage, RuntimeVersion } from '../cri/runtime.js';
import { computeNodeStatus, isBriefSilence, problemOf } from './compute-node-status.js';
import type { RuntimeReport } from './compute-node-status.js';
import type { MachineFacts } from './machine-facts.js';
import { writeNetworkConfig } from './network-config.js';
import type { NetworkConfigOptions } from './network-config.js';
import { NodeLease } from './node-lease.js';

export interface NodeAgentOptions {
  readonly client: ApiClient;
  /** Follows this one Node. */
  readonly node: Informer<Node>;
  readonly runtime: ContainerRuntime;
  readonly version: RuntimeVersion;
  readonly machine: MachineFacts;
  readonly nodeName: string;
  readonly nodeIp: string;
  readonly port: number;
  readonly configuration: KubeletConfiguration;
  /** The kinds of pressure that the node is under now. */
  readonly pressures: () => readonly Pressure[];
  readonly startup: () => StartupReport;
  /** The machine is going down. */
  readonly shuttingDown: () => boolean;
  readonly network: NetworkConfigOptions;
  readonly clock: Clock;
  readonly log: Logger;
}

const intervals = {
  untilReadyMs: 50,
  readySoonMs: 10_000,
  notReadyMs: 1000,
} as const;

export class NodeAgent {
  readonly #options: NodeAgentOptions;
  readonly #nodes: ResourceClient<Node>;
  readonly #lease: NodeLease;
  #uid: string | undefined;
  #written: NodeStatus | undefined;
  #writtenAtMs = -Infinity;
  #images: readonly RuntimeImage[] = [];
  #features: RuntimeFeatures | undefined;
  /** Until then Ready is expected any moment. */
  #readySoonUntilMs = 0;
  /** Since when the runtime does not answer. */
  #silentSinceMs: number | undefined;
  #podCidr: string | undefined;
  #wake: (() => void) | undefined;

  constructor(options: NodeAgentOptions) {
    this.#options = options;
    this.#nodes = options.client.resource(nodes);
    const { nodeLeaseDurationSeconds: durationSeconds } = options.configuration;
    const node = { name: options.nodeName, uid: () => this.#uid };
    this.#lease = new NodeLease(options.client, options.clock, { ...node, durationSeconds });
  }

  /** Reports until the signal aborts. Does not unregister: the Node outlives its kubelet. */
  async run(signal: AbortSignal): Promise<void> {
    const { node, clock, log, configuration } = this.#options;
    const unsubscribe = node.addHandler({
      onAdd: (object) => {
        this.#seeNode(object);
      },
      onUpdate: (_before, object) => {
        this.#seeNode(object);
      },
      onDelete: () => {
        // Somebody deleted the Node: this machine is still here, so it registers again.
        this.#uid = undefined;
        this.#wake?.();
      },
    });
    const heartbeat = this.#heartbeat(signal);
    let failures = 0;
    while (!isAborted(signal)) {
      let delayMs: number;
      try {
        if (this.#uid === undefined) await this.#register();
        const ready = await this.#report();
        const soon = !ready && clock.monotonicMs() < this.#readySoonUntilMs;
        delayMs = ready
          ? configuration.nodeStatusUpdateFrequencyMs
          : soon
            ? intervals.untilReadyMs
            : intervals.notReadyMs;
        failures = 0;
      } catch (error) {
        if (failures === 0) log.warn('the node could not report its status, will try again', { err: error });
        delayMs = backoffDelayMs(failures++, { initialMs: 100, maxMs: 5000, jitter: 0.2 });
      }
      await this.#wait(delayMs, signal);
    }
    unsubscribe();
    await heartbeat;
  }

  /** Something changed that the status tells. */
  lookAgain(): void {
    this.#wake?.();
  }

  async #heartbeat(signal: AbortSignal): Promise<void> {
    const { clock, log, configuration } = this.#options;
    // A quarter of its duration, as in Kubernetes: three renewals may fail.
    const intervalMs = (configuration.nodeLeaseDurationSeconds * 1000) / 4;
    let failures = 0;
    while (!isAborted(signal)) {
      let delayMs = intervalMs;
      try {
        await this.#lease.renew();
        failures = 0;
      } catch (error) {
        if (failures === 0) log.warn('the node lease could not be renewed, will try again', { err: error });
        delayMs = backoffDelayMs(failures++, { initialMs: 200, maxMs: 7000, jitter: 0.2 });
      }
      await sleep(clock, delayMs, signal);
    }
  }

  #seeNode(object: Node): void {
    this.#uid = object.metadata.uid;
    const { podCIDR } = object.spec;
    if (podCIDR === undefined || podCIDR === '' || podCIDR === this.#podCidr) return;
    this.#podCidr = podCIDR;
    this.#readySoonUntilMs = this.#options.clock.monotonicMs() + intervals.readySoonMs;
    this.#wake?.();
  }

  async #register(): Promise<void> {
    const { nodeName, machine, log, configuration } = this.#options;
    const { registerWithTaints: taints, providerID } = configuration;
    const labels = {
      'kubernetes.io/hostname': nodeName,
      'kubernetes.io/os': 'linux',
      'kubernetes.io/arch': machine.architecture,
      'beta.kubernetes.io/os': 'linux',
      'beta.kubernetes.io/arch': machine.architecture,
    };
    const { status } = await this.#compute();
    try {
      const created = await this.#nodes.create({
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: nodeName, labels },
        spec: {
          ...(taints.length === 0 ? {} : { taints: [...taints] }),
          ...(providerID === '' ? {} : { providerID }),
        },
        status,
      });
      log.info('registered the node', { node: nodeName });
      this.#seeNode(created);
    } catch (error) {
      if (!isStatusError(error, 'AlreadyExists')) throw error;
      const existing = await this.#nodes.get({ name: nodeName });
      const stale = Object.entries(labels).some(([key, value]) => existing.metadata.labels?.[key] !== value);
      if (stale) await this.#nodes.patch({ name: nodeName }, 'merge', { metadata: { labels } });
      log.info('found the node registered', { node: nodeName });
      this.#written = existing.status;
      this.#seeNode(existing);
    }
  }

  /** Publishes what changed; answers whether the node is ready. */
  async #report(): Promise<boolean> {
    const { clock, log, nodeName, network, configuration } = this.#options;
    if (this.#podCidr !== undefined && (await writeNetworkConfig(this.#podCidr, network)))
      log.info('wrote the network configuration', { podCidr: this.#podCidr });
    const isDue = clock.monotonicMs() - this.#writtenAtMs >= configuration.nodeStatusReportFrequencyMs;
    const { status, ready } = await this.#compute(isDue);
    const wasReady = isReady(this.#written);
    const silentMs =
      this.#silentSinceMs === undefined ? undefined : clock.monotonicMs() - this.#silentSinceMs;
    if (isBriefSilence(wasReady, silentMs)) return false;
    if (!isDue && isSameStatus(this.#written, status)) return ready;
    await this.#nodes.patch({ name: nodeName }, 'strategic', { status }, { subresource: 'status' });
    if (ready !== wasReady)
      log.info(ready ? 'the node is ready' : 'the node is not ready', { node: nodeName });
    this.#written = status;
    this.#writtenAtMs = clock.monotonicMs();
    return ready;
  }

  async #compute(withImages = false): Promise<{ status: NodeStatus; ready: boolean }> {
    const { runtime, clock, configuration, pressures, startup, shuttingDown } = this.#options;
    const conditions = await this.#askRuntime();
    const problem = shuttingDown() ? 'node is shutting down' : problemOf(conditions);
    if (withImages && problem === undefined)
      [this.#images, this.#features] = await Promise.all([runtime.listImages(), runtime.features()]);
    const status = computeNodeStatus({
      ...this.#options,
      maxImages: configuration.nodeStatusMaxImages,
      pressures: pressures(),
      startup: startup(),
      problem,
      images: this.#images,
      features: this.#features,
      previous: this.#written?.conditions,
      now: new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
    });
    return { status, ready: problem === undefined };
  }

  async #askRuntime(): Promise<RuntimeReport> {
    try {
      const conditions = await this.#options.runtime.status();
      this.#silentSinceMs = undefined;
      return conditions;
    } catch (error) {
      this.#silentSinceMs ??= this.#options.clock.monotonicMs();
      return { unreachable: error instanceof Error ? error.message : String(error) };
    }
  }

  async #wait(delayMs: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => {
      woken.abort();
    };
    await sleep(this.#options.clock, delayMs, AbortSignal.any([signal, woken.signal]));
    this.#wake = undefined;
  }
}

function isReady(status: NodeStatus | undefined): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;
}

/** Equal but for the times of heartbeats. */
function isSameStatus(before: NodeStatus | undefined, after: NodeStatus): boolean {
  const essence = (status: NodeStatus | undefined): string =>
    JSON.stringify(
      status?.conditions?.map(({ type, status: value, reason, message }) => [type, value, reason, message]),
    );
  return essence(before) === essence(after);
}
