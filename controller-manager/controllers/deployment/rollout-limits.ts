/** How far a rolling update may go above and below the number of replicas that is asked for. Pure. */
import type { Deployment } from '../../../api/generated/apps-v1.js';

export interface RolloutLimits {
  /** Pods above the desired number. */
  readonly maxSurge: number;
  /** Pods that may be missing. */
  readonly maxUnavailable: number;
}

export function desiredReplicas({ spec }: Deployment): number {
  return spec.replicas ?? 1;
}

export function isRollingUpdate({ spec }: Deployment): boolean {
  return (spec.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
}

/**
 * Percentages are of the desired replicas: surge is rounded up, unavailability down. When both come out as zero, one
 * Pod may be unavailable, or else nothing could ever move.
 */
export function rolloutLimits(deployment: Deployment): RolloutLimits {
  const desired = desiredReplicas(deployment);
  if (!isRollingUpdate(deployment)) return { maxSurge: 0, maxUnavailable: 0 };
  const { maxSurge, maxUnavailable } = deployment.spec.strategy?.rollingUpdate ?? {};
  const surge = resolve(maxSurge ?? '25%', desired, Math.ceil);
  const unavailable = resolve(maxUnavailable ?? '25%', desired, Math.floor);
  return {
    maxSurge: surge,
    maxUnavailable: Math.min(desired, surge === 0 && unavailable === 0 ? 1 : unavailable),
  };
}

/** A number, or a percentage of `total`. What is neither (validation rejects it) counts as zero. */
function resolve(value: number | string, total: number, round: (share: number) => number): number {
  if (typeof value === 'number') return value;
  const percent = /^([0-9]+)%$/.exec(value)?.[1];
  return percent === undefined ? 0 : round((Number(percent) * total) / 100);
}
