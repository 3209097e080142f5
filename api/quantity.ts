/**
 * Quantities: the fixed-point numbers of resources (`100m`, `1.5Gi`, `2e3`), exact to a billionth.
 *
 * A quantity keeps the family of its suffix, so that `1Gi` plus `1Gi` reads `2Gi`. The canonical form is that of
 * Kubernetes: no fraction, the largest suffix that loses nothing. Values are bounded by ±(2^63 - 1); what is finer than
 * a billionth is rounded away from zero, because somebody who asked for something must not get nothing.
 */

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

export interface Quantity {
  /** The value in billionths. */
  readonly nanos: bigint;
  readonly format: QuantityFormat;
}

/** The text is not a quantity; the message is the one that Kubernetes clients know. */
export class QuantitySyntaxError extends Error {
  override readonly name = 'QuantitySyntaxError';
}

const nanosPerUnit = 1_000_000_000n;
const maxNanos = (2n ** 63n - 1n) * nanosPerUnit;

const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
/** Decimal suffixes by power of ten. */
const decimalSuffixes = new Map([
  [-9, 'n'],
  [-6, 'u'],
  [-3, 'm'],
  [0, ''],
  [3, 'k'],
  [6, 'M'],
  [9, 'G'],
  [12, 'T'],
  [15, 'P'],
  [18, 'E'],
]);
const decimalPowers = new Map([...decimalSuffixes].map(([power, suffix]) => [suffix, power]));

const wrongFormat =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** Reads a quantity. Throws {@link QuantitySyntaxError}. */
export function parseQuantity(text: string): Quantity {
  const outer = /^([+-]?)([0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$/.exec(text);
  if (outer === null) throw new QuantitySyntaxError(wrongFormat);
  const [, sign = '', digits = '', suffix = ''] = outer;
  const number = /^([0-9]*)(?:\.([0-9]*))?$/.exec(digits);
  const whole = number?.[1] ?? '';
  const fraction = number?.[2] ?? '';
  if (number === null || whole + fraction === '')
    throw new QuantitySyntaxError('unable to parse numeric part of quantity');
  const { base, power, format } = readSuffix(suffix);
  const scaled = scale(BigInt(whole + fraction), fraction.length, base, power);
  const bounded = scaled > maxNanos ? maxNanos : scaled;
  return {
    nanos: sign === '-' ? -bounded : bounded,
    // Below one, a binary suffix has nothing to say.
    format: format === 'BinarySI' && bounded > 0n && bounded < nanosPerUnit ? 'DecimalSI' : format,
  };
}

function readSuffix(suffix: string): { base: 2 | 10; power: number; format: QuantityFormat } {
  const binary = binarySuffixes.indexOf(suffix);
  if (binary > 0) return { base: 2, power: binary * 10, format: 'BinarySI' };
  const decimal = decimalPowers.get(suffix);
  if (decimal !== undefined) return { base: 10, power: decimal, format: 'DecimalSI' };
  const exponent = /^[eE]([-+]?[0-9]+)$/.exec(suffix);
  if (exponent === null) throw new QuantitySyntaxError("unable to parse quantity's suffix");
  return { base: 10, power: Number(exponent[1]), format: 'DecimalExponent' };
}

/** digits · 10^-places · base^power in billionths, rounded up. */
function scale(digits: bigint, places: number, base: 2 | 10, power: number): bigint {
  if (digits === 0n) return 0n;
  if (base === 2) return divideUp((digits << BigInt(power)) * nanosPerUnit, 10n ** BigInt(places));
  const shift = power - places + 9;
  // Far outside of the bounds the power itself would be the attack: 1e999999999.
  if (shift > 60) return maxNanos;
  if (shift >= 0) return digits * 10n ** BigInt(shift);
  if (-shift > places + 60) return 1n;
  return divideUp(digits, 10n ** BigInt(-shift));
}

function divideUp(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by;
}

/** The canonical text: `1536Mi` for 1.5Gi, `500m` for 0.5. */
export function formatQuantity(quantity: Quantity): string {
  const { nanos, format } = quantity;
  if (nanos === 0n) return '0';
  const sign = nanos < 0n ? '-' : '';
  const value = nanos < 0n ? -nanos : nanos;
  if (format === 'BinarySI' && value % nanosPerUnit === 0n && value >= 1024n * nanosPerUnit) {
    return sign + formatBinary(value / nanosPerUnit);
  }
  return sign + formatDecimal(value, format === 'DecimalExponent');
}

function formatBinary(value: bigint): string {
  let mantissa = value;
  let suffix = 0;
  while (suffix < binarySuffixes.length - 1 && mantissa % 1024n === 0n) {
    mantissa /= 1024n;
    suffix++;
  }
  return `${String(mantissa)}${binarySuffixes[suffix] ?? ''}`;
}

function formatDecimal(nanos: bigint, withExponent: boolean): string {
  let mantissa = nanos;
  let power = -9;
  while (power < 18 && mantissa % 1000n === 0n) {
    mantissa /= 1000n;
    power += 3;
  }
  if (withExponent) return power === 0 ? String(mantissa) : `${String(mantissa)}e${String(power)}`;
  return `${String(mantissa)}${decimalSuffixes.get(power) ?? ''}`;
}

/** The canonical form of a text; texts that are canonical already take a short way. */
export function canonicalQuantity(text: string): string {
  if (/^(?:0|[1-9][0-9]{0,2}(?:m|Mi)?)$/.test(text)) return text;
  return formatQuantity(parseQuantity(text));
}

/** Negative, zero or positive, as the first is less than, equal to or greater than the second. */
export function compareQuantities(a: string, b: string): number {
  const left = parseQuantity(a).nanos;
  const right = parseQuantity(b).nanos;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The sum in canonical form, in the suffix family of the first one that is not zero. */
export function addQuantities(a: string, b: string): string {
  return combine(parseQuantity(a), parseQuantity(b), 1n);
}

/** `a` minus `b`, likewise. */
export function subtractQuantities(a: string, b: string): string {
  return combine(parseQuantity(a), parseQuantity(b), -1n);
}

function combine(a: Quantity, b: Quantity, sign: 1n | -1n): string {
  const nanos = a.nanos + sign * b.nanos;
  return formatQuantity({ nanos, format: a.nanos === 0n ? b.format : a.format });
}

/** CPU in thousandths of a core, rounded up; 0 when absent. */
export function cpuMillicores(quantity: string | undefined): number {
  return scaledValue(quantity, 1_000_000n);
}

/** Memory or storage in bytes (or a plain count), rounded up; 0 when absent. Exact up to 2^53. */
export function quantityBytes(quantity: string | undefined): number {
  return scaledValue(quantity, nanosPerUnit);
}

function scaledValue(quantity: string | undefined, unitNanos: bigint): number {
  if (quantity === undefined || quantity === '0') return 0;
  const { nanos } = parseQuantity(quantity);
  return Number(nanos > 0n ? divideUp(nanos, unitNanos) : nanos / unitNanos);
}

/** The nearest double: for displays and ratios, never for accounting. */
export function quantityToNumber(quantity: string): number {
  const { nanos } = parseQuantity(quantity);
  return Number(nanos / nanosPerUnit) + Number(nanos % nanosPerUnit) / 1e9;
}

/** Canonical text for a number of thousandths of a core. */
export function quantityFromMillicores(millicores: number): string {
  return formatQuantity({ nanos: BigInt(Math.ceil(millicores)) * 1_000_000n, format: 'DecimalSI' });
}

/** Canonical text for a number of bytes: `512Mi`. */
export function quantityFromBytes(bytes: number): string {
  return formatQuantity({ nanos: BigInt(Math.ceil(bytes)) * nanosPerUnit, format: 'BinarySI' });
}
