/** The texts of the Events of a resize, as Kubernetes v1.35 writes them: what happened, and all sizes as JSON. Pure. */
import type { Container, Pod, ResourceRequirements } from '../../api/generated/core-v1.js';

export type ResizeEvent = 'started' | 'completed' | 'error' | 'Deferred' | 'Infeasible';

/** `generation` is that of the Pod that asked for these sizes; `error` says what stands in the way. */
export function resizeMessage(event: ResizeEvent, pod: Pod, generation: number, error?: string): string {
  const sizes = (containers: readonly Container[]): object[] =>
    containers.map(({ name, resources }) => ({ name, resources: sortedLists(resources ?? {}) }));
  const init = sizes(pod.spec.initContainers ?? []);
  const summary = {
    ...(init.length === 0 ? {} : { initContainers: init }),
    containers: sizes(pod.spec.containers),
    generation,
    ...(error === undefined ? {} : { error }),
  };
  return `Pod resize ${event}: ${JSON.stringify(summary)}`;
}

/** Limits before requests, resources by name: the order in which Go writes them. */
function sortedLists({ limits, requests }: ResourceRequirements): object {
  const sorted = (list: Readonly<Record<string, string>>): object =>
    Object.fromEntries(Object.entries(list).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    ...(limits === undefined ? {} : { limits: sorted(limits) }),
    ...(requests === undefined ? {} : { requests: sorted(requests) }),
  };
}
