/** Semantic versions (semver.org 2.0.0): `semver()` and comparisons. */
import type { Environment } from '@marcbachmann/cel-js';

/** An argument of a function: the type checker has looked at it. */
type Value = never;

export class VersionValue {
  readonly numbers: readonly bigint[];
  /** The parts of what follows a dash, which make a version earlier than without. */
  readonly prerelease: readonly string[];
  constructor(numbers: readonly bigint[], prerelease: readonly string[]) {
    this.numbers = numbers;
    this.prerelease = prerelease;
  }
}

const number = '(0|[1-9]\\d*)';
const prereleasePart = '(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)';
const form = new RegExp(
  `^${number}\\.${number}\\.${number}(?:-(${prereleasePart}(?:\\.${prereleasePart})*))?(?:\\+[0-9a-zA-Z-]+(?:\\.[0-9a-zA-Z-]+)*)?$`,
);

function readVersion(text: string): VersionValue | undefined {
  const found = form.exec(text);
  if (found === null) return undefined;
  const [, major = '', minor = '', patch = '', prerelease = ''] = found;
  return new VersionValue(
    [BigInt(major), BigInt(minor), BigInt(patch)],
    prerelease === '' ? [] : prerelease.split('.'),
  );
}

/** What people write for a version: a `v` before it, numbers left out, zeros in front. */
function normalize(text: string): string {
  const [, numbers = '', rest = ''] = /^v?([\d.]*)(.*)$/s.exec(text) ?? [];
  const given = numbers.split('.');
  if (given.length > 3 || (given.length < 3 && rest !== '')) return text;
  while (given.length < 3) given.push('0');
  return given.map((one) => one.replace(/^0+(?=\d)/, '')).join('.') + rest;
}

function parseVersion(text: string): VersionValue {
  const version = readVersion(text);
  if (version === undefined)
    throw new RangeError(`semver parse error during conversion from string: ${JSON.stringify(text)}`);
  return version;
}

/** Negative when `a` comes before `b`. */
export function compareSemanticVersions(a: VersionValue, b: VersionValue): number {
  for (const [index, one] of a.numbers.entries()) {
    const other = b.numbers[index] ?? 0n;
    if (one !== other) return one < other ? -1 : 1;
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0)
    return Math.sign(b.prerelease.length - a.prerelease.length);
  for (const [index, one] of a.prerelease.entries()) {
    const other = b.prerelease[index];
    if (other === undefined) return 1;
    const compared = comparePart(one, other);
    if (compared !== 0) return compared;
  }
  return a.prerelease.length === b.prerelease.length ? 0 : -1;
}

/** Numbers come before words. */
function comparePart(a: string, b: string): number {
  if (a === b) return 0;
  const [isNumberA, isNumberB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumberA && isNumberB) return BigInt(a) < BigInt(b) ? -1 : 1;
  if (isNumberA !== isNumberB) return isNumberA ? -1 : 1;
  return a < b ? -1 : 1;
}

export function registerSemanticVersions(environment: Environment): void {
  const add = (signature: string, handler: (...values: Value[]) => unknown): void => {
    environment.registerFunction(signature, handler);
  };
  environment.registerType('Semver', { ctor: VersionValue, fields: {} });
  const normalized = (text: string, isLoose: boolean): string => (isLoose ? normalize(text) : text);
  add('semver(string): Semver', parseVersion);
  add('semver(string, bool): Semver', (text: string, isLoose: boolean) =>
    parseVersion(normalized(text, isLoose)),
  );
  add('isSemver(string): bool', (text: string) => readVersion(text) !== undefined);
  add(
    'isSemver(string, bool): bool',
    (text: string, isLoose: boolean) => readVersion(normalized(text, isLoose)) !== undefined,
  );
  for (const [index, name] of ['major', 'minor', 'patch'].entries())
    add(`Semver.${name}(): int`, ({ numbers }: VersionValue) => numbers[index]);
  const compare = compareSemanticVersions;
  add('Semver.compareTo(Semver): int', (a: VersionValue, b: VersionValue) => BigInt(compare(a, b)));
  add('Semver.isLessThan(Semver): bool', (a: VersionValue, b: VersionValue) => compare(a, b) < 0);
  add('Semver.isGreaterThan(Semver): bool', (a: VersionValue, b: VersionValue) => compare(a, b) > 0);
  environment.registerOperator('Semver == Semver', (a: VersionValue, b: VersionValue) => compare(a, b) === 0);
}
