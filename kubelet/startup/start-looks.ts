/** What a look at the starts that hold slots says: of each of them, and of a device. Pure. */
import type { DeviceSlots, StartFacts } from './device-slots.js';
import type { Start } from './start.js';

export interface StartLimits {
  /** After this a slot is given on, unless the Pod says otherwise. */
  readonly slotTimeoutMs: number;
  /** A start that runs and has not read or written anything for so long holds no slot. */
  readonly quietPeriodMs: number;
}

type HeldStart = Pick<
  Start,
  'state' | 'isQuiet' | 'hints' | 'admittedAtMs' | 'runningSinceMs' | 'bytes' | 'movedAtMs'
>;

/**
 * What becomes of a start that was admitted; undefined: nothing. `nowMs` is since the epoch, `monotonicMs` of the clock of
 * `movedAtMs`.
 */
export function judgeHeld(
  start: HeldStart,
  nowMs: number,
  monotonicMs: number,
  limits: StartLimits,
): 'held' | 'quiet' | 'timed-out' | undefined {
  const { state, isQuiet, admittedAtMs = nowMs } = start;
  if (state !== 'held' && !isQuiet) return undefined;
  if (nowMs - admittedAtMs >= (start.hints.slotTimeoutMs ?? limits.slotTimeoutMs)) return 'timed-out';
  // Before a container runs it is the runtime that works; and what nobody counts says nothing.
  const isSilent =
    start.runningSinceMs !== undefined &&
    start.bytes !== undefined &&
    start.movedAtMs !== undefined &&
    monotonicMs - start.movedAtMs >= limits.quietPeriodMs;
  if (isSilent === isQuiet) return undefined;
  return isSilent ? 'quiet' : 'held';
}

/** What the controller of a device is told of the starts. */
export function startFacts(
  starts: readonly Start[],
  device: DeviceSlots,
  nowMs: number,
  isBlocked: (start: Start) => boolean,
): Omit<StartFacts, 'slowestCallMs'> {
  const mine = starts.filter(({ devices }) => devices?.includes(device) === true);
  const held = mine.filter(({ state }) => state === 'held');
  const deadlines = held.flatMap(({ deadlineMs }) => deadlineMs ?? []);
  const shares = held.map(({ deadlineMs, runningSinceMs }) =>
    deadlineMs === undefined || runningSinceMs === undefined ? 0 : (nowMs - runningSinceMs) / deadlineMs,
  );
  return {
    queued: mine.filter((start) => start.state === 'queued' && !isBlocked(start)).length,
    worstDeadlineShare: Math.max(0, ...shares),
    smallestDeadlineMs: deadlines.length === 0 ? undefined : Math.min(...deadlines),
  };
}
