/** Long YAML is read beside the event loop. */
import t from 'tap';
import { parseYamlBody } from '../../../apiserver/http/body.js';
import { parseYaml } from '../../../apiserver/http/parse-yaml.js';

const line = 'key: a value of some length that is read\n';
const long = (bytes: number): Buffer => {
  const count = Math.floor(bytes / (line.length + 8));
  return Buffer.from(Array.from({ length: count }, (_, index) => `k${index}${line}`).join(''));
};

void t.test('the loop turns while a long body is read', async (t) => {
  const bytes = long(600_000);
  let turns = 0;
  let isRead = false;
  const count = (): void => {
    turns++;
    if (!isRead) setImmediate(count);
  };
  setImmediate(count);
  const { value } = await parseYamlBody(bytes);
  isRead = true;
  t.ok(turns > 10, `${turns} turns`);
  t.strictSame(value, parseYaml(bytes).value);
});

void t.test('answers are those of a short body', async (t) => {
  const padding = `${'#'.repeat(20_000)}\n`;
  const read = (text: string) => parseYamlBody(Buffer.from(padding + text));
  const twice = await read('__proto__: {x: 1}\na: 1\na: 2\n');
  t.strictSame(Object.keys(twice.value as object), ['__proto__', 'a']);
  t.strictSame(twice.duplicates?.(), ['line 4: key "a" already set in map']);
  await t.rejects(read('a: [1\nb: 2'), { code: 400, message: /^yaml: .* at line \d+/ });
  await t.rejects(read('? [1]\n: 2\n'), { code: 400, message: /a list cannot be a key/ });
});

void t.test('several wait for each other, and too many are told to come again', async (t) => {
  const body = long(24_000);
  const results = await Promise.allSettled(Array.from({ length: 50 }, () => parseYamlBody(body)));
  const refused = results.filter(({ status }) => status === 'rejected');
  t.equal(results.length - refused.length, 33, 'one that is read and those that may wait');
  for (const one of refused) t.match(one, { reason: { code: 429, details: { retryAfterSeconds: 1 } } });
});
