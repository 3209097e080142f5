/** What rules cost: estimates from schemas, the limits of a definition, and what evaluations are charged. */
import t from 'tap';
import {
  CelCostError,
  compileExpression,
  CostMeter,
  createEnvironment,
} from '../../../api/cel/expression.js';
import { checkRuleCosts } from '../../../api/custom-resources/check-costs.js';
import { compileRulesOf, SchemaRules } from '../../../api/custom-resources/rules.js';
import { compileSchema } from '../../../api/custom-resources/schema-node.js';
import { boundsOf } from '../../../api/custom-resources/size-bounds.js';
import { Violations } from '../../../api/field-path.js';
import type { JSONSchemaProps } from '../../../api/generated/apiextensions-v1.js';

function estimated(schema: JSONSchemaProps, rule: string): number | undefined {
  const node = compileSchema({ ...schema, 'x-kubernetes-validations': [{ rule }] });
  const bounds = boundsOf(node);
  const [compiled] = compileRulesOf(node, false, []).rules;
  return compiled?.condition.estimateCost(new Map([['self', bounds]]));
}

const list = (items: JSONSchemaProps, maxItems?: number): JSONSchemaProps => ({
  type: 'array',
  items,
  ...(maxItems === undefined ? {} : { maxItems }),
});
const map = (additionalProperties: JSONSchemaProps, maxProperties?: number): JSONSchemaProps => ({
  type: 'object',
  additionalProperties,
  ...(maxProperties === undefined ? {} : { maxProperties }),
});
const text = (maxLength?: number): JSONSchemaProps => ({
  type: 'string',
  ...(maxLength === undefined ? {} : { maxLength }),
});
const number: JSONSchemaProps = { type: 'number' };
const object = (properties: Record<string, JSONSchemaProps>): JSONSchemaProps => ({
  type: 'object',
  properties,
});

void t.test('estimates are those of Kubernetes', async (t) => {
  const cases: readonly (readonly [JSONSchemaProps, string, number])[] = [
    [list(number), 'self.all(x, true)', 4_718_591],
    [list(number, 10), 'self.all(x, true)', 32],
    [list(text()), 'self.all(x, true)', 3_145_727],
    [list({ type: 'boolean' }), 'self.all(x, true)', 1_887_437],
    [list(number, 10), 'self.exists(x, true)', 42],
    [list(number, 10), 'self.exists_one(x, true)', 23],
    [list(number, 10), 'self.map(x, x) == self', 144],
    [map(number, 10), 'self.all(x, true)', 32],
    [map(number), 'self.all(x, true)', 1_348_169],
    [list(list(number, 10), 10), 'self.all(x, x.all(y, true))', 352],
    [text(), "self.contains('test')", 314_574],
    [text(5), "self.contains('test')", 3],
    [text(), 'self.matches("[0-9]+")', 629_147],
    [text(5), 'self.startsWith("abc")', 2],
    [object({ a: { type: 'integer' } }), 'self.a > 1', 3],
    [object({ a: text(10), b: text(10) }), 'self.a == self.b', 8],
    [object({ a: text(10), b: text(10) }), 'has(self.a) && self.a != "x" ? true : self.b == ""', 7],
    [list(text(10), 10), '"x" in self', 11],
    [list(number, 10), 'self.all(i, v, true)', 32],
    [list(number, 10), 'self.transformList(i, v, v).size() == 10', 144],
    [list(number, 10), 'cel.bind(n, self.size(), n < 20)', 14],
  ];
  for (const [schema, rule, cost] of cases) t.equal(estimated(schema, rule), cost, rule);
});

void t.test('what an evaluation costs is no more than was estimated', async (t) => {
  const schema = object({
    items: list(number, 5),
    names: list(text(10), 5),
    table: map(text(10), 5),
    word: text(20),
    count: { type: 'integer' },
  });
  const value = {
    items: [1, 2, 3, 4, 5],
    names: ['abc', 'def'],
    table: { a: 'x', b: 'y' },
    word: 'hello world',
    count: 3,
  };
  // The rule, and what it is charged: by hand, from what each of its parts costs.
  const cases: readonly (readonly [string, number])[] = [
    ['self.count > 1', 3],
    ['self.items.all(x, x > 0.0)', 28],
    ['self.items.exists(x, x > 4.0)', 33],
    ['self.items.exists_one(x, x > 4.0)', 20],
    ['self.items.map(x, x + 1.0).size() == 5', 85],
    ['self.items.filter(x, x > 3.0).size() == 2', 54],
    ['self.names.all(n, n.matches("^[a-z]+$"))', 15],
    ['self.word.contains("wor") && self.word.startsWith("hello")', 8],
    ['self.word.replace("l", "L") == "heLLo worLd"', 7],
    ['self.table.all(k, self.table[k] != "")', 17],
    ['has(self.word) && self.word.size() > 3', 6],
    ['self.names.transformList(i, n, n + "!").size() == 2', 43],
    ['self.items.all(i, x, x > 0.0 && i < 9)', 38],
    ['self.?word.orValue("") != ""', 3],
    ['self.?word.optMap(w, w.size()).orValue(0) == 11', 19],
    ['cel.bind(n, self.count, n + n == 6)', 16],
    ['[1, 2].sum() == 3 && {"a": 1}.size() == 1', 45],
    ['self.names.join("").size() == 6', 6],
    ['cidr("10.0.0.0/8").containsIP("10.1.1.1") && ip("::1").isLoopback()', 5],
  ];
  for (const [rule, cost] of cases) {
    const node = compileSchema({ ...schema, 'x-kubernetes-validations': [{ rule }] });
    const { type, rules } = compileRulesOf(node, false, []);
    const meter = new CostMeter(10_000);
    t.equal(rules[0]?.condition.evaluate({ self: type.convert(value) }, meter), true, rule);
    t.equal(meter.cost, cost, `costs of ${rule}`);
    const most = rules[0]?.condition.estimateCost(new Map([['self', boundsOf(node)]])) ?? 0;
    t.ok(meter.cost <= most, `${String(meter.cost)} is within ${String(most)}`);
  }
});

const spec = (rules: readonly object[], more: JSONSchemaProps = {}): JSONSchemaProps =>
  object({
    spec: { ...object({ list: list(text()) }), 'x-kubernetes-validations': rules as never, ...more },
  });
const hint =
  '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)';

function problems(schema: JSONSchemaProps): readonly string[] {
  const violations = new Violations();
  checkRuleCosts(compileSchema(schema), 's', violations);
  return violations.causes.map(({ field, message }) => `${field ?? ''}: ${message ?? ''}`);
}

void t.test('what a definition may cost', async (t) => {
  const rule = 's.properties[spec].x-kubernetes-validations[0].rule';
  t.strictSame(problems(spec([{ rule: 'self.list.all(x, true)' }])), []);
  const quadratic = { rule: 'self.list.all(x, self.list.all(y, x == y))' };
  t.strictSame(problems(spec([quadratic])), [
    `${rule}: Forbidden: estimated rule cost exceeds budget by factor of more than 100x ${hint}`,
    `${rule}: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`,
    `s: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x ${hint}`,
  ]);
  const bounded = object({ list: list(text(10), 20) });
  t.strictSame(problems(spec([quadratic], bounded)), [], 'bounds help');
  const simple = { rule: 'self.list.all(x, x > "a" && x < "b")' };
  t.strictSame(problems(spec([simple], object({ list: list(text(30), 1_800_000) }))), [
    `${rule}: Forbidden: estimated rule cost exceeds budget by factor of 1.260000x ${hint}`,
  ]);
  t.strictSame(problems(spec([simple], object({ list: list(text(30), 3_000_000) }))), [
    `${rule}: Forbidden: estimated rule cost exceeds budget by factor of 2.1x ${hint}`,
  ]);
  const many = Array.from({ length: 12 }, () => simple);
  const total = problems(spec(many, object({ list: list(text(30), 1_400_000) })));
  t.equal(total.length, 5, 'four of them are named, and the sum');
  t.match(total.at(-1), /exceeds budget by factor of 1\.176000x/);
  const message = problems(
    spec([{ rule: 'true', messageExpression: 'self.list.map(x, self.list.join("")).join("")' }]),
  );
  t.match(
    message[0],
    /^s\.properties\[spec\]\.x-kubernetes-validations\[0\]\.messageExpression: Forbidden: estimated messageExpression cost exceeds/,
  );
});

void t.test('a rule counts as often as its value can be there', async (t) => {
  const within = (maxItems?: number): JSONSchemaProps =>
    object({
      list: list(
        {
          ...text(100),
          'x-kubernetes-validations': [{ rule: 'self.matches("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")' }],
        },
        maxItems,
      ),
    });
  const [unbounded] = problems(within());
  t.match(
    unbounded,
    /^s\.properties\[list\]\.items\.x-kubernetes-validations\[0\]\.rule: Forbidden: estimated rule cost exceeds budget by factor of \d+\.\dx/,
  );
  t.strictSame(problems(within(1_000)), []);
});

void t.test('an evaluation that costs too much ends, and no further rule is looked at', async (t) => {
  const refused = (rules: readonly object[], value: object): readonly string[] => {
    const violations = new Violations();
    new SchemaRules(compileSchema(spec(rules))).validate({ spec: value }, undefined, violations);
    return violations.causes.map(({ field, message }) => `${field ?? ''}: ${message ?? ''}`);
  };
  const large = { list: Array.from({ length: 1_000 }, (_, index) => String(index)) };
  const quadratic = 'self.list.all(x, self.list.exists(y, x == y))';
  t.strictSame(refused([{ rule: quadratic }, { rule: 'false' }], large), [
    `spec: Invalid value: "object": 'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost exceeds limit for rule: ${quadratic}`,
  ]);
  const half = { list: large.list.slice(0, 450) };
  t.strictSame(
    refused(
      Array.from({ length: 12 }, () => ({ rule: quadratic })),
      half,
    ),
    [],
    'within the budget',
  );
  t.strictSame(
    refused(
      Array.from({ length: 24 }, () => ({ rule: quadratic })),
      half,
    ),
    [
      'spec: Invalid value: "object": validation failed due to running out of cost budget, no further validation rules will be run',
    ],
  );
  t.strictSame(
    refused([{ rule: 'false', messageExpression: `${quadratic} ? "a" : "b"` }, { rule: 'false' }], large),
    [
      `spec: Invalid value: "object": no further validation rules will be run due to call cost exceeds limit for messageExpression: ${JSON.stringify(`${quadratic} ? "a" : "b"`)}`,
    ],
  );
});

void t.test('an error that a loop or an alternative swallows is told nevertheless', async (t) => {
  const environment = createEnvironment().registerVariable('numbers', 'list<int>');
  const numbers = Array.from({ length: 100 }, (_, index) => BigInt(index));
  for (const text of [
    'numbers.exists(x, x == 99) || true',
    'numbers.all(x, x < 50) || numbers.exists(x, x == 1)',
  ]) {
    const expression = compileExpression(environment, text);
    t.equal(expression.evaluate({ numbers }, new CostMeter(10_000)), true);
    t.throws(() => expression.evaluate({ numbers }, new CostMeter(100)), { name: CelCostError.name });
    t.equal(expression.evaluate({ numbers }), true, 'nobody counts without a meter');
  }
});
