/**
 * Which Pods go first when there are too many: those that would be missed least.
 *
 * In this order: without a node; not running yet; not ready; a lower `controller.kubernetes.io/pod-deletion-cost`; on a
 * node with more Pods of the same kind; ready for a shorter time; more restarts; younger. Ages are compared by their
 * order of magnitude (doublings), so that among Pods of about the same age chance decides and not the start order,
 * which would empty the newest node or zone first.
 */
import { isPodActive, isPodReady, podCondition } from '../../../api/pod-helpers.js';
import type { Pod } from '../../../api/generated/core-v1.js';

const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';

export interface RankingFacts {
  readonly nowMs: number;
  /** Pods of the same workload, of older and newer ReplicaSets too: they make a node crowded. */
  readonly related: readonly Pod[];
}

/** The Pods in the order in which they should go. Deterministic for the same state. */
export function rankForDeletion(pods: readonly Pod[], facts: RankingFacts): readonly Pod[] {
  const crowd = new Map<string, number>();
  for (const pod of facts.related.filter(isPodActive)) {
    const node = pod.spec.nodeName ?? '';
    crowd.set(node, (crowd.get(node) ?? 0) + 1);
  }
  return [...pods].sort((a, b) => compareForDeletion(a, b, crowd, facts.nowMs));
}

const phaseRank: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/** Negative: `a` goes first. */
function compareForDeletion(a: Pod, b: Pod, crowd: ReadonlyMap<string, number>, nowMs: number): number {
  const crowdOf = (pod: Pod): number => crowd.get(pod.spec.nodeName ?? '') ?? 0;
  return (
    Number((a.spec.nodeName ?? '') !== '') - Number((b.spec.nodeName ?? '') !== '') ||
    phaseRankOf(a) - phaseRankOf(b) ||
    Number(isPodReady(a)) - Number(isPodReady(b)) ||
    deletionCost(a) - deletionCost(b) ||
    crowdOf(b) - crowdOf(a) ||
    compareAges(readySinceMs(a), readySinceMs(b), nowMs, a, b) ||
    restarts(b) - restarts(a) ||
    compareAges(createdMs(a), createdMs(b), nowMs, a, b) ||
    compareTexts(a.metadata.uid, b.metadata.uid)
  );
}

function phaseRankOf(pod: Pod): number {
  return phaseRank[pod.status.phase ?? 'Pending'] ?? 0;
}

/** 0 where there is none, or one that is no 32-bit integer (the API rejects those). */
function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[deletionCostAnnotation] ?? '';
  return /^-?[0-9]{1,10}$/.test(text) ? Number(text) : 0;
}

/** NaN for a Pod that is not ready. */
function readySinceMs(pod: Pod): number {
  return isPodReady(pod) ? Date.parse(podCondition(pod, 'Ready')?.lastTransitionTime ?? '') : NaN;
}

function createdMs(pod: Pod): number {
  return Date.parse(pod.metadata.creationTimestamp);
}

function restarts(pod: Pod): number {
  const statuses = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])];
  return statuses.reduce((sum, status) => sum + status.restartCount, 0);
}

/** The younger first. Of the same order of magnitude: by uid, which is as good as chance and always the same. */
function compareAges(aMs: number, bMs: number, nowMs: number, a: Pod, b: Pod): number {
  if (Number.isNaN(aMs) || Number.isNaN(bMs) || aMs === bMs) return 0;
  return magnitude(nowMs - aMs) - magnitude(nowMs - bMs) || compareTexts(a.metadata.uid, b.metadata.uid);
}

function magnitude(ageMs: number): number {
  return ageMs <= 0 ? -1 : Math.floor(Math.log2(ageMs * 1e6));
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
