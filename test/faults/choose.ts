/** Choices out of a seeded source of numbers. */
export type Random = () => number;

export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

export function between(random: Random, [low, high]: readonly [number, number]): number {
  return low + random() * (high - low);
}

export function pick<T>(random: Random, items: readonly T[]): T {
  const found = items[below(random, items.length)];
  if (found === undefined && items.length === 0) throw new Error('there is nothing to choose from');
  return found as T;
}

/** Several different ones, in the order of the items. */
export function pickSome<T>(random: Random, items: readonly T[], count: number): T[] {
  const left = items.map((item, index) => ({ item, index }));
  const taken: typeof left = [];
  while (taken.length < count && left.length > 0) taken.push(...left.splice(below(random, left.length), 1));
  return taken.sort((a, b) => a.index - b.index).map(({ item }) => item);
}
