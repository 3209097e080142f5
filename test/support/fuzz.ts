/**
 * Properties over random input. Seed and number of cases are fixed, so that every machine tries the same ones.
 * `FUZZ_SEED=… FUZZ_PATH=…`, as printed with a failure, play one case again; `FUZZ_RUNS=…` tries more of them.
 */
import fc from 'fast-check';

const seed = Number(process.env['FUZZ_SEED'] ?? 20261126);
const path = process.env['FUZZ_PATH'];
const numRuns = Number(process.env['FUZZ_RUNS'] ?? 500);

const parameters = {
  seed,
  ...(path === undefined ? {} : { path }),
  numRuns,
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
