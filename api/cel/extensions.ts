/** The functions that Kubernetes adds to CEL: strings, lists, sets, regular expressions, quantities, addresses and URLs. */
import type { Environment } from '@marcbachmann/cel-js';
import {
  compareQuantities,
  addQuantities,
  subtractQuantities,
  parseQuantity,
  quantityToNumber,
} from '../quantity.js';
import { compilePattern, compileRe2 } from '../regular-expression.js';
import { registerAddresses } from './addresses.js';
import { registerMacros } from './macros.js';
import { registerNamedFormats } from './named-formats.js';
import { sameValue } from './same-value.js';
import { registerSemanticVersions } from './semantic-versions.js';

/** An argument of a function: the type checker has looked at it. */
type Value = never;

export function registerExtensions(environment: Environment): void {
  registerStrings(environment);
  registerLists(environment);
  registerQuantities(environment);
  registerAddresses(environment);
  registerUrls(environment);
  registerSemanticVersions(environment);
  registerNamedFormats(environment);
  registerMacros(environment);
}

function registerStrings(environment: Environment): void {
  const add = (signature: string, handler: (...values: Value[]) => unknown): void => {
    environment.registerFunction(signature, handler);
  };
  add('string.matchesRe2(string): bool', (text: string, pattern: string) =>
    compilePattern(pattern).test(text),
  );
  add('string.charAt(int): string', (text: string, at: bigint) => {
    const characters = Array.from(text);
    if (at < 0n || at > BigInt(characters.length)) throw new RangeError(`index out of range: ${String(at)}`);
    return characters[Number(at)] ?? '';
  });
  add('string.replace(string, string): string', (text: string, from: string, to: string) =>
    text.replaceAll(from, () => to),
  );
  add(
    'string.replace(string, string, int): string',
    (text: string, from: string, to: string, count: bigint) => replaceSome(text, from, to, Number(count)),
  );
  add('string.reverse(): string', (text: string) => Array.from(text).reverse().join(''));
  add('string.format(list<dyn>): string', (text: string, values: readonly unknown[]) => format(text, values));
  add('string.find(string): string', (text: string, pattern: string) => findAll(text, pattern, 1)[0] ?? '');
  add('string.findAll(string): list<string>', (text: string, pattern: string) => findAll(text, pattern, -1));
  add('string.findAll(string, int): list<string>', (text: string, pattern: string, count: bigint) =>
    findAll(text, pattern, Number(count)),
  );
}

function replaceSome(text: string, from: string, to: string, count: number): string {
  if (count < 0) return text.replaceAll(from, () => to);
  const parts = text.split(from);
  const replaced = Math.min(count, parts.length - 1);
  return (
    parts.slice(0, replaced + 1).join(to) +
    parts
      .slice(replaced + 1)
      .map((part) => from + part)
      .join('')
  );
}

function findAll(text: string, pattern: string, count: number): string[] {
  const found: string[] = [];
  const matcher = compileRe2(pattern).matcher(text);
  while ((count < 0 || found.length < count) && matcher.find()) found.push(matcher.group() ?? '');
  return found;
}

/** `%s`, `%d`, `%f`, `%.2f`, `%e`, `%b`, `%x`, `%X`, `%o` and `%%`. */
function format(text: string, values: readonly unknown[]): string {
  let next = 0;
  return text.replaceAll(/%(?:\.(\d+))?([a-zA-Z%])/g, (_, precision: string | undefined, verb: string) => {
    if (verb === '%') return '%';
    if (next >= values.length) throw new RangeError(`index ${String(next)} out of range`);
    return formatOne(verb, values[next++], precision === undefined ? 6 : Number(precision));
  });
}

function formatOne(verb: string, value: unknown, precision: number): string {
  switch (verb) {
    case 's':
      return textOf(value);
    case 'd':
      return textOf(value);
    case 'f':
      return Number(value).toFixed(precision);
    case 'e':
      return Number(value)
        .toExponential(precision)
        .replace(/e([+-])(\d)$/, 'e$10$2');
    case 'b':
      return integerOf(value).toString(2);
    case 'o':
      return integerOf(value).toString(8);
    case 'x':
    case 'X': {
      const hex =
        typeof value === 'string' ? Buffer.from(value).toString('hex') : integerOf(value).toString(16);
      return verb === 'X' ? hex.toUpperCase() : hex;
    }
    default:
      throw new RangeError(`unrecognized formatting clause "${verb}"`);
  }
}

function integerOf(value: unknown): bigint {
  return typeof value === 'boolean' ? BigInt(value) : (value as bigint);
}

function textOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return value;
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z');
  if (Array.isArray(value)) return `[${value.map(textOf).join(', ')}]`;
  if (value instanceof Map)
    return `{${[...value].map(([key, item]) => `${textOf(key)}: ${textOf(item)}`).join(', ')}}`;
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype)
    return `{${Object.entries(value)
      .map(([key, item]) => `${key}: ${textOf(item)}`)
      .join(', ')}}`;
  return typeof value === 'bigint' ? value.toString() : JSON.stringify(value);
}

type Ordered = bigint | number | string;

function registerLists(environment: Environment): void {
  const add = (signature: string, handler: (...values: Value[]) => unknown): void => {
    environment.registerFunction(signature, handler);
  };
  add('list.isSorted(): bool', (list: readonly Ordered[]) =>
    list.every((one, index) => index === 0 || (list[index - 1] ?? one) <= one),
  );
  for (const type of ['int', 'double', 'uint', 'string', 'dyn']) {
    add(`list<${type}>.min(): ${type}`, (list: readonly Ordered[]) => extreme(list, (a, b) => a < b, 'min'));
    add(`list<${type}>.max(): ${type}`, (list: readonly Ordered[]) => extreme(list, (a, b) => a > b, 'max'));
  }
  add('list<int>.sum(): int', (list: readonly bigint[]) => list.reduce((sum, one) => sum + one, 0n));
  add('list<double>.sum(): double', (list: readonly number[]) => list.reduce((sum, one) => sum + one, 0));
  add('list.indexOf(dyn): int', (list: readonly unknown[], value: unknown) =>
    BigInt(list.findIndex((one) => sameValue(one, value))),
  );
  add('list.lastIndexOf(dyn): int', (list: readonly unknown[], value: unknown) =>
    BigInt(list.findLastIndex((one) => sameValue(one, value))),
  );
  add('list.distinct(): list', (list: readonly unknown[]) =>
    list.filter((one, index) => list.findIndex((other) => sameValue(one, other)) === index),
  );
  environment.registerType('Sets', { ctor: Sets, fields: {} });
  environment.registerConstant('sets', 'Sets', new Sets());
  const contains = (list: readonly unknown[], part: readonly unknown[]): boolean =>
    part.every((one) => list.some((other) => sameValue(one, other)));
  add('Sets.contains(list, list): bool', (_: Sets, a: unknown[], b: unknown[]) => contains(a, b));
  add(
    'Sets.equivalent(list, list): bool',
    (_: Sets, a: unknown[], b: unknown[]) => contains(a, b) && contains(b, a),
  );
  add('Sets.intersects(list, list): bool', (_: Sets, a: unknown[], b: unknown[]) =>
    a.some((one) => contains(b, [one])),
  );
}

/** The name before `sets.contains(…)`. */
class Sets {
  readonly name = 'sets';
}

function extreme(
  list: readonly Ordered[],
  isBetter: (a: Ordered, b: Ordered) => boolean,
  name: string,
): Ordered {
  const [first] = list;
  if (first === undefined) throw new RangeError(`${name} called on empty list`);
  return list.reduce((best, one) => (isBetter(one, best) ? one : best), first);
}

class QuantityValue {
  readonly text: string;
  constructor(text: string) {
    parseQuantity(text);
    this.text = text;
  }
}

function registerQuantities(environment: Environment): void {
  const add = (signature: string, handler: (...values: Value[]) => unknown): void => {
    environment.registerFunction(signature, handler);
  };
  environment.registerType('Quantity', { ctor: QuantityValue, fields: {} });
  add('quantity(string): Quantity', (text: string) => orRefuse(() => new QuantityValue(text)));
  add('isQuantity(string): bool', (text: string) => succeeds(() => parseQuantity(text)));
  const compare = (a: QuantityValue, b: QuantityValue): number => compareQuantities(a.text, b.text);
  add('Quantity.compareTo(Quantity): int', (a: QuantityValue, b: QuantityValue) =>
    BigInt(Math.sign(compare(a, b))),
  );
  add('Quantity.isGreaterThan(Quantity): bool', (a: QuantityValue, b: QuantityValue) => compare(a, b) > 0);
  add('Quantity.isLessThan(Quantity): bool', (a: QuantityValue, b: QuantityValue) => compare(a, b) < 0);
  add(
    'Quantity.add(Quantity): Quantity',
    (a: QuantityValue, b: QuantityValue) => new QuantityValue(addQuantities(a.text, b.text)),
  );
  add(
    'Quantity.sub(Quantity): Quantity',
    (a: QuantityValue, b: QuantityValue) => new QuantityValue(subtractQuantities(a.text, b.text)),
  );
  add('Quantity.sign(): int', ({ text }: QuantityValue) => BigInt(Math.sign(compareQuantities(text, '0'))));
  add('Quantity.isInteger(): bool', ({ text }: QuantityValue) => Number.isInteger(quantityToNumber(text)));
  add('Quantity.asInteger(): int', ({ text }: QuantityValue) =>
    orRefuse(() => BigInt(quantityToNumber(text))),
  );
  add('Quantity.asApproximateFloat(): double', ({ text }: QuantityValue) => quantityToNumber(text));
  environment.registerOperator(
    'Quantity == Quantity',
    (a: QuantityValue, b: QuantityValue) => compare(a, b) === 0,
  );
}

function orRefuse<T>(make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw new RangeError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function succeeds(what: () => unknown): boolean {
  try {
    what();
    return true;
  } catch {
    return false;
  }
}

class UrlValue {
  readonly url: URL;
  constructor(url: URL) {
    this.url = url;
  }
}

function registerUrls(environment: Environment): void {
  environment.registerType('URL', { ctor: UrlValue, fields: {} });
  environment.registerFunction('isURL(string): bool', (text: string) => URL.canParse(text));
  environment.registerFunction('url(string): URL', (text: string) => {
    if (!URL.canParse(text)) throw new RangeError(`URL parse error during conversion from string: ${text}`);
    return new UrlValue(new URL(text));
  });
  const parts: Readonly<Record<string, (url: URL) => string>> = {
    getScheme: ({ protocol }) => protocol.slice(0, -1),
    getHost: ({ host }) => host,
    getHostname: ({ hostname }) => hostname,
    getPort: ({ port }) => port,
    getEscapedPath: ({ pathname }) => pathname,
  };
  for (const [name, read] of Object.entries(parts))
    environment.registerFunction(`URL.${name}(): string`, ({ url }: UrlValue) => read(url));
}
