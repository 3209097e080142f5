/**
 * Whether the node is under pressure, and of what, from one look to the next. Pure: the state goes in and comes out.
 *
 * A threshold counts from the first look at which it was met, and until its minimum reclaim is there. A condition of the
 * Node holds on for the transition period after it was last seen, or it would come and go with each eviction.
 */
import { signalMeanings } from './signals.js';
import type { EvictionThreshold, Observations, Pressure } from './signals.js';
import { thresholdAmount } from './threshold.js';

export interface PressureState {
  /** Thresholds that hold, with the time at which each was first met. */
  readonly firstMetMs: ReadonlyMap<EvictionThreshold, number>;
  readonly lastSeenMs: ReadonlyMap<Pressure, number>;
  /** Those that hold for longer than their grace: they must be won back with the minimum reclaim. */
  readonly acting: readonly EvictionThreshold[];
}

export const calm: PressureState = { firstMetMs: new Map(), lastSeenMs: new Map(), acting: [] };

export interface PressureJudgement {
  readonly state: PressureState;
  readonly pressures: readonly Pressure[];
  /** What Pods are evicted for now, if anything; memory comes before all else. */
  readonly reclaim: EvictionThreshold | undefined;
}

export function isMet(
  threshold: EvictionThreshold,
  observations: Observations,
  withReclaim: boolean,
): boolean {
  const seen = observations[threshold.signal];
  if (seen === undefined) return false;
  const { minimumReclaim } = threshold;
  const more =
    withReclaim && minimumReclaim !== undefined ? thresholdAmount(minimumReclaim, seen.capacity) : 0;
  return seen.available < thresholdAmount(threshold.value, seen.capacity) + more;
}

export function judgePressure(
  before: PressureState,
  thresholds: readonly EvictionThreshold[],
  observations: Observations,
  options: { readonly nowMs: number; readonly transitionMs: number },
): PressureJudgement {
  const { nowMs, transitionMs } = options;
  const met = thresholds.filter(
    (threshold) =>
      isMet(threshold, observations, false) ||
      (before.acting.includes(threshold) && isMet(threshold, observations, true)),
  );
  const firstMetMs = new Map(met.map((threshold) => [threshold, before.firstMetMs.get(threshold) ?? nowMs]));
  const lastSeenMs = new Map(before.lastSeenMs);
  for (const { signal } of met) lastSeenMs.set(signalMeanings[signal].pressure, nowMs);
  const pressures = [...lastSeenMs]
    .filter(([, at]) => nowMs - at < transitionMs)
    .map(([pressure]) => pressure);
  const acting = met.filter((threshold) => nowMs - (firstMetMs.get(threshold) ?? nowMs) >= threshold.graceMs);
  const reclaim = acting.find(({ signal }) => signalMeanings[signal].resource === 'memory') ?? acting[0];
  return { state: { firstMetMs, lastSeenMs, acting }, pressures, reclaim };
}
