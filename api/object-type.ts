/**
 * How objects of a kind are read and merged: what the parts that serve all kinds alike need to know of one.
 *
 * A kind of this API has its type in the description (`api/schema/definitions`); a custom resource has it from the schema
 * of its CustomResourceDefinition (`api/custom-resources/custom-type.ts`).
 */
import { emptyObject } from './apply/empty-object.js';
import type { MergeType } from './apply/merge-type.js';
import { mergeTypeOf } from './apply/merge-type.js';
import type { KubernetesObject } from './objects.js';
import { decodeObject } from './schema/decode.js';
import type { Decoded, DecodeOptions } from './schema/decode.js';
import type { Schema } from './schema/model.js';

export interface ObjectType<T extends KubernetesObject = KubernetesObject> {
  readonly kind: string;
  /** For server-side apply and managed fields. */
  readonly mergeType: MergeType;
  /** What there is before anybody has written. Shared: do not change it. */
  readonly emptyObject: unknown;
  /** Where the type stands in the description. Without it there is neither protobuf nor strategic merge patch. */
  readonly described?: DescribedName;
  /** Reads JSON, see `decodeObject`. Throws BadRequest. */
  read(json: unknown, options?: DecodeOptions): Decoded<T>;
}

export interface DescribedName {
  readonly schema: Schema;
  /** `apps/v1.Deployment`. */
  readonly schemaName: string;
}

/** A type of the description. */
export function describedType<T extends KubernetesObject>(
  schema: Schema,
  schemaName: string,
): ObjectType<T> & { readonly described: DescribedName } {
  return {
    kind: schemaName.slice(schemaName.indexOf('.') + 1),
    described: { schema, schemaName },
    get mergeType() {
      return mergeTypeOf(schema, schemaName);
    },
    get emptyObject() {
      return emptyObject(schema, schemaName);
    },
    read: (json, options) => decodeObject<T>(schema, schemaName, json, options),
  };
}
