/** What a schema does to values: pruning, defaults, validation; and the paths into them. */
import t from 'tap';
import { fillDefaults } from '../../../api/custom-resources/defaults.js';
import { hasFormat, isKnownFormat } from '../../../api/custom-resources/formats.js';
import { prune } from '../../../api/custom-resources/prune.js';
import { compileSchema } from '../../../api/custom-resources/schema-node.js';
import { checkUniqueItems } from '../../../api/custom-resources/unique-items.js';
import { validateBySchema } from '../../../api/custom-resources/validate.js';
import { Violations } from '../../../api/field-path.js';
import type { JSONSchemaProps } from '../../../api/generated/apiextensions-v1.js';
import { parseJsonPath } from '../../../api/json-path.js';

type Json = Record<string, unknown>;

/** A schema of an object with one field, `x`. */
function withX(x: JSONSchemaProps): JSONSchemaProps {
  return { type: 'object', properties: { x } };
}

const text: JSONSchemaProps = { type: 'string' };
const open = { 'x-kubernetes-preserve-unknown-fields': true } as const;

void t.test('pruning', async (t) => {
  const cases: readonly [string, JSONSchemaProps, Json, Json, string[]][] = [
    [
      'what every resource has stays',
      withX(text),
      { kind: 'A', metadata: { name: 'a' }, y: 1 },
      { kind: 'A', metadata: { name: 'a' } },
      ['y'],
    ],
    ['no properties, no fields', withX({ type: 'object' }), { x: { a: 1 } }, { x: {} }, ['x.a']],
    ['free objects', withX({ type: 'object', ...open }), { x: { a: { b: 1 } } }, { x: { a: { b: 1 } } }, []],
    [
      'known fields of free objects are not free',
      withX({ type: 'object', ...open, properties: { a: { type: 'object', properties: { b: text } } } }),
      { x: { a: { b: '', c: 1 }, d: { e: 1 } } },
      { x: { a: { b: '' }, d: { e: 1 } } },
      ['x.a.c'],
    ],
    [
      'maps',
      withX({ type: 'object', additionalProperties: { type: 'object', properties: { a: text } } }),
      { x: { k: { a: '', b: 1 } } },
      { x: { k: { a: '' } } },
      ['x.k.b'],
    ],
    [
      'maps of anything',
      withX({ type: 'object', additionalProperties: true }),
      { x: { k: { b: 1 } } },
      { x: { k: { b: 1 } } },
      [],
    ],
    [
      'lists',
      withX({ type: 'array', items: { type: 'object', properties: { a: text } } }),
      { x: [{ a: '', b: 1 }, {}] },
      { x: [{ a: '' }, {}] },
      ['x[0].b'],
    ],
    [
      'embedded resources',
      withX({
        type: 'object',
        'x-kubernetes-embedded-resource': true,
        properties: { spec: { type: 'object' } },
      }),
      { x: { kind: 'Pod', metadata: {}, spec: { a: 1 }, y: 1 } },
      { x: { kind: 'Pod', metadata: {}, spec: {} } },
      ['x.spec.a', 'x.y'],
    ],
    ['an object where a text is wanted', withX(text), { x: { a: 1 } }, { x: {} }, ['x.a']],
  ];
  for (const [what, schema, value, pruned, paths] of cases) {
    t.strictSame(prune(value, compileSchema(schema)), paths, what);
    t.strictSame(value, pruned, what);
  }
});

void t.test('defaults', async (t) => {
  const one: JSONSchemaProps = { type: 'integer', default: 1 };
  const cases: readonly [string, JSONSchemaProps, Json, Json][] = [
    ['absent', withX(one), {}, { x: 1 }],
    ['there', withX(one), { x: 0 }, { x: 0 }],
    ['null counts as absent', withX(one), { x: null }, { x: 1 }],
    ['unless it may be null', withX({ ...one, nullable: true }), { x: null }, { x: null }],
    ['a null without a default goes', withX(text), { x: null }, {}],
    ['nothing is made for a default inside', withX({ type: 'object', properties: { y: one } }), {}, {}],
    [
      'inside of what is there',
      withX({ type: 'object', properties: { y: one } }),
      { x: {} },
      { x: { y: 1 } },
    ],
    [
      'inside of a default',
      withX({ type: 'object', default: {}, properties: { y: one } }),
      {},
      { x: { y: 1 } },
    ],
    [
      'in lists',
      withX({ type: 'array', items: { type: 'object', properties: { y: one } } }),
      { x: [{}, { y: 2 }] },
      { x: [{ y: 1 }, { y: 2 }] },
    ],
    [
      'in maps',
      withX({ type: 'object', additionalProperties: { type: 'object', properties: { y: one } } }),
      { x: { k: {} } },
      { x: { k: { y: 1 } } },
    ],
  ];
  for (const [what, schema, value, filled] of cases) {
    fillDefaults(value, compileSchema(schema));
    t.strictSame(value, filled, what);
  }
});

function problemsOf(schema: JSONSchemaProps, value: unknown, before?: unknown): string[] {
  const violations = new Violations();
  validateBySchema(value, compileSchema(schema), violations, before);
  return violations.causes.map(({ field, message }) => `${field ?? ''}: ${message ?? ''}`);
}

void t.test('validation, in the words of Kubernetes', async (t) => {
  const cases: readonly [JSONSchemaProps, unknown, ...string[]][] = [
    [text, 1, 'x: Invalid value: "integer": x in body must be of type string: "integer"'],
    [text, null, 'x: Invalid value: "null": x in body must be of type string: "null"'],
    [{ type: 'integer' }, 1.5, 'x: Invalid value: "number": x in body must be of type integer: "number"'],
    [{ type: 'number' }, 1],
    [{ ...text, nullable: true }, null],
    [{ ...text, maxLength: 2 }, 'äöü', 'x: Too long: may not be more than 2 bytes'],
    [{ ...text, maxLength: 1 }, '😀'],
    [{ ...text, minLength: 2 }, 'a', 'x: Invalid value: "a": x in body should be at least 2 chars long'],
    [{ ...text, pattern: '^a+$' }, 'b', `x: Invalid value: "b": x in body should match '^a+$'`],
    [{ ...text, format: 'ipv4' }, '::1', 'x: Invalid value: "::1": x in body must be of type ipv4: "::1"'],
    [
      { type: 'integer', minimum: 1 },
      0,
      'x: Invalid value: 0: x in body should be greater than or equal to 1',
    ],
    [
      { type: 'integer', minimum: 1, exclusiveMinimum: true },
      1,
      'x: Invalid value: 1: x in body should be greater than 1',
    ],
    [{ type: 'integer', maximum: 1 }, 2, 'x: Invalid value: 2: x in body should be less than or equal to 1'],
    [
      { type: 'integer', maximum: 1, exclusiveMaximum: true },
      1,
      'x: Invalid value: 1: x in body should be less than 1',
    ],
    [{ type: 'number', multipleOf: 0.1 }, 0.3],
    [{ type: 'integer', multipleOf: 2 }, 3, 'x: Invalid value: 3: x in body should be a multiple of 2'],
    [{ type: 'integer', enum: [1, 2] }, 3, 'x: Unsupported value: 3: supported values: "1", "2"'],
    [{ type: 'array', items: text, maxItems: 1 }, ['a', 'b'], 'x: Too many: 2: must have at most 1 items'],
    [
      { type: 'array', items: text, minItems: 1 },
      [],
      'x: Invalid value: 0: x in body should have at least 1 items',
    ],
    [
      { type: 'array', items: text },
      [1],
      'x[0]: Invalid value: "integer": x[0] in body must be of type string: "integer"',
    ],
    [
      { type: 'object', minProperties: 1 },
      {},
      'x: Invalid value: 0: x in body should have at least 1 properties',
    ],
    [{ type: 'object', maxProperties: 0, ...open }, { a: 1 }, 'x: Too many: 1: must have at most 0 items'],
    [{ type: 'object', required: ['a'], properties: { a: text } }, {}, 'x.a: Required value'],
    [
      { 'x-kubernetes-int-or-string': true },
      1.5,
      'x: Invalid value: "number": x in body must be of type integer,string: "number"',
    ],
    [
      { type: 'integer', not: { enum: [1] } },
      1,
      '<nil>: Invalid value: "": "x" must not validate the schema (not)',
    ],
    [
      { type: 'object', ...open, oneOf: [{ required: ['a'] }, { required: ['b'] }] },
      {},
      '<nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found none valid',
      'x.a: Required value',
    ],
    [
      { type: 'object', ...open, oneOf: [{ required: ['a'] }, { required: ['b'] }] },
      { a: 1, b: 1 },
      '<nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ],
    [
      { type: 'object', ...open, anyOf: [{ required: ['a'] }, { required: ['b'] }] },
      {},
      '<nil>: Invalid value: "": "x" must validate at least one schema (anyOf)',
      'x.a: Required value',
    ],
    [
      { type: 'integer', allOf: [{ minimum: 1 }, { maximum: 5 }] },
      0,
      'x: Invalid value: 0: x in body should be greater than or equal to 1',
      '<nil>: Invalid value: "": "x" must validate all the schemas (allOf)',
    ],
  ];
  for (const [schema, value, ...expected] of cases)
    t.strictSame(problemsOf(withX(schema), { x: value }), expected, JSON.stringify([schema, value]));
});

void t.test('what an update leaves as it was is not judged', async (t) => {
  const schema = withX({ type: 'object', properties: { a: { ...text, maxLength: 1 }, b: text } });
  t.strictSame(problemsOf(schema, { x: { a: 'aa', b: '' } }, { x: { a: 'aa', b: 'c' } }), []);
  t.equal(problemsOf(schema, { x: { a: 'aaa' } }, { x: { a: 'aa' } }).length, 1);
  const keyed = withX({
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['k'],
    items: { type: 'object', properties: { k: text, v: { ...text, maxLength: 1 } } },
  });
  const before = { x: [{ k: '1', v: 'aa' }] };
  t.strictSame(
    problemsOf(
      keyed,
      {
        x: [
          { k: '2', v: 'b' },
          { k: '1', v: 'aa' },
        ],
      },
      before,
    ),
    [],
  );
  t.equal(problemsOf(keyed, { x: [{ k: '2', v: 'aa' }] }, before).length, 1);
});

void t.test('sets and lists with keys', async (t) => {
  const repeated = (schema: JSONSchemaProps, value: unknown): unknown[] => {
    const violations = new Violations();
    checkUniqueItems({ x: value }, compileSchema(withX(schema)), '', violations);
    return violations.causes.map(({ field, message }) => `${field ?? ''}: ${message ?? ''}`);
  };
  const set: JSONSchemaProps = { type: 'array', items: text, 'x-kubernetes-list-type': 'set' };
  t.strictSame(repeated(set, ['a', 'b', 'a', 'a']), ['x[2]: Duplicate value: "a"']);
  const keyed: JSONSchemaProps = {
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['a', 'b'],
    items: { type: 'object', properties: { a: text, b: { type: 'integer' } } },
  };
  t.strictSame(repeated(keyed, [{ a: '1', b: 1 }, { b: 1, a: '1' }, { a: '1' }]), [
    'x[1]: Duplicate value: {"a":"1","b":1}',
  ]);
  t.strictSame(repeated(keyed, [{ a: '1' }, 1]), [
    'x[1]: Invalid value: 1: must be an object for an array of list-type map',
  ]);
});

void t.test('formats', async (t) => {
  const cases: readonly [string, string, string][] = [
    ['date', '2024-02-29', '2023-02-29'],
    ['date-time', '2024-01-01T00:00:00Z', '2024-01-01'],
    ['datetime', '2024-01-01T00:00:00.5+02:00', 'now'],
    ['duration', '1h30m', 'soon'],
    ['email', 'a@b', 'a'],
    ['hostname', 'a.example.com', '-a'],
    ['cidr', '10.0.0.0/8', '10.0.0.0/33'],
    ['mac', '00:11:22:aa:bb:cc', '00:11'],
    ['uuid', '123e4567-e89b-12d3-a456-426614174000', '123'],
    ['uri', 'https://example.com/x', 'x y'],
    ['byte', 'aGk=', '!'],
    ['isbn', '978-3-16-148410-0', '978-3-16-148410-1'],
    ['isbn10', '0-306-40615-2', '0-306-40615-3'],
    ['creditcard', '4111 1111 1111 1111', '4111 1111 1111 1112'],
    ['hexcolor', '#fff', '#ff'],
    ['rgbcolor', 'rgb(1,2,3)', 'rgb(1,2,256)'],
    ['k8s-short-name', 'a-b', 'a.b'],
    ['k8s-long-name', 'a.b', 'A'],
  ];
  for (const [format, good, bad] of cases) {
    t.ok(isKnownFormat(format), format);
    t.ok(hasFormat(format, good), `${format} ${good}`);
    t.notOk(hasFormat(format, bad), `${format} ${bad}`);
  }
  t.ok(hasFormat('whatever', 'x'), 'others are not checked');
});

void t.test('JSONPath', async (t) => {
  const value = {
    a: { b: [1, 2, 3], 'c.d': 'dotted' },
    list: [
      { type: 'Ready', status: 'True', n: 1 },
      { type: 'Else', status: 'False', n: 2 },
    ],
  };
  const cases: readonly [string, unknown[]][] = [
    ['.a.b', [[1, 2, 3]]],
    ['.a.b[0]', [1]],
    ['.a.b[-1]', [3]],
    ['.a.b[0:2]', [1, 2]],
    ['.a.b[*]', [1, 2, 3]],
    [String.raw`.a.c\.d`, ['dotted']],
    [".a['c.d']", ['dotted']],
    ['.list[?(@.type=="Ready")].status', ['True']],
    [".list[?(@.type!='Ready')].n", [2]],
    ['.list[?(@.n>1)].type', ['Else']],
    ['.list[?(@.nothing)].type', []],
    ['.list[*].type', ['Ready', 'Else']],
    ['..status', ['True', 'False']],
    ['.nothing.there', []],
    ['.', [value]],
  ];
  for (const [path, found] of cases) t.strictSame(parseJsonPath(path).find(value), found, path);
  for (const path of ['a', '.a[', '.a[x]', '.a..', '.a b', '.a[?(@.x==y)]'])
    t.throws(() => parseJsonPath(path), SyntaxError, path);
});
