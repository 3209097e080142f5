/** IP addresses and ranges of them: `ip()`, `cidr()` and what can be asked of them (Kubernetes' IP and CIDR libraries). */
import type { Environment } from '@marcbachmann/cel-js';
import { addressBytes, addressText } from '../ip-text.js';

/** An argument of a function: the type checker has looked at it. */
type Value = never;

export class AddressValue {
  readonly bytes: readonly number[];
  constructor(bytes: readonly number[]) {
    this.bytes = bytes;
  }
}

export class RangeValue {
  readonly bytes: readonly number[];
  readonly prefixLength: number;
  constructor(bytes: readonly number[], prefixLength: number) {
    this.bytes = bytes;
    this.prefixLength = prefixLength;
  }

  /** With all bits behind the prefix cleared. */
  get masked(): RangeValue {
    return new RangeValue(masked(this.bytes, this.prefixLength), this.prefixLength);
  }

  contains(address: readonly number[]): boolean {
    return (
      address.length === this.bytes.length &&
      same(masked(address, this.prefixLength), masked(this.bytes, this.prefixLength))
    );
  }

  containsRange({ bytes, prefixLength }: RangeValue): boolean {
    return prefixLength >= this.prefixLength && this.contains(bytes);
  }
}

/** The name before `ip.isCanonical(…)`. */
class AddressNamespace {
  readonly name = 'ip';
}

function masked(bytes: readonly number[], prefixLength: number): readonly number[] {
  return bytes.map((byte, index) => {
    const bits = Math.min(8, Math.max(0, prefixLength - index * 8));
    return byte & (0xff << (8 - bits)) & 0xff;
  });
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function parseAddress(text: string): AddressValue {
  const bytes = addressBytes(text);
  if (bytes === undefined)
    throw new RangeError(`IP Address ${JSON.stringify(text)} parse error during conversion from string`);
  return new AddressValue(bytes);
}

function readRange(text: string): RangeValue | undefined {
  const [address = '', length = '', ...rest] = text.split('/');
  const bytes = addressBytes(address);
  const isLength = /^(0|[1-9]\d{0,2})$/.test(length) && Number(length) <= (bytes?.length ?? 0) * 8;
  return bytes !== undefined && isLength && rest.length === 0
    ? new RangeValue(bytes, Number(length))
    : undefined;
}

function parseRange(text: string): RangeValue {
  const range = readRange(text);
  if (range === undefined)
    throw new RangeError(
      `network address parse error during conversion from string: ${JSON.stringify(text)}`,
    );
  return range;
}

function rangeText({ bytes, prefixLength }: RangeValue): string {
  return `${addressText(bytes)}/${String(prefixLength)}`;
}

/** What can be asked of an address; by the first bytes, as the families define it. */
const questions: Readonly<Record<string, (bytes: readonly number[]) => boolean>> = {
  isUnspecified: (bytes) => bytes.every((byte) => byte === 0),
  isLoopback,
  isLinkLocalMulticast: (bytes) =>
    bytes.length === 4 ? startsWith(bytes, [224, 0, 0]) : bytes[0] === 0xff && ((bytes[1] ?? 0) & 0xf) === 2,
  isLinkLocalUnicast,
  isGlobalUnicast: (bytes) =>
    !bytes.every((byte) => byte === 0) &&
    !(bytes.length === 4 && bytes.every((byte) => byte === 255)) &&
    !isLoopback(bytes) &&
    !isMulticast(bytes) &&
    !isLinkLocalUnicast(bytes),
};

function isLoopback(bytes: readonly number[]): boolean {
  return bytes.length === 4
    ? bytes[0] === 127
    : bytes.every((byte, index) => byte === (index === bytes.length - 1 ? 1 : 0));
}

function isMulticast(bytes: readonly number[]): boolean {
  return bytes.length === 4 ? ((bytes[0] ?? 0) & 0xf0) === 0xe0 : bytes[0] === 0xff;
}

function isLinkLocalUnicast(bytes: readonly number[]): boolean {
  return bytes.length === 4
    ? startsWith(bytes, [169, 254])
    : bytes[0] === 0xfe && ((bytes[1] ?? 0) & 0xc0) === 0x80;
}

function startsWith(bytes: readonly number[], prefix: readonly number[]): boolean {
  return prefix.every((byte, index) => bytes[index] === byte);
}

export function registerAddresses(environment: Environment): void {
  const add = (signature: string, handler: (...values: Value[]) => unknown): void => {
    environment.registerFunction(signature, handler);
  };
  environment.registerType('IP', { ctor: AddressValue, fields: {} });
  environment.registerType('CIDR', { ctor: RangeValue, fields: {} });
  environment.registerType('AddressNamespace', { ctor: AddressNamespace, fields: {} });
  environment.registerConstant('ip', 'AddressNamespace', new AddressNamespace());
  add('isIP(string): bool', (text: string) => addressBytes(text) !== undefined);
  add('ip(string): IP', parseAddress);
  add('AddressNamespace.isCanonical(string): bool', (_: AddressNamespace, text: string) => {
    return addressText(parseAddress(text).bytes) === text;
  });
  add('IP.family(): int', ({ bytes }: AddressValue) => (bytes.length === 4 ? 4n : 6n));
  for (const [name, holds] of Object.entries(questions))
    add(`IP.${name}(): bool`, ({ bytes }: AddressValue) => holds(bytes));
  add('string(IP): string', ({ bytes }: AddressValue) => addressText(bytes));
  environment.registerOperator('IP == IP', (a: AddressValue, b: AddressValue) => same(a.bytes, b.bytes));

  add('isCIDR(string): bool', (text: string) => readRange(text) !== undefined);
  add('cidr(string): CIDR', parseRange);
  add('CIDR.ip(): IP', ({ bytes }: RangeValue) => new AddressValue(bytes));
  add('CIDR.prefixLength(): int', ({ prefixLength }: RangeValue) => BigInt(prefixLength));
  add('CIDR.masked(): CIDR', (range: RangeValue) => range.masked);
  add('CIDR.containsIP(IP): bool', (range: RangeValue, { bytes }: AddressValue) => range.contains(bytes));
  add('CIDR.containsIP(string): bool', (range: RangeValue, text: string) =>
    range.contains(parseAddress(text).bytes),
  );
  add('CIDR.containsCIDR(CIDR): bool', (range: RangeValue, other: RangeValue) => range.containsRange(other));
  add('CIDR.containsCIDR(string): bool', (range: RangeValue, text: string) =>
    range.containsRange(parseRange(text)),
  );
  add('string(CIDR): string', rangeText);
  environment.registerOperator(
    'CIDR == CIDR',
    (a: RangeValue, b: RangeValue) => a.prefixLength === b.prefixLength && same(a.bytes, b.bytes),
  );
}
