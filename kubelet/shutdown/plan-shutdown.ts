/** In which order and with how much time Pods end when their machine goes down. Pure. */
import type { Pod } from '../../api/generated/core-v1.js';
import { criticalPriority } from '../../api/pod-helpers.js';
import type { KubeletConfiguration } from '../config/kubelet-configuration.js';
import type { ShutdownGracePeriod } from '../config/keys/node.js';

export interface ShutdownGroup {
  /** How long the group as a whole may take. */
  readonly periodSeconds: number;
  readonly pods: readonly { readonly pod: Pod; readonly gracePeriodSeconds: number }[];
}

type ShutdownKeys = Pick<
  KubeletConfiguration,
  'shutdownGracePeriodMs' | 'shutdownGracePeriodCriticalPodsMs' | 'shutdownGracePeriodByPodPriority'
>;

/** From the lowest priority up; empty when the configuration has no graceful shutdown. */
export function shutdownPeriods(configuration: ShutdownKeys): readonly ShutdownGracePeriod[] {
  const { shutdownGracePeriodByPodPriority: byPriority } = configuration;
  if (byPriority.length > 0) return [...byPriority].sort((a, b) => a.priority - b.priority);
  const all = Math.floor(configuration.shutdownGracePeriodMs / 1000);
  const critical = Math.floor(configuration.shutdownGracePeriodCriticalPodsMs / 1000);
  if (all === 0) return [];
  return [
    { priority: 0, shutdownGracePeriodSeconds: all - critical },
    { priority: criticalPriority, shutdownGracePeriodSeconds: critical },
  ];
}

/**
 * One group after the other, those with the lowest priority first: a group's Pods end together. A Pod belongs to the
 * highest priority that it reaches, or to the lowest group.
 */
export function planShutdown(
  pods: readonly Pod[],
  periods: readonly ShutdownGracePeriod[],
): readonly ShutdownGroup[] {
  return periods.flatMap(({ shutdownGracePeriodSeconds: periodSeconds }, index) => {
    const own = pods.filter((pod) => groupOf(pod, periods) === index);
    if (own.length === 0) return [];
    const withGrace = own.map((pod) => ({
      pod,
      gracePeriodSeconds: Math.min(pod.spec.terminationGracePeriodSeconds ?? 30, periodSeconds),
    }));
    return [{ periodSeconds, pods: withGrace }];
  });
}

function groupOf({ spec: { priority = 0 } }: Pod, periods: readonly ShutdownGracePeriod[]): number {
  const reached = periods.findLastIndex((period) => priority >= period.priority);
  return Math.max(0, reached);
}
