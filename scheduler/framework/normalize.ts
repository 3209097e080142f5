/** Brings scores of any size into the range that the framework compares. */
import { maxNodeScore } from './extension-points.js';

/** Scales so that the highest becomes {@link maxNodeScore}; reversed, the lowest is best. All zero: all equally good. */
export function scaleToHighest(
  scores: ReadonlyMap<string, number>,
  options: { readonly reverse?: boolean } = {},
): ReadonlyMap<string, number> {
  const highest = Math.max(0, ...scores.values());
  const scaled = new Map<string, number>();
  for (const [name, score] of scores) {
    const share = highest === 0 ? 0 : Math.floor((score * maxNodeScore) / highest);
    scaled.set(name, options.reverse === true ? maxNodeScore - share : share);
  }
  return scaled;
}
