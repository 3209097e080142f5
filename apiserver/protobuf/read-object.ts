/**
 * Objects in Kubernetes' protobuf form, read into the JSON that the rest of the server works with.
 *
 * Recent kubectl creates objects this way. Answers are always JSON. The schema's field numbers drive the reader; what
 * has no number cannot be sent. Fields that are not pointers in Kubernetes are written even when they are zero: they
 * are dropped here, as `omitempty` drops them from JSON.
 */
import type { Schema, ScalarType, TypeRef } from '../../api/schema/model.js';
import { StatusError } from '../../api/status-error.js';
import { readFields, readPacked } from './wire-reader.js';
import type { WireField } from './wire-reader.js';

/** What every protobuf body of Kubernetes begins with. */
const magic = Buffer.from('k8s\0');

type Json = Record<string, unknown>;
/** Adds one field of the wire to the object that is being read. */
type FieldReader = (into: Json, field: WireField) => void;

/** Reads bodies of one schema; readers of types are made when they are first needed. */
export class ProtobufReader {
  readonly #schema: Schema;
  readonly #types = new Map<string, ReadonlyMap<number, FieldReader>>();
  /** `core/v1.Pod` by `v1 Pod`. */
  readonly #kinds = new Map<string, string>();

  constructor(schema: Schema) {
    this.#schema = schema;
    for (const { group, version, types } of schema.packages) {
      const apiVersion = group === '' ? version : `${group}/${version}`;
      for (const type of types) this.#kinds.set(`${apiVersion} ${type.shortName}`, type.name);
    }
  }

  /**
   * The object in a body, with its apiVersion and kind. Options such as DeleteOptions come under the group of what they
   * are for: `typeName` says what to read then. Throws BadRequest.
   */
  read(body: Uint8Array, typeName?: string): Json {
    if (!magic.equals(body.subarray(0, magic.length)))
      throw new StatusError(
        'BadRequest',
        'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
      );
    let apiVersion = '';
    let kind = '';
    let raw: Uint8Array = new Uint8Array();
    // runtime.Unknown: the type in field 1, the message itself in field 2.
    for (const field of readFields(body.subarray(magic.length))) {
      if (field.number === 2) raw = field.bytes;
      if (field.number !== 1) continue;
      for (const part of readFields(field.bytes)) {
        if (part.number === 1) apiVersion = textOf(part);
        if (part.number === 2) kind = textOf(part);
      }
    }
    const name = typeName ?? this.#kinds.get(`${apiVersion} ${kind}`);
    if (name === undefined)
      throw new StatusError('BadRequest', `no kind "${kind}" is registered for version "${apiVersion}"`);
    return { apiVersion, kind, ...this.#message(name, raw) };
  }

  #message(typeName: string, bytes: Uint8Array): Json {
    const object: Json = {};
    this.#readInto(object, typeName, bytes);
    return object;
  }

  #readInto(object: Json, typeName: string, bytes: Uint8Array): void {
    const readers = this.#readersOf(typeName);
    for (const field of readFields(bytes)) readers.get(field.number)?.(object, field);
  }

  #readersOf(typeName: string): ReadonlyMap<number, FieldReader> {
    const known = this.#types.get(typeName);
    if (known !== undefined) return known;
    const readers = new Map<number, FieldReader>();
    this.#types.set(typeName, readers);
    const type = this.#schema.types.get(typeName);
    if (type?.is !== 'object') throw new Error(`${typeName} is no message`);
    for (const field of type.ownFields) {
      if (field.number !== undefined) readers.set(field.number, this.#fieldReader(field.name, field.type));
    }
    for (const inline of type.inlines) {
      if (inline.number !== undefined)
        readers.set(inline.number, (into, { bytes }) => {
          this.#readInto(into, inline.type, bytes);
        });
    }
    return readers;
  }

  #fieldReader(name: string, type: TypeRef): FieldReader {
    const resolved = this.#resolve(type);
    switch (resolved.is) {
      case 'list':
        return this.#listReader(name, resolved.of, type.is === 'named');
      case 'map': {
        const value = this.#fieldReader('value', resolved.of);
        return (into, { bytes }) => {
          const entry: Json = {};
          let key = '';
          for (const part of readFields(bytes)) {
            if (part.number === 1) key = textOf(part);
            else if (part.number === 2) value(entry, part);
          }
          const map = (into[name] ??= {}) as Json;
          // A value that is zero is still an entry.
          map[key] = entry['value'] ?? emptyOf(this.#resolve(resolved.of));
        };
      }
      case 'named':
        return (into, { bytes }) => {
          into[name] = this.#message(resolved.name, bytes);
        };
      case 'scalar': {
        const read = scalarReaders[resolved.scalar];
        return (into, field) => {
          const value = read(field);
          if (value === undefined || (isZero(value) && plainFields.has(name))) return;
          if (value !== '') into[name] = value;
        };
      }
    }
  }

  #listReader(name: string, of: TypeRef, wrapped: boolean): FieldReader {
    const element = this.#resolve(of);
    const add = (into: Json, value: unknown): void => {
      ((into[name] ??= []) as unknown[]).push(value);
    };
    const one: FieldReader = (into, field) => {
      if (element.is === 'scalar') {
        const read = scalarReaders[element.scalar];
        if (varintTypes.has(element.scalar))
          for (const value of readPacked(field)) add(into, read({ ...field, value, isBytes: false }));
        else add(into, read(field));
      } else if (element.is === 'named') add(into, this.#message(element.name, field.bytes));
      else throw new Error(`${name}: lists of lists have no protobuf form`);
    };
    if (!wrapped) return one;
    // A list type with a name of its own is a message with the elements in field 1.
    return (into, field) => {
      for (const part of readFields(field.bytes)) if (part.number === 1) one(into, part);
    };
  }

  /** Follows aliases; an enum is a text. */
  #resolve(type: TypeRef): TypeRef {
    if (type.is !== 'named') return type;
    const target = this.#schema.types.get(type.name);
    if (target?.is === 'alias') return this.#resolve(target.target);
    return target?.is === 'enum' ? { is: 'scalar', scalar: 'string' } : type;
  }
}

function emptyOf(type: TypeRef): unknown {
  return type.is === 'scalar' ? '' : {};
}

function isZero(value: unknown): boolean {
  return value === 0 || value === false;
}

/**
 * Numbers and booleans that are no pointers in Kubernetes: a zero means that nobody said anything. All others that
 * arrive were set by the client.
 */
const plainFields: ReadonlySet<string> = new Set([
  'availableReplicas',
  'count',
  'currentNumberScheduled',
  'failureThreshold',
  'fullyLabeledReplicas',
  'generation',
  'healthCheckNodePort',
  'hostIPC',
  'hostNetwork',
  'hostPID',
  'hostPort',
  'initialDelaySeconds',
  'minReadySeconds',
  'nodePort',
  'observedGeneration',
  'paused',
  'periodSeconds',
  'publishNotReadyAddresses',
  'readOnly',
  'readyReplicas',
  'stdin',
  'stdinOnce',
  'successThreshold',
  'timeoutSeconds',
  'tty',
  'unavailableReplicas',
  'unschedulable',
  'updatedReplicas',
]);

const varintTypes: ReadonlySet<ScalarType> = new Set(['int32', 'int64', 'boolean']);

function textOf({ bytes }: WireField): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

function integerOf({ value }: WireField): number {
  return Number(BigInt.asIntN(64, value));
}

function partsOf({ bytes }: WireField): ReadonlyMap<number, WireField> {
  return new Map([...readFields(bytes)].map((part) => [part.number, part]));
}

/** Seconds and nanoseconds as RFC 3339; undefined for the zero time. */
function timeOf(field: WireField, fractionDigits: 0 | 6): string | undefined {
  const parts = partsOf(field);
  const seconds = parts.get(1);
  if (seconds === undefined) return undefined;
  const nanos = parts.get(2);
  const whole = new Date(integerOf(seconds) * 1000).toISOString().slice(0, 19);
  if (fractionDigits === 0) return `${whole}Z`;
  const micros = Math.floor((nanos === undefined ? 0 : integerOf(nanos)) / 1000);
  return `${whole}.${String(micros).padStart(6, '0')}Z`;
}

function jsonOf(field: WireField): unknown {
  const raw = partsOf(field).get(1);
  if (raw === undefined || raw.bytes.length === 0) return undefined;
  try {
    return JSON.parse(textOf(raw)) as unknown;
  } catch (cause) {
    throw new StatusError('BadRequest', 'an embedded object of the body is not JSON', { cause });
  }
}

const scalarReaders: Readonly<Record<ScalarType, (field: WireField) => unknown>> = {
  string: textOf,
  boolean: ({ value }) => value !== 0n,
  int32: integerOf,
  int64: integerOf,
  double: ({ bytes }) => Buffer.from(bytes).readDoubleLE(),
  bytes: ({ bytes }) => Buffer.from(bytes).toString('base64'),
  any: jsonOf,
  Time: (field) => timeOf(field, 0),
  MicroTime: (field) => timeOf(field, 6),
  Duration: (field) => {
    const duration = partsOf(field).get(1);
    return duration === undefined ? undefined : `${integerOf(duration) / 1e9}s`;
  },
  Quantity: (field) => {
    const text = partsOf(field).get(1);
    return text === undefined ? undefined : textOf(text);
  },
  IntOrString: (field) => {
    const parts = partsOf(field);
    const type = parts.get(1);
    const isText = type !== undefined && type.value === 1n;
    const part = parts.get(isText ? 3 : 2);
    if (part === undefined) return isText ? '' : 0;
    return isText ? textOf(part) : integerOf(part);
  },
  RawExtension: jsonOf,
  FieldsV1: jsonOf,
};
