/** In which order a merged list stands: what the patch names in the patch's order, the rest where it was. */
import { isJsonObject } from './merge-patch.js';

/**
 * `merged` reordered: elements named in `patchOrder` follow it; the others keep their order and stay in front of those
 * that they preceded in `currentOrder`. With a `key` elements are told apart by that member.
 */
export function mergeInOrder(
  merged: readonly unknown[],
  patchOrder: readonly unknown[],
  currentOrder: readonly unknown[],
  key: string | undefined,
): unknown[] {
  const idOf = (one: unknown): unknown => (key !== undefined && isJsonObject(one) ? one[key] : one);
  const places = (list: readonly unknown[]): Map<unknown, number> => {
    const map = new Map<unknown, number>();
    list.forEach((one, index) => {
      if (!map.has(idOf(one))) map.set(idOf(one), index);
    });
    return map;
  };
  const inPatch = places(patchOrder);
  const inCurrent = places(currentOrder);
  const placeIn = (map: ReadonlyMap<unknown, number>, one: unknown): number => map.get(idOf(one)) ?? -1;

  const named = merged.filter((one) => inPatch.has(idOf(one)));
  named.sort((a, b) => placeIn(inPatch, a) - placeIn(inPatch, b));
  const others = merged.filter((one) => !inPatch.has(idOf(one)));
  others.sort((a, b) => placeIn(inCurrent, a) - placeIn(inCurrent, b));

  const result: unknown[] = [];
  for (const one of named) {
    const place = placeIn(inCurrent, one);
    while (others.length > 0) {
      const otherPlace = placeIn(inCurrent, others[0]);
      if (place < 0 || otherPlace < 0 || otherPlace >= place) break;
      result.push(others.shift());
    }
    result.push(one);
  }
  return [...result, ...others];
}
