/** Whether a container that a probe condemns is spared once more. Pure. */

/** What is remembered of a container from one failed check to the next. */
export interface SparingState {
  /** What it had read and written at the last look. */
  readonly bytes: number | undefined;
  /** When it was spared for the first time. */
  readonly sparedSinceMs: number | undefined;
}

export interface SparingLook {
  readonly nowMs: number;
  /** A device that its Pod lives on has more to do than it can. */
  readonly isSaturated: boolean;
  /** What it has read and written since its start; undefined when nobody counts. */
  readonly bytes: number | undefined;
  readonly spareForMs: number;
}

export interface SparingVerdict {
  readonly isSpared: boolean;
  readonly state: SparingState;
}

/**
 * It is, while a device of it is saturated and it has read or written something since the last look (at the first: since
 * its start), but not for longer than `spareForMs` since it was spared for the first time.
 */
export function judgeSparing(before: SparingState | undefined, look: SparingLook): SparingVerdict {
  const { nowMs, isSaturated, bytes, spareForMs } = look;
  const hasMoved = bytes !== undefined && bytes !== (before?.bytes ?? 0);
  const sinceMs = before?.sparedSinceMs ?? nowMs;
  const isSpared = isSaturated && hasMoved && nowMs - sinceMs < spareForMs;
  return {
    isSpared,
    state: { bytes, sparedSinceMs: isSpared ? sinceMs : before?.sparedSinceMs },
  };
}
