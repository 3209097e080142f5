/**
 * Writes objects as Kubernetes protobuf, byte for byte as Go's generated code does.
 *
 * Each type is compiled once, when it is first met, into closures over its fields. The rules: fields in the order of their
 * numbers; a pointer only when it is set; every other scalar and struct always, zero or not; elements of lists and maps as
 * they come, maps by sorted keys.
 */
import type { FieldDef, ObjectDef, Schema, TypeRef, UnionForm } from '../schema/model.js';
import { messageNamed, wireFormOf } from './message-types.js';
import type { ScalarCodec } from './scalar-codecs.js';
import { scalarCodecs } from './scalar-codecs.js';
import { tagOf, wireTypes, WireWriter } from './wire-writer.js';

type Json = Readonly<Record<string, unknown>>;
/** Writes what is set of an object's fields. */
type WriteFields = (writer: WireWriter, object: Json) => void;
/** Writes one value with its tag. */
type WriteValue = (writer: WireWriter, value: unknown) => void;

const nothing: Json = {};

/**
 * The message alone, without an envelope. `schemaName` is `core/v1.Pod`; the list of a kind, `core/v1.PodList`, is known, too.
 * What the description does not know is left out. Throws TypeError for a value of another type than described.
 */
export function encodeMessage(schema: Schema, schemaName: string, object: object): Buffer {
  const write = encoderOf(schema).message(schemaName);
  try {
    write(sharedWriter, object as Json);
    return sharedWriter.take();
  } catch (error) {
    sharedWriter.reset();
    throw error;
  }
}

/** Writing is synchronous, so that one writer and its memory serve all. */
const sharedWriter = new WireWriter();

const encoders = new WeakMap<Schema, Encoder>();

function encoderOf(schema: Schema): Encoder {
  let encoder = encoders.get(schema);
  if (encoder === undefined) {
    encoder = new Encoder(schema);
    encoders.set(schema, encoder);
  }
  return encoder;
}

class Encoder {
  readonly #schema: Schema;
  readonly #messages = new Map<string, WriteFields>();

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  message(name: string): WriteFields {
    let write = this.#messages.get(name);
    if (write === undefined) {
      const type = messageNamed(this.#schema, name);
      if (type === undefined) throw new TypeError(`the API description has no message ${name}`);
      write = this.#compileMessage(type);
      this.#messages.set(name, write);
    }
    return write;
  }

  #compileMessage(type: ObjectDef): WriteFields {
    const members: { readonly number: number; readonly write: WriteFields }[] = [];
    for (const field of type.ownFields) {
      if (field.number !== undefined)
        members.push({ number: field.number, write: this.#compileField(field, field.number) });
    }
    for (const inline of type.inlines) {
      if (inline.number === undefined) throw new TypeError(`${type.name}: ${inline.type} has no number`);
      // Its fields stand among those of the owner in JSON.
      const write = this.#compileNested(inline.type, inline.number);
      members.push({ number: inline.number, write });
    }
    const fields = members.sort((a, b) => b.number - a.number).map(({ write }) => write);
    return (writer, object) => {
      for (const write of fields) write(writer, object);
    };
  }

  #compileField(field: FieldDef, number: number): WriteFields {
    const { name } = field;
    const form = wireFormOf(this.#schema, field.type);
    const write = this.#compileValue(field.type, number);
    const unset =
      field.pointer || (form.is !== 'scalar' && form.is !== 'message')
        ? undefined
        : this.#zeroOf(field, number);
    return (writer, object) => {
      const value = object[name];
      if (value === undefined || value === null) {
        unset?.(writer);
        return;
      }
      try {
        write(writer, value);
      } catch (error) {
        throw located(error, name);
      }
    };
  }

  /** Writes what a field holds that was never set and is no pointer. Made once, when first needed. */
  #zeroOf(field: FieldDef, number: number): ((writer: WireWriter) => void) | undefined {
    const form = wireFormOf(this.#schema, field.type);
    const codec = form.is === 'scalar' ? scalarCodecs[form.scalar] : undefined;
    if (codec?.absentWhenUnset === true) return undefined;
    const write = this.#compileValue(field.type, number);
    let bytes: Buffer | undefined;
    return (writer) => {
      if (bytes === undefined) {
        const own = new WireWriter(64);
        write(own, codec === undefined ? nothing : codec.zero);
        bytes = own.take();
      }
      writer.raw(bytes);
    };
  }

  #compileValue(ref: TypeRef, number: number): WriteValue {
    const form = wireFormOf(this.#schema, ref);
    switch (form.is) {
      case 'scalar':
        return compileScalar(scalarCodecs[form.scalar], number);
      case 'message': {
        const write = this.#compileNested(form.name, number);
        return (writer, value) => {
          write(writer, objectOf(value));
        };
      }
      case 'list':
        return this.#compileList(form.of, number, form.boxed);
      case 'map':
        return this.#compileMap(form.of, number);
      case 'union':
        return this.#compileUnion(form.forms, number);
    }
  }

  #compileNested(name: string, number: number): WriteFields {
    const tag = tagOf(number, wireTypes.bytes);
    // Looked up at the first use, so that types may contain themselves.
    let write: WriteFields | undefined;
    return (writer, object) => {
      const end = writer.length;
      (write ??= this.message(name))(writer, object);
      writer.size(end);
      writer.tag(tag);
    };
  }

  #compileList(of: TypeRef, number: number, boxed: boolean): WriteValue {
    const tag = tagOf(number, wireTypes.bytes);
    const element = this.#compileValue(of, boxed ? 1 : number);
    const zero = this.#zeroElement(of);
    const elements: WriteValue = (writer, value) => {
      if (!Array.isArray(value)) throw new TypeError('a list is wanted');
      for (let index = value.length - 1; index >= 0; index--) {
        try {
          element(writer, value[index] ?? zero);
        } catch (error) {
          throw located(error, String(index));
        }
      }
    };
    if (!boxed) return elements;
    return (writer, value) => {
      const end = writer.length;
      elements(writer, value);
      writer.size(end);
      writer.tag(tag);
    };
  }

  #compileMap(of: TypeRef, number: number): WriteValue {
    const tag = tagOf(number, wireTypes.bytes);
    const keyTag = tagOf(1, wireTypes.bytes);
    const form = wireFormOf(this.#schema, of);
    // A list is no value of a map: a message with the elements in field 1 is.
    const element = form.is === 'list' ? this.#compileList(form.of, 2, true) : this.#compileValue(of, 2);
    const zero = this.#zeroElement(of);
    return (writer, value) => {
      const map = objectOf(value);
      const keys = sortedKeys(map);
      for (let index = keys.length - 1; index >= 0; index--) {
        const key = keys[index] ?? '';
        const end = writer.length;
        try {
          element(writer, map[key] ?? zero);
        } catch (error) {
          throw located(error, key);
        }
        writer.text(key);
        writer.tag(keyTag);
        writer.size(end);
        writer.tag(tag);
      }
    };
  }

  /** What stands for a null among elements. */
  #zeroElement(of: TypeRef): unknown {
    const form = wireFormOf(this.#schema, of);
    if (form.is === 'scalar') return scalarCodecs[form.scalar].zero;
    return form.is === 'list' ? [] : nothing;
  }

  /** A union's forms are told apart by their JSON: a list, a boolean, an object. */
  #compileUnion(forms: readonly UnionForm[], number: number): WriteValue {
    const tag = tagOf(number, wireTypes.bytes);
    const compiled = forms.map((form) => ({
      json: jsonTypeOf(wireFormOf(this.#schema, form.type).is),
      write: this.#compileValue(form.type, form.number),
    }));
    // Beside another form, a boolean says that there is something.
    const flag = compiled.find((form) => form.json === 'boolean');
    return (writer, value) => {
      const json = Array.isArray(value) ? 'list' : typeof value;
      const form = compiled.find((one) => one.json === json);
      if (form === undefined) throw new TypeError(`a ${json} is none of its forms`);
      const end = writer.length;
      form.write(writer, value);
      if (flag !== undefined && flag !== form) flag.write(writer, true);
      writer.size(end);
      writer.tag(tag);
    };
  }
}

function compileScalar({ write, wireType }: ScalarCodec, number: number): WriteValue {
  const tag = tagOf(number, wireType);
  return (writer, value) => {
    write(writer, value);
    writer.tag(tag);
  };
}

function jsonTypeOf(is: string): string {
  if (is === 'message' || is === 'map') return 'object';
  return is === 'list' ? 'list' : 'boolean';
}

function objectOf(value: unknown): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('an object is wanted');
  return value as Json;
}

/** In the order of their UTF-8, as Go sorts them. */
function sortedKeys(map: Json): readonly string[] {
  const keys = Object.keys(map);
  if (keys.length < 2) return keys;
  keys.sort();
  // Only surrogates are sorted differently in UTF-16.
  return keys.some((key) => /[\uD800-\uDFFF]/.test(key))
    ? keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    : keys;
}

/** Puts the field's name before the message: the path grows on the way out. */
function located(error: unknown, name: string): unknown {
  if (!(error instanceof TypeError)) return error;
  return new TypeError(`${name}: ${error.message}`, { cause: error.cause ?? error });
}
