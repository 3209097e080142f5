import t from 'tap';
import type { FieldSet } from '../../../api/apply/field-set.js';
import {
  difference,
  hasPath,
  insertPath,
  intersection,
  pathsOf,
  sameSet,
  setOf,
  union,
} from '../../../api/apply/field-set.js';
import { decodeFieldsV1, encodeFieldsV1 } from '../../../api/apply/fields-v1.js';
import { keyElement, showPath } from '../../../api/apply/path-element.js';
import { deepFreeze } from '../../support/deep-freeze.js';

const set = (json: unknown): FieldSet => deepFreeze(decodeFieldsV1(json));

void t.test('inserting paths: a path is a member with and without others below it', async (t) => {
  const cases: [string[][], unknown][] = [
    [[], {}],
    [[['f:a']], { 'f:a': {} }],
    [[['f:a', 'f:b']], { 'f:a': { 'f:b': {} } }],
    [[['f:a'], ['f:a', 'f:b']], { 'f:a': { '.': {}, 'f:b': {} } }],
    [[['f:a', 'f:b'], ['f:a']], { 'f:a': { '.': {}, 'f:b': {} } }],
    [[['f:a'], ['f:a']], { 'f:a': {} }],
    [[['f:__proto__', 'f:constructor']], { ['f:__proto__']: { 'f:constructor': {} } }],
  ];
  for (const [paths, expected] of cases) t.strictSame(setOf(...paths), expected, JSON.stringify(paths));
  const short = {};
  insertPath(short, ['f:a', 'f:b', 'f:c'], 2);
  t.strictSame(short, { 'f:a': { 'f:b': {} } });
});

void t.test('union, intersection and difference', async (t) => {
  const dot = { '.': {} };
  const cases: { a: unknown; b: unknown; union: unknown; both: unknown; less: unknown }[] = [
    { a: {}, b: {}, union: {}, both: {}, less: {} },
    { a: { 'f:a': {} }, b: {}, union: { 'f:a': {} }, both: {}, less: { 'f:a': {} } },
    { a: { 'f:a': {} }, b: { 'f:a': {} }, union: { 'f:a': {} }, both: { 'f:a': {} }, less: {} },
    {
      a: { 'f:a': { 'f:x': {} } },
      b: { 'f:a': {} },
      union: { 'f:a': { ...dot, 'f:x': {} } },
      both: {},
      less: { 'f:a': { 'f:x': {} } },
    },
    {
      a: { 'f:a': {} },
      b: { 'f:a': { 'f:x': {} } },
      union: { 'f:a': { ...dot, 'f:x': {} } },
      both: {},
      less: { 'f:a': {} },
    },
    {
      a: { 'f:a': { ...dot, 'f:x': {}, 'f:y': {} } },
      b: { 'f:a': { ...dot, 'f:x': {} } },
      union: { 'f:a': { ...dot, 'f:x': {}, 'f:y': {} } },
      both: { 'f:a': { ...dot, 'f:x': {} } },
      less: { 'f:a': { 'f:y': {} } },
    },
    {
      a: { 'f:a': { ...dot, 'f:x': {} }, 'f:b': {} },
      b: { 'f:a': { 'f:x': {} }, 'f:c': {} },
      union: { 'f:a': { ...dot, 'f:x': {} }, 'f:b': {}, 'f:c': {} },
      both: { 'f:a': { 'f:x': {} } },
      less: { 'f:a': {}, 'f:b': {} },
    },
    {
      a: { 'f:a': { ...dot, 'f:x': {} } },
      b: { 'f:a': {} },
      union: { 'f:a': { ...dot, 'f:x': {} } },
      both: { 'f:a': {} },
      less: { 'f:a': { 'f:x': {} } },
    },
  ];
  for (const one of cases) {
    const [a, b] = [set(one.a), set(one.b)];
    const name = `${JSON.stringify(one.a)} and ${JSON.stringify(one.b)}`;
    t.strictSame(encodeFieldsV1(union(a, b)), one.union, `union of ${name}`);
    t.strictSame(encodeFieldsV1(union(b, a)), one.union, `union of ${name}, turned round`);
    t.strictSame(encodeFieldsV1(intersection(a, b)), one.both, `intersection of ${name}`);
    t.strictSame(encodeFieldsV1(intersection(b, a)), one.both, `intersection of ${name}, turned round`);
    t.strictSame(encodeFieldsV1(difference(a, b)), one.less, `difference of ${name}`);
    t.ok(sameSet(union(difference(a, b), intersection(a, b)), a), `${name}: the parts make the whole`);
  }
});

void t.test('an operation that changes nothing returns its first operand', async (t) => {
  const a = set({ 'f:a': { '.': {}, 'f:x': {} }, 'f:b': {} });
  t.equal(union(a, set({ 'f:a': { 'f:x': {} } })), a);
  t.equal(union(a, set({ 'f:b': {} })), a);
  t.equal(difference(a, set({ 'f:c': {}, 'f:a': { 'f:y': {} } })), a);
  t.equal(difference(a, set({ 'f:b': { 'f:z': {} } })), a);
});

void t.test('membership and iteration', async (t) => {
  const a = set({ 'f:a': { '.': {}, 'f:x': {} }, 'f:b': { 'f:c': {} } });
  t.ok(hasPath(a, ['f:a']));
  t.ok(hasPath(a, ['f:b', 'f:c']));
  t.notOk(hasPath(a, ['f:b']));
  t.notOk(hasPath(a, ['f:a', 'f:y']));
  t.notOk(hasPath(a, []));
  t.strictSame([...pathsOf(a)], [['f:a'], ['f:a', 'f:x'], ['f:b', 'f:c']]);
});

void t.test('FieldsV1: canonical elements in canonical order', async (t) => {
  const messy = {
    'v:true': {},
    'i:10': {},
    'i:9': {},
    'v:"b"': {},
    'v:10': {},
    'v:9': {},
    'v:"a"': {},
    'k:{ "protocol": "TCP", "containerPort": 8080.0 }': { 'f:name': {}, '.': {} },
    'k:{"containerPort":443,"protocol":"UDP"}': { '.': {} },
    'k:{"containerPort":443,"protocol":"TCP"}': {},
    'f:z': {},
    'f:a': {},
    'x:from-the-future': {},
  };
  const encoded = encodeFieldsV1(decodeFieldsV1({ 'f:list': messy }));
  t.strictSame(Object.keys(encoded['f:list'] ?? {}), [
    'f:a',
    'f:z',
    'k:{"containerPort":443,"protocol":"TCP"}',
    'k:{"containerPort":443,"protocol":"UDP"}',
    'k:{"containerPort":8080,"protocol":"TCP"}',
    'v:9',
    'v:10',
    'v:"a"',
    'v:"b"',
    'v:true',
    'i:9',
    'i:10',
  ]);
  t.equal(
    JSON.stringify(encoded['f:list']?.['k:{"containerPort":8080,"protocol":"TCP"}']),
    '{".":{},"f:name":{}}',
  );
  t.strictSame(encoded['f:list']?.['k:{"containerPort":443,"protocol":"UDP"}'], {}, 'only itself: no dot');
  t.equal(encodeFieldsV1(encoded), encoded, 'what is in order is not made anew');
});

void t.test('FieldsV1 that cannot be read', async (t) => {
  const deep = (levels: number): unknown => (levels === 0 ? {} : { 'f:a': deep(levels - 1) });
  for (const json of [null, 1, 'x', [], { 'f:a': 1 }, { 'k:{': {} }, { 'k:1': {} }, { 'i:x': {} }, deep(100)])
    t.throws(() => decodeFieldsV1(json), SyntaxError, JSON.stringify(json).slice(0, 40));
});

void t.test('paths as users see them', async (t) => {
  const key = keyElement([
    ['protocol', 'TCP'],
    ['containerPort', 80],
  ]);
  t.equal(
    showPath(['f:spec', 'f:containers', 'k:{"name":"web"}', 'f:ports', key, 'f:hostPort']),
    '.spec.containers[name="web"].ports[containerPort=80,protocol="TCP"].hostPort',
  );
  t.equal(
    showPath(['f:metadata', 'f:finalizers', 'v:"example.com/a"']),
    '.metadata.finalizers[="example.com/a"]',
  );
  t.equal(showPath(['f:list', 'i:3']), '.list[3]');
  t.equal(
    showPath(['f:metadata', 'f:labels', 'f:app.kubernetes.io/name']),
    '.metadata.labels.app.kubernetes.io/name',
  );
});
