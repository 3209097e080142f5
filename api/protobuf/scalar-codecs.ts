/**
 * How each scalar of the API description looks in protobuf. Some are messages there: Time, Quantity, IntOrString, embedded
 * JSON.
 */
import type { ScalarType } from '../schema/model.js';
import { durationText, nanosecondsOf } from './duration.js';
import type { WireReader } from './wire-reader.js';
import { malformed } from './wire-reader.js';
import type { WireWriter } from './wire-writer.js';
import { tagOf, wireTypes } from './wire-writer.js';

export interface ScalarCodec {
  readonly wireType: number;
  /** Writes a JSON value, without a tag. Throws TypeError for a value of another type. */
  readonly write: (writer: WireWriter, value: unknown) => void;
  /** Reads what comes next into its JSON value; undefined where JSON has nothing (the zero time, no bytes). */
  readonly read: (reader: WireReader) => unknown;
  /** What a field that was never set holds, as JSON; undefined where it holds nothing and writes nothing into its message. */
  readonly zero: unknown;
  /** Whether JSON shows the zero of a field with `omitempty`: it does where Go has a struct. */
  readonly showsZero?: boolean;
  /** Whether nothing at all is written for a field that was never set, although it is no pointer. */
  readonly absentWhenUnset?: boolean;
}

const numberTags = {
  varint: (number: number) => tagOf(number, wireTypes.varint),
  bytes: (number: number) => tagOf(number, wireTypes.bytes),
};

function mismatch(wanted: string, value: unknown): TypeError {
  return new TypeError(`a ${wanted} is wanted where there is a ${value === null ? 'null' : typeof value}`);
}

function integerOf(value: unknown): number {
  if (typeof value !== 'number') throw mismatch('number', value);
  if (!Number.isInteger(value)) throw new TypeError(`a whole number is wanted where there is ${value}`);
  return value;
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw mismatch('string', value);
  return value;
}

const text: ScalarCodec = {
  wireType: wireTypes.bytes,
  write: (writer, value) => {
    writer.text(textOf(value));
  },
  read: (reader) => reader.text(),
  zero: '',
};

const integer: ScalarCodec = {
  wireType: wireTypes.varint,
  write: (writer, value) => {
    writer.integer(integerOf(value));
  },
  read: (reader) => reader.integer(),
  zero: 0,
};

/** What does not fit is cut off, as Go does. */
const int32: ScalarCodec = { ...integer, read: (reader) => reader.integer() | 0 };

const boolean: ScalarCodec = {
  wireType: wireTypes.varint,
  write: (writer, value) => {
    if (typeof value !== 'boolean') throw mismatch('boolean', value);
    writer.varint(value ? 1 : 0);
  },
  read: (reader) => reader.integer() !== 0,
  zero: false,
};

const double: ScalarCodec = {
  wireType: wireTypes.fixed64,
  write: (writer, value) => {
    if (typeof value !== 'number') throw mismatch('number', value);
    writer.double(value);
  },
  read: (reader) => reader.double(),
  zero: 0,
};

/** Base64 in JSON. Bytes that were never set are not written; empty ones are. */
const bytes: ScalarCodec = {
  wireType: wireTypes.bytes,
  write: (writer, value) => {
    writer.bytes(Buffer.from(textOf(value), 'base64'));
  },
  read: (reader) => reader.bytes().toString('base64'),
  zero: '',
  absentWhenUnset: true,
};

/** `{seconds = 1, nanos = 2}`; the zero time is the empty message. */
function timeCodec(fractionDigits: 0 | 6): ScalarCodec {
  return {
    wireType: wireTypes.bytes,
    write: (writer, value) => {
      const end = writer.length;
      if (value !== undefined) {
        const time = textOf(value);
        const fraction = fractionDigits === 0 ? undefined : /\.(\d+)/.exec(time)?.[1];
        writer.varint(fraction === undefined ? 0 : Number(fraction.slice(0, 6).padEnd(9, '0').slice(0, 9)));
        writer.tag(numberTags.varint(2));
        const milliseconds = Date.parse(time);
        if (Number.isNaN(milliseconds)) throw new TypeError(`${JSON.stringify(time)} is no time`);
        writer.integer(Math.floor(milliseconds / 1000));
        writer.tag(numberTags.varint(1));
      }
      writer.size(end);
    },
    read: (reader) => {
      let seconds: number | undefined;
      let nanoseconds = 0;
      const end = reader.enter();
      while (reader.next()) {
        seconds ??= 0;
        if (reader.number === 1) seconds = readInteger(reader);
        else if (reader.number === 2) nanoseconds = readInteger(reader);
        else reader.skip();
      }
      reader.leave(end);
      return seconds === undefined ? undefined : timeText(seconds, nanoseconds, fractionDigits);
    },
    zero: undefined,
  };
}

function timeText(seconds: number, nanoseconds: number, fractionDigits: 0 | 6): string {
  // The years 0 to 9999: others have no RFC 3339.
  if (seconds < -62_167_219_200 || seconds > 253_402_300_799 || nanoseconds < 0 || nanoseconds >= 1e9)
    throw malformed('a time is out of range');
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  if (fractionDigits === 0) return `${whole}Z`;
  return `${whole}.${String(Math.floor(nanoseconds / 1000)).padStart(6, '0')}Z`;
}

function readInteger(reader: WireReader): number {
  reader.expect(wireTypes.varint);
  return reader.integer();
}

/** A message with one field that is always written. */
function boxed(
  inner: ScalarCodec,
  toInner: (value: unknown) => unknown,
  fromInner: (value: unknown) => unknown,
  zero: unknown,
): ScalarCodec {
  const tag = tagOf(1, inner.wireType);
  return {
    wireType: wireTypes.bytes,
    write: (writer, value) => {
      const end = writer.length;
      inner.write(writer, toInner(value));
      writer.tag(tag);
      writer.size(end);
    },
    read: (reader) => {
      let value = inner.zero;
      const end = reader.enter();
      while (reader.next()) {
        if (reader.number !== 1) {
          reader.skip();
          continue;
        }
        reader.expect(inner.wireType);
        value = inner.read(reader);
      }
      reader.leave(end);
      return fromInner(value);
    },
    zero,
    showsZero: true,
  };
}

const quantity = boxed(
  text,
  (value) => (typeof value === 'number' ? String(value) : value),
  (value) => (value === '' ? '0' : value),
  '0',
);

const duration = boxed(
  integer,
  (value) => nanosecondsOf(textOf(value)),
  (value) => durationText(integerOf(value)),
  '0s',
);

/** `{type = 1, intVal = 2, strVal = 3}`, all written; type 1 is the text. */
const intOrString: ScalarCodec = {
  wireType: wireTypes.bytes,
  write: (writer, value) => {
    const end = writer.length;
    const isText = typeof value === 'string';
    writer.text(isText ? value : '');
    writer.tag(numberTags.bytes(3));
    writer.integer(isText ? 0 : integerOf(value));
    writer.tag(numberTags.varint(2));
    writer.varint(isText ? 1 : 0);
    writer.tag(numberTags.varint(1));
    writer.size(end);
  },
  read: (reader) => {
    let isText = false;
    let number = 0;
    let string = '';
    const end = reader.enter();
    while (reader.next()) {
      if (reader.number === 1) isText = readInteger(reader) === 1;
      else if (reader.number === 2) number = readInteger(reader) | 0;
      else if (reader.number === 3) {
        reader.expect(wireTypes.bytes);
        string = reader.text();
      } else reader.skip();
    }
    reader.leave(end);
    return isText ? string : number;
  },
  zero: 0,
  showsZero: true,
};

/** JSON of any form: its text in field 1, which is not written where there is none. */
const json: ScalarCodec = {
  wireType: wireTypes.bytes,
  write: (writer, value) => {
    const end = writer.length;
    if (value !== undefined) {
      writer.text(JSON.stringify(value));
      writer.tag(numberTags.bytes(1));
    }
    writer.size(end);
  },
  read: (reader) => {
    let value: unknown;
    const end = reader.enter();
    while (reader.next()) {
      if (reader.number === 1) {
        reader.expect(wireTypes.bytes);
        value = parseJson(reader.text());
      } else reader.skip();
    }
    reader.leave(end);
    return value;
  },
  zero: undefined,
};

function parseJson(raw: string): unknown {
  if (raw === '') return undefined;
  try {
    return JSON.parse(raw) as unknown;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw malformed(`an embedded object is not JSON: ${why}`);
  }
}

export const scalarCodecs: Readonly<Record<ScalarType, ScalarCodec>> = {
  string: text,
  boolean,
  int32,
  int64: integer,
  double,
  bytes,
  any: json,
  Time: timeCodec(0),
  MicroTime: timeCodec(6),
  Duration: duration,
  Quantity: quantity,
  IntOrString: intOrString,
  RawExtension: json,
  FieldsV1: json,
};
