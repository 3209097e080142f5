/** Sends objects and collections in the representation that the client asked for. */
import type { KubernetesObject } from '../../api/objects.js';
import type { ListMeta } from '../../api/generated/meta-v1.js';
import type { Printed, PrintedTable } from '../../api/tables/table.js';
import { listKindOf } from '../../api/resources.js';
import { encodeMessage } from '../../api/protobuf/encode.js';
import type { TypeMeta } from '../../api/protobuf/envelope.js';
import { envelop, joinListItems } from '../../api/protobuf/envelope.js';
import { StatusError } from '../../api/status-error.js';
import { compressFromBytes, sendBytes } from '../http/compression.js';
import type { Exchange } from '../http/exchange.js';
import type { MetaVersion, Representation } from '../http/negotiation.js';
import { negotiate } from '../http/negotiation.js';
import { jsonType, respondJson, respondProtobuf, respondValue } from '../http/respond.js';
import { apiVersionOf } from '../storage/object-codec.js';
import { valueBytes } from '../storage/list-blocks.js';
import type { StoredRecord } from '../storage/store.js';
import type { StoredObject } from '../storage/stored-object.js';
import type { ResourceRequest, ServedResource } from './context.js';
import type { ListHead } from './stream-list.js';
import { streamJsonList, streamList, streamProtobufList } from './stream-list.js';

/** Objects whose type is not described have no protobuf form; their metadata has. */
export function representationOf({ exchange, served }: ResourceRequest): Representation {
  return negotiate(exchange.headers.accept, { objectsAsProtobuf: served.type.described !== undefined });
}

/** The type's name in the API description. */
export const partialMetadataName = 'meta/v1.PartialObjectMetadata';

/** What a client sees of an object that it wants in parts. */
export function partialMetadata({ metadata }: KubernetesObject, version: MetaVersion): object {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata };
}

/** apiVersion and kind, as they stand before the protobuf form of an object. */
export function typeMetaOf(definition: ServedResource['definition']): TypeMeta {
  return { apiVersion: apiVersionOf(definition), kind: definition.kind };
}

type IncludeObject = 'None' | 'Metadata' | 'Object';

/** The `includeObject` parameter of Table requests. */
export function readIncludeObject(exchange: Exchange): IncludeObject {
  const value = exchange.query.get('includeObject') ?? '';
  if (value === '') return 'Metadata';
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value;
  throw new StatusError('BadRequest', `unrecognized includeObject value: ${JSON.stringify(value)}`);
}

type PrintTable = (
  objects: readonly KubernetesObject[],
  extra?: { readonly listMeta?: ListMeta; readonly noHeaders?: boolean },
) => PrintedTable;

/**
 * Tables are made by code that is loaded when the first client wants one. `printed` is what the objects are, when they
 * are not those of the resource.
 */
export async function tablePrinter(
  { served, exchange, parts }: ResourceRequest,
  version: 'v1' | 'v1beta1',
  printed?: Printed<KubernetesObject>,
): Promise<PrintTable> {
  const { tableFor } = await import('../../api/tables/table.js');
  const { definition, columns } = served;
  const options = {
    includeObject: readIncludeObject(exchange),
    ...(columns === undefined || printed !== undefined ? {} : { columns }),
    now: parts.clock.now(),
    version,
  };
  return (objects, extra) => tableFor(printed ?? definition, objects, { ...options, ...extra });
}

/** Sends an object that was just written, or read with its fields. */
export async function respondObject(
  request: ResourceRequest,
  status: number,
  object: KubernetesObject,
): Promise<void> {
  const { schemaName } = request.served.definition;
  const representation = representationOf(request);
  if (representation.as === 'table') {
    const print = await tablePrinter(request, representation.version);
    respondJson(request.exchange, status, print([object]));
    return;
  }
  const isJson = representation.as === 'object' && representation.format === 'json';
  const served = isJson ? request.served.storage.servedOf(object) : undefined;
  if (served !== undefined) await sendBytes(request.exchange, status, { 'content-type': jsonType }, served);
  else await respondPlain(request, status, representation, { schemaName, value: object });
}

/** Sends an object of another type than the resource: a Scale, which may be wanted as a Table, or a TokenRequest. */
export async function respondSubresource(
  request: ResourceRequest,
  status: number,
  schemaName: string,
  value: KubernetesObject,
): Promise<void> {
  const representation = representationOf(request);
  if (representation.as === 'table') {
    const print = await tablePrinter(request, representation.version, { schemaName });
    respondJson(request.exchange, status, print([value]));
  } else await respondPlain(request, status, representation, { schemaName, value });
}

async function respondPlain(
  { exchange, parts }: ResourceRequest,
  status: number,
  representation: Exclude<Representation, { as: 'table' }>,
  { schemaName, value }: { readonly schemaName: string; readonly value: KubernetesObject },
): Promise<void> {
  const { schema } = parts;
  const { format } = representation;
  if (representation.as === 'object') {
    await respondValue(exchange, status, format, { schema, schemaName, value });
    return;
  }
  if (representation.list)
    throw new StatusError(
      'NotAcceptable',
      'you requested PartialObjectMetadataList, but the requested object is not a list',
    );
  const partial = partialMetadata(value, representation.version);
  await respondValue(exchange, status, format, { schema, schemaName: partialMetadataName, value: partial });
}

/** Sends a stored object; JSON without looking inside, protobuf from the bytes that all readers share. */
export async function respondStored(request: ResourceRequest, stored: StoredObject): Promise<void> {
  const { exchange, served } = request;
  const representation = representationOf(request);
  if (representation.as === 'object' && representation.format === 'json')
    await sendBytes(exchange, 200, { 'content-type': jsonType }, stored.served);
  else if (representation.as === 'object' && representation.format === 'protobuf')
    await respondProtobuf(exchange, 200, envelop(typeMetaOf(served.definition), messageOf(request)(stored)));
  else await respondObject(request, 200, stored.object);
}

/** The protobuf message of a stored object, made once for all who ask for it. */
export function messageOf({ parts, served }: ResourceRequest): (stored: StoredObject) => Uint8Array {
  const encode = (object: KubernetesObject): Buffer =>
    encodeMessage(parts.schema, served.definition.schemaName, object);
  return (stored) => stored.encoded('protobuf', () => encode(stored.object));
}

/** Sends a collection. */
export async function respondList(
  request: ResourceRequest,
  records: readonly StoredRecord[],
  head: ListHead,
): Promise<void> {
  const { exchange, served, parts } = request;
  const { storage } = served;
  const { schemaName } = served.definition;
  const representation = representationOf(request);
  const type = { kind: listKindOf(served.definition), apiVersion: apiVersionOf(served.definition) };
  const aboutBytes = valueBytes(records, compressFromBytes);
  switch (representation.as) {
    case 'object':
      if (representation.format === 'json')
        await streamJsonList(request, type, head, jsonBlocks(request, records), aboutBytes);
      else if (representation.format === 'protobuf')
        await streamProtobufList(
          request,
          type,
          encodeListMeta(request, head),
          protobufBlocks(request, records),
        );
      else
        await respondValue(exchange, 200, 'yaml', {
          schema: parts.schema,
          schemaName: `${schemaName}List`,
          value: { ...type, metadata: head, items: records.map((record) => storage.decode(record)) },
        });
      return;
    case 'table': {
      const print = await tablePrinter(request, representation.version);
      await streamList(
        request,
        print([], { listMeta: head }),
        records,
        (record) => JSON.stringify(print([storage.decode(record)], { noHeaders: true }).rows[0]),
        aboutBytes,
      );
      return;
    }
    case 'metadata': {
      const { version } = representation;
      if (!representation.list)
        throw new StatusError(
          'NotAcceptable',
          'you requested PartialObjectMetadata, but the requested object is a list',
        );
      const list = {
        kind: 'PartialObjectMetadataList',
        apiVersion: `meta.k8s.io/${version}`,
        metadata: head,
        items: [],
      };
      const partial = (record: StoredRecord): object => partialMetadata(storage.decode(record), version);
      if (representation.format === 'json')
        await streamList(request, list, records, (record) => JSON.stringify(partial(record)), aboutBytes);
      else
        await respondValue(exchange, 200, representation.format, {
          schema: parts.schema,
          schemaName: `${partialMetadataName}List`,
          value: { ...list, items: records.map(partial) },
        });
    }
  }
}

function jsonBlocks({ served: { storage } }: ResourceRequest, records: readonly StoredRecord[]) {
  return storage.listBlocks('json', (some) => storage.encodeItems(some)).of(records);
}

function protobufBlocks({ served, parts }: ResourceRequest, records: readonly StoredRecord[]) {
  const { storage, definition } = served;
  const encode = (record: StoredRecord): Uint8Array =>
    encodeMessage(parts.schema, definition.schemaName, storage.decode(record));
  return storage.listBlocks('protobuf', (some) => joinListItems(some.map(encode))).of(records);
}

function encodeListMeta({ parts }: ResourceRequest, head: ListHead): Buffer {
  return encodeMessage(parts.schema, 'meta/v1.ListMeta', head);
}
