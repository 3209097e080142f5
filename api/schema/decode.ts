/**
 * Reads JSON by the API description: prunes what is not described, checks JSON types, fills defaults.
 *
 * Each type is compiled once, when it is first met, into closures over its fields; reading an object is then one walk over
 * the keys that it has. Enum values and everything else that depends on meaning are left to validation.
 */
import { StatusError } from '../status-error.js';
import { goTypeOfScalar, jsonWord, ScalarError, scalarReaders, scalarZeroes } from './decode-scalars.js';
import type { FieldDef, ObjectDef, Schema, TypeRef, UnionForm } from './model.js';

export interface DecodeOptions {
  /**
   * Fill `always` structs, zero values of fields without omitempty, and static defaults; leave out zero values of fields
   * with it, as Kubernetes does: `hostNetwork: false` is as good as nothing. On by default; off where the JSON is to be
   * read as it stands.
   */
  readonly fill?: boolean;
  /** What errors call the object, where the type is only a part of what is read. */
  readonly subject?: { readonly kind: string; readonly version: string };
}

export interface Decoded<T> {
  /** A new object; only arbitrary JSON inside (RawExtension, managedFields' fieldsV1) is shared with the input. */
  readonly object: T;
  /** Paths of fields that the description does not know, in Kubernetes' form: `spec.containers[0].foo`. */
  readonly unknownFields: readonly string[];
}

/**
 * Reads `json` as the type `schemaName` (`core/v1.Pod`). Nulls count as absent; quantities and times are brought into
 * canonical form. Throws StatusError BadRequest where a JSON type is wrong, in the wording of Kubernetes; a TypeError
 * when the schema has no such type.
 */
export function decodeObject<T = Record<string, unknown>>(
  schema: Schema,
  schemaName: string,
  json: unknown,
  options: DecodeOptions = {},
): Decoded<T> {
  const walk: Walk = { path: [], struct: '', unknownFields: [], fill: options.fill ?? true };
  const decode = compilerOf(schema).named(schemaName);
  try {
    return { object: decode(json, walk) as T, unknownFields: walk.unknownFields };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const [packageId = '', name = ''] = schemaName.split('.');
    const { kind, version } = options.subject ?? {
      kind: name,
      version: packageId.slice(packageId.indexOf('/') + 1),
    };
    throw cannotBeHandled(kind, version, error.message);
  }
}

/** The BadRequest of `fieldValidation=Strict`, with problems worded by the two functions below. */
export function strictDecodingError(kind: string, version: string, problems: readonly string[]): StatusError {
  return cannotBeHandled(kind, version, `strict decoding error: ${problems.join(', ')}`);
}

/** `unknown field "spec.foo"`: also the text of the warning under `fieldValidation=Warn`. */
export function unknownFieldProblem(path: string): string {
  return `unknown field "${path}"`;
}

/** `duplicate field "spec.foo"`. */
export function duplicateFieldProblem(path: string): string {
  return `duplicate field "${path}"`;
}

/** The BadRequest for a body that cannot be read as its kind. `version` without the group. */
export function cannotBeHandled(kind: string, version: string, why: string): StatusError {
  return new StatusError(
    'BadRequest',
    `${kind} in version "${version}" cannot be handled as a ${kind}: ${why}`,
  );
}

class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

/** One step from the root: a field's name, a list's index, or a map's key. */
type Step = string | number | { readonly key: string };

interface Walk {
  readonly path: Step[];
  /** Short name of the struct that is being read: Go's messages name it. */
  struct: string;
  readonly unknownFields: string[];
  readonly fill: boolean;
}

type Decode = (value: unknown, walk: Walk) => unknown;

interface ReadableField {
  readonly decode: Decode;
  readonly leavesOutZero: boolean;
}

const typesWithZero: ReadonlySet<string> = new Set([
  'string',
  'boolean',
  'int32',
  'int64',
  'double',
  'bytes',
]);

/** Zero, false, an empty text, list or map. */
function isZero(value: unknown): boolean {
  if (typeof value !== 'object') return value === '' || value === 0 || value === false;
  return Array.isArray(value) ? value.length === 0 : value !== null && Object.keys(value).length === 0;
}

/** Kubernetes stops counting there, too. */
const maxUnknownFields = 100;

function strictPath(path: readonly Step[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${String(step)}]`;
    else text += (text === '' ? '' : '.') + (typeof step === 'string' ? step : step.key);
  }
  return text;
}

function mismatch(word: string, goType: string, walk: Walk): DecodeError {
  const fields = walk.path.filter((step) => typeof step === 'string').join('.');
  const into =
    fields === ''
      ? `Go value of type ${goType}`
      : `Go struct field ${walk.struct}.${fields} of type ${goType}`;
  return new DecodeError(`json: cannot unmarshal ${word} into ${into}`);
}

function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Assignment that a key named `__proto__` cannot turn into something else. */
function put(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
  else target[key] = value;
}

/** What is put into a field that is absent; called anew each time, because the value becomes part of an object. */
interface Fill {
  readonly name: string;
  readonly make: (walk: Walk) => unknown;
  /** An empty text counts as absent, as it does in Kubernetes' defaulting. */
  readonly replacesEmpty: boolean;
}

const compilers = new WeakMap<Schema, Compiler>();

function compilerOf(schema: Schema): Compiler {
  let compiler = compilers.get(schema);
  if (compiler === undefined) {
    compiler = new Compiler(schema);
    compilers.set(schema, compiler);
  }
  return compiler;
}

class Compiler {
  readonly #schema: Schema;
  readonly #named = new Map<string, Decode>();

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  named(name: string): Decode {
    let decode = this.#named.get(name);
    if (decode === undefined) {
      decode = this.#compileNamed(name);
      this.#named.set(name, decode);
    }
    return decode;
  }

  #compileNamed(name: string): Decode {
    const type = this.#schema.types.get(name);
    if (type === undefined) throw new TypeError(`the API description has no type ${name}`);
    switch (type.is) {
      case 'alias':
        return type.forms === undefined
          ? this.#compile(type.target)
          : this.#compileUnion(type.forms, this.goType({ is: 'named', name }));
      case 'enum':
        return compileScalar('string', this.goType({ is: 'named', name }));
      case 'object':
        return this.#compileObject(type);
    }
  }

  #compile(ref: TypeRef): Decode {
    switch (ref.is) {
      case 'scalar':
        return compileScalar(ref.scalar, goTypeOfScalar[ref.scalar]);
      case 'named': {
        // Looked up at the first use, so that types may contain themselves.
        let decode: Decode | undefined;
        return (value, walk) => (decode ??= this.named(ref.name))(value, walk);
      }
      case 'list':
        return this.#compileList(ref);
      case 'map':
        return this.#compileMap(ref);
    }
  }

  /** The forms of a union differ in their JSON type. */
  #compileUnion(forms: readonly UnionForm[], goType: string): Decode {
    const byWord = new Map(forms.map(({ type }) => [wordOfForm(type), this.#compile(type)]));
    return (value, walk) => {
      const decode = byWord.get(jsonWord(value));
      if (decode === undefined) throw mismatch(jsonWord(value), goType, walk);
      return decode(value, walk);
    };
  }

  #compileList(ref: TypeRef & { is: 'list' }): Decode {
    const element = this.#compile(ref.of);
    const goType = this.goType(ref);
    return (value, walk) => {
      if (!Array.isArray(value)) throw mismatch(jsonWord(value), goType, walk);
      const list = new Array<unknown>(value.length);
      const depth = walk.path.length;
      for (let index = 0; index < value.length; index++) {
        walk.path[depth] = index;
        const item: unknown = value[index];
        list[index] = item === null ? (this.#zero(ref.of, walk) ?? null) : element(item, walk);
      }
      walk.path.length = depth;
      return list;
    };
  }

  #compileMap(ref: TypeRef & { is: 'map' }): Decode {
    const element = this.#compile(ref.of);
    const goType = this.goType(ref);
    const plainText = ref.of.is === 'scalar' && ref.of.scalar === 'string';
    return (value, walk) => {
      if (!isJsonObject(value)) throw mismatch(jsonWord(value), goType, walk);
      const map: Record<string, unknown> = {};
      for (const key of Object.keys(value)) {
        const item = value[key];
        if (plainText && typeof item === 'string') {
          put(map, key, item);
          continue;
        }
        walk.path.push({ key });
        put(map, key, item === null ? (this.#zero(ref.of, walk) ?? null) : element(item, walk));
        walk.path.pop();
      }
      return map;
    };
  }

  #compileObject(type: ObjectDef): Decode {
    const fields = new Map<string, ReadableField>();
    const fills: Fill[] = [];
    for (const field of type.fields.values()) {
      const leavesOutZero = !field.keepZero && !field.pointer && this.#hasZero(field.type);
      fields.set(field.name, { decode: this.#compile(field.type), leavesOutZero });
      const fill = this.#fillOf(field);
      if (fill !== undefined) fills.push(fill);
    }
    if (type.role !== 'type') {
      const text = compileScalar('string', 'string');
      for (const name of ['apiVersion', 'kind']) fields.set(name, { decode: text, leavesOutZero: false });
    }
    const goType = this.goType({ is: 'named', name: type.name });
    return (value, walk) => {
      if (!isJsonObject(value)) throw mismatch(jsonWord(value), goType, walk);
      const outer = walk.struct;
      walk.struct = type.shortName;
      const object = readFields(value, fields, walk);
      if (walk.fill) fillFields(object, fills, walk);
      walk.struct = outer;
      return object;
    };
  }

  #fillOf(field: FieldDef): Fill | undefined {
    const { name } = field;
    if (field.default !== undefined) {
      const isZero = field.default === '' || field.default === 0;
      // A zero that would not be written out is as good as absent.
      if (isZero && !field.keepZero) return undefined;
      const replacesEmpty = typeof field.default === 'string' && field.default !== '';
      const { default: value } = field;
      // A clone of a scalar costs as much as reading ten fields.
      const make = typeof value === 'object' ? (): unknown => structuredClone(value) : (): unknown => value;
      return { name, make, replacesEmpty };
    }
    if (!field.always && !field.required && (field.optional || !field.keepZero)) return undefined;
    return { name, make: (walk) => this.#zero(field.type, walk), replacesEmpty: false };
  }

  /** Whether the zero value is one that `omitempty` leaves out: not that of a struct, nor of arbitrary JSON. */
  #hasZero(ref: TypeRef): boolean {
    if (ref.is === 'scalar') return typesWithZero.has(ref.scalar);
    if (ref.is !== 'named') return true;
    const type = this.#schema.types.get(ref.name);
    if (type?.is === 'alias') return type.forms === undefined && this.#hasZero(type.target);
    return type?.is === 'enum';
  }

  #zero(ref: TypeRef, walk: Walk): unknown {
    switch (ref.is) {
      case 'scalar':
        return scalarZeroes[ref.scalar];
      case 'list':
        return [];
      case 'map':
        return {};
      case 'named': {
        const type = this.#schema.types.get(ref.name);
        if (type?.is === 'alias') return this.#zero(type.target, walk);
        return type?.is === 'enum' ? '' : this.named(ref.name)({}, walk);
      }
    }
  }

  /** The type as Go's messages call it: `[]v1.Container`. */
  goType(ref: TypeRef): string {
    switch (ref.is) {
      case 'scalar':
        return goTypeOfScalar[ref.scalar];
      case 'list':
        return `[]${this.goType(ref.of)}`;
      case 'map':
        return `map[string]${this.goType(ref.of)}`;
      case 'named':
        return ref.name.slice(ref.name.indexOf('/') + 1);
    }
  }
}

function wordOfForm(type: TypeRef): string {
  switch (type.is) {
    case 'scalar':
      return type.scalar === 'boolean' ? 'bool' : type.scalar;
    case 'list':
      return 'array';
    case 'map':
    case 'named':
      return 'object';
  }
}

function compileScalar(scalar: keyof typeof scalarReaders, goType: string): Decode {
  const read = scalarReaders[scalar];
  return (value, walk) => {
    try {
      return read(value);
    } catch (error) {
      if (!(error instanceof ScalarError)) throw error;
      throw error.complete ? new DecodeError(error.message) : mismatch(error.message, goType, walk);
    }
  };
}

function readFields(
  value: Readonly<Record<string, unknown>>,
  fields: ReadonlyMap<string, ReadableField>,
  walk: Walk,
): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  const depth = walk.path.length;
  for (const name of Object.keys(value)) {
    const field = fields.get(name);
    walk.path[depth] = name;
    if (field === undefined) {
      if (walk.unknownFields.length < maxUnknownFields) walk.unknownFields.push(strictPath(walk.path));
      continue;
    }
    const item = value[name];
    if (item === null || item === undefined) continue;
    const decoded = field.decode(item, walk);
    if (!(walk.fill && field.leavesOutZero && isZero(decoded))) object[name] = decoded;
  }
  walk.path.length = depth;
  return object;
}

function fillFields(object: Record<string, unknown>, fills: readonly Fill[], walk: Walk): void {
  for (const { name, make, replacesEmpty } of fills) {
    if (object[name] !== undefined && !(replacesEmpty && object[name] === '')) continue;
    const value = make(walk);
    if (value !== undefined) object[name] = value;
  }
}
