/** What holds of server-side apply for every kind, with every field that it has. */
import t from 'tap';
import { applyConfiguration } from '../../../api/apply/apply.js';
import { compareObjects, isSameComparison } from '../../../api/apply/compare.js';
import { emptyObject } from '../../../api/apply/empty-object.js';
import { isEmptySet, pathsOf, sameSet } from '../../../api/apply/field-set.js';
import { decodeFieldsV1, encodeFieldsV1 } from '../../../api/apply/fields-v1.js';
import { mergeTypeOf } from '../../../api/apply/merge-type.js';
import { toFieldSet } from '../../../api/apply/to-field-set.js';
import { trackUpdate } from '../../../api/apply/track-update.js';
import { unmanagedFields } from '../../../api/apply/unmanaged-fields.js';
import { resourceDefinitions } from '../../../api/resources.js';
import { describedType } from '../../../api/object-type.js';
import { decodeObject } from '../../../api/schema/decode.js';
import { loadSchema } from '../../../api/schema/load.js';
import type { FieldDef, ScalarType, TypeRef } from '../../../api/schema/model.js';
import { deepFreeze } from '../../support/deep-freeze.js';

const schema = loadSchema();
/** So often a type stands inside of itself: once, so that this is seen at all. */
const maxNesting = 2;

const scalars: Readonly<Record<ScalarType, unknown>> = {
  string: 'x',
  boolean: true,
  int32: 1,
  int64: 1,
  double: 1.5,
  bytes: 'eA==',
  any: { a: [1] },
  Time: '2026-01-01T00:00:00Z',
  MicroTime: '2026-01-01T00:00:00.000000Z',
  Duration: '1s',
  Quantity: '1',
  IntOrString: 1,
  RawExtension: { a: { b: 1 } },
  FieldsV1: {},
};

/** A value with every field set; undefined where a type contains itself too often. */
function sample(ref: TypeRef, within: readonly string[]): unknown {
  switch (ref.is) {
    case 'scalar':
      return scalars[ref.scalar];
    case 'list': {
      const item = sample(ref.of, within);
      return item === undefined ? undefined : [item];
    }
    case 'map': {
      const value = sample(ref.of, within);
      return value === undefined ? undefined : { constructor: value, key: value };
    }
    case 'named': {
      const type = schema.types.get(ref.name);
      if (type?.is === 'enum') return type.values[0] ?? 'x';
      if (type?.is === 'alias') return sample(type.forms?.[0]?.type ?? type.target, within);
      if (type?.is !== 'object' || within.filter((name) => name === ref.name).length >= maxNesting)
        return undefined;
      return sampleFields(type.fields.values(), [...within, ref.name]);
    }
  }
}

function sampleFields(fields: Iterable<FieldDef>, within: readonly string[]): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const { name, type } of fields) {
    const value = name === 'managedFields' ? undefined : sample(type, within);
    if (value !== undefined) object[name] = value;
  }
  return object;
}

for (const definition of resourceDefinitions) {
  const { schemaName, kind, group, version } = definition;
  await t.test(schemaName, async (t) => {
    const apiVersion = group === '' ? version : `${group}/${version}`;
    const type = mergeTypeOf(schema, schemaName);
    const unmanaged = unmanagedFields(type, 'main', definition.subresources.includes('status'));
    const config = deepFreeze({
      ...(sample({ is: 'named', name: schemaName }, []) as object),
      apiVersion,
      kind,
    });
    const read = (json: unknown): Record<string, unknown> => decodeObject(schema, schemaName, json).object;

    const problems: string[] = [];
    const set = toFieldSet(type, config, { unmanaged, problems });
    t.strictSame(problems, [], 'every field is known');
    t.notOk(isEmptySet(set));
    t.ok(sameSet(decodeFieldsV1(JSON.parse(JSON.stringify(encodeFieldsV1(set)))), set), 'FieldsV1 and back');
    t.ok(isSameComparison(compareObjects(type, config, structuredClone(config))), 'equal to its copy');

    const writer = { manager: 'me', apiVersion, subresource: '', time: '2026-01-01T00:00:00Z' };
    const request = { ...writer, type: describedType(schema, schemaName), unmanaged, force: false };
    const created = applyConfiguration({ ...request, config, live: undefined });
    const live = deepFreeze({
      ...read(created.object),
      metadata: { ...(read(created.object)['metadata'] as object), managedFields: created.managedFields },
    });
    const again = applyConfiguration({ ...request, time: '2027-01-01T00:00:00Z', config, live });
    t.equal(again.managedFields, live.metadata.managedFields, 'the same again is no change');

    const metadata = { name: 'x', namespace: 'x' };
    const less = applyConfiguration({ ...request, config: { apiVersion, kind, metadata }, live });
    const left = toFieldSet(type, less.object, { unmanaged });
    const filled = toFieldSet(type, read({ apiVersion, kind, metadata }), { unmanaged });
    const remains = [...pathsOf(left)].map((path) => path.join(' '));
    const defaults = new Set([...pathsOf(filled)].map((path) => path.join(' ')));
    t.strictSame(
      remains.filter((path) => !defaults.has(path)),
      [],
      'all that is given up goes',
    );

    const entries = trackUpdate({
      ...writer,
      type,
      unmanaged,
      before: emptyObject(schema, schemaName),
      after: read(config),
      liveManagedFields: undefined,
      sentManagedFields: undefined,
    });
    t.equal(entries?.length, 1, 'a creation has a manager');
  });
}
