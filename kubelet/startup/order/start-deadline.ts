/** When a probe would kill a start that does not get ready. Pure. */
import { isSidecar } from '../../../api/pod-helpers.js';
import type { Container, PodSpec } from '../../../api/generated/core-v1.js';
import { countingFromMs, periodMs } from '../../probes/probe-schedule.js';

/**
 * Milliseconds from a container's start to the failed check that ends it: its startup probe's, else its liveness
 * probe's. Undefined when no probe ends it; a readiness probe never does.
 */
export function containerDeadlineMs({ startupProbe, livenessProbe }: Container): number | undefined {
  const probe = startupProbe ?? livenessProbe;
  if (probe === undefined) return undefined;
  return countingFromMs(probe) + ((probe.failureThreshold ?? 3) - 1) * periodMs(probe);
}

/** The shortest of a Pod's containers and sidecars, the ones that are probed. */
export function startDeadlineMs(spec: Pick<PodSpec, 'containers' | 'initContainers'>): number | undefined {
  const deadlines = [...spec.containers, ...(spec.initContainers ?? []).filter(isSidecar)].flatMap(
    (container) => containerDeadlineMs(container) ?? [],
  );
  return deadlines.length === 0 ? undefined : Math.min(...deadlines);
}
