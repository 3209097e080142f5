/**
 * Which start is admitted next, given the room on the devices. Pure.
 *
 * A start is admitted when all its devices have a free slot; it never holds one of them while it waits for another. One
 * that waits for a full device does not hold up those that do not need it. Only who has waited for {@link patienceMs} and
 * stands first keeps the free slots of its devices for itself: else one that needs two busy disks would never find both
 * free at once.
 */
import type { QueuedStart } from './queued-start.js';
import { eldestOf, sortQueue } from './sort-queue.js';

/** What is remembered from one admission to the next. */
export interface OrderState {
  readonly sinceEldest: number;
  /** Admissions of the last {@link rememberedMs}, the earliest first. */
  readonly admitted: readonly { readonly uid: string; readonly ownerKey: string; readonly atMs: number }[];
}

export interface Room {
  readonly nowMs: number;
  /** Whether a device, by its key, has a slot for one more; a critical Pod need not keep the distance to the one before. */
  readonly hasFreeSlot: (device: string, isCritical: boolean) => boolean;
  /** The starts that hold a slot now. */
  readonly holders: readonly { readonly uid: string; readonly ownerKey: string }[];
}

export const noAdmissions: OrderState = { sinceEldest: 0, admitted: [] };

/** An owner that was served within this time stands behind one that was not. */
export const rememberedMs = 60_000;
export const patienceMs = 60_000;

/** The start to admit now and the state after it; undefined when nobody can be. Ask again until then. */
export function nextStart(
  queue: readonly QueuedStart[],
  state: OrderState,
  room: Room,
): { readonly start: QueuedStart; readonly state: OrderState } | undefined {
  const start = firstWithRoom(orderOf(queue, state, room), room);
  if (start === undefined) return undefined;
  const { uid, ownerKey } = start;
  const admitted = [...recent(state, room.nowMs), { uid, ownerKey, atMs: room.nowMs }];
  if (start.isCritical) return { start, state: { ...state, admitted } };
  const others = queue.filter(({ isBlocked, isCritical }) => !isBlocked && !isCritical);
  return {
    start,
    state: { sinceEldest: eldestOf(others).includes(start) ? 0 : state.sinceEldest + 1, admitted },
  };
}

/** The whole queue in the order in which it will be admitted, for those who want to know their place. */
export function orderOf(
  queue: readonly QueuedStart[],
  state: OrderState,
  { nowMs, holders }: Pick<Room, 'nowMs' | 'holders'>,
): readonly QueuedStart[] {
  const owners = new Map([...recent(state, nowMs), ...holders].map(({ uid, ownerKey }) => [uid, ownerKey]));
  const servedByOwner = new Map<string, number>();
  for (const ownerKey of owners.values()) servedByOwner.set(ownerKey, (servedByOwner.get(ownerKey) ?? 0) + 1);
  return sortQueue(queue, { servedByOwner, sinceEldest: state.sinceEldest });
}

function firstWithRoom(
  ordered: readonly QueuedStart[],
  { nowMs, hasFreeSlot }: Room,
): QueuedStart | undefined {
  const kept = new Set<string>();
  for (const [place, start] of ordered.entries()) {
    if (start.isBlocked) continue;
    if (start.devices.every((device) => !kept.has(device) && hasFreeSlot(device, start.isCritical)))
      return start;
    const keeps = start.isCritical || (place === 0 && nowMs - start.queuedAtMs >= patienceMs);
    if (keeps) for (const device of start.devices) kept.add(device);
  }
  return undefined;
}

function recent(state: OrderState, nowMs: number): OrderState['admitted'] {
  return state.admitted.filter(({ atMs }) => nowMs - atMs < rememberedMs);
}
