/** What a node's conditions and taints should be, given how long it has been silent. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { Node, NodeCondition, Taint, TaintEffect } from '../../../api/generated/core-v1.js';
import { findCondition, withCondition } from '../../../api/pod-helpers.js';

/** Conditions that nobody vouches for once the kubelet is silent. */
const kubeletConditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

export const notReadyTaint = 'node.kubernetes.io/not-ready';
export const unreachableTaint = 'node.kubernetes.io/unreachable';
const unschedulableTaint = 'node.kubernetes.io/unschedulable';

/** A condition that stands for a taint with the effect NoSchedule. */
const conditionTaints: Readonly<Record<string, string>> = {
  MemoryPressure: 'node.kubernetes.io/memory-pressure',
  DiskPressure: 'node.kubernetes.io/disk-pressure',
  PIDPressure: 'node.kubernetes.io/pid-pressure',
  NetworkUnavailable: 'node.kubernetes.io/network-unavailable',
};

export type Readiness = 'ready' | 'not-ready' | 'unknown';

/** A node that has never reported is not ready, not unknown: it may be on its way. */
export function readinessOf(node: Node): Readiness {
  const ready = findCondition(node.status.conditions, 'Ready');
  if (ready?.status === 'True') return 'ready';
  return ready?.status === 'Unknown' ? 'unknown' : 'not-ready';
}

/** The conditions of a node whose kubelet is silent; the same array when they say so already. `now` is RFC 3339. */
export function silentConditions(node: Node, now: string): readonly NodeCondition[] {
  let conditions: readonly NodeCondition[] = node.status.conditions ?? [];
  for (const type of kubeletConditions) {
    const before = findCondition(conditions, type);
    if (before?.status === 'Unknown') continue;
    const wasPosted = before !== undefined;
    conditions = withCondition(
      conditions,
      {
        ...(before ?? { lastHeartbeatTime: node.metadata.creationTimestamp }),
        type,
        status: 'Unknown',
        reason: wasPosted ? 'NodeStatusUnknown' : 'NodeStatusNeverUpdated',
        message: wasPosted ? 'Kubelet stopped posting node status.' : 'Kubelet never posted node status.',
      },
      now,
    );
  }
  return conditions;
}

/**
 * The taints that a node should have; undefined when it has them. Taints that are not ours stay.
 * With `evict` false no Pods are driven off (NoExecute): when all nodes look bad, it is likely us who cannot see.
 */
export function changedTaints(node: Node, evict: boolean, now: string): readonly Taint[] | undefined {
  const before = node.spec.taints ?? [];
  const wanted = wantedTaints(node, evict);
  const kept = before.filter((taint) => !isOurs(taint) || wanted.some((one) => isSame(one, taint)));
  const missing = wanted.filter((one) => !before.some((taint) => isSame(one, taint)));
  const taints = [...kept, ...missing.map((taint) => ({ ...taint, timeAdded: now }))];
  return isDeepStrictEqual(taints, before) ? undefined : taints;
}

function wantedTaints(node: Node, evict: boolean): Taint[] {
  const wanted: Taint[] = [];
  const add = (key: string, effect: TaintEffect): void => {
    wanted.push({ key, effect });
  };
  const readiness = readinessOf(node);
  if (readiness !== 'ready') {
    const key = readiness === 'unknown' ? unreachableTaint : notReadyTaint;
    add(key, 'NoSchedule');
    if (evict) add(key, 'NoExecute');
  }
  for (const [type, key] of Object.entries(conditionTaints)) {
    if (findCondition(node.status.conditions, type)?.status === 'True') add(key, 'NoSchedule');
  }
  if (node.spec.unschedulable === true) add(unschedulableTaint, 'NoSchedule');
  return wanted;
}

function isOurs({ key, effect }: Taint): boolean {
  if (key === notReadyTaint || key === unreachableTaint) return effect !== 'PreferNoSchedule';
  return (
    effect === 'NoSchedule' && (key === unschedulableTaint || Object.values(conditionTaints).includes(key))
  );
}

function isSame(a: Taint, b: Taint): boolean {
  return a.key === b.key && a.effect === b.effect;
}
