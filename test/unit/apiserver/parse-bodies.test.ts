/** Bodies in JSON and YAML: the place of a mistake, and what would harm whoever reads them. */
import t from 'tap';
import { parseYaml } from '../../../apiserver/http/parse-yaml.js';
import { findJsonError, maxNestingDepth, parseJson } from '../../../apiserver/http/parse-json.js';

const json = (text: string | Buffer) => parseJson(Buffer.from(text as string)).value;
const yaml = (text: string) => parseYaml(Buffer.from(text));

void t.test('where a text stops being JSON', async (t) => {
  const cases: readonly (readonly [string, number])[] = [
    ['{"a":}', 5],
    ['{"a" 1}', 5],
    ['[1,]', 3],
    ['{"a":1', 6],
    ['"\\x"', 1],
    ['01', 0],
    ['{"a":1}}', 7],
    ['tru e', 0],
    ['{"a":1,}', 7],
    [' ', 1],
    ['[1 2]', 3],
    ['1.', 0],
    ['{"\u0001":1}', 2],
    ['{"a":{"b":[1,{"c":"d}]}}', 24],
    ['[}', 1],
  ];
  for (const [text, offset] of cases) {
    t.throws(() => JSON.parse(text) as unknown, text);
    t.equal(findJsonError(text), offset, text);
  }
  for (const text of ['{}', ' [ ] ', '[1,{"a":[]}]', '"a\\u0041\\""', '-1.5e+5', 'null', '{"a":true}']) {
    JSON.parse(text);
    t.equal(findJsonError(text), text.length, text);
  }
  t.throws(() => json('{"a":}'), { code: 400, message: /invalid character "}" at offset 5/ });
  t.throws(() => json('{"a":'), { message: /unexpected end of JSON input at offset 5/ });
});

void t.test('bytes that are no UTF-8', async (t) => {
  const bytes = Buffer.concat([Buffer.from('{"a":"ü'), Buffer.from([0xff]), Buffer.from('"}')]);
  t.throws(() => json(bytes), { code: 400, message: /not valid UTF-8 near byte \d+/ });
  t.strictSame(json('{"a":"ü𝄞"}'), { a: 'ü𝄞' });
});

void t.test('nesting has an end', async (t) => {
  const nested = (depth: number) => `${'[{"a":'.repeat(depth / 2)}0${'}]'.repeat(depth / 2)}`;
  t.ok(json(nested(maxNestingDepth)));
  t.throws(() => json(nested(maxNestingDepth + 2)), { code: 400, message: /exceeded max depth/ });
  t.ok(json(JSON.stringify({ text: '['.repeat(5000) })), 'brackets in a text are none');
  t.throws(() => yaml('['.repeat(3 << 20)), { code: 400, message: /exceeded max depth/ });
  t.throws(() => yaml('- '.repeat(1 << 20)), { code: 400, message: /exceeded max depth/ });
  t.throws(() => yaml('{a: '.repeat(1 << 19)), { code: 400, message: /exceeded max depth/ });
  t.strictSame(yaml(`a: |\n  ${'['.repeat(5000)}\n`).value, { a: `${'['.repeat(5000)}\n` });
});

void t.test('YAML is read as Kubernetes reads it', async (t) => {
  const { value } = yaml('a: yes\nb: 0644\nc: 12:30:45\nd: 2020-01-01\ne: &e {f: 1}\ng: {<<: *e, h: 2}\n');
  t.strictSame(value, { a: true, b: 0o644, c: '12:30:45', d: '2020-01-01', e: { f: 1 }, g: { f: 1, h: 2 } });
  const twice = yaml('a: 1\nb:\n  c: 2\n  c: 3\na: 4\n');
  t.strictSame(twice.value, { a: 4, b: { c: 3 } });
  t.strictSame(twice.duplicates(), [
    'line 5: key "a" already set in map',
    'line 4: key "c" already set in map',
  ]);
  t.throws(() => yaml('a: [1\nb: 2'), { code: 400, message: /^yaml: .* at line \d+/ });
  t.throws(() => yaml('a: 1\n---\nb: 2\n'), { code: 400, message: /multiple documents/ });
});

void t.test('YAML bombs', async (t) => {
  const levels = 'bcdefghi'.split('').map((name, index) => {
    const inner = `*${'abcdefgh'[index] ?? ''}`;
    return `${name}: &${name} [${Array.from({ length: 9 }, () => inner).join(',')}]`;
  });
  t.throws(() => yaml(`a: &a [x,x,x,x,x,x,x,x,x]\n${levels.join('\n')}`), { code: 400, message: /alias/i });
  t.throws(() => yaml('a: &a\n  b: *a\n'), { code: 400 }, 'a value inside of itself');
  const aliases = Array.from({ length: 101 }, () => '*a').join(',');
  t.throws(() => yaml(`a: &a x\nb: [${aliases}]\n`), { code: 400, message: /more than 100 aliases/ });
});

void t.test('keys that are no texts', async (t) => {
  const printed: Error[] = [];
  const listen = (warning: Error): unknown => printed.push(warning);
  process.on('warning', listen);
  t.teardown(() => process.off('warning', listen));
  const cases: readonly (readonly [string, RegExp])[] = [
    ['a: 1\n? {b: c}\n: 2\n', /invalid map key at line 2, column 3: a mapping cannot be a key/],
    ['? [1, 2]\n: 3\n', /line 1, column 3: a list cannot be a key/],
    ['a: {[x]: 1}\n', /line 1, column 5: a list cannot be a key/],
    ['a: &a {b: c}\nd:\n  *a : 1\n', /line 3, column 3: a mapping cannot be a key/],
  ];
  for (const [text, message] of cases) t.throws(() => yaml(text), { code: 400, message }, text);
  t.strictSame(yaml('1: a\ntrue: b\n').value, { 1: 'a', true: 'b' });
  await new Promise((resolve) => setImmediate(resolve));
  t.strictSame(printed, []);
});

void t.test('keys that name what every object has', async (t) => {
  for (const value of [
    json('{"__proto__":{"x":1},"constructor":2}'),
    yaml('__proto__: {x: 1}\nconstructor: 2\n').value,
  ]) {
    t.strictSame(Object.keys(value as object), ['__proto__', 'constructor']);
    t.equal(Object.getPrototypeOf(value), Object.prototype);
  }
});
