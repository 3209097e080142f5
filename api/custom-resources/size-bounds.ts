/**
 * How large values of a schema can be: what it says, and else what fits into a request. Kubernetes' assumptions, by which
 * it estimates what rules cost. Pure.
 */
import type { Bounds } from '../cel/estimate-cost.js';
import { escapeName } from './rule-types.js';
import type { SchemaNode } from './schema-node.js';

/** The largest request whose object rules are for. */
export const maxRequestBytes = 3 * 1024 * 1024;

export interface SchemaBounds extends Bounds {
  /** The least that a value of it takes in JSON. */
  readonly minBytes: number;
  readonly items?: SchemaBounds;
}

const emptyBytes = 2;
const numberBytes = 1;
const booleanBytes = 4;
const dateBytes = 12;
const minDateTimeBytes = 21;
const minDurationBytes = 3;
/** The longest time, and the longest duration, with their quotation marks. */
const maxTimeBytes = 32;
/** Of a character in UTF-8. */
const maxCharacterBytes = 4;

const aName: SchemaBounds = { maxSize: maxRequestBytes - emptyBytes, minBytes: emptyBytes };
/** Keys of a map are bounded by nobody, and counted as nothing. */
const aKey: Bounds = { maxSize: 0 };

/** `isResource` for a schema whose values have apiVersion, kind and metadata, whatever it says of them. */
export function boundsOf(node: SchemaNode, isResource = node.embeddedResource): SchemaBounds {
  if (node.intOrString)
    return {
      maxSize:
        node.maxLength === undefined
          ? maxRequestBytes - emptyBytes
          : Math.max(0, node.maxLength) * maxCharacterBytes,
      minBytes: numberBytes,
    };
  switch (node.type) {
    case 'array':
      return boundsOfList(node);
    case 'object':
      return boundsOfObject(node, isResource);
    case 'string':
      return boundsOfText(node);
    case 'boolean':
      return { maxSize: 0, minBytes: booleanBytes };
    default:
      return { maxSize: 0, minBytes: numberBytes };
  }
}

function boundsOfList({ items, maxItems }: SchemaNode): SchemaBounds {
  if (items === undefined) return { maxSize: 0, minBytes: emptyBytes };
  const of = boundsOf(items);
  const fitting = Math.floor((maxRequestBytes - emptyBytes) / (of.minBytes + 1));
  return { maxSize: Math.max(0, maxItems ?? fitting), minBytes: emptyBytes, items: of };
}

function boundsOfObject(node: SchemaNode, isResource: boolean): SchemaBounds {
  const { additionalProperties, maxProperties, properties, required } = node;
  if (additionalProperties !== undefined && additionalProperties !== true) {
    const of = boundsOf(additionalProperties);
    // A key with its quotation marks, a colon and a comma.
    const fitting = Math.floor((maxRequestBytes - emptyBytes) / (of.minBytes + 6));
    return { maxSize: Math.max(0, maxProperties ?? fitting), minBytes: emptyBytes, items: of, keys: aKey };
  }
  const fields = new Map<string, SchemaBounds>();
  let minBytes = emptyBytes;
  for (const [name, property] of properties) {
    const of = boundsOf(property);
    fields.set(escapeName(name), of);
    // What has a default is filled in by the server.
    if (required.includes(name) && property.default === undefined) minBytes += name.length + of.minBytes + 4;
  }
  if (isResource) {
    for (const name of ['apiVersion', 'kind']) fields.set(name, aName);
    const names = new Map([
      ['name', aName],
      ['generateName', aName],
    ]);
    fields.set('metadata', { maxSize: 0, minBytes: emptyBytes, fields: names });
  }
  return { maxSize: 0, minBytes, fields };
}

function boundsOfText(node: SchemaNode): SchemaBounds {
  switch (node.format) {
    case 'byte':
      return { maxSize: Math.max(0, node.maxLength ?? maxRequestBytes - emptyBytes), minBytes: emptyBytes };
    case 'duration':
      return { maxSize: maxTimeBytes, minBytes: minDurationBytes };
    case 'date':
      return { maxSize: dateBytes, minBytes: dateBytes };
    case 'date-time':
      return { maxSize: maxTimeBytes, minBytes: minDateTimeBytes };
  }
  return { maxSize: maxCharactersOf(node), minBytes: emptyBytes };
}

function maxCharactersOf({ maxLength, enum: choices }: SchemaNode): number {
  if (maxLength !== undefined) return Math.max(0, maxLength) * maxCharacterBytes;
  if (choices !== undefined && choices.length > 0)
    return Math.max(0, ...choices.map((one) => (typeof one === 'string' ? Buffer.byteLength(one) : 0)));
  return maxRequestBytes - emptyBytes;
}
