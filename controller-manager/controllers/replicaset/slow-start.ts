/**
 * Does many things of the same kind in batches of 1, 2, 4, …: when they all fail for the same reason (a quota, a
 * refused template), the server is asked a few times instead of hundreds of times.
 */
export interface SlowStartResult<T> {
  readonly failures: readonly { readonly item: T; readonly error: unknown }[];
  /** Not tried, because the batch before them had a failure. */
  readonly skipped: readonly T[];
}

/** A batch runs concurrently; the next begins when all of it has succeeded. Never rejects. */
export async function slowStart<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<SlowStartResult<T>> {
  let from = 0;
  for (let size = 1; from < items.length; size *= 2) {
    const batch = items.slice(from, from + size);
    from += batch.length;
    const results = await Promise.allSettled(batch.map((item) => work(item)));
    const failures = results.flatMap((result, index) => {
      const item = batch[index];
      return result.status === 'rejected' && item !== undefined
        ? [{ item, error: result.reason as unknown }]
        : [];
    });
    if (failures.length > 0) return { failures, skipped: items.slice(from) };
  }
  return { failures: [], skipped: [] };
}
