/** How each scalar of the API description is read from JSON. Errors say what the JSON was and what was wanted. */
import { canonicalQuantity } from '../quantity.js';
import type { ScalarType } from './model.js';

/** Thrown by a scalar's reader: the path is added by the one who knows it. */
export class ScalarError extends Error {
  override readonly name = 'ScalarError';
  /** Whether the text of the error speaks for itself, without the field. */
  readonly complete: boolean;
  constructor(message: string, complete: boolean) {
    super(message);
    this.complete = complete;
  }
}

/** The words of Go's JSON decoder for a JSON value, because clients show and match them. */
export function jsonWord(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'string' || typeof value === 'number' ? typeof value : 'object';
}

export type ScalarReader = (value: unknown) => unknown;

/** A mismatch inside of a field: completed to `json: cannot unmarshal … into Go struct field … of type …`. */
function mismatch(word: string): ScalarError {
  return new ScalarError(word, false);
}

/** A mismatch in a type that reads itself, and so does not know its field. */
function standaloneMismatch(value: unknown, goType: string): ScalarError {
  return new ScalarError(`json: cannot unmarshal ${jsonWord(value)} into Go value of type ${goType}`, true);
}

function readString(value: unknown): string {
  if (typeof value !== 'string') throw mismatch(jsonWord(value));
  return value;
}

function readBoolean(value: unknown): boolean {
  if (typeof value !== 'boolean') throw mismatch(jsonWord(value));
  return value;
}

function readInteger(value: unknown, min: number, max: number): number {
  if (typeof value !== 'number') throw mismatch(jsonWord(value));
  if (!Number.isInteger(value) || value < min || value > max) throw mismatch(`number ${String(value)}`);
  return value;
}

function readInt32(value: unknown): number {
  return readInteger(value, -0x8000_0000, 0x7fff_ffff);
}

function readInt64(value: unknown): number {
  return readInteger(value, -(2 ** 63), 2 ** 63);
}

function readDouble(value: unknown): number {
  if (typeof value !== 'number') throw mismatch(jsonWord(value));
  return value;
}

/** Base64 with padding; line breaks are dropped. */
function readBytes(value: unknown): string {
  if (typeof value !== 'string') throw mismatch(jsonWord(value));
  const text = /[\r\n]/.test(value) ? value.replaceAll(/[\r\n]/g, '') : value;
  const valid = /^[A-Za-z0-9+/]*/.exec(text)?.[0].length ?? 0;
  const padding = text.length - valid;
  if (text.length % 4 === 0 && (padding === 0 || (padding <= 2 && /^=+$/.test(text.slice(valid)))))
    return text;
  const at = valid < text.length && text[valid] !== '=' ? valid : Math.min(valid, text.length);
  throw new ScalarError(`illegal base64 data at input byte ${String(at)}`, true);
}

const rfc3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/;

/** RFC 3339 in UTC with so many digits of a second's fraction. */
function readTime(value: unknown, fractionDigits: 0 | 6): string {
  if (typeof value !== 'string') throw standaloneMismatch(value, 'string');
  const match = rfc3339.exec(value);
  const [, upToSeconds = '', fraction = '', zone = ''] = match ?? [];
  const parsed = match === null ? NaN : Date.parse(upToSeconds + zone);
  if (Number.isNaN(parsed)) {
    const layout = fractionDigits === 0 ? '2006-01-02T15:04:05Z07:00' : '2006-01-02T15:04:05.000000Z07:00';
    const quoted = JSON.stringify(value);
    throw new ScalarError(`parsing time ${quoted} as "${layout}": cannot parse ${quoted} as "2006"`, true);
  }
  const utc = zone === 'Z' ? upToSeconds : new Date(parsed).toISOString().slice(0, 19);
  return fractionDigits === 0 ? `${utc}Z` : `${utc}.${fraction.padEnd(6, '0').slice(0, 6)}Z`;
}

function readQuantity(value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number') return canonical(JSON.stringify(value));
  return canonical(typeof value === 'number' ? String(value) : value.trim());
}

function canonical(text: string): string {
  if (text === '') return '0';
  try {
    return canonicalQuantity(text);
  } catch (error) {
    throw new ScalarError(error instanceof Error ? error.message : String(error), true);
  }
}

function readIntOrString(value: unknown): number | string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'number') throw standaloneMismatch(value, 'int32');
  try {
    return readInt32(value);
  } catch (error) {
    const word = error instanceof ScalarError ? error.message : 'number';
    throw new ScalarError(`json: cannot unmarshal ${word} into Go value of type int32`, true);
  }
}

const durationParts = /^[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;

function readDuration(value: unknown): string {
  if (typeof value !== 'string') throw standaloneMismatch(value, 'string');
  if (!durationParts.test(value))
    throw new ScalarError(`time: invalid duration ${JSON.stringify(value)}`, true);
  return value;
}

function readFieldsV1(value: unknown): unknown {
  if (jsonWord(value) !== 'object') throw mismatch(jsonWord(value));
  return value;
}

/** Arbitrary JSON is handed on as it is. */
function readAnything(value: unknown): unknown {
  return value;
}

export const scalarReaders: Readonly<Record<ScalarType, ScalarReader>> = {
  string: readString,
  boolean: readBoolean,
  int32: readInt32,
  int64: readInt64,
  double: readDouble,
  bytes: readBytes,
  any: readAnything,
  Time: (value) => readTime(value, 0),
  MicroTime: (value) => readTime(value, 6),
  Duration: readDuration,
  Quantity: readQuantity,
  IntOrString: readIntOrString,
  RawExtension: readAnything,
  FieldsV1: readFieldsV1,
};

/** Names of the types in messages. */
export const goTypeOfScalar: Readonly<Record<ScalarType, string>> = {
  string: 'string',
  boolean: 'bool',
  int32: 'int32',
  int64: 'int64',
  double: 'float64',
  bytes: '[]uint8',
  any: 'interface {}',
  Time: 'v1.Time',
  MicroTime: 'v1.MicroTime',
  Duration: 'v1.Duration',
  Quantity: 'resource.Quantity',
  IntOrString: 'intstr.IntOrString',
  RawExtension: 'runtime.RawExtension',
  FieldsV1: 'v1.FieldsV1',
};

/**
 * What stands in a field of this type that was never set; undefined where nothing stands there. A null in a list or a map
 * becomes the same.
 */
export const scalarZeroes: Readonly<Record<ScalarType, unknown>> = {
  string: '',
  boolean: false,
  int32: 0,
  int64: 0,
  double: 0,
  bytes: '',
  any: undefined,
  Time: undefined,
  MicroTime: undefined,
  Duration: '0s',
  Quantity: '0',
  IntOrString: 0,
  RawExtension: undefined,
  FieldsV1: undefined,
};
