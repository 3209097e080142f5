/**
 * When a container is probed. Pure.
 *
 * The first period belongs to the start. Readiness and startup are asked early and often in it, so that a container
 * which listens a moment after its start is not held back until the period has passed; a "no" does not count, since
 * failureThreshold times periodSeconds is the time that a start may take. Liveness is not asked at all. Kubernetes
 * comes to the same: its probes tick from before the start, and what happens to the pod asks for its readiness again.
 */
import type { Probe } from '../../api/generated/core-v1.js';
import type { Verdict } from './probe-threshold.js';

export type ProbeKind = 'startup' | 'liveness' | 'readiness';

/** The second look is this much later than the first; from then on each comes at twice the age of the one before. */
const secondLookMs = 250;

export function periodMs(probe: Probe): number {
  return (probe.periodSeconds ?? 10) * 1000;
}

/** The age of a container from which on a failed check counts. */
export function countingFromMs(probe: Probe): number {
  return Math.max((probe.initialDelaySeconds ?? 0) * 1000, periodMs(probe));
}

/** The age of a container at its first check. */
export function firstCheckMs(kind: ProbeKind, probe: Probe): number {
  return kind === 'liveness' ? countingFromMs(probe) : (probe.initialDelaySeconds ?? 0) * 1000;
}

/** How long to wait after a check of a container of this age. */
export function nextCheckDelayMs(probe: Probe, ageMs: number, verdict: Verdict): number {
  const startEndsInMs = countingFromMs(probe) - ageMs;
  if (startEndsInMs <= 0 || verdict === 'success') return periodMs(probe);
  return Math.min(startEndsInMs, Math.max(secondLookMs, ageMs));
}
