/** The schema of a custom resource in the types of CEL, and its values in those of CEL. */
import type { Environment } from '../cel/expression.js';
import { sameValue } from '../cel/same-value.js';
import { structClass } from '../cel/struct-class.js';
import { isJsonObject } from '../patch/merge-patch.js';
import type { SchemaNode } from './schema-node.js';

/** What rules see of a part of an object: its type in CEL, and how JSON becomes a value of it. */
export interface RuleType {
  readonly name: string;
  /** Undefined for a null: rules do not see it. */
  convert(json: unknown): unknown;
}

/** Declares the types of a schema in an environment. A resource has apiVersion, kind, and the names in its metadata. */
export function declareType(environment: Environment, node: SchemaNode, isResource: boolean): RuleType {
  return new Declarations(environment).of(node, isResource);
}

const text: RuleType = { name: 'string', convert: (json) => json ?? undefined };

class Declarations {
  readonly #environment: Environment;
  #count = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  of(node: SchemaNode, isResource = false): RuleType {
    if (node.intOrString) return { name: 'dyn', convert: convertFree };
    switch (node.type) {
      case 'integer':
        return {
          name: 'int',
          convert: (json) => (typeof json === 'number' ? BigInt(Math.trunc(json)) : undefined),
        };
      case 'number':
        return { name: 'double', convert: (json) => json ?? undefined };
      case 'boolean':
        return { name: 'bool', convert: (json) => json ?? undefined };
      case 'string':
        return textOfFormat(node.format);
      case 'array':
        return this.#list(node);
      case 'object':
        return this.#object(node, isResource || node.embeddedResource);
      default:
        return { name: 'dyn', convert: convertFree };
    }
  }

  #list({ items }: SchemaNode): RuleType {
    const of = items === undefined ? { name: 'dyn', convert: convertFree } : this.of(items);
    return {
      name: `list<${of.name}>`,
      convert: (json) => (Array.isArray(json) ? json.map((item) => of.convert(item) ?? null) : undefined),
    };
  }

  #object(node: SchemaNode, isResource: boolean): RuleType {
    const { additionalProperties, properties } = node;
    if (additionalProperties !== undefined) {
      const of =
        additionalProperties === true ? { name: 'dyn', convert: convertFree } : this.of(additionalProperties);
      return { name: `map<string, ${of.name}>`, convert: (json) => convertMap(json, of) };
    }
    if (properties.size === 0 && !isResource) return { name: 'map<string, dyn>', convert: convertFree };
    const fields = new Map<string, RuleType>();
    if (isResource) for (const name of ['apiVersion', 'kind']) fields.set(name, text);
    for (const [name, property] of properties)
      if (name !== 'metadata' || !isResource) fields.set(name, this.of(property));
    if (isResource)
      fields.set(
        'metadata',
        this.#struct(
          new Map([
            ['name', text],
            ['generateName', text],
          ]),
        ),
      );
    return this.#struct(fields);
  }

  #struct(fields: ReadonlyMap<string, RuleType>): RuleType {
    const Struct = structClass();
    const name = `Object${String(this.#count++)}`;
    const declared = [...fields].map(([field, type]) => [escapeName(field), type.name] as const);
    this.#environment.registerType(name, { ctor: Struct, fields: Object.fromEntries(declared) });
    this.#environment.registerOperator(`${name} == ${name}`, (a: object, b: object) => sameValue(a, b));
    return {
      name,
      convert(json) {
        if (!isJsonObject(json)) return undefined;
        const struct = new Struct();
        for (const [field, type] of fields) {
          const value = Object.hasOwn(json, field) ? type.convert(json[field]) : undefined;
          if (value !== undefined) struct[escapeName(field)] = value;
        }
        return struct;
      },
    };
  }
}

function textOfFormat(format: string): RuleType {
  switch (format) {
    case 'date':
    case 'date-time':
    case 'datetime':
      return {
        name: 'google.protobuf.Timestamp',
        convert: (json) => (typeof json === 'string' ? new Date(json) : undefined),
      };
    case 'byte':
      return {
        name: 'bytes',
        convert: (json) =>
          typeof json === 'string' ? new Uint8Array(Buffer.from(json, 'base64')) : undefined,
      };
    default:
      return text;
  }
}

function convertMap(json: unknown, of: RuleType): unknown {
  if (!isJsonObject(json)) return undefined;
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, of.convert(value) ?? null]));
}

/** Whole numbers are integers where nobody says otherwise. */
function convertFree(json: unknown): unknown {
  if (json === null || json === undefined) return undefined;
  if (typeof json === 'number') return Number.isInteger(json) ? BigInt(json) : json;
  if (Array.isArray(json)) return json.map((item) => convertFree(item) ?? null);
  if (isJsonObject(json))
    return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, convertFree(value) ?? null]));
  return json;
}

const keywords: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);
const escapes: readonly [RegExp, string][] = [
  [/__/g, '__underscores__'],
  [/\./g, '__dot__'],
  [/-/g, '__dash__'],
  [/\//g, '__slash__'],
];

/** The name of a field as it has to be written in CEL. */
export function escapeName(name: string): string {
  if (keywords.has(name)) return `__${name}__`;
  return escapes.reduce((escaped, [pattern, by]) => escaped.replace(pattern, by), name);
}
