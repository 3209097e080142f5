/**
 * Server-side apply, with configurations made up at random by several managers, against a model that knows of nothing but
 * leaves and who set them. The seed is fixed; `FUZZ_SEED=… FUZZ_PATH=…`, as printed with a failure, play one case again.
 */
import fc from 'fast-check';
import t from 'tap';
import type { Applied } from '../../../api/apply/apply.js';
import { applyConfiguration } from '../../../api/apply/apply.js';
import { hasPath } from '../../../api/apply/field-set.js';
import { decodeFieldsV1 } from '../../../api/apply/fields-v1.js';
import { mergeTypeOf } from '../../../api/apply/merge-type.js';
import { unmanagedFields } from '../../../api/apply/unmanaged-fields.js';
import type { ManagedFieldsEntry } from '../../../api/generated/meta-v1.js';
import { describedType } from '../../../api/object-type.js';
import { loadSchema } from '../../../api/schema/load.js';
import { isStatusError } from '../../../api/status-error.js';
import { deepFreeze } from '../../support/deep-freeze.js';
import { fuzz, randomJson } from '../../support/fuzz.js';

const schema = loadSchema();
const type = describedType(schema, 'core/v1.Pod');
const unmanaged = unmanagedFields(mergeTypeOf(schema, 'core/v1.Pod'), 'main', true);
const managers = ['ann', 'bob', 'cyd'] as const;

interface Config {
  readonly [key: string]: unknown;
}

/** What one manager applies. */
interface Step {
  readonly manager: string;
  readonly config: Config;
  readonly force: boolean;
}

function apply(live: object | undefined, { manager, config, force }: Step): Applied {
  const time = '2026-01-01T00:00:00Z';
  return applyConfiguration({
    ...{ type, unmanaged, config: deepFreeze(config), live, manager, force, time },
    ...{ apiVersion: 'v1', subresource: '' },
  });
}

/** As it is stored. */
function stored({ object, managedFields }: Applied): object {
  const metadata = { ...(object['metadata'] as object), managedFields };
  return deepFreeze({ ...object, metadata });
}

const short = fc.constantFrom('a', 'b', 'c');
const texts = (max: number): fc.Arbitrary<readonly string[]> =>
  fc.array(short, { minLength: 1, maxLength: max });
const map = fc.dictionary(short, short, { minKeys: 1, maxKeys: 3 });
const env = fc.uniqueArray(fc.record({ name: short, value: short }), {
  ...{ minLength: 1, maxLength: 3, selector: (one: { name: string }) => one.name },
});
const container = fc.record(
  { name: short, image: short, args: texts(2), env, tty: fc.boolean() },
  { requiredKeys: ['name'] },
);
const containers = fc.uniqueArray(container, { minLength: 1, maxLength: 3, selector: (one) => one.name });
const finalizers = fc.uniqueArray(short, { minLength: 1, maxLength: 3 });
const grace = fc.integer({ min: 1, max: 3 });
const config = fc
  .tuple(
    fc.record({ labels: map, finalizers }, { requiredKeys: [] }),
    fc.record({ containers, terminationGracePeriodSeconds: grace, nodeSelector: map }, { requiredKeys: [] }),
  )
  .map(([metadata, spec]): Config => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'x', ...metadata },
    spec,
  }));
const step = fc.record({ manager: fc.constantFrom(...managers), config, force: fc.boolean() });
const steps = fc.array(step, { minLength: 1, maxLength: 8 });

/** The values at the ends of the object, by their paths as in a field set. Written for this test, for these fields alone. */
function leavesOf(object: Config): ReadonlyMap<string, string> {
  const leaves = new Map<string, string>();
  const add = (path: readonly string[], value: unknown): void => {
    if (value !== undefined) leaves.set(JSON.stringify(path), JSON.stringify(value));
  };
  const { metadata = {}, spec = {} } = object as {
    metadata?: { labels?: Config; finalizers?: readonly string[] };
    spec?: { containers?: readonly Config[]; nodeSelector?: Config; terminationGracePeriodSeconds?: number };
  };
  for (const [key, value] of Object.entries(metadata.labels ?? {}))
    add(['f:metadata', 'f:labels', `f:${key}`], value);
  for (const one of metadata.finalizers ?? []) add(['f:metadata', 'f:finalizers', `v:"${one}"`], one);
  for (const one of spec.containers ?? []) {
    const at = ['f:spec', 'f:containers', `k:${JSON.stringify({ name: one['name'] })}`];
    for (const field of ['name', 'image', 'args', 'tty']) add([...at, `f:${field}`], one[field]);
    for (const { name, value } of (one['env'] as { name: string; value: string }[] | undefined) ?? []) {
      const variable = [...at, 'f:env', `k:${JSON.stringify({ name })}`];
      add([...variable, 'f:name'], name);
      add([...variable, 'f:value'], value);
    }
  }
  add(
    ['f:spec', 'f:nodeSelector'],
    spec.nodeSelector && Object.fromEntries(Object.entries(spec.nodeSelector).sort()),
  );
  add(['f:spec', 'f:terminationGracePeriodSeconds'], spec.terminationGracePeriodSeconds);
  return leaves;
}

/** Who set what, by the rules of the documentation and nothing else. */
class Model {
  readonly owned = new Map<string, ReadonlyMap<string, string>>();

  /** False where others have another value. */
  apply({ manager, config, force }: Step): boolean {
    const wanted = leavesOf(config);
    const others = [...this.owned].filter(([other]) => other !== manager);
    const differs = ([path, value]: [string, string]): boolean => (wanted.get(path) ?? value) !== value;
    if (!force && others.some(([, leaves]) => [...leaves].some(differs))) return false;
    for (const [other, leaves] of others)
      this.owned.set(other, new Map([...leaves].filter((leaf) => !differs(leaf))));
    this.owned.set(manager, wanted);
    return true;
  }

  get leaves(): ReadonlyMap<string, string> {
    return new Map([...this.owned.values()].flatMap((leaves) => [...leaves]));
  }
}

function sameMaps(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([path, value]) => b.get(path) === value);
}

/** What is there, and whose it is by the books of the object, are as the model has them. */
function agrees(object: object, model: Model): boolean {
  const leaves = leavesOf(object as Config);
  if (!sameMaps(leaves, model.leaves)) return false;
  const { managedFields = [] } = (object as { metadata: { managedFields?: readonly ManagedFieldsEntry[] } })
    .metadata;
  return managers.every((manager) => {
    const entry = managedFields.find((one) => one.manager === manager);
    const fields = decodeFieldsV1(entry?.fieldsV1 ?? {});
    const owned = model.owned.get(manager);
    return [...leaves.keys()].every(
      (path) => hasPath(fields, JSON.parse(path) as readonly string[]) === (owned?.has(path) ?? false),
    );
  });
}

void t.test('every leaf is there because somebody set it, and belongs to those who did', async (t) => {
  fuzz(
    fc.property(steps, (all) => {
      const model = new Model();
      let live: object | undefined;
      for (const one of all) {
        let applied: Applied | undefined;
        try {
          applied = apply(live, one);
        } catch (error) {
          if (!isStatusError(error, 'Conflict')) throw error;
        }
        if (model.apply(one) !== (applied !== undefined)) return false;
        if (applied === undefined) continue;
        live = stored(applied);
        if (!agrees(live, model)) return false;
      }
      return true;
    }),
  );
  t.pass('conflicts are refused, what nobody wants is gone, and what somebody wants stays');
});

void t.test('the same configuration again changes nothing', async (t) => {
  fuzz(
    fc.property(steps, (all) => {
      let live: object | undefined;
      for (const one of all) {
        const forced = { ...one, force: true };
        live = stored(apply(live, forced));
        const again = apply(live, { ...one, force: false });
        const { managedFields } = (live as { metadata: { managedFields?: readonly ManagedFieldsEntry[] } })
          .metadata;
        if (again.managedFields !== managedFields) return false;
        if (JSON.stringify(stored(again)) !== JSON.stringify(live)) return false;
      }
      return true;
    }),
  );
  t.pass('neither the object nor the books');
});

void t.test('whatever is sent, and to whatever is there, is applied or refused', async (t) => {
  const wild = fc.oneof(
    config,
    fc
      .tuple(config, fc.constantFrom('metadata', 'spec', 'status', 'kind'), randomJson)
      .map(([base, key, value]) => ({ ...base, [key]: value })),
    fc
      .tuple(config, fc.constantFrom('containers', 'volumes', 'nodeSelector', 'tolerations'), randomJson)
      .map(([base, key, value]) => ({ ...base, spec: { [key]: value } })),
    fc.dictionary(fc.string({ maxLength: 4 }), randomJson, { maxKeys: 4 }),
  ) as fc.Arbitrary<Config>;
  const books = fc.array(
    fc.record({
      manager: short,
      operation: fc.constantFrom('Apply', 'Update'),
      apiVersion: fc.constantFrom('v1', 'v2'),
      fieldsV1: randomJson,
    }),
    { maxLength: 2 },
  );
  fuzz(
    fc.property(
      config,
      books,
      fc.array(fc.record({ manager: fc.constantFrom(...managers), config: wild, force: fc.boolean() }), {
        maxLength: 3,
      }),
      (base, managedFields, all) => {
        let live: object = { ...base, metadata: { ...(base['metadata'] as object), managedFields } };
        for (const one of all) {
          try {
            live = stored(apply(live, one));
          } catch (error) {
            if (!isStatusError(error)) throw error;
          }
        }
        return true;
      },
    ),
  );
  t.pass('with nothing but a StatusError');
});
