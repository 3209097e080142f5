/** Finds how many starts a device carries, without being told anything about it. Pure. */
import type { ControllerState, StartupController } from './controller.js';

export interface AdaptiveState extends ControllerState {
  /** The limit before rounding: it may grow by less than a slot. */
  readonly slots: number;
  readonly smoothedPressure: number;
  /** From container start to Ready; 0 until a start has finished. */
  readonly smoothedLatencyMs: number;
  /** Until the first decrease the limit grows by one for every start that finishes. */
  readonly hasDecreased: boolean;
  /** No decrease before this time: the last one must show its effect first. */
  readonly coolUntilMs: number;
}

const smoothing = 0.4;
const shrinkAbovePressure = 0.75;
const growBelowPressure = 0.6;
const shrinkAboveDeadlineShare = 0.5;
const shrinkAboveCallMs = 5000;
const shrinkTo = 0.7;
const leastCoolDownMs = 2000;

export function adaptive(
  options: { readonly initialLimit?: number; readonly maxLimit?: number } = {},
): StartupController<AdaptiveState> {
  const { initialLimit = 2, maxLimit = Infinity } = options;
  return {
    name: 'Adaptive',
    begin: () => ({
      limit: initialLimit,
      isSaturated: false,
      slots: initialLimit,
      smoothedPressure: 0,
      smoothedLatencyMs: 0,
      hasDecreased: false,
      coolUntilMs: 0,
    }),
    step: (state, sample) => {
      const smoothedPressure = smooth(state.smoothedPressure, sample.pressure ?? 0, smoothing);
      let { slots, smoothedLatencyMs, hasDecreased, coolUntilMs } = state;
      for (const { durationMs } of sample.completions)
        smoothedLatencyMs = smoothedLatencyMs === 0 ? durationMs : smooth(smoothedLatencyMs, durationMs, 0.2);
      const isSaturated =
        smoothedPressure > shrinkAbovePressure ||
        sample.worstDeadlineShare > shrinkAboveDeadlineShare ||
        sample.slowestCallMs > shrinkAboveCallMs;
      if (isSaturated) {
        if (sample.nowMs >= coolUntilMs && slots > 1) {
          slots = Math.max(1, slots * shrinkTo);
          hasDecreased = true;
          const boundMs = (sample.smallestDeadlineMs ?? Infinity) / 3;
          coolUntilMs = sample.nowMs + Math.max(leastCoolDownMs, Math.min(boundMs, smoothedLatencyMs));
        }
      } else if (smoothedPressure < growBelowPressure && sample.held >= state.limit) {
        const finished = sample.completions.length;
        slots = Math.min(maxLimit, slots + (hasDecreased ? finished / slots : finished));
      }
      const limit = Math.max(1, Math.floor(slots));
      return { limit, isSaturated, slots, smoothedPressure, smoothedLatencyMs, hasDecreased, coolUntilMs };
    },
  };
}

function smooth(before: number, now: number, weight: number): number {
  return before * (1 - weight) + now * weight;
}
