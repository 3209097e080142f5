/**
 * The loop: take a Pod from the queue, decide on a snapshot, bind it in the background, take the next.
 *
 * Decisions are made one at a time, so each sees what the ones before it assumed; bindings, which wait for the
 * server, overlap. While the apiserver is away nothing is taken from the queue.
 */
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import { nodes, pods } from '../api/resources.js';
import type { Node, Pod } from '../api/generated/core-v1.js';
import type { ApiClient, EventRecorder, Informer, InformerFactory } from '../client/types.js';
import { waitForServer } from '../client/wait-for-server.js';
import { bindPlacement, createBinding, statusErrorOf } from './bind.js';
import type { Placement } from './bind.js';
import type { PluginHandle } from './framework/extension-points.js';
import { Framework } from './framework/framework.js';
import type { EnabledPlugin } from './framework/framework.js';
import { noMetrics } from './metrics.js';
import type { SchedulerMetrics, SchedulerState } from './metrics.js';
import { SchedulingQueue } from './queue.js';
import type { RejectedOutcome, TakenPod } from './queue.js';
import { reportFailure } from './report-failure.js';
import { scheduleOne } from './schedule-one.js';
import { ClusterSnapshot } from './snapshot.js';
import { Storage } from './storage.js';
import { WaitingPods } from './waiting-pods.js';
import { watchCluster } from './watch-cluster.js';

/** More bindings than this are not under way at once: the loop waits for one to end. */
const concurrentBindings = 64;

export interface SchedulerOptions {
  readonly client: ApiClient;
  readonly informers: InformerFactory;
  readonly recorder: EventRecorder;
  readonly createPlugins: (handle: PluginHandle) => readonly EnabledPlugin[];
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: () => number;
  /** Default: `default-scheduler`. */
  readonly schedulerName?: string;
}

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #schedulerName: string;
  readonly #framework: Framework;
  readonly #snapshot: ClusterSnapshot;
  readonly #queue: SchedulingQueue;
  readonly #waitingPods: WaitingPods;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #storage: Storage;
  /** What runs beside the loop; awaited before `run` resolves. */
  readonly #background = new Set<Promise<void>>();
  #metrics: SchedulerMetrics = noMetrics;
  #serverIsAway = false;

  /** Asks for its informers: make it before they run. */
  constructor(options: SchedulerOptions) {
    const { client, informers, clock } = options;
    this.#options = options;
    this.#schedulerName = options.schedulerName ?? 'default-scheduler';
    this.#pods = informers.informer(pods);
    this.#nodes = informers.informer(nodes);
    this.#storage = new Storage(options);
    this.#snapshot = new ClusterSnapshot(clock);
    this.#waitingPods = new WaitingPods(clock);
    this.#framework = new Framework(
      options.createPlugins({
        bindPod: (pod, nodeName) => createBinding(client, pod, nodeName),
        allowWaitingPod: (uid, plugin) => {
          this.#waitingPods.allow(uid, plugin);
        },
        storage: this.#storage,
      }),
    );
    this.#queue = new SchedulingQueue({
      clock,
      compare: (a, b) => this.#framework.compare(a, b),
      preEnqueue: (pod) => this.#framework.preEnqueue(pod),
      onIncoming: (queue, reason) => {
        this.#metrics.incoming(queue, reason);
      },
      interests: new Map(this.#framework.plugins.map(({ name, interests }) => [name, interests ?? []])),
    });
  }

  get synced(): boolean {
    return this.#pods.synced && this.#nodes.synced && this.#storage.synced;
  }

  /** For metrics: looked up when somebody asks. */
  readonly state: SchedulerState = {
    pendingPods: () => this.#queue.counts(),
    rejections: () => this.#queue.rejections(),
    cacheSizes: () => this.#snapshot.sizes(),
  };

  useMetrics(metrics: SchedulerMetrics): void {
    this.#metrics = metrics;
    this.#framework.useMeter(metrics.framework);
  }

  /** Schedules until the signal aborts; resolves when bindings under way have ended. */
  async run(signal: AbortSignal): Promise<void> {
    const close = (): void => {
      this.#queue.close();
    };
    signal.addEventListener('abort', close, { once: true });
    const options = this.#options;
    const unwatch = watchCluster({
      pods: this.#pods,
      nodes: this.#nodes,
      snapshot: this.#snapshot,
      queue: this.#queue,
      schedulerName: this.#schedulerName,
    });
    const unwatchStorage = this.#storage.watch((event) => {
      this.#queue.onEvent(event);
    });
    try {
      await Promise.all([
        this.#nodes.whenSynced(signal),
        this.#pods.whenSynced(signal),
        this.#storage.whenSynced(signal),
      ]);
      for (;;) {
        const taken = await this.#queue.take();
        if (taken === undefined) break;
        if (this.#serverIsAway) {
          await waitForServer({ client: options.client, log: options.log, signal, clock: options.clock });
          this.#serverIsAway = false;
        }
        this.#attempt(taken, signal);
        const busy = this.#background.size - this.#storage.waiting;
        if (busy >= concurrentBindings) await Promise.race(this.#background);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      unwatch();
      unwatchStorage();
      close();
      signal.removeEventListener('abort', close);
      await Promise.all(this.#background);
    }
  }

  /** Decides now; what waits for the server goes on in the background. */
  #attempt(taken: TakenPod, signal: AbortSignal): void {
    const startedAtMs = this.#options.clock.monotonicMs();
    const pod = taken.info;
    // The queue may hand out a Pod in the very turn in which it was bound or deleted.
    if (this.#queue.whereIs(pod.uid) !== 'in-flight') return;
    let decision;
    try {
      decision = scheduleOne(this.#framework, pod, this.#snapshot.nodes(), this.#options.random);
    } catch (error) {
      this.#failed(taken, error, startedAtMs);
      return;
    }
    this.#metrics.decided(this.#options.clock.monotonicMs() - startedAtMs);
    if (decision.kind === 'unschedulable') {
      this.#rejected(taken, { rejectedBy: decision.rejectedBy }, decision.message, startedAtMs);
      return;
    }
    const { nodeName, state } = decision;
    this.#inBackground(this.#bind(taken, { pod, nodeName, state }, startedAtMs, signal));
  }

  async #bind(
    taken: TakenPod,
    placement: Placement,
    startedAtMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const context = {
      framework: this.#framework,
      snapshot: this.#snapshot,
      waitingPods: this.#waitingPods,
      metrics: this.#metrics,
      clock: this.#options.clock,
    };
    const { pod, nodeName } = placement;
    const result = await bindPlacement(context, placement, signal);
    switch (result.kind) {
      case 'bound': {
        this.#queue.remove(pod.uid);
        const now = this.#options.clock.monotonicMs();
        this.#metrics.attempt('scheduled', now - startedAtMs);
        this.#metrics.scheduled(now - taken.queuedAtMs, taken.attempts);
        const message = `Successfully assigned ${pod.key} to ${nodeName}`;
        this.#options.recorder.event(pod.pod, 'Normal', 'Scheduled', message);
        this.#options.log.info('a pod is bound', { pod: pod.key, node: nodeName });
        return;
      }
      case 'rejected': {
        const { plugin, reasons } = result.rejection;
        this.#roomIsFreeAgain(pod.pod);
        const outcome = { rejectedBy: new Set([plugin]), mustBackOff: true };
        this.#rejected(taken, outcome, reasons.join(', '), startedAtMs);
        return;
      }
      case 'failed':
        this.#roomIsFreeAgain(pod.pod);
        this.#failed(taken, result.error, startedAtMs);
    }
  }

  /** Another Pod may have been turned away because of this one. */
  #roomIsFreeAgain(pod: Pod): void {
    this.#queue.onEvent({ type: 'pod-gone', pod });
  }

  #rejected(taken: TakenPod, outcome: RejectedOutcome, message: string, startedAtMs: number): void {
    const { pod, uid, key } = taken.info;
    this.#metrics.attempt('unschedulable', this.#options.clock.monotonicMs() - startedAtMs);
    this.#queue.failed(uid, outcome);
    this.#options.log.info('no node takes a pod', { pod: key, why: message });
    this.#options.recorder.event(pod, 'Warning', 'FailedScheduling', message);
    this.#inBackground(reportFailure(this.#options, this.#latest(taken), 'Unschedulable', message));
  }

  #failed(taken: TakenPod, error: unknown, startedAtMs: number): void {
    const { pod, uid, key } = taken.info;
    const { log, recorder, clock } = this.#options;
    this.#metrics.attempt('error', clock.monotonicMs() - startedAtMs);
    const status = statusErrorOf(error);
    if (status?.reason === 'NotFound') {
      // Deleted meanwhile: the informer will say so, too. (Or its node was: then its backoff is enough.)
      log.debug('a pod was gone before it was bound', { pod: key, err: error });
    } else if (status?.reason === 'Conflict') {
      log.debug('a pod was bound or changed by somebody else', { pod: key, err: error });
    } else if (status?.reason === 'ServiceUnavailable') {
      this.#serverIsAway = true;
    } else {
      const message = error instanceof Error ? error.message : String(error);
      log.error('an attempt to schedule a pod failed', { pod: key, err: error });
      recorder.event(pod, 'Warning', 'FailedScheduling', message);
      this.#inBackground(reportFailure(this.#options, this.#latest(taken), 'SchedulerError', message));
    }
    this.#queue.failed(uid, 'error');
  }

  /** The newest state of the Pod that is known, for its conditions. */
  #latest({ info }: TakenPod): Pod {
    const latest = this.#pods.get(info.key);
    return latest?.metadata.uid === info.uid ? latest : info.pod;
  }

  #inBackground(work: Promise<void>): void {
    const tracked = work.finally(() => this.#background.delete(tracked));
    this.#background.add(tracked);
  }
}
