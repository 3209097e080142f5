/** The scheduler's figures, named as those of kube-scheduler. */
import type { Registry } from 'prom-client';
import type { Clock } from '../common/clock.js';
import { counterFamily, gaugeFamily, histogramFamily } from '../common/metric-cells.js';
import { noFrameworkMeter } from './framework/meter.js';
import type { FrameworkMeter } from './framework/meter.js';
import type { QueueName, QueueReason } from './queue.js';

export type AttemptResult = 'scheduled' | 'unschedulable' | 'error';

export interface SchedulerMetrics {
  attempt(result: AttemptResult, durationMs: number): void;
  /** A decision was made, without the binding. */
  decided(durationMs: number): void;
  /** A Pod is bound: how long since it was first queued, after how many attempts. */
  scheduled(sinceQueuedMs: number, attempts: number): void;
  incoming(queue: QueueName, reason: QueueReason): void;
  /** A Pod that Permit plugins kept waiting goes on, or does not. */
  permitted(allowed: boolean, waitedMs: number): void;
  readonly framework: FrameworkMeter;
}

export const noMetrics: SchedulerMetrics = {
  attempt: () => undefined,
  decided: () => undefined,
  scheduled: () => undefined,
  incoming: () => undefined,
  permitted: () => undefined,
  framework: noFrameworkMeter,
};

/** What is looked up at each scrape. */
export interface SchedulerState {
  readonly pendingPods: () => Readonly<Record<QueueName, number>>;
  readonly rejections: () => ReadonlyMap<string, number>;
  readonly cacheSizes: () => Readonly<Record<'nodes' | 'pods' | 'assumed_pods', number>>;
}

const doubling = (first: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, power) => first * 2 ** power);
const durationBuckets = doubling(0.001, 15);
const pointBuckets = doubling(0.0001, 12);
const pluginBuckets = Array.from({ length: 20 }, (_, power) => 0.00001 * 1.5 ** power);

export function createMetrics(
  registry: Registry,
  profile: string,
  state: SchedulerState,
  clock: Clock,
): SchedulerMetrics {
  const histogram = (
    name: string,
    help: string,
    labelNames: readonly string[],
    buckets: readonly number[] = durationBuckets,
  ) => histogramFamily(registry, { name: `scheduler_${name}`, help, labelNames, buckets });
  const counter = (name: string, help: string, labelNames: readonly string[]) =>
    counterFamily(registry, { name: `scheduler_${name}`, help, labelNames });
  showState(registry, profile, state);
  const attempts = counter('schedule_attempts_total', 'Attempts to schedule pods, by result.', [
    'result',
    'profile',
  ]);
  const attemptSeconds = histogram(
    'scheduling_attempt_duration_seconds',
    'From the taking of a pod to the answer of its binding.',
    ['result', 'profile'],
  );
  const decisions = histogram('scheduling_algorithm_duration_seconds', 'How long decisions took.', []).with();
  const serviceLevel = histogram(
    'pod_scheduling_sli_duration_seconds',
    'From when a pod was first queued until it was bound.',
    ['attempts'],
    doubling(0.01, 20),
  );
  const triesOfPods = histogram(
    'pod_scheduling_attempts',
    'Attempts that it took to schedule a pod.',
    [],
    doubling(1, 5),
  ).with();
  const incoming = counter(
    'queue_incoming_pods_total',
    'Pods that came into a queue, by what brought them.',
    ['queue', 'event'],
  );
  const permitWaits = histogram(
    'permit_wait_duration_seconds',
    'How long Permit plugins kept pods waiting.',
    ['result'],
  );
  return {
    attempt: (result, durationMs) => {
      attempts.with(result, profile).inc();
      attemptSeconds.with(result, profile).observe(durationMs / 1000);
    },
    decided: (durationMs) => {
      decisions.observe(durationMs / 1000);
    },
    scheduled: (sinceQueuedMs, tries) => {
      serviceLevel.with(tries < 16 ? String(tries) : '16+').observe(sinceQueuedMs / 1000);
      triesOfPods.observe(tries);
    },
    incoming: (queue, reason) => {
      incoming.with(queue, reason).inc();
    },
    permitted: (allowed, waitedMs) => {
      permitWaits.with(allowed ? 'allowed' : 'rejected').observe(waitedMs / 1000);
    },
    framework: createFrameworkMeter(registry, profile, clock),
  };
}

function showState(registry: Registry, profile: string, state: SchedulerState): void {
  gaugeFamily(registry, {
    name: 'scheduler_pending_pods',
    help: 'Pods without a node, by queue: active, backoff, unschedulable, gated.',
    labelNames: ['queue'],
    collect: (family) => {
      const counts = state.pendingPods();
      for (const queue of ['active', 'backoff', 'unschedulable', 'gated'] as const)
        family.with(queue).set(counts[queue]);
    },
  });
  gaugeFamily(registry, {
    name: 'scheduler_unschedulable_pods',
    help: 'Pods that rest, by the plugins that turned them down; one may count for several.',
    labelNames: ['plugin', 'profile'],
    collect: (family) => {
      family.clear();
      for (const [plugin, count] of state.rejections()) family.with(plugin, profile).set(count);
    },
  });
  gaugeFamily(registry, {
    name: 'scheduler_cache_size',
    help: 'Nodes, pods, and pods whose binding is under way, in the cache.',
    labelNames: ['type'],
    collect: (family) => {
      for (const [type, size] of Object.entries(state.cacheSizes())) family.with(type).set(size);
    },
  });
}

function createFrameworkMeter(registry: Registry, profile: string, clock: Clock): FrameworkMeter {
  const points = histogramFamily(registry, {
    name: 'scheduler_framework_extension_point_duration_seconds',
    help: 'How long all plugins of an extension point took.',
    labelNames: ['extension_point', 'status', 'profile'],
    buckets: pointBuckets,
  });
  const plugins = histogramFamily(registry, {
    name: 'scheduler_plugin_execution_duration_seconds',
    help: 'How long a plugin took at an extension point, in one of ten attempts.',
    labelNames: ['plugin', 'extension_point', 'status'],
    buckets: pluginBuckets,
  });
  const evaluations = counterFamily(registry, {
    name: 'scheduler_plugin_evaluation_total',
    help: 'How often a plugin was asked.',
    labelNames: ['plugin', 'extension_point', 'profile'],
  });
  const secondsSince = (startedMs: number): number => (clock.monotonicMs() - startedMs) / 1000;
  return {
    now: () => clock.monotonicMs(),
    ran: (point, status, startedMs) => {
      points.with(point, status, profile).observe(secondsSince(startedMs));
    },
    asked: (point, plugin, status, startedMs) => {
      plugins.with(plugin, point, status).observe(secondsSince(startedMs));
    },
    evaluated: (point, plugin) => {
      evaluations.with(plugin, point, profile).inc();
    },
  };
}
