/** Which schemas a CustomResourceDefinition may have, and which names it gets. */
import t from 'tap';
import { checkDefaults } from '../../../api/custom-resources/check-defaults.js';
import { checkKeywords } from '../../../api/custom-resources/check-keywords.js';
import { checkStructural } from '../../../api/custom-resources/check-structural.js';
import { customSchemaV2 } from '../../../api/custom-resources/custom-openapi.js';
import { decideNames } from '../../../api/custom-resources/decide-names.js';
import { compileSchema } from '../../../api/custom-resources/schema-node.js';
import { compareVersions } from '../../../api/custom-resources/compare-versions.js';
import { Violations } from '../../../api/field-path.js';
import type { CustomResourceDefinition, JSONSchemaProps } from '../../../api/generated/apiextensions-v1.js';

const text: JSONSchemaProps = { type: 'string' };

function problemsOf(root: JSONSchemaProps): string[] {
  const violations = new Violations();
  checkStructural(root, 's', violations);
  checkKeywords(root, 's', violations);
  if (!violations.any) checkDefaults(compileSchema(root), 's', violations);
  return violations.causes.map(({ field, message }) => `${field ?? ''}: ${message ?? ''}`);
}

void t.test('schemas that are not structural, or say what is not supported', async (t) => {
  const x = (schema: JSONSchemaProps): JSONSchemaProps => ({ type: 'object', properties: { x: schema } });
  const cases: readonly [JSONSchemaProps, ...string[]][] = [
    [{}, 's.type: Required value: must not be empty at the root'],
    [text, 's.type: Invalid value: "string": must be object at the root'],
    [x({}), 's.properties[x].type: Required value: must not be empty for specified object fields'],
    [x({ 'x-kubernetes-preserve-unknown-fields': true })],
    [x({ 'x-kubernetes-int-or-string': true })],
    [x({ 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] })],
    [x({ type: 'array' }), 's.properties[x].items: Required value: must be specified'],
    [
      x({ type: 'array', items: {} }),
      's.properties[x].items.type: Required value: must not be empty for specified array items',
    ],
    [
      x({ type: 'text' }),
      's.properties[x].type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"',
    ],
    [
      x({ ...text, anyOf: [{ type: 'string' }] }),
      's.properties[x].anyOf[0].type: Forbidden: must be empty to be structural',
    ],
    [
      x({ ...text, not: { default: 1, nullable: true } }),
      's.properties[x].not.default: Forbidden: must be undefined to be structural',
      's.properties[x].not.nullable: Forbidden: must be false to be structural',
    ],
    [
      { type: 'object', anyOf: [{ properties: { y: { minimum: 1 } } }] },
      's.properties[y]: Required value: because it is defined in s.anyOf[0].properties[y]',
    ],
    [
      { type: 'object', additionalProperties: true },
      's.additionalProperties: Forbidden: must not be used at the root',
    ],
    [
      x({ type: 'object', additionalProperties: text, properties: { a: text } }),
      's.properties[x].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive',
    ],
    [
      x({ type: 'array', items: text, uniqueItems: true }),
      's.properties[x].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
    ],
    [x({ ...text, $ref: '#/x' }), 's.properties[x].$ref: Forbidden: $ref is not supported'],
    [
      x({ ...text, pattern: '(' }),
      's.properties[x].pattern: Invalid value: "(": must be a valid regular expression, but isn\'t: error parsing regexp: missing closing ): `(`',
    ],
    [
      {
        type: 'object',
        properties: { metadata: { type: 'object', properties: { name: { ...text, maxLength: 5 } } } },
      },
    ],
    [
      {
        type: 'object',
        properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } },
      },
      's.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified',
    ],
    [
      x({ type: 'object', 'x-kubernetes-embedded-resource': true }),
      's.properties[x].properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
    ],
    [
      x({ ...text, 'x-kubernetes-list-type': 'set' }),
      's.properties[x].type: Invalid value: "string": must be array if x-kubernetes-list-type is specified',
    ],
    [
      x({ type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'map' }),
      's.properties[x].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map',
    ],
    [
      x({
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['a', 'b'],
        items: { type: 'object', properties: { a: text } },
      }),
      's.properties[x].items.properties[a].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
      's.properties[x].x-kubernetes-list-map-keys: Invalid value: ["a","b"]: entries must all be names of item properties',
    ],
    [x({ ...text, default: 'a' })],
    [
      x({ ...text, default: 1 }),
      's.properties[x].default: Invalid value: "integer": default in body must be of type string: "integer"',
    ],
    [
      x({ type: 'object', properties: { a: text }, default: { b: 1 } }),
      's.properties[x].default: Invalid value: {"b":1}: must be pruned to match the schema: it has unknown fields',
    ],
    [
      x({ ...text, 'x-kubernetes-validations': [{ rule: '' }] }),
      's.properties[x].x-kubernetes-validations[0].rule: Required value: rule is not specified',
    ],
  ];
  for (const [schema, ...expected] of cases)
    t.strictSame(problemsOf(schema), expected, JSON.stringify(schema));
});

void t.test('OpenAPI 2 describes as anything what it cannot say', async (t) => {
  t.strictSame(
    customSchemaV2({
      type: 'object',
      required: ['a', 'b'],
      properties: {
        a: { ...text, nullable: true },
        b: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { c: text } },
        d: { ...text, default: 'x', oneOf: [{ minLength: 1 }] },
      },
    }),
    {
      type: 'object',
      required: ['b'],
      properties: {
        a: {},
        b: { 'x-kubernetes-preserve-unknown-fields': true, type: 'object' },
        d: { type: 'string' },
      },
    },
  );
});

function definition(plural: string, kind: string, shortNames: string[] = []): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: 'example.com',
      scope: 'Cluster',
      names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List`, shortNames },
      versions: [],
    },
    status: { acceptedNames: { plural: '', kind: '' }, conditions: [] },
  } as unknown as CustomResourceDefinition;
}

void t.test('names belong to who has them first', async (t) => {
  const now = '2026-01-01T00:00:00Z';
  const first = definition('foos', 'Foo', ['f']);
  const accepted = { ...first, status: decideNames(first, [first], now) };
  t.strictSame(accepted.status.acceptedNames, first.spec.names);
  t.strictSame(
    accepted.status.conditions?.map(({ type, status }) => `${type}=${status}`),
    ['NamesAccepted=True', 'Established=True'],
  );
  t.equal(decideNames(accepted, [accepted], '2027-01-01T00:00:00Z'), accepted.status, 'nothing to do');

  const second = definition('bars', 'Foo', ['f', 'b']);
  const refused = decideNames(second, [accepted, second], now);
  t.match(refused.conditions, [
    {
      type: 'NamesAccepted',
      status: 'False',
      reason: 'ShortNamesConflict',
      message: '"f" is already in use',
    },
    { type: 'Established', status: 'False', reason: 'NotAccepted' },
  ]);
  t.equal(refused.acceptedNames?.kind, '');
  t.equal(
    decideNames({ ...second, status: refused }, [second], now).conditions?.[1]?.status,
    'True',
    'the other has gone',
  );

  const renamed = {
    ...accepted,
    spec: { ...accepted.spec, names: { ...accepted.spec.names, shortNames: ['f', 'b'] } },
  };
  const other = definition('bars', 'Bar', ['b']);
  const kept = decideNames(renamed, [renamed, { ...other, status: decideNames(other, [], now) }], now);
  t.strictSame(kept.acceptedNames?.shortNames, ['f'], 'keeps what it had');
  t.equal(kept.conditions?.[1]?.status, 'True', 'and is served on');
});

void t.test('the most stable version comes first', async (t) => {
  const versions = ['foo1', 'v1beta1', 'v10', 'v1alpha2', 'v2', 'v1beta10', 'v11beta2', 'v1', 'foo10'];
  t.strictSame(versions.sort(compareVersions), [
    'v10',
    'v2',
    'v1',
    'v11beta2',
    'v1beta10',
    'v1beta1',
    'v1alpha2',
    'foo1',
    'foo10',
  ]);
});
