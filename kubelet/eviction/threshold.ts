/** How little may be left of something. Pure. */
import type { Threshold } from '../config/keys/resources.js';

/** In the unit of the capacity: bytes, inodes, processes. */
export function thresholdAmount(threshold: Threshold, capacity: number): number {
  return threshold.kind === 'quantity' ? threshold.amount : Math.floor((capacity * threshold.percent) / 100);
}
