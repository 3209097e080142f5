/** The functions and macros that Kubernetes knows and plain CEL does not, by expressions that hold and expressions that fail. */
import t from 'tap';
import {
  CelCompileError,
  CelRuntimeError,
  compileExpression,
  createEnvironment,
} from '../../../api/cel/expression.js';

const environment = createEnvironment()
  .registerVariable('items', 'list<int>')
  .registerVariable('table', 'map<string, int>')
  .registerVariable('free', 'dyn');
const variables = { items: [3n, 1n, 2n], table: { a: 1n, b: 2n }, free: { n: 1n, none: null, words: ['x'] } };

function evaluate(text: string): unknown {
  return compileExpression(environment, text).evaluate(variables);
}

const holds: Readonly<Record<string, readonly string[]>> = {
  optionals: [
    'table.?a.optMap(v, v + 1) == optional.of(2)',
    '!table.?z.optMap(v, v + 1).hasValue()',
    'table.?z.optMap(v, v + 1).orValue(7) == 7',
    'table.?a.optFlatMap(v, table.?b.optMap(w, v + w)).value() == 3',
    '!table.?a.optFlatMap(v, table.?z).hasValue()',
    'table.?a.optMap(items, items * 10).orValue(0) == 10 && items[0] == 3',
    'free.?words.optMap(w, w.size()).orValue(0) == 1',
    '!optional.ofNonZeroValue("").hasValue() && optional.ofNonZeroValue(items).hasValue()',
    'items[?9].orValue(5) == 5 && optional.none().or(optional.of(1)).value() == 1',
  ],
  'two variables': [
    'items.all(i, v, i < 3 && v > 0) && !items.all(i, v, v > 1)',
    'items.exists(i, v, i == 0 && v == 3) && table.exists(k, v, k == "b" && v == 2)',
    'items.existsOne(i, v, v > 2) && !table.existsOne(k, v, v > 0)',
    'items.transformList(i, v, i + v) == [3, 2, 4]',
    'items.transformList(i, v, v > 1, v * 10) == [30, 20]',
    'table.transformMap(k, v, v + 1) == {"a": 2, "b": 3}',
    'table.transformMap(k, v, k != "a", v)["b"] == 2 && table.transformMap(k, v, k != "a", v).size() == 1',
    'table.transformMapEntry(k, v, {k + "!": v}) == {"a!": 1, "b!": 2}',
    'items.transformMapEntry(i, v, i > 0, {string(v): i}) == {"1": 1, "2": 2}',
    'free.words.all(i, w, w == "x" && i == 0)',
    'items.all(i, v, items.exists(j, w, w == v && i == j))',
    'items.exists(i, v, v == 2 || 1 / (v - 3) > 9)',
  ],
  addresses: [
    'ip("::ffff") == ip("0:0::ffff") && string(ip("2001:DB8::1")) == "2001:db8::1"',
    'ip.isCanonical("127.0.0.1") && !ip.isCanonical("2001:DB8::1")',
    'ip("0.0.0.0").isUnspecified() && ip("::").isUnspecified() && !ip("::1").isUnspecified()',
    'ip("127.1.2.3").isLoopback() && ip("::1").isLoopback() && !ip("1::1").isLoopback()',
    'ip("224.0.0.1").isLinkLocalMulticast() && ip("ff02::1").isLinkLocalMulticast()',
    'ip("169.254.1.1").isLinkLocalUnicast() && ip("fe80::1").isLinkLocalUnicast()',
    'ip("8.8.8.8").isGlobalUnicast() && !ip("255.255.255.255").isGlobalUnicast() && ip("10.0.0.1").isGlobalUnicast()',
    '!isIP("::ffff:1.2.3.4") && !isIP("01.2.3.4") && isIP("1.2.3.4") && ip("::1").family() == 6',
    'cidr("192.168.0.0/24").containsIP("192.168.0.9") && !cidr("192.168.0.0/24").containsIP(ip("192.168.1.9"))',
    'cidr("10.0.0.0/8").containsCIDR("10.1.0.0/16") && !cidr("10.1.0.0/16").containsCIDR(cidr("10.0.0.0/8"))',
    'cidr("2001:db8::/32").containsIP("2001:db8::1") && !cidr("::/0").containsIP("1.2.3.4")',
    'cidr("192.168.1.7/20").masked() == cidr("192.168.0.0/20") && cidr("::1/128").prefixLength() == 128',
    'string(cidr("192.168.1.7/24").masked()) == "192.168.1.0/24" && cidr("1.2.3.4/8").ip() == ip("1.2.3.4")',
    'isCIDR("::/0") && !isCIDR("1.2.3.4/33") && !isCIDR("1.2.3.4/08") && !isCIDR("1.2.3.4")',
  ],
  'semantic versions': [
    'semver("1.2.3").major() == 1 && semver("1.2.3").minor() == 2 && semver("1.2.3").patch() == 3',
    'semver("1.2.3").isLessThan(semver("1.10.0")) && semver("1.0.0").isGreaterThan(semver("1.0.0-rc.1"))',
    'semver("1.0.0-alpha.2").compareTo(semver("1.0.0-alpha.10")) == -1 && semver("1.0.0-1").isLessThan(semver("1.0.0-a"))',
    'semver("1.0.0+build") == semver("1.0.0") && semver("1.0.0-a").isLessThan(semver("1.0.0-a.1"))',
    'isSemver("1.2.3-x+y") && !isSemver("1.2") && !isSemver("v1.2.3") && !isSemver("01.2.3")',
    'isSemver("v1.2", true) && semver("v01.2", true) == semver("1.2.0") && !isSemver("1.2.3.4", true)',
  ],
  formats: [
    '!format.dns1123Label().validate("my-name").hasValue()',
    'format.dns1123Label().validate("My Name").hasValue()',
    'format.named("uuid").value().validate("x").value() == ["does not match the UUID format"]',
    '!format.named("nothing").hasValue() && format.named("date").value() == format.date()',
    '!format.dns1123LabelPrefix().validate("abc-").hasValue() && format.labelValue().validate("-").hasValue()',
  ],
};

void t.test('what holds', async (t) => {
  for (const [topic, expressions] of Object.entries(holds))
    for (const text of expressions) t.equal(evaluate(text), true, `${topic}: ${text}`);
});

void t.test('what has no value', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['ip("1.2.3").isLoopback()', /^IP Address "1\.2\.3" parse error during conversion from string$/],
    ['cidr("1.2.3.4").prefixLength() == 1', /^network address parse error/],
    ['semver("1.2").major() == 1', /^semver parse error/],
    ['items.all(i, v, 1 / (v - 3) <= 0)', /^division by zero$/],
    ['items.transformMapEntry(i, v, {"same": v}).size() == 1', /^insert failed: key same already exists$/],
  ];
  for (const [text, message] of cases)
    t.throws(() => evaluate(text), { name: CelRuntimeError.name, message }, text);
});

void t.test('what is no expression', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['items.all(i, 1 + 1, true)', /variable name must be a simple identifier/],
    ['items.all(i, i, true)', /duplicate variable name: i/],
    ['items.all(i, v, v)', /all\(\) expression must be bool, got 'int'/],
    ['items.transformMapEntry(i, v, v)', /expression must be map/],
    ['items.optMap(v, v)', /found no matching overload for 'optMap'/],
    ['table.?a.optFlatMap(v, v)', /expression must be optional/],
    ['"text".all(i, v, true)', /cannot be range of a comprehension/],
    ['table.?a.optMap(v, v + "x")', /no such overload/],
  ];
  for (const [text, message] of cases)
    t.throws(() => compileExpression(environment, text), { name: CelCompileError.name, message }, text);
});

void t.test('types that macros give', async (t) => {
  const types: readonly (readonly [string, string])[] = [
    ['table.?a.optMap(v, string(v))', 'optional<string>'],
    ['table.transformMap(k, v, v > 1)', 'map<string, bool>'],
    ['items.transformList(i, v, string(v))', 'list<string>'],
    ['items.all(i, v, true)', 'bool'],
  ];
  for (const [text, type] of types) t.equal(compileExpression(environment, text).type, type, text);
});
