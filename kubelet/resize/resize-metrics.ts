/** What the kubelet counts of resizes in place, with the names and labels of Kubernetes v1.35. */
import type { Registry } from 'prom-client';
import { counterFamily, gaugeFamily, histogramFamily } from '../../common/metric-cells.js';
import type { InfeasibleDetail } from './decide-resize.js';

/** What made room for a resize that was deferred. */
export type RetryTrigger = 'pod_updated' | 'pods_removed';

export interface ResizeMetrics {
  /** How many there are now. */
  counted(now: { readonly deferred: number; readonly infeasible: number; readonly inProgress: number }): void;
  infeasible(detail: InfeasibleDetail): void;
  deferredGranted(trigger: RetryTrigger): void;
  actuated(isSuccess: boolean, durationMs: number): void;
}

/** 10 ms to 44 minutes. */
const durationBuckets = Array.from({ length: 19 }, (_, index) => 10 * 2 ** index);

export function createResizeMetrics(registry: Registry): ResizeMetrics {
  const pending = gaugeFamily(registry, {
    name: 'kubelet_pod_pending_resizes',
    help: 'Resizes of pods that were not granted.',
    labelNames: ['reason'],
  });
  const inProgress = gaugeFamily(registry, {
    name: 'kubelet_pod_in_progress_resizes',
    help: 'Resizes of pods that were granted and are on their way.',
    labelNames: [],
  }).with();
  const infeasible = counterFamily(registry, {
    name: 'kubelet_pod_infeasible_resizes_total',
    help: 'Resizes of pods that this node can never grant.',
    labelNames: ['reason_detail'],
  });
  const deferredGranted = counterFamily(registry, {
    name: 'kubelet_pod_deferred_accepted_resizes_total',
    help: 'Resizes of pods that were granted after they had been deferred.',
    labelNames: ['retry_trigger'],
  });
  const duration = histogramFamily(registry, {
    name: 'kubelet_pod_resize_duration_milliseconds',
    help: 'From the grant of a resize to its end, or to its first failure.',
    labelNames: ['success'],
    buckets: durationBuckets,
  });
  return {
    counted: (now) => {
      pending.with('deferred').set(now.deferred);
      pending.with('infeasible').set(now.infeasible);
      inProgress.set(now.inProgress);
    },
    infeasible: (detail) => {
      infeasible.with(detail).inc();
    },
    deferredGranted: (trigger) => {
      deferredGranted.with(trigger).inc();
    },
    actuated: (isSuccess, durationMs) => {
      duration.with(String(isSuccess)).observe(durationMs);
    },
  };
}
