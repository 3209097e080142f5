/** Which node ports a Service gets: a decision about a set. */
import type { NodePortRange } from './address-ranges.js';

export type PortChoice =
  /** `ports` in the order asked for; `added` are those that were not held before, now in the set. */
  | { readonly kind: 'chosen'; readonly ports: readonly number[]; readonly added: readonly number[] }
  | {
      readonly kind: 'refused';
      readonly problems: readonly { readonly index: number; readonly reason: string }[];
    }
  | { readonly kind: 'full' };

/**
 * `wanted` has 0 where any will do. What is `held` already is the Service's own, and one number may serve TCP and
 * UDP of the same Service. Adds what is chosen to `taken`, and nothing where it refuses.
 */
export function choosePorts(
  wanted: readonly number[],
  held: ReadonlySet<number>,
  taken: Set<number>,
  range: NodePortRange,
): PortChoice {
  const own = new Set(held);
  const added: number[] = [];
  const problems: { index: number; reason: string }[] = [];
  for (const [index, port] of wanted.entries()) {
    if (port === 0 || own.has(port)) continue;
    if (!range.contains(port))
      problems.push({
        index,
        reason: `provided port is not in the valid range. The range of valid ports is ${range.first}-${range.last}`,
      });
    else if (taken.has(port)) problems.push({ index, reason: 'provided port is already allocated' });
    else {
      own.add(port);
      added.push(port);
    }
  }
  if (problems.length > 0) return { kind: 'refused', problems };
  const ports: number[] = [];
  for (const port of wanted) {
    const chosen = port === 0 ? range.pick((one) => taken.has(one) || own.has(one)) : port;
    if (chosen === undefined) return { kind: 'full' };
    if (port === 0) {
      own.add(chosen);
      added.push(chosen);
    }
    ports.push(chosen);
  }
  for (const port of added) taken.add(port);
  return { kind: 'chosen', ports, added };
}
