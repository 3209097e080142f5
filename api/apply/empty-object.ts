/** What is there before anybody has written: the fields that an object of a kind cannot be without. */
import type { FieldDef, ObjectDef, ScalarType, Schema } from '../schema/model.js';

const cache = new WeakMap<Schema, Map<string, unknown>>();

/**
 * The object that a creation is compared with. Structs that are always there are, and lists and maps that are written
 * even when there are none are null: nobody comes to own them just because the first object of its name has them.
 * Shared: do not change it.
 */
export function emptyObject(schema: Schema, schemaName: string): unknown {
  let objects = cache.get(schema);
  if (objects === undefined) {
    objects = new Map();
    cache.set(schema, objects);
  }
  let object = objects.get(schemaName);
  if (object === undefined) {
    const type = schema.types.get(schemaName);
    object = type?.is === 'object' ? build(schema, type) : {};
    objects.set(schemaName, object);
  }
  return object;
}

function build(schema: Schema, type: ObjectDef): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const field of type.fields.values()) {
    const value = initialValue(schema, field);
    if (value !== undefined) object[field.name] = value;
  }
  return object;
}

/** What Go writes for a scalar that was never set; null for those that are structs there. */
const zeroes: Readonly<Partial<Record<ScalarType, unknown>>> = {
  string: '',
  boolean: false,
  int32: 0,
  int64: 0,
  double: 0,
};

function initialValue(schema: Schema, { type, keepZero, pointer }: FieldDef): unknown {
  const named = type.is === 'named' ? schema.types.get(type.name) : undefined;
  if (named?.is === 'object' && !pointer) return build(schema, named);
  if (!keepZero) return undefined;
  if (named?.is === 'enum' && !pointer) return '';
  return type.is === 'scalar' && !pointer ? (zeroes[type.scalar] ?? null) : null;
}
