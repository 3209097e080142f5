/** A crowd of requests, so many of them in flight. */

/** Works off the list with so many at a time; throws what the first one throws, after the others have ended. */
export async function atOnce<T>(
  limit: number,
  list: readonly T[],
  work: (one: T) => Promise<void>,
): Promise<void> {
  const queue = list.values();
  const worker = async (): Promise<void> => {
    for (const one of queue) await work(one);
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(limit, list.length) }, worker));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
