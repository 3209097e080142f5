/**
 * When a container that ended may start again: at once the first time, then after 10 s, 20 s, 40 s … up to 300 s
 * after its end; a container that ran for 10 minutes begins anew. (Kubernetes' CrashLoopBackOff.)
 *
 * Each delay is up to 30 % longer than that, by chance: containers that ended together would else come back together,
 * and end together again.
 */

export interface RestartBackoffEntry {
  /** The delay that the next restart must keep, counted from the end of the container: at least, and as it is told. */
  readonly delayMs: number;
  /** What chance adds to it. */
  readonly jitterMs: number;
  /** When the last restart was decided. */
  readonly decidedAtMs: number;
}

export const restartBackoffLimits = {
  initialMs: 10_000,
  maxMs: 300_000,
  resetAfterMs: 600_000,
  jitter: 0.3,
} as const;

export type RestartDecision =
  | { readonly kind: 'start'; readonly next: RestartBackoffEntry }
  | { readonly kind: 'wait'; readonly untilMs: number; readonly delayMs: number };

/**
 * Pure but for `random`, which answers a number from 0 to 1: `entry` is what the last `start` decision returned,
 * `finishedAtMs` when the container ended.
 */
export function decideRestart(
  entry: RestartBackoffEntry | undefined,
  finishedAtMs: number,
  nowMs: number,
  random: () => number,
): RestartDecision {
  const { initialMs, maxMs, resetAfterMs, jitter } = restartBackoffLimits;
  const start = (delayMs: number): RestartDecision => ({
    kind: 'start',
    next: { delayMs, jitterMs: delayMs * jitter * random(), decidedAtMs: nowMs },
  });
  if (entry === undefined || finishedAtMs - entry.decidedAtMs > resetAfterMs) return start(initialMs);
  const untilMs = finishedAtMs + entry.delayMs + entry.jitterMs;
  if (nowMs < untilMs) return { kind: 'wait', untilMs, delayMs: entry.delayMs };
  return start(Math.min(maxMs, entry.delayMs * 2));
}

/** Entries are per container definition: a new image starts without a history. */
export function backoffKey(containerName: string, hash: string): string {
  return `${containerName}/${hash}`;
}
