/**
 * The schema as structured merge sees it: which parts of an object can have owners of their own.
 *
 * Compiled once per type from the API description. Scalars and everything atomic are leaves: owned as a whole.
 */
import type { FieldDef, ListType, ObjectDef, Schema, TypeRef } from '../schema/model.js';
import { fieldElement } from './path-element.js';

export type MergeType =
  | { readonly kind: 'leaf' }
  | { readonly kind: 'struct'; readonly fields: ReadonlyMap<string, MergeField> }
  | { readonly kind: 'map'; readonly of: MergeType }
  /** A list without order or repetition, of scalars. */
  | { readonly kind: 'set' }
  /** A list whose elements are known by the values of these fields. */
  | { readonly kind: 'keyed'; readonly keys: readonly ListKey[]; readonly of: MergeType }
  /** Arbitrary JSON: objects merge key by key, everything else is a leaf. */
  | { readonly kind: 'free' };

export interface MergeField {
  readonly name: string;
  /** Its path element, `f:<name>`. */
  readonly element: string;
  /** Compiled when it is first asked for: types may contain themselves. */
  readonly type: MergeType;
}

export interface ListKey {
  readonly name: string;
  /** Taken for an element that leaves the key out. */
  readonly default: unknown;
}

const leaf: MergeType = { kind: 'leaf' };
const free: MergeType = { kind: 'free' };
const set: MergeType = { kind: 'set' };

const compilers = new WeakMap<Schema, MergeTypes>();

/** The merge type of a kind or struct, `core/v1.Pod`. Throws a TypeError when the schema has no such type. */
export function mergeTypeOf(schema: Schema, schemaName: string): MergeType {
  let compiler = compilers.get(schema);
  if (compiler === undefined) {
    compiler = new MergeTypes(schema);
    compilers.set(schema, compiler);
  }
  return compiler.named(schemaName);
}

class MergeTypes {
  readonly #schema: Schema;
  readonly #structs = new Map<string, MergeType>();

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  named(name: string): MergeType {
    const type = this.#schema.types.get(name);
    if (type === undefined) throw new TypeError(`the API description has no type ${name}`);
    switch (type.is) {
      case 'enum':
        return leaf;
      case 'alias':
        return this.#of(type.target, {});
      case 'object':
        return type.atomic ? leaf : this.#struct(type);
    }
  }

  #struct(type: ObjectDef): MergeType {
    let compiled = this.#structs.get(type.name);
    if (compiled === undefined) {
      const fields = new Map<string, MergeField>();
      compiled = { kind: 'struct', fields };
      // Before its fields, so that a type that contains itself finds itself.
      this.#structs.set(type.name, compiled);
      if (type.role !== 'type') {
        for (const name of ['apiVersion', 'kind'])
          fields.set(name, { name, element: fieldElement(name), type: leaf });
      }
      for (const field of type.fields.values()) fields.set(field.name, this.#field(field));
    }
    return compiled;
  }

  #field(field: FieldDef): MergeField {
    let compiled: MergeType | undefined;
    const compile = (): MergeType => (compiled ??= this.#of(field.type, field));
    return {
      name: field.name,
      element: fieldElement(field.name),
      get type() {
        return compile();
      },
    };
  }

  #of(ref: TypeRef, use: Pick<FieldDef, 'listType' | 'mapType' | 'structType'>): MergeType {
    switch (ref.is) {
      case 'scalar':
        return ref.scalar === 'any' || ref.scalar === 'RawExtension' ? free : leaf;
      case 'list':
        return this.#list(ref.of, use.listType);
      case 'map':
        return use.mapType === 'atomic' ? leaf : { kind: 'map', of: this.#of(ref.of, {}) };
      case 'named': {
        const type = this.#schema.types.get(ref.name);
        if (type?.is === 'alias') return this.#of(type.target, use);
        if (type?.is !== 'object') return leaf;
        // How a field uses a struct goes before what the struct says of itself.
        const atomic = use.structType === undefined ? type.atomic : use.structType === 'atomic';
        return atomic ? leaf : this.#struct(type);
      }
    }
  }

  #list(of: TypeRef, listType: ListType | undefined): MergeType {
    switch (listType?.kind) {
      case 'set':
        return set;
      case 'map': {
        const type = of.is === 'named' ? this.#schema.types.get(of.name) : undefined;
        if (type?.is !== 'object') throw new TypeError('a list with keys must be one of structs');
        const keys = listType.keys.map((name) => ({ name, default: type.fields.get(name)?.default }));
        return { kind: 'keyed', keys, of: this.#of(of, {}) };
      }
      case 'atomic':
      case undefined:
        return leaf;
    }
  }
}
