/**
 * Reads the API description language of `api/schema/definitions/*.api` (its README shows the grammar).
 *
 * Pure: text in, {@link Schema} out. Throws {@link SchemaSyntaxError} with file and line for anything that it
 * does not know, so that a typing error in a description never turns into a silently missing field.
 */
import type {
  EnumDef,
  FieldDef,
  InlineDef,
  ListType,
  ObjectDef,
  PackageDef,
  Schema,
  TypeDef,
  TypeRef,
  UnionForm,
} from './model.js';
import { scalarTypes } from './model.js';

export class SchemaSyntaxError extends Error {
  override readonly name = 'SchemaSyntaxError';
  constructor(file: string, line: number, message: string) {
    super(`${file}:${String(line)}: ${message}`);
  }
}

interface OpenObject {
  shortName: string;
  role: ObjectDef['role'];
  scope?: 'namespaced' | 'cluster';
  atomic: boolean;
  ownFields: FieldDef[];
  inlines: InlineDef[];
  description: string;
}

const scalars: ReadonlySet<string> = new Set(scalarTypes);

/** Parses all files of the description together, so that references between groups resolve. */
export function parseSchema(files: readonly { readonly name: string; readonly text: string }[]): Schema {
  const open = files.map((file) => new PackageParser(file.name, file.text).parse());
  const objects = new Map<string, OpenObject & { packageId: string }>();
  for (const pkg of open) {
    for (const object of pkg.objects)
      objects.set(`${pkg.id}.${object.shortName}`, { ...object, packageId: pkg.id });
  }
  const types = new Map<string, TypeDef>();
  const packages: PackageDef[] = [];
  for (const pkg of open) {
    const own: TypeDef[] = [...pkg.others];
    for (const object of pkg.objects) own.push(closeObject(pkg.id, object, objects));
    for (const type of own) {
      if (types.has(type.name))
        throw new SchemaSyntaxError(pkg.file, 1, `type ${type.name} is described twice`);
      types.set(type.name, type);
    }
    packages.push({
      id: pkg.id,
      openApiPrefix: pkg.openApiPrefix,
      group: pkg.group,
      version: pkg.version,
      types: own,
    });
  }
  checkReferences(types);
  return { packages, types };
}

function closeObject(
  packageId: string,
  object: OpenObject,
  objects: ReadonlyMap<string, OpenObject>,
): ObjectDef {
  const fields = new Map<string, FieldDef>();
  const addFields = (of: OpenObject): void => {
    for (const field of of.ownFields) fields.set(field.name, field);
    for (const inline of of.inlines) {
      const target = objects.get(inline.type);
      if (target === undefined)
        throw new Error(`${packageId}.${object.shortName}: inline ${inline.type} is not described`);
      addFields(target);
    }
  };
  addFields(object);
  return { is: 'object', name: `${packageId}.${object.shortName}`, fields, ...object };
}

function checkReferences(types: ReadonlyMap<string, TypeDef>): void {
  const check = (owner: string, ref: TypeRef): void => {
    if (ref.is === 'list' || ref.is === 'map') check(owner, ref.of);
    else if (ref.is === 'named' && !types.has(ref.name))
      throw new Error(`${owner} refers to ${ref.name}, which is not described`);
  };
  for (const type of types.values()) {
    if (type.is === 'alias') {
      check(type.name, type.target);
      for (const form of type.forms ?? []) check(type.name, form.type);
    }
    if (type.is === 'object')
      for (const field of type.ownFields) check(`${type.name}.${field.name}`, field.type);
  }
}

class PackageParser {
  readonly file: string;
  id = '';
  openApiPrefix = '';
  group = '';
  version = '';
  readonly objects: OpenObject[] = [];
  readonly others: TypeDef[] = [];
  readonly #lines: readonly string[];
  #line = 0;

  constructor(file: string, text: string) {
    this.file = file;
    this.#lines = text.split('\n');
  }

  parse(): this {
    const base = /(?:^|\/)([a-z]+)\.(v\d\w*)\.api$/.exec(this.file);
    if (base === null) throw this.#error('a description is named <group>.<version>.api');
    this.id = `${base[1] ?? ''}/${base[2] ?? ''}`;
    let current: OpenObject | undefined;
    for (const raw of this.#lines) {
      this.#line++;
      const { code, comment } = splitComment(raw);
      if (code.trim() === '') continue;
      if (code.startsWith('  ')) {
        if (current === undefined) throw this.#error('a field stands outside of a type');
        this.#member(current, code.trim(), comment);
      } else {
        current = this.#header(code.trim(), comment);
      }
    }
    return this;
  }

  #header(code: string, description: string): OpenObject | undefined {
    const words = code.match(/"[^"]*"|\S+/g) ?? [];
    const [keyword, shortName, ...rest] = words;
    if (keyword === undefined || shortName === undefined) throw this.#error(`cannot read "${code}"`);
    const name = `${this.id}.${shortName}`;
    switch (keyword) {
      case 'package':
        this.openApiPrefix = shortName;
        return undefined;
      case 'group':
        this.group = JSON.parse(shortName) as string;
        this.version = rest[1] ?? '';
        return undefined;
      case 'enum': {
        const values = rest.map((value) => (value.startsWith('"') ? (JSON.parse(value) as string) : value));
        this.others.push({ is: 'enum', name, shortName, values, description } satisfies EnumDef);
        return undefined;
      }
      case 'alias':
        this.others.push({ is: 'alias', name, shortName, target: this.#type(rest.join(' ')), description });
        return undefined;
      case 'union': {
        const forms = rest
          .join(' ')
          .split(' | ')
          .map((form) => this.#unionForm(form));
        const target: TypeRef = { is: 'scalar', scalar: 'any' };
        this.others.push({ is: 'alias', name, shortName, target, forms, description });
        return undefined;
      }
      case 'kind':
      case 'object':
      case 'type': {
        const scope = rest.find((word) => word === 'namespaced' || word === 'cluster');
        if (keyword === 'kind' && scope === undefined)
          throw this.#error('a kind is either "namespaced" or "cluster"');
        const object: OpenObject = {
          shortName,
          role: keyword,
          ...(scope === undefined ? {} : { scope }),
          atomic: rest.includes('atomic'),
          ownFields: [],
          inlines: [],
          description,
        };
        this.objects.push(object);
        return object;
      }
      default:
        throw this.#error(
          `"${keyword}" is not one of package, group, kind, object, type, enum, alias, union`,
        );
    }
  }

  #member(object: OpenObject, code: string, description: string): void {
    const inline = /^inline (\S+)(?: = (\d+))?$/.exec(code);
    if (inline !== null) {
      const type = this.#qualify(inline[1] ?? '');
      object.inlines.push(inline[2] === undefined ? { type } : { type, number: Number(inline[2]) });
      return;
    }
    const match = /^([\w$-]+)(\?)?: ((?:\[\]|map )*[\w/.]+)(?: = (\d+))?((?: .*)?)$/.exec(code);
    if (match === null) throw this.#error(`cannot read the field "${code}"`);
    const [, name = '', optional, type = '', number, flags = ''] = match;
    object.ownFields.push({
      name,
      type: this.#type(type),
      ...(number === undefined ? {} : { number: Number(number) }),
      optional: optional === '?',
      description,
      ...this.#flags(flags.trim()),
    });
  }

  #flags(text: string): Omit<FieldDef, 'name' | 'type' | 'number' | 'optional' | 'description'> {
    const flags: { -readonly [K in keyof FieldDef]?: FieldDef[K] } = {};
    let rest = text;
    while (rest !== '') {
      const defaultValue = /^default:(.*)$/.exec(rest);
      if (defaultValue !== null) {
        flags.default = JSON.parse(defaultValue[1] ?? '');
        break;
      }
      const [word = ''] = rest.split(' ', 1);
      rest = rest.slice(word.length).trim();
      const keys = /\(([\w,]+)\)$/.exec(word)?.[1]?.split(',');
      const plain = word.replace(/\(.*$/, '');
      if (plain === 'always' || plain === 'required' || plain === 'keepZero' || plain === 'pointer')
        flags[plain] = true;
      else if (plain === 'patch:retainKeys') flags.patchRetainKeys = true;
      else if (plain === 'patch:replace') continue;
      else if (plain === 'patch:merge') flags.patchMerge = keys?.[0] === undefined ? {} : { key: keys[0] };
      else if (plain.startsWith('list:')) flags.listType = this.#listType(plain.slice(5), keys);
      else if (plain === 'map:atomic' || plain === 'map:granular')
        flags.mapType = plain === 'map:atomic' ? 'atomic' : 'granular';
      else if (plain === 'struct:atomic' || plain === 'struct:granular')
        flags.structType = plain === 'struct:atomic' ? 'atomic' : 'granular';
      else throw this.#error(`"${word}" is not a flag of a field`);
    }
    return {
      always: false,
      required: false,
      keepZero: false,
      pointer: false,
      patchRetainKeys: false,
      ...flags,
    };
  }

  #listType(kind: string, keys: readonly string[] | undefined): ListType {
    if (kind === 'map' && keys !== undefined) return { kind, keys };
    if (kind === 'atomic' || kind === 'set') return { kind };
    throw this.#error(`list:${kind} is not one of list:atomic, list:set, list:map(key,…)`);
  }

  #unionForm(text: string): UnionForm {
    const [, type, number] = /^(\S+) = (\d+)$/.exec(text) ?? [];
    if (type === undefined) throw this.#error(`cannot read the form "${text}" of a union`);
    return { type: this.#type(type), number: Number(number) };
  }

  #type(text: string): TypeRef {
    if (text.startsWith('[]')) return { is: 'list', of: this.#type(text.slice(2)) };
    if (text.startsWith('map ')) return { is: 'map', of: this.#type(text.slice(4)) };
    if (scalars.has(text)) return { is: 'scalar', scalar: text as (typeof scalarTypes)[number] };
    return { is: 'named', name: this.#qualify(text) };
  }

  #qualify(name: string): string {
    return name.includes('/') ? name : `${this.id}.${name}`;
  }

  #error(message: string): SchemaSyntaxError {
    return new SchemaSyntaxError(this.file, this.#line, message);
  }
}

function splitComment(line: string): { code: string; comment: string } {
  const at = line.indexOf(' //');
  if (at >= 0) return { code: line.slice(0, at).trimEnd(), comment: line.slice(at + 3).trim() };
  return line.startsWith('//') ? { code: '', comment: '' } : { code: line.trimEnd(), comment: '' };
}
