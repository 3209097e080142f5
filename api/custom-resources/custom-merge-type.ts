/** The schema of a custom resource as structured merge sees it, see `api/apply/merge-type.ts`. */
import type { ListKey, MergeField, MergeType } from '../apply/merge-type.js';
import { fieldElement } from '../apply/path-element.js';
import type { SchemaNode } from './schema-node.js';

const leaf: MergeType = { kind: 'leaf' };
const free: MergeType = { kind: 'free' };

/** `metadata` is the type of what all resources have. */
export function customMergeType(root: SchemaNode, metadata: MergeType): MergeType {
  const fields = fieldsOf(root);
  setResourceFields(fields, metadata);
  return { kind: 'struct', fields };
}

function mergeTypeOfNode(node: SchemaNode): MergeType {
  if (node.intOrString) return leaf;
  switch (node.type) {
    case 'object':
      return mergeTypeOfObject(node);
    case 'array':
      return mergeTypeOfList(node);
    case '':
      return node.preserveUnknownFields ? free : leaf;
    default:
      return leaf;
  }
}

function mergeTypeOfObject(node: SchemaNode): MergeType {
  if (node.atomicMap) return leaf;
  const { additionalProperties } = node;
  if (additionalProperties === true) return { kind: 'map', of: free };
  if (additionalProperties !== undefined) return { kind: 'map', of: mergeTypeOfNode(additionalProperties) };
  if (node.preserveUnknownFields && node.properties.size === 0) return free;
  const fields = fieldsOf(node);
  if (node.embeddedResource) setResourceFields(fields, free);
  return { kind: 'struct', fields };
}

function mergeTypeOfList({ listType, items, listMapKeys }: SchemaNode): MergeType {
  switch (listType) {
    case 'set':
      return { kind: 'set' };
    case 'map': {
      const keys = listMapKeys.map((name): ListKey => ({
        name,
        default: items?.properties.get(name)?.default,
      }));
      return { kind: 'keyed', keys, of: items === undefined ? free : mergeTypeOfNode(items) };
    }
    case 'atomic':
      return leaf;
  }
}

function fieldsOf(node: SchemaNode): Map<string, MergeField> {
  const fields = node.preserveUnknownFields ? new OpenFields() : new Map<string, MergeField>();
  for (const [name, property] of node.properties) fields.set(name, field(name, mergeTypeOfNode(property)));
  return fields;
}

function setResourceFields(fields: Map<string, MergeField>, metadata: MergeType): void {
  for (const name of ['apiVersion', 'kind']) fields.set(name, field(name, leaf));
  fields.set('metadata', field('metadata', metadata));
}

function field(name: string, type: MergeType): MergeField {
  return { name, element: fieldElement(name), type };
}

/** The fields of an object that may have others, of which nothing is known. */
class OpenFields extends Map<string, MergeField> {
  override get(name: string): MergeField {
    return super.get(name) ?? field(name, free);
  }
}
