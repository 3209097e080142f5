/**
 * Who starts next. Pure.
 *
 * Critical Pods come first, then the higher priority. Of the same priority those come first that others wait for, then
 * those whose images are on the node, then the small ones; of what is still alike, the owner that has been served the
 * least, and who has waited the longest. Who is blocked stands at the end.
 *
 * Nobody waits for ever: every fourth place belongs to the eldest. A start counts among the eldest when it was queued
 * within {@link generationMs} of the one that has waited the longest; among them the same order holds, so that a crowd
 * that came together keeps its order. So whatever comes later with whatever priority, a start that is not blocked waits
 * at most for four times as many others as were queued before it and within {@link generationMs} after it, besides
 * critical ones.
 */
import type { QueuedStart } from './queued-start.js';

export interface OrderContext {
  /** How many starts of an owner hold a slot or were admitted lately, by its key. */
  readonly servedByOwner: ReadonlyMap<string, number>;
  /** How many were admitted since one of the eldest was. */
  readonly sinceEldest: number;
}

/** Every so many places one belongs to the eldest. */
export const eldestEvery = 4;
export const generationMs = 60_000;

/** What a start is taken for that says nothing of its size. */
const usualBytes = 64 * 2 ** 20;

/** The queue in the order of admission. */
export function sortQueue(queue: readonly QueuedStart[], context: OrderContext): readonly QueuedStart[] {
  const free = queue.filter(({ isBlocked }) => !isBlocked);
  const served = new Map(context.servedByOwner);
  const critical = inTurn(
    free.filter(({ isCritical }) => isCritical),
    served,
  );
  const others = withEldest(
    inTurn(
      free.filter(({ isCritical }) => !isCritical),
      served,
    ),
    context.sinceEldest,
  );
  const blocked = inTurn(
    queue.filter(({ isBlocked }) => isBlocked),
    served,
  );
  return [...critical, ...others, ...blocked];
}

/** The starts that were queued within {@link generationMs} of the first of them. */
export function eldestOf(queue: readonly QueuedStart[]): readonly QueuedStart[] {
  const first = Math.min(...queue.map(({ queuedAtMs }) => queuedAtMs));
  return queue.filter(({ queuedAtMs }) => queuedAtMs < first + generationMs);
}

/** By rank; those of one rank by owners in turn. Counts in `served` what it places. */
function inTurn(queue: readonly QueuedStart[], served: Map<string, number>): QueuedStart[] {
  const ranked = [...queue].sort(
    (a, b) => compareRanks(a, b) || a.queuedAtMs - b.queuedAtMs || compareTexts(a.uid, b.uid),
  );
  const ranks: QueuedStart[][] = [];
  for (const start of ranked) {
    const rank = ranks.at(-1);
    if (rank?.[0] !== undefined && compareRanks(rank[0], start) === 0) rank.push(start);
    else ranks.push([start]);
  }
  return ranks.flatMap((alike) => takeTurns(alike, served));
}

/** All of one rank, the longest waiting first: always one of the owner that has been served the least. */
function takeTurns(alike: readonly QueuedStart[], served: Map<string, number>): QueuedStart[] {
  const byOwner = new Map<string, QueuedStart[]>();
  for (const start of alike) byOwner.set(start.ownerKey, [...(byOwner.get(start.ownerKey) ?? []), start]);
  const placed: QueuedStart[] = [];
  while (byOwner.size > 0) {
    let next: { readonly owner: string; readonly starts: QueuedStart[]; readonly count: number } | undefined;
    for (const [owner, starts] of byOwner) {
      const count = served.get(owner) ?? 0;
      if (next === undefined || count < next.count) next = { owner, starts, count };
    }
    if (next === undefined) break;
    placed.push(...next.starts.splice(0, 1));
    served.set(next.owner, next.count + 1);
    if (next.starts.length === 0) byOwner.delete(next.owner);
  }
  return placed;
}

/** Every fourth place goes to the first of the eldest; it may be the one whose turn it is anyway. */
function withEldest(ordered: readonly QueuedStart[], sinceEldest: number): QueuedStart[] {
  const left = new Set(ordered);
  const byAge = [...ordered].sort((a, b) => b.queuedAtMs - a.queuedAtMs);
  const placed: QueuedStart[] = [];
  let since = sinceEldest;
  for (let first = byAge.pop(); first !== undefined; first = byAge.pop()) {
    const generationEndsMs = first.queuedAtMs + generationMs;
    while (left.has(first)) {
      const next = firstOf(left, since + 1 >= eldestEvery ? generationEndsMs : Infinity) ?? first;
      since = next.queuedAtMs < generationEndsMs ? 0 : since + 1;
      left.delete(next);
      placed.push(next);
    }
  }
  return placed;
}

function firstOf(starts: Iterable<QueuedStart>, queuedBeforeMs: number): QueuedStart | undefined {
  for (const start of starts) if (start.queuedAtMs < queuedBeforeMs) return start;
  return undefined;
}

function compareRanks(a: QueuedStart, b: QueuedStart): number {
  return (
    b.priority - a.priority ||
    Number(b.isAwaited) - Number(a.isAwaited) ||
    Number(b.areImagesPresent) - Number(a.areImagesPresent) ||
    sizeClass(a) - sizeClass(b)
  );
}

/** Sizes within a factor of four are alike; below 1 MiB all are. */
function sizeClass({ expectedBytes = usualBytes }: QueuedStart): number {
  return Math.floor(Math.log2(Math.max(expectedBytes / 2 ** 20, 1)) / 2);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
