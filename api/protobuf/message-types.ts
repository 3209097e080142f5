/** What the codec needs to know of the API description: which types are messages, and how fields are resolved. */
import type { FieldDef, ObjectDef, Schema, ScalarType, TypeRef, UnionForm } from '../schema/model.js';

/** A type with its aliases followed: what stands in a field on the wire. */
export type WireForm =
  | { readonly is: 'scalar'; readonly scalar: ScalarType }
  | { readonly is: 'message'; readonly name: string }
  | {
      readonly is: 'list';
      readonly of: TypeRef;
      /** A message with the elements in field 1. */ readonly boxed: boolean;
    }
  | { readonly is: 'map'; readonly of: TypeRef }
  | { readonly is: 'union'; readonly forms: readonly UnionForm[] };

/** Follows aliases; an enum is a string. */
export function wireFormOf(schema: Schema, ref: TypeRef): WireForm {
  switch (ref.is) {
    case 'scalar':
    case 'map':
      return ref;
    case 'list':
      return { is: 'list', of: ref.of, boxed: false };
    case 'named': {
      const type = schema.types.get(ref.name);
      if (type?.is === 'enum') return { is: 'scalar', scalar: 'string' };
      if (type?.is !== 'alias') return { is: 'message', name: ref.name };
      if (type.forms !== undefined) return { is: 'union', forms: type.forms };
      const target = wireFormOf(schema, type.target);
      // A list with a name of its own is a message of its own.
      return target.is === 'list' ? { ...target, boxed: true } : target;
    }
  }
}

/**
 * `core/v1.Pod` for `v1` and `Pod`; `core/v1.PodList` for its list. What all groups have, such as Status and DeleteOptions,
 * is known under each of them.
 */
export function schemaNameOf(schema: Schema, apiVersion: string, kind: string): string | undefined {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const pkg = schema.packages.find((one) => one.group === group && one.version === version);
  if (pkg === undefined) return undefined;
  return [`${pkg.id}.${kind}`, `meta/v1.${kind}`].find((name) => {
    const type = messageNamed(schema, name);
    return type !== undefined && type.role !== 'type';
  });
}

/** The type of a message: one that is described, or the list of a kind. */
export function messageNamed(schema: Schema, name: string): ObjectDef | undefined {
  const type = schema.types.get(name);
  if (type?.is === 'object') return type;
  if (type !== undefined || !name.endsWith('List')) return undefined;
  const item = schema.types.get(name.slice(0, -'List'.length));
  return item?.is === 'object' && item.role === 'kind' ? listOf(item) : undefined;
}

function listOf(item: ObjectDef): ObjectDef {
  const common = {
    optional: false,
    required: false,
    keepZero: false,
    pointer: false,
    patchRetainKeys: false,
  };
  const metadata: FieldDef = {
    ...common,
    name: 'metadata',
    type: { is: 'named', name: 'meta/v1.ListMeta' },
    number: 1,
    always: true,
    description: '',
  };
  const items: FieldDef = {
    ...common,
    name: 'items',
    type: { is: 'list', of: { is: 'named', name: item.name } },
    number: 2,
    always: false,
    keepZero: true,
    description: '',
  };
  return {
    is: 'object',
    name: `${item.name}List`,
    shortName: `${item.shortName}List`,
    role: 'object',
    atomic: false,
    fields: new Map([metadata, items].map((field) => [field.name, field])),
    ownFields: [metadata, items],
    inlines: [],
    description: '',
  };
}
