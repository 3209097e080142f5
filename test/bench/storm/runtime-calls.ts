/** Calls of the container runtime, from the kubelet's own metrics. Pure. */

/** Counts of calls that took at most so many seconds, by bound, for one operation. */
export interface CallHistogram {
  readonly buckets: readonly (readonly [seconds: number, count: number])[];
  readonly errors: number;
}

/** Reads the series of an operation (`create_container`) from a page of metrics. */
export function readCalls(page: string, operation: string): CallHistogram {
  const label = `operation_type="${operation}"`;
  const buckets: [number, number][] = [];
  let errors = 0;
  for (const line of page.split('\n')) {
    if (!line.includes(label)) continue;
    const value = Number(line.slice(line.lastIndexOf(' ') + 1));
    if (line.startsWith('kubelet_runtime_operations_errors_total{')) errors = value;
    const bound = /^kubelet_runtime_operations_duration_seconds_bucket\{.*le="([^"]+)"/.exec(line)?.[1];
    if (bound !== undefined) buckets.push([bound === '+Inf' ? Infinity : Number(bound), value]);
  }
  return { buckets: buckets.sort(([a], [b]) => a - b), errors };
}

/** The calls between two pages of the same process. */
export function callsBetween(before: CallHistogram, after: CallHistogram): CallHistogram {
  const earlier = new Map(before.buckets);
  return {
    buckets: after.buckets.map(([bound, count]) => [bound, count - (earlier.get(bound) ?? 0)]),
    errors: after.errors - before.errors,
  };
}

/** The time under which this fraction of the calls lies, by straight lines between the bounds; NaN of no calls. */
export function quantileOfCalls({ buckets }: CallHistogram, fraction: number): number {
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total === 0) return Number.NaN;
  const wanted = total * fraction;
  let [lower, below] = [0, 0];
  for (const [bound, count] of buckets) {
    if (count >= wanted)
      return bound === Infinity ? lower : lower + ((bound - lower) * (wanted - below)) / (count - below);
    [lower, below] = [bound, count];
  }
  return lower;
}
