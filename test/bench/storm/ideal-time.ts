/** How long a disk takes at least. Pure. */

export interface RateChange {
  /** Since the begin. */
  readonly atMs: number;
  /** Bytes a second from then on. */
  readonly rate: number;
}

/** Milliseconds until so many bytes have gone over a disk whose rate changes at these times. */
export function idealMs(bytes: number, rate: number, changes: readonly RateChange[] = []): number {
  let left = bytes;
  let now = 0;
  let current = rate;
  for (const change of changes) {
    const moved = ((change.atMs - now) / 1000) * current;
    if (moved >= left) break;
    left -= moved;
    now = change.atMs;
    current = change.rate;
  }
  return now + (left / current) * 1000;
}
