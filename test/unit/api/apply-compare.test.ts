import t from 'tap';
import { compareObjects } from '../../../api/apply/compare.js';
import { emptyObject } from '../../../api/apply/empty-object.js';
import { encodeFieldsV1 } from '../../../api/apply/fields-v1.js';
import { mergeObjects } from '../../../api/apply/merge.js';
import { mergeTypeOf } from '../../../api/apply/merge-type.js';
import { removeFields, withNamedStructs } from '../../../api/apply/remove-fields.js';
import { toFieldSet } from '../../../api/apply/to-field-set.js';
import { unmanagedFields } from '../../../api/apply/unmanaged-fields.js';
import { loadSchema } from '../../../api/schema/load.js';
import { parseSchema } from '../../../api/schema/parse.js';
import { deepFreeze } from '../../support/deep-freeze.js';

/** Every kind of field in one small type. */
const schema = parseSchema([
  {
    name: 'test.v1.api',
    text: `
package test
group "test" version v1

kind Thing namespaced
  metadata: Meta = 1 always
  spec: Spec = 2 always

type Meta
  name?: string = 1
  labels?: map string = 2

type Spec
  size?: int32 = 1
  inner?: Inner = 2 pointer
  atomicInner?: Inner = 3 pointer struct:atomic
  whole?: Whole = 4 pointer
  list?: []string = 5
  tags?: []string = 6 list:set
  items?: []Item = 7 list:map(name)
  ports?: []Port = 8 list:map(port,protocol)
  granular?: map Inner = 9
  atomicMap?: map string = 10 map:atomic
  free?: RawExtension = 11
  always: Inner = 12 always
  nothing: []Item = 13 keepZero list:map(name)

type Inner
  a?: string = 1
  b?: string = 2
  deeper?: Inner = 3 pointer

type Whole atomic
  a?: string = 1

type Item
  name: string = 1 keepZero
  value?: string = 2
  inner?: Inner = 3 pointer

type Port
  port: int32 = 1 keepZero
  protocol?: string = 2 default:"TCP"
  name?: string = 3
`,
  },
]);
const type = mergeTypeOf(schema, 'test/v1.Thing');
const thing = (spec: object): object => deepFreeze({ spec });
const json = (set: object): string => JSON.stringify(encodeFieldsV1(set as never));
const specOf = (set: object): string => JSON.stringify(encodeFieldsV1(set as never)['f:spec'] ?? {});

void t.test('from objects to field sets', async (t) => {
  const cases: [object, string][] = [
    [{}, '{}'],
    [{ size: 1 }, '{"f:size":{}}'],
    [{ size: null }, '{"f:size":{}}'],
    [{ inner: {} }, '{"f:inner":{}}'],
    [{ inner: { a: 'x' } }, '{"f:inner":{"f:a":{}}}'],
    [{ inner: { deeper: { a: 'x' } } }, '{"f:inner":{"f:deeper":{"f:a":{}}}}'],
    [{ atomicInner: { a: 'x' } }, '{"f:atomicInner":{}}'],
    [{ whole: { a: 'x' } }, '{"f:whole":{}}'],
    [{ list: ['a', 'b'] }, '{"f:list":{}}'],
    [{ list: [] }, '{"f:list":{}}'],
    [{ tags: ['a', 'b'] }, '{"f:tags":{"v:\\"a\\"":{},"v:\\"b\\"":{}}}'],
    [{ tags: [] }, '{}'],
    [{ tags: ['a', 'a'] }, '{"f:tags":{"v:\\"a\\"":{}}}'],
    [
      { items: [{ name: 'x', value: '1' }] },
      '{"f:items":{"k:{\\"name\\":\\"x\\"}":{".":{},"f:name":{},"f:value":{}}}}',
    ],
    [{ items: [{ name: 'x', value: '1' }, { name: 'x' }] }, '{"f:items":{"k:{\\"name\\":\\"x\\"}":{}}}'],
    [
      { ports: [{ port: 80 }] },
      '{"f:ports":{"k:{\\"port\\":80,\\"protocol\\":\\"TCP\\"}":{".":{},"f:port":{}}}}',
    ],
    [{ granular: { x: { a: '1' }, y: {} } }, '{"f:granular":{"f:x":{".":{},"f:a":{}},"f:y":{}}}'],
    [{ granular: {} }, '{"f:granular":{}}'],
    [{ atomicMap: { x: '1' } }, '{"f:atomicMap":{}}'],
    [{ free: { a: { b: [1, 2] }, c: 1 } }, '{"f:free":{"f:a":{".":{},"f:b":{}},"f:c":{}}}'],
  ];
  for (const [spec, expected] of cases)
    t.equal(specOf(toFieldSet(type, thing(spec))), expected, JSON.stringify(spec));
});

void t.test('what a configuration must not have is reported with its path', async (t) => {
  const cases: [object, string[]][] = [
    [{ unknown: 1 }, ['.spec.unknown: field not declared in schema']],
    [{ inner: { deeper: { c: 1 } } }, ['.spec.inner.deeper.c: field not declared in schema']],
    [
      { items: [{ name: 'x' }, { name: 'x' }, { name: 'x' }] },
      ['.spec.items: duplicate entries for key [name="x"]'],
    ],
    [{ tags: ['a', 'a'] }, ['.spec.tags: duplicate entries for key [="a"]']],
    [
      { ports: [{ port: 80 }, { port: 80, protocol: 'TCP' }] },
      ['.spec.ports: duplicate entries for key [port=80,protocol="TCP"]'],
    ],
    [
      { items: [{ value: 'x' }] },
      [
        `.spec.items: associative list with keys has an element that omits key field "name" (and doesn't have default value)`,
      ],
    ],
    [{ items: [null] }, ['.spec.items: associative list with keys may not have a null element']],
  ];
  for (const [spec, expected] of cases) {
    const problems: string[] = [];
    toFieldSet(type, thing(spec), { problems });
    t.strictSame(problems, expected, JSON.stringify(spec));
  }
});

void t.test('comparing', async (t) => {
  const x = 'k:{"name":"x"}';
  const cases: [object, object, { added?: object; modified?: object; removed?: object }][] = [
    [{ size: 1 }, { size: 1 }, {}],
    [{ size: 1 }, { size: 2 }, { modified: { 'f:size': {} } }],
    [{}, { size: 2 }, { added: { 'f:size': {} } }],
    [{ size: 2 }, {}, { removed: { 'f:size': {} } }],
    [{}, { inner: { a: '1' } }, { added: { 'f:inner': { '.': {}, 'f:a': {} } } }],
    [{ inner: { a: '1' } }, {}, { removed: { 'f:inner': { '.': {}, 'f:a': {} } } }],
    [{ inner: {} }, { inner: { a: '1' } }, { added: { 'f:inner': { 'f:a': {} } } }],
    [{}, { inner: {} }, { added: { 'f:inner': {} } }],
    [{ inner: null }, { inner: {} }, { modified: { 'f:inner': {} } }],
    [{ atomicInner: { a: '1' } }, { atomicInner: { a: '1', b: '2' } }, { modified: { 'f:atomicInner': {} } }],
    [{ atomicInner: { a: '1', b: '2' } }, { atomicInner: { b: '2', a: '1' } }, {}],
    [{ list: ['a', 'b'] }, { list: ['b', 'a'] }, { modified: { 'f:list': {} } }],
    [{ tags: ['a', 'b'] }, { tags: ['b', 'a'] }, {}],
    [
      { tags: ['a', 'b'] },
      { tags: ['b', 'c'] },
      { added: { 'f:tags': { 'v:"c"': {} } }, removed: { 'f:tags': { 'v:"a"': {} } } },
    ],
    [{}, { tags: [] }, { added: { 'f:tags': {} } }],
    [{}, { tags: ['a'] }, { added: { 'f:tags': { '.': {}, 'v:"a"': {} } } }],
    [
      { items: [{ name: 'x', value: '1' }] },
      { items: [{ name: 'y' }, { name: 'x', value: '2' }] },
      {
        added: { 'f:items': { 'k:{"name":"y"}': { '.': {}, 'f:name': {} } } },
        modified: { 'f:items': { [x]: { 'f:value': {} } } },
      },
    ],
    [
      { items: [{ name: 'x' }] },
      { items: [{ name: 'x' }, { name: 'x' }] },
      {
        added: { 'f:items': { [x]: {} } },
        removed: { 'f:items': { [x]: { '.': {}, 'f:name': {} } } },
      },
    ],
    [
      { items: [{ name: 'x' }, { name: 'x' }] },
      { items: [{ name: 'x', value: '1' }] },
      {
        added: { 'f:items': { [x]: { '.': {}, 'f:name': {}, 'f:value': {} } } },
        removed: { 'f:items': { [x]: {} } },
      },
    ],
    [
      { items: [{ name: 'x' }, { name: 'x' }] },
      { items: [{ name: 'x' }, { name: 'x', value: '1' }] },
      { modified: { 'f:items': { [x]: {} } } },
    ],
    [
      { granular: { constructor: { a: '1' } } },
      { granular: { toString: {} } },
      {
        added: { 'f:granular': { 'f:toString': {} } },
        removed: { 'f:granular': { 'f:constructor': { '.': {}, 'f:a': {} } } },
      },
    ],
    [
      { free: { a: 1, b: [1] } },
      { free: { a: 2, b: [2] } },
      { modified: { 'f:free': { 'f:a': {}, 'f:b': {} } } },
    ],
    [{ free: 'text' }, { free: { a: 1 } }, { modified: { 'f:free': {} } }],
  ];
  for (const [before, after, expected] of cases) {
    const { added, modified, removed } = compareObjects(type, thing(before), thing(after));
    const name = `${JSON.stringify(before)} to ${JSON.stringify(after)}`;
    t.equal(specOf(added), JSON.stringify(expected.added ?? {}), `added: ${name}`);
    t.equal(specOf(modified), JSON.stringify(expected.modified ?? {}), `modified: ${name}`);
    t.equal(specOf(removed), JSON.stringify(expected.removed ?? {}), `removed: ${name}`);
  }
});

void t.test(
  'a creation is compared with the empty object: structs that are always there have no owner',
  async (t) => {
    const created = {
      spec: { always: { a: 'x' }, nothing: [{ name: 'x' }], items: [{ name: 'x' }] },
      metadata: {},
    };
    const { added, modified } = compareObjects(type, emptyObject(schema, 'test/v1.Thing'), created);
    const item = '{"k:{\\"name\\":\\"x\\"}":{".":{},"f:name":{}}}';
    t.equal(specOf(added), `{"f:always":{"f:a":{}},"f:items":{".":{},${item.slice(1)},"f:nothing":${item}}`);
    t.strictSame(modified, {});
  },
);

void t.test('what nobody manages', async (t) => {
  const deployment = mergeTypeOf(loadSchema(), 'apps/v1.Deployment');
  const object = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 'u',
      labels: { app: 'web' },
      ownerReferences: [{ uid: 'o' }],
    },
    spec: { replicas: 1 },
    status: { replicas: 1 },
  };
  const fieldsFor = (part: 'main' | 'status' | 'finalize'): string =>
    json(toFieldSet(deployment, object, { unmanaged: unmanagedFields(deployment, part, true) }));
  t.equal(
    fieldsFor('main'),
    '{"f:metadata":{"f:labels":{"f:app":{}},"f:ownerReferences":{"k:{\\"uid\\":\\"o\\"}":{}}},"f:spec":{"f:replicas":{}}}',
  );
  t.equal(fieldsFor('status'), '{"f:metadata":{"f:labels":{"f:app":{}}},"f:status":{"f:replicas":{}}}');
  t.equal(fieldsFor('finalize'), '{"f:spec":{"f:replicas":{}}}');
});

void t.test('merging', async (t) => {
  const cases: [object, object, object][] = [
    [{ size: 1 }, { size: 2 }, { size: 2 }],
    [{ size: 1 }, {}, { size: 1 }],
    [{ size: 1 }, { size: null }, { size: null }],
    [{ inner: { a: '1' } }, { inner: { b: '2' } }, { inner: { a: '1', b: '2' } }],
    [{ inner: { a: '1' } }, { inner: null }, { inner: { a: '1' } }],
    [{ inner: { a: '1' } }, { inner: {} }, { inner: { a: '1' } }],
    [{}, { inner: {} }, { inner: {} }],
    [{ atomicInner: { a: '1' } }, { atomicInner: { b: '2' } }, { atomicInner: { b: '2' } }],
    [{ list: ['a'] }, { list: ['b'] }, { list: ['b'] }],
    [{ atomicMap: { a: '1' } }, { atomicMap: { b: '2' } }, { atomicMap: { b: '2' } }],
    [{ granular: { a: { a: '1' } } }, { granular: { b: {} } }, { granular: { a: { a: '1' }, b: {} } }],
    [{ tags: ['a', 'b'] }, { tags: ['c', 'a'] }, { tags: ['c', 'a', 'b'] }],
    [{ tags: ['a', 'b', 'c'] }, { tags: ['c', 'a'] }, { tags: ['b', 'c', 'a'] }],
    [{ tags: ['x', 'a'] }, { tags: ['n', 'a'] }, { tags: ['x', 'n', 'a'] }],
    [{ tags: ['b', 'a', 'x'] }, { tags: ['a', 'b', 'n'] }, { tags: ['a', 'x', 'b', 'n'] }],
    [{ tags: ['a', 'x'] }, { tags: ['a', 'n'] }, { tags: ['a', 'x', 'n'] }],
    [{ tags: ['a'] }, { tags: [] }, { tags: ['a'] }],
    [
      { items: [{ name: 'x', value: '1' }, { name: 'y' }] },
      { items: [{ name: 'y', value: '2' }] },
      {
        items: [
          { name: 'x', value: '1' },
          { name: 'y', value: '2' },
        ],
      },
    ],
    [
      { ports: [{ port: 80, protocol: 'TCP', name: 'a' }] },
      {
        ports: [
          { port: 80, name: 'b' },
          { port: 80, protocol: 'UDP' },
        ],
      },
      {
        ports: [
          { port: 80, protocol: 'TCP', name: 'b' },
          { port: 80, protocol: 'UDP' },
        ],
      },
    ],
    [{ free: { a: { b: 1 } } }, { free: { a: { c: 2 } } }, { free: { a: { b: 1, c: 2 } } }],
  ];
  for (const [live, config, expected] of cases)
    t.strictSame(
      mergeObjects(type, thing(live), thing(config)),
      { spec: expected },
      `${JSON.stringify(live)} with ${JSON.stringify(config)}`,
    );
});

void t.test('removing', async (t) => {
  const x = 'k:{"name":"x"}';
  const cases: [object, object, unknown][] = [
    [{ size: 1, list: ['a'] }, { 'f:size': {} }, { list: ['a'] }],
    [{ inner: { a: '1', b: '2' } }, { 'f:inner': { 'f:a': {} } }, { inner: { b: '2' } }],
    [{ inner: { a: '1' }, size: 1 }, { 'f:inner': { 'f:a': {} } }, { size: 1 }],
    [{ inner: { a: '1' }, size: 1 }, { 'f:inner': {} }, { size: 1 }],
    [{ tags: ['a', 'b'] }, { 'f:tags': { 'v:"a"': {} } }, { tags: ['b'] }],
    [
      { items: [{ name: 'x', value: '1' }, { name: 'y' }] },
      { 'f:items': { [x]: { 'f:value': {} } } },
      { items: [{ name: 'x' }, { name: 'y' }] },
    ],
    [
      { items: [{ name: 'x', value: '1' }, { name: 'y' }] },
      { 'f:items': { [x]: { '.': {}, 'f:name': {} } } },
      { items: [{ name: 'y' }] },
    ],
    [{ size: 1 }, { 'f:other': {} }, { size: 1 }],
  ];
  for (const [spec, set, expected] of cases)
    t.strictSame(
      removeFields(type, thing(spec), { 'f:spec': set } as never),
      { spec: expected },
      `${JSON.stringify(spec)} without ${JSON.stringify(set)}`,
    );
  t.equal(removeFields(type, thing({ size: 1 }), { 'f:spec': { 'f:size': {} } }), undefined);
});

void t.test('structs on the way to a member', async (t) => {
  const set = { 'f:spec': { 'f:inner': { 'f:a': {} }, 'f:granular': { 'f:x': { 'f:a': {} } } } };
  t.equal(
    json(withNamedStructs(type, set)),
    '{"f:spec":{".":{},"f:granular":{".":{},"f:x":{"f:a":{}}},"f:inner":{".":{},"f:a":{}}}}',
  );
});
