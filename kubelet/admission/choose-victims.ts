/**
 * Which Pods must go so that a critical one has room, pure and as Kubernetes does it: no more of the Guaranteed ones than
 * must be if all the others went, then no more of the Burstable ones, then of the BestEffort ones; of each class as few
 * as possible, and of two that serve as well the one that asks for less.
 */
import type { Pod } from '../../api/generated/core-v1.js';
import { podQosClass, podRequests } from '../../api/pod-helpers.js';
import { isCriticalPod } from './pod-importance.js';

/** How much is missing of a resource; CPU in millicores, all else in whole units. */
export interface Shortage {
  readonly resource: string;
  readonly missing: number;
}

/** Undefined when not even all of them together would do. */
export function chooseVictims(
  pod: Pod,
  others: readonly Pod[],
  shortages: readonly Shortage[],
): readonly Pod[] | undefined {
  const mayGo = others.filter((other) => mayPreempt(pod, other));
  const ofClass = (wanted: string): readonly Pod[] =>
    mayGo.filter(({ spec }) => podQosClass(spec) === wanted);
  const [bestEffort, burstable] = [ofClass('BestEffort'), ofClass('Burstable')];
  const guaranteed = nearest(ofClass('Guaranteed'), without(shortages, [...bestEffort, ...burstable]));
  if (guaranteed === undefined) return undefined;
  const ofBurstable = nearest(burstable, without(shortages, [...bestEffort, ...guaranteed]));
  if (ofBurstable === undefined) return undefined;
  const ofBestEffort = nearest(bestEffort, without(shortages, [...ofBurstable, ...guaranteed]));
  return ofBestEffort === undefined ? undefined : [...ofBestEffort, ...ofBurstable, ...guaranteed];
}

function mayPreempt(pod: Pod, other: Pod): boolean {
  if (isCriticalPod(pod) && !isCriticalPod(other)) return true;
  const [own, its] = [pod.spec.priority, other.spec.priority];
  return own !== undefined && its !== undefined && own > its;
}

/** Takes the Pod that is nearest to what is missing, until nothing is. */
function nearest(pods: readonly Pod[], shortages: readonly Shortage[]): readonly Pod[] | undefined {
  const left = [...pods];
  const chosen: Pod[] = [];
  let missing = shortages;
  while (missing.length > 0) {
    const [first] = left.sort((a, b) => distance(a, missing) - distance(b, missing) || bySize(a, b));
    if (first === undefined) return undefined;
    left.shift();
    chosen.push(first);
    missing = without(missing, [first]);
  }
  return chosen;
}

/** What would still be missing without these Pods. */
function without(shortages: readonly Shortage[], pods: readonly Pod[]): readonly Shortage[] {
  return shortages
    .map(({ resource, missing }) => ({
      resource,
      missing: pods.reduce((rest, pod) => rest - requestOf(pod, resource), missing),
    }))
    .filter(({ missing }) => missing > 0);
}

/** The share of each shortage that would stay, squared: no resource counts more than another for its unit. */
function distance(pod: Pod, shortages: readonly Shortage[]): number {
  return shortages.reduce(
    (sum, { resource, missing }) => sum + (Math.max(0, missing - requestOf(pod, resource)) / missing) ** 2,
    0,
  );
}

function bySize(a: Pod, b: Pod): number {
  return requestOf(a, 'memory') - requestOf(b, 'memory') || requestOf(a, 'cpu') - requestOf(b, 'cpu');
}

function requestOf(pod: Pod, resource: string): number {
  const { cpuMillicores, memoryBytes, ephemeralStorageBytes, others } = podRequests(pod);
  const known: Readonly<Record<string, number>> = {
    pods: 1,
    cpu: cpuMillicores,
    memory: memoryBytes,
    'ephemeral-storage': ephemeralStorageBytes,
  };
  return known[resource] ?? others[resource] ?? 0;
}
