/** The scheduler's figures, named as those of kube-scheduler. */
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { QueueName } from './queue.js';

export type AttemptResult = 'scheduled' | 'unschedulable' | 'error';

export interface SchedulerMetrics {
  attempt(result: AttemptResult, durationMs: number): void;
  /** A Pod is bound: how long since it was first queued, after how many attempts. */
  scheduled(sinceQueuedMs: number, attempts: number): void;
}

export const noMetrics: SchedulerMetrics = { attempt: () => undefined, scheduled: () => undefined };

export function createMetrics(
  registry: Registry,
  profile: string,
  pendingPods: () => Readonly<Record<QueueName, number>>,
): SchedulerMetrics {
  const registers = [registry];
  const attempts = new Counter({
    name: 'scheduler_schedule_attempts_total',
    help: 'Attempts to schedule pods, by result: scheduled, unschedulable, error.',
    labelNames: ['result', 'profile'],
    registers,
  });
  const duration = new Histogram({
    name: 'scheduler_scheduling_attempt_duration_seconds',
    help: 'Duration of an attempt from taking the pod to the answer of the binding.',
    labelNames: ['result', 'profile'],
    buckets: [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096],
    registers,
  });
  const sli = new Histogram({
    name: 'scheduler_pod_scheduling_sli_duration_seconds',
    help: 'Time from when a pod was first queued until it was bound.',
    labelNames: ['attempts'],
    buckets: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
    registers,
  });
  new Gauge({
    name: 'scheduler_pending_pods',
    help: 'Pods without a node, by queue: active, backoff, unschedulable, gated.',
    labelNames: ['queue'],
    registers,
    collect() {
      const counts = pendingPods();
      for (const queue of ['active', 'backoff', 'unschedulable', 'gated'] as const)
        this.set({ queue }, counts[queue]);
    },
  });
  return {
    attempt: (result, durationMs) => {
      attempts.inc({ result, profile });
      duration.observe({ result, profile }, durationMs / 1000);
    },
    scheduled: (sinceQueuedMs, tries) => {
      sli.observe({ attempts: tries < 16 ? String(tries) : '16+' }, sinceQueuedMs / 1000);
    },
  };
}
