/** The strategic merge patch from one Pod status to another, pure. Undefined when there is nothing to change. */
import { isDeepStrictEqual } from 'node:util';
import type { PodCondition, PodStatus } from '../../api/generated/core-v1.js';
import { resizeConditionTypes } from '../resize/resize-state.js';

type StatusPatch = Record<string, unknown>;

export function buildStatusPatch(from: PodStatus, to: PodStatus): StatusPatch | undefined {
  const patch: StatusPatch = {};
  for (const [field, value] of Object.entries(to)) {
    const before = from[field as keyof PodStatus];
    if (isDeepStrictEqual(before, value)) continue;
    patch[field] = value;
  }
  for (const field of ['podIP', 'podIPs', 'reason', 'message'] as const) {
    if (from[field] !== undefined && to[field] === undefined) patch[field] = null;
  }
  if ('conditions' in patch) {
    patch['conditions'] = patchConditions(from.conditions ?? [], to.conditions ?? []);
    // The scheduler wrote its condition first; people read them in the order of a pod's life.
    const order = to.conditions?.map(({ type }) => ({ type })) ?? [];
    if (
      !isDeepStrictEqual(
        order,
        from.conditions?.map(({ type }) => ({ type })),
      )
    )
      patch['$setElementOrder/conditions'] = order;
  }
  for (const field of ['podIPs', 'hostIPs'] as const) {
    if (Array.isArray(patch[field])) patch[field] = patchAddresses(from[field] ?? [], to[field] ?? []);
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

/** Conditions are merged by their type: only what changed is sent, a field that went away as null. */
function patchConditions(from: readonly PodCondition[], to: readonly PodCondition[]): unknown[] {
  // Of those that come and go only the kubelet's own are taken away.
  const over = from.filter(
    ({ type }) => resizeConditionTypes.includes(type) && !to.some((condition) => condition.type === type),
  );
  const changed = to.flatMap((condition) => {
    const before = from.find(({ type }) => type === condition.type);
    if (before === undefined) return [condition];
    if (isDeepStrictEqual(before, condition)) return [];
    const gone = Object.keys(before).filter((key) => !(key in condition));
    return [{ ...condition, ...Object.fromEntries(gone.map((key) => [key, null])) }];
  });
  return [...over.map(({ type }) => ({ type, $patch: 'delete' })), ...changed];
}

/** Addresses are merged by their value, so the ones that went away are named. */
function patchAddresses(from: readonly { ip: string }[], to: readonly { ip: string }[]): unknown[] {
  const gone = from.filter(({ ip }) => !to.some((other) => other.ip === ip));
  return [...gone.map(({ ip }) => ({ ip, $patch: 'delete' })), ...to];
}
