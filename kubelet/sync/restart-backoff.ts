/**
 * When a container that ended may start again: at once the first time, then after 10 s, 20 s, 40 s … up to 300 s
 * after its end; a container that ran for 10 minutes begins anew. (Kubernetes' CrashLoopBackOff.)
 */

export interface RestartBackoffEntry {
  /** The delay that the next restart must keep, counted from the end of the container. */
  readonly delayMs: number;
  /** When the last restart was decided. */
  readonly decidedAtMs: number;
}

export const restartBackoffLimits = { initialMs: 10_000, maxMs: 300_000, resetAfterMs: 600_000 } as const;

export type RestartDecision =
  | { readonly kind: 'start'; readonly next: RestartBackoffEntry }
  | { readonly kind: 'wait'; readonly untilMs: number; readonly delayMs: number };

/** Pure: `entry` is what the last `start` decision returned, `finishedAtMs` when the container ended. */
export function decideRestart(
  entry: RestartBackoffEntry | undefined,
  finishedAtMs: number,
  nowMs: number,
): RestartDecision {
  const { initialMs, maxMs, resetAfterMs } = restartBackoffLimits;
  if (entry === undefined || finishedAtMs - entry.decidedAtMs > resetAfterMs) {
    return { kind: 'start', next: { delayMs: initialMs, decidedAtMs: nowMs } };
  }
  const untilMs = finishedAtMs + entry.delayMs;
  if (nowMs < untilMs) return { kind: 'wait', untilMs, delayMs: entry.delayMs };
  return { kind: 'start', next: { delayMs: Math.min(maxMs, entry.delayMs * 2), decidedAtMs: nowMs } };
}

/** Entries are per container definition: a new image starts without a history. */
export function backoffKey(containerName: string, hash: string): string {
  return `${containerName}/${hash}`;
}
