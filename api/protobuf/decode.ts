/**
 * Reads Kubernetes protobuf into the JSON that the rest of Knarr works with.
 *
 * On the wire, what is no pointer is always there, zero or not. A zero that JSON would not show (`omitempty`) is dropped
 * here; that of a pointer was set by somebody and stays.
 */
import type { FieldDef, ObjectDef, Schema, TypeRef, UnionForm } from '../schema/model.js';
import { messageNamed, wireFormOf } from './message-types.js';
import type { ScalarCodec } from './scalar-codecs.js';
import { scalarCodecs } from './scalar-codecs.js';
import { WireReader } from './wire-reader.js';
import { wireTypes } from './wire-writer.js';

type Json = Record<string, unknown>;
/** Reads the field that the reader stands at into an object. */
type ReadField = (reader: WireReader, into: Json) => void;
/** Reads the fields of a message into an object. */
type ReadFields = (reader: WireReader, into: Json) => void;
/** Reads one value; undefined where JSON has nothing. */
type ReadValue = (reader: WireReader) => unknown;

/**
 * Reads a message without an envelope. `schemaName` is `core/v1.Pod`; the list of a kind, `core/v1.PodList`, is known, too.
 * Fields that the description does not know are passed over. Throws BadRequest for what is no such message.
 */
export function decodeMessage(schema: Schema, schemaName: string, bytes: Uint8Array): Json {
  const object: Json = {};
  decoderOf(schema).message(schemaName)(new WireReader(bytes), object);
  return object;
}

const decoders = new WeakMap<Schema, Decoder>();

function decoderOf(schema: Schema): Decoder {
  let decoder = decoders.get(schema);
  if (decoder === undefined) {
    decoder = new Decoder(schema);
    decoders.set(schema, decoder);
  }
  return decoder;
}

class Decoder {
  readonly #schema: Schema;
  readonly #messages = new Map<string, ReadFields>();

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  message(name: string): ReadFields {
    let read = this.#messages.get(name);
    if (read === undefined) {
      const type = messageNamed(this.#schema, name);
      if (type === undefined) throw new TypeError(`the API description has no message ${name}`);
      read = this.#compileMessage(type);
      this.#messages.set(name, read);
    }
    return read;
  }

  #compileMessage(type: ObjectDef): ReadFields {
    const fields: (ReadField | undefined)[] = [];
    for (const field of type.ownFields) {
      if (field.number !== undefined) fields[field.number] = this.#compileField(field);
    }
    for (const inline of type.inlines) {
      if (inline.number !== undefined) fields[inline.number] = this.#compileInline(inline.type);
    }
    return (reader, into) => {
      while (reader.next()) {
        const read = fields[reader.number];
        if (read === undefined) reader.skip();
        else read(reader, into);
      }
    };
  }

  /** Its fields become fields of the owner. */
  #compileInline(name: string): ReadField {
    let read: ReadFields | undefined;
    return (reader, into) => {
      const end = reader.enter();
      (read ??= this.message(name))(reader, into);
      reader.leave(end);
    };
  }

  #compileField(field: FieldDef): ReadField {
    const { name } = field;
    const form = wireFormOf(this.#schema, field.type);
    switch (form.is) {
      case 'list':
        return this.#compileList(name, form.of, form.boxed);
      case 'map':
        return this.#compileMap(name, form.of);
      case 'scalar': {
        const codec = scalarCodecs[form.scalar];
        const hidden = field.pointer || field.keepZero || codec.showsZero === true ? undefined : codec.zero;
        return (reader, into) => {
          reader.expect(codec.wireType);
          const value = codec.read(reader);
          if (value !== undefined && (hidden === undefined || value !== hidden)) into[name] = value;
        };
      }
      case 'message':
      case 'union': {
        const read = this.#compileValue(field.type);
        return (reader, into) => {
          const value = read(reader);
          if (value !== undefined) into[name] = value;
        };
      }
    }
  }

  #compileValue(ref: TypeRef): ReadValue {
    const form = wireFormOf(this.#schema, ref);
    switch (form.is) {
      case 'scalar':
        return compileScalar(scalarCodecs[form.scalar]);
      case 'message': {
        // Looked up at the first use, so that types may contain themselves.
        let read: ReadFields | undefined;
        return (reader) => {
          const object: Json = {};
          const end = reader.enter();
          (read ??= this.message(form.name))(reader, object);
          reader.leave(end);
          return object;
        };
      }
      case 'union':
        return this.#compileUnion(form.forms);
      case 'list': {
        // Only as the value of a map, and then it is a message of its own.
        const read = this.#compileList('items', form.of, true);
        return (reader) => {
          const box: Json = { items: [] };
          read(reader, box);
          return box['items'];
        };
      }
      case 'map':
        throw new TypeError('a map of maps has no protobuf form');
    }
  }

  #compileList(name: string, of: TypeRef, boxed: boolean): ReadField {
    const form = wireFormOf(this.#schema, of);
    const element = this.#compileValue(of);
    const codec = form.is === 'scalar' ? scalarCodecs[form.scalar] : undefined;
    const mayBePacked = codec !== undefined && codec.wireType !== wireTypes.bytes;
    const readElements: ReadField = (reader, into) => {
      const list = (into[name] ??= []) as unknown[];
      if (mayBePacked && reader.wireType === wireTypes.bytes) {
        const end = reader.enter();
        while (reader.more) list.push(codec.read(reader));
        reader.leave(end);
      } else {
        // Nothing, as an element, is a null.
        list.push(element(reader) ?? null);
      }
    };
    if (!boxed) return readElements;
    return (reader, into) => {
      const end = reader.enter();
      while (reader.next()) {
        if (reader.number === 1) readElements(reader, into);
        else reader.skip();
      }
      reader.leave(end);
    };
  }

  #compileMap(name: string, of: TypeRef): ReadField {
    const form = wireFormOf(this.#schema, of);
    const element = this.#compileValue(of);
    // A value that is not there is the zero of its type.
    const zero =
      form.is === 'scalar'
        ? () => scalarCodecs[form.scalar].zero
        : form.is === 'list'
          ? () => []
          : () => ({});
    return (reader, into) => {
      let key = '';
      let value: unknown;
      const end = reader.enter();
      while (reader.next()) {
        if (reader.number === 1) {
          reader.expect(wireTypes.bytes);
          key = reader.text();
        } else if (reader.number === 2) value = element(reader);
        else reader.skip();
      }
      reader.leave(end);
      put((into[name] ??= {}) as Json, key, value ?? zero() ?? null);
    };
  }

  #compileUnion(forms: readonly UnionForm[]): ReadValue {
    const fields: (ReadField | undefined)[] = [];
    for (const { type, number } of forms) {
      const form = wireFormOf(this.#schema, type);
      if (form.is === 'list') fields[number] = this.#compileList(String(number), form.of, form.boxed);
      else {
        const read = this.#compileValue(type);
        fields[number] = (reader, into) => {
          into[String(number)] = read(reader);
        };
      }
    }
    const preferred = forms.map(({ number }) => String(number)).reverse();
    return (reader) => {
      const found: Json = {};
      const end = reader.enter();
      while (reader.next()) {
        const read = fields[reader.number];
        if (read === undefined) reader.skip();
        else read(reader, found);
      }
      reader.leave(end);
      // A flag comes beside the form that counts, and stands before it in the description.
      for (const number of preferred) if (found[number] !== undefined) return found[number];
      return undefined;
    };
  }
}

function compileScalar(codec: ScalarCodec): ReadValue {
  return (reader) => {
    reader.expect(codec.wireType);
    return codec.read(reader);
  };
}

/** Assignment that a key named `__proto__` cannot turn into something else. */
function put(target: Json, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
  else target[key] = value;
}
