/** How custom resources are read and merged: the {@link ObjectType} of one version of a CustomResourceDefinition. */
import { emptyObject } from '../apply/empty-object.js';
import type { MergeType } from '../apply/merge-type.js';
import { mergeTypeOf } from '../apply/merge-type.js';
import type { KubernetesObject } from '../objects.js';
import type { ObjectType } from '../object-type.js';
import { isJsonObject } from '../patch/merge-patch.js';
import { cannotBeHandled, decodeObject } from '../schema/decode.js';
import type { Decoded, DecodeOptions } from '../schema/decode.js';
import type { Schema } from '../schema/model.js';
import { customMergeType } from './custom-merge-type.js';
import { fillDefaults } from './defaults.js';
import { readEmbeddedMetadata } from './embedded-resources.js';
import { prune } from './prune.js';
import type { SchemaNode } from './schema-node.js';

/** All that a resource whose schema says nothing has in common with the others: its metadata. */
const metadataHolder = 'meta/v1.PartialObjectMetadata';

export interface CustomTypeOptions {
  readonly kind: string;
  readonly version: string;
  readonly node: SchemaNode;
  /** The description of the API: it says what metadata is. */
  readonly schema: Schema;
}

/** May be called before the object passed any check but that it is one. */
export function customType({ kind, version, node, schema }: CustomTypeOptions): ObjectType {
  const subject = { kind, version };
  let mergeType: MergeType | undefined;
  return {
    kind,
    get mergeType() {
      return (mergeType ??= customMergeType(node, mergeTypeOf(schema, 'meta/v1.ObjectMeta')));
    },
    get emptyObject() {
      return emptyObject(schema, metadataHolder);
    },
    read(json: unknown, options: DecodeOptions = {}): Decoded<KubernetesObject> {
      if (!isJsonObject(json)) throw cannotBeHandled(kind, version, 'it is not a JSON object');
      const { metadata, ...rest } = json;
      const holder = decodeObject<KubernetesObject>(
        schema,
        metadataHolder,
        metadata === undefined ? {} : { metadata },
        { ...options, subject },
      );
      const object: Record<string, unknown> = structuredClone(rest);
      const embedded = readEmbeddedMetadata(object, node, (value) =>
        decodeObject<KubernetesObject>(schema, metadataHolder, { metadata: value }, { fill: false, subject }),
      );
      const unknownFields = [...holder.unknownFields, ...embedded, ...prune(object, node)];
      if (options.fill !== false) fillDefaults(object, node);
      return {
        object: { ...object, metadata: holder.object.metadata } as unknown as KubernetesObject,
        unknownFields,
      };
    },
  };
}
