import type { Reservation } from '../resources/strategy.js';
import { StoreError } from '../storage/store.js';

/**
 * Gives back what was taken for a write that failed. Where the store cannot say whether it failed, the object may
 * be there and hold it: then it stays taken, and a repair finds out.
 */
export async function releaseUnlessWritten(
  reservation: Reservation | undefined,
  error: unknown,
): Promise<void> {
  if (error instanceof StoreError && error.code === 'ambiguous') return;
  await reservation?.release();
}
