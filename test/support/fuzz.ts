/**
 * Properties over random input. The seed is fixed; `FUZZ_SEED=… FUZZ_PATH=…`, as printed with a failure, play one case
 * again.
 */
import fc from 'fast-check';

const seed = Number(process.env['FUZZ_SEED'] ?? 20261126);
const path = process.env['FUZZ_PATH'];
/** So long each property may take. */
const budgetMs = 1500;

const parameters = {
  seed,
  ...(path === undefined ? {} : { path }),
  numRuns: 2000,
  interruptAfterTimeLimit: budgetMs,
  markInterruptAsFailure: false,
  includeErrorInReport: true,
};

/** Throws with the seed, the path and the smallest input for which the property does not hold. */
export function fuzz<T>(property: fc.IProperty<T>): void {
  fc.assert(property, parameters);
}

/** The same for a property that awaits something. */
export function fuzzAsync<T>(property: fc.IAsyncProperty<T>): Promise<void> {
  return fc.assert(property, parameters);
}

/** Keys that mean something to objects, to patches or to the API, among those that do not. */
export const randomKey = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    '$patch',
    '$retainKeys',
    '$setElementOrder/containers',
  ),
  fc.constantFrom('metadata', 'spec', 'status', 'name', 'labels', 'containers', 'image', 'ports', 'data'),
  fc.string({ maxLength: 6 }),
);

export const randomJson = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(null, true, 0, -1, 1.5, 2 ** 40, '', 'replace', 'delete', '10m', '2020-01-01T00:00:00Z'),
    fc.string({ maxLength: 8 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .array(fc.tuple(randomKey, tie('value')), { maxLength: 5 })
      .map((entries) => Object.fromEntries(entries)),
  ),
})).value;
