/**
 * Finds how many starts a device carries at once, without being told anything about it. Pure.
 *
 * The right number is the smallest that keeps the device busy: fewer leave it idle, more make every start slower until
 * probes kill them, and gain nothing. So idleness makes the limit grow and harm makes it shrink, as TCP does with its
 * window:
 *
 * - **Grow** while all slots are taken, others wait, and the device is idle part of the time: with every start that
 *   finishes by one (by one for a whole round once it has shrunk), and with time by one slot for every idle second, for
 *   starts that compute before they read. Never by a factor. By one a round also on a busy device, as long as all starts
 *   are far from their deadlines: one that reads and writes at once is busy before it is full.
 * - **Shrink** to 0.7 when a start has used 0.6 of its deadline, when a call to the runtime takes over 5 s, or, where no
 *   deadline is known, when tasks wait for the device all the time. Then wait until the effect can be seen.
 * - **Space** the admissions over the time that a start takes. Without it starts go in step: all compute, then all
 *   read, and the device is overloaded and idle by turns. On an idle device there is nothing to space.
 *
 * What cannot be measured is done without. Pressure (PSI) that is missing, or blind, is taken from the time of requests:
 * a request that takes four times as long as the quickest waits three quarters of its time. Without any figures of the
 * device, finished starts and deadlines remain: they need nothing of the kernel, and lag by one start.
 */
import type { ControllerState, StartupController, StartupSample } from './controller.js';

export interface AdaptiveState extends ControllerState {
  /** The limit before rounding: it may grow by less than a slot. */
  readonly slots: number;
  /** 0 to 1, smoothed: how much of the time tasks wait for the device. */
  readonly pressure: number;
  /** 0 to 1, over about the time of one start: how much of the time the device is idle; undefined without diskstats. */
  readonly idle: number | undefined;
  /** The quickest requests, those that wait for no other. */
  readonly leastAwaitMs: number;
  /** From container start to Ready, smoothed; undefined until a start has finished. */
  readonly latencyMs: number | undefined;
  /** Of the latest start that finished. */
  readonly latestMs: number;
  readonly hasShrunk: boolean;
  /** It does not shrink again before this time. */
  readonly coolUntilMs: number;
}

const shrinkTo = 0.7;
const shrinkAbove = { deadlineShare: 0.6, callMs: 5000, pressure: 0.86 };
/** So far from the deadlines one start more harms nobody. */
const growBelowShare = 0.33;
const quickCallMs = 250;
/** Pressure comes and goes with every start: it counts only while the device is idle for less than this. */
const shrinkBelowIdle = 0.15;
const growBelowPressure = 0.6;
/** The device has done nothing for more than this: what is late is late for another reason. */
const busyAbove = 0.5;
const coolDownMs = { least: 2000, most: 60_000 };
const windowMs = { least: 2000, most: 30_000 };
/** Of the time between two starts that would keep all slots taken. A little less than 1, or some are never taken. */
const spacing = 0.8;
/** So little idleness is the noise of measuring. */
const idleNoise = 0.05;
/** The share of unused slots that lapse with each sample. */
const lapse = 0.05;

export function adaptive(
  options: { readonly initialLimit?: number; readonly maxLimit?: number } = {},
): StartupController<AdaptiveState> {
  const { initialLimit = 2, maxLimit = Infinity } = options;
  const first: AdaptiveState = {
    limit: initialLimit,
    spacingMs: 0,
    isSaturated: false,
    slots: initialLimit,
    pressure: 0,
    idle: undefined,
    leastAwaitMs: Infinity,
    latencyMs: undefined,
    latestMs: 0,
    hasShrunk: false,
    coolUntilMs: 0,
  };
  return {
    name: 'Adaptive',
    begin: () => first,
    step: (before, sample) => {
      const state = observe(before, sample);
      const isHarmed = isHarmful(state, sample);
      const slots = isHarmed ? shrunk(state, sample) : grown(state, sample, initialLimit);
      const hasShrunk = isHarmed ? state.hasShrunk || slots < state.slots : state.hasShrunk;
      const isCooling = isHarmed && slots < state.slots;
      const bounded = Math.max(1, Math.min(maxLimit, slots));
      return {
        ...state,
        slots: bounded,
        limit: Math.floor(bounded),
        spacingMs:
          (spacing * (1 - (state.idle ?? 0)) * Math.min(state.latencyMs ?? 0, state.latestMs)) / bounded,
        isSaturated: isHarmed || isPressed(state) || (state.idle ?? 1) < 0.1,
        hasShrunk,
        coolUntilMs: isCooling ? sample.nowMs + coolDown(state, sample) : state.coolUntilMs,
      };
    },
  };
}

/** What is known of the device and of the starts, with this sample. */
function observe(state: AdaptiveState, sample: StartupSample): AdaptiveState {
  const { pressure, utilization, awaitMs, completions, elapsedMs } = sample;
  let { latencyMs } = state;
  for (const { durationMs } of completions) latencyMs = smooth(latencyMs ?? durationMs, durationMs, 0.2);
  const oneStartMs = Math.min(windowMs.most, Math.max(windowMs.least, latencyMs ?? 0));
  // What was quick once may be slow for ever: the least is forgotten by half a percent a sample.
  const leastAwaitMs = Math.min(state.leastAwaitMs * 1.005, awaitMs ?? Infinity);
  const waiting = awaitMs === undefined ? undefined : (utilization ?? 0) * (1 - leastAwaitMs / awaitMs);
  const isBlind = pressure === undefined || (pressure < 0.1 && (utilization ?? 0) > 0.9);
  return {
    ...state,
    pressure: smooth(state.pressure, isBlind ? (waiting ?? 0) : Math.min(pressure, waiting ?? 1), 0.4),
    idle:
      utilization === undefined
        ? undefined
        : smooth(state.idle ?? 1, 1 - utilization, 1 - Math.exp(-elapsedMs / oneStartMs)),
    leastAwaitMs,
    latencyMs,
    latestMs:
      completions.length === 0
        ? state.latestMs
        : Math.min(...completions.map(({ durationMs }) => durationMs)),
  };
}

function isHarmful(state: AdaptiveState, sample: StartupSample): boolean {
  const share = deadlineShare(state, sample);
  if (isPressed(state) && (share === undefined || share > shrinkAbove.deadlineShare)) return true;
  const isLate =
    sample.worstDeadlineShare > shrinkAbove.deadlineShare || sample.slowestCallMs > shrinkAbove.callMs;
  return isLate && (sample.utilization ?? 1) > busyAbove;
}

function isPressed({ pressure, idle = 0 }: AdaptiveState): boolean {
  return pressure > shrinkAbove.pressure && idle < shrinkBelowIdle;
}

/**
 * How much of its deadline a start uses. Where that is known it says more than pressure does: a disk that reads and writes
 * at once is busy all the time before it is full. Undefined while it is not known, or does not tell everything: deadlines
 * begin with the container, and calls to the runtime that are slow come before it.
 */
function deadlineShare({ latencyMs }: AdaptiveState, sample: StartupSample): number | undefined {
  const { smallestDeadlineMs, worstDeadlineShare, slowestCallMs } = sample;
  if (smallestDeadlineMs === undefined || latencyMs === undefined) return undefined;
  return slowestCallMs < quickCallMs
    ? Math.max(worstDeadlineShare, latencyMs / smallestDeadlineMs)
    : undefined;
}

/** Not while more are under way than the limit says: what was decided last has had no effect yet. */
function shrunk({ slots, limit, coolUntilMs }: AdaptiveState, { nowMs, held }: StartupSample): number {
  return nowMs < coolUntilMs || held > limit ? slots : Math.min(slots, Math.max(1, held)) * shrinkTo;
}

/** Until the effect can be seen: about the time of a start, but in time for a second step before the deadline. */
function coolDown(
  { latencyMs = 0 }: AdaptiveState,
  { smallestDeadlineMs = Infinity }: StartupSample,
): number {
  return Math.max(coolDownMs.least, Math.min(smallestDeadlineMs / 3, latencyMs, coolDownMs.most));
}

function grown(state: AdaptiveState, sample: StartupSample, initialLimit: number): number {
  const { slots, limit, pressure, idle, hasShrunk, coolUntilMs } = state;
  const { queued, held, completions, elapsedMs, utilization = 1, nowMs } = sample;
  // Slots that nobody needs lapse: they were found for other starts than those that come next.
  if (queued === 0) return Math.max(Math.min(slots, initialLimit), held, slots * (1 - lapse));
  if (held < limit) return slots;
  const finished = hasShrunk ? completions.length / slots : completions.length;
  const byStarts = Math.max(
    pressure < growBelowPressure ? finished * Math.min(1, 2 * (idle ?? 1)) : 0,
    (deadlineShare(state, sample) ?? 1) < growBelowShare ? completions.length / slots : 0,
  );
  const idleNow = Math.min(idle ?? 0, 1 - utilization);
  const byIdleness = nowMs < coolUntilMs ? 0 : Math.max(0, idleNow - idleNoise) * (elapsedMs / 1000);
  return slots + byStarts + byIdleness;
}

function smooth(before: number, now: number, weight: number): number {
  return before + (now - before) * weight;
}
