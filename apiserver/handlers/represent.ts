/** Sends objects and collections in the representation that the client asked for. */
import type { KubernetesObject } from '../../api/objects.js';
import type { ListMeta } from '../../api/generated/meta-v1.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { StatusError } from '../../api/status-error.js';
import type { Exchange } from '../http/exchange.js';
import type { Representation } from '../http/negotiation.js';
import { negotiate } from '../http/negotiation.js';
import { jsonType, respondJson } from '../http/respond.js';
import { apiVersionOf } from '../storage/object-codec.js';
import type { StoredObject } from '../storage/stored-object.js';
import type { ResourceRequest } from './context.js';

/** Pieces of a list are handed to the connection in portions of this size, so that others get a turn. */
const sliceBytes = 64 * 1024;

export function representationOf(exchange: Exchange): Representation {
  return negotiate(exchange.headers.accept);
}

/** What a client sees of an object that it wants in parts. */
export function partialMetadata(object: KubernetesObject): object {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

type IncludeObject = 'None' | 'Metadata' | 'Object';

/** The `includeObject` parameter of Table requests. */
export function readIncludeObject(exchange: Exchange): IncludeObject {
  const value = exchange.query.get('includeObject') ?? '';
  if (value === '') return 'Metadata';
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value;
  throw new StatusError('BadRequest', `unrecognized includeObject value: ${JSON.stringify(value)}`);
}

/** Tables are made by code that is loaded when the first client wants one. */
export async function makeTable(
  request: ResourceRequest,
  objects: readonly KubernetesObject[],
  version: 'v1' | 'v1beta1',
  extra: { readonly listMeta?: ListMeta; readonly noHeaders?: boolean } = {},
): Promise<unknown> {
  const { tableFor } = await import('../../api/tables/table.js');
  return tableFor(request.served.definition, objects, {
    includeObject: readIncludeObject(request.exchange),
    now: request.parts.clock.now(),
    version,
    ...extra,
  });
}

/** Sends an object that was just written, or read with its fields. */
export async function respondObject(
  request: ResourceRequest,
  status: number,
  object: KubernetesObject,
): Promise<void> {
  const { exchange } = request;
  const representation = representationOf(exchange);
  switch (representation.as) {
    case 'object':
      if (representation.format === 'json') respondJson(exchange, status, object);
      else await respondYaml(exchange, status, object);
      return;
    case 'table':
      respondJson(exchange, status, await makeTable(request, [object], representation.version));
      return;
    case 'metadata':
      respondJson(exchange, status, partialMetadata(object));
  }
}

/** Sends a stored object; plain JSON without looking inside. */
export async function respondStored(request: ResourceRequest, stored: StoredObject): Promise<void> {
  const representation = representationOf(request.exchange);
  if (representation.as === 'object' && representation.format === 'json')
    request.exchange.respond(200, { 'content-type': jsonType }, stored.served);
  else await respondObject(request, 200, stored.object);
}

async function respondYaml(exchange: Exchange, status: number, value: unknown): Promise<void> {
  const yaml = await import('yaml');
  exchange.respond(status, { 'content-type': 'application/yaml' }, yaml.stringify(value));
}

export interface ListHead {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** Sends a collection. */
export async function respondList(
  request: ResourceRequest,
  items: readonly StoredObject[],
  head: ListHead,
): Promise<void> {
  const { exchange, served } = request;
  const representation = representationOf(exchange);
  const objects = (): KubernetesObject[] => items.map((item) => item.object);
  switch (representation.as) {
    case 'object':
      if (representation.format === 'json') await streamList(exchange, served.definition, items, head);
      else
        await respondYaml(exchange, 200, {
          kind: `${served.definition.kind}List`,
          apiVersion: apiVersionOf(served.definition),
          metadata: head,
          items: objects(),
        });
      return;
    case 'table':
      respondJson(
        exchange,
        200,
        await makeTable(request, objects(), representation.version, { listMeta: head }),
      );
      return;
    case 'metadata':
      respondJson(exchange, 200, {
        kind: 'PartialObjectMetadataList',
        apiVersion: 'meta.k8s.io/v1',
        metadata: head,
        items: objects().map(partialMetadata),
      });
  }
}

async function streamList(
  exchange: Exchange,
  definition: ResourceDefinition,
  items: readonly StoredObject[],
  head: ListHead,
): Promise<void> {
  const opening = `{"kind":"${definition.kind}List","apiVersion":"${apiVersionOf(definition)}","metadata":${JSON.stringify(head)},"items":[`;
  let chunks: Uint8Array[] = [Buffer.from(opening)];
  let length = opening.length;
  let total = 0;
  for (const item of items) total += item.record.value.byteLength;
  const comma = Buffer.from(',');
  if (total < sliceBytes) {
    for (const [index, item] of items.entries()) {
      if (index > 0) chunks.push(comma);
      chunks.push(...item.servedParts);
    }
    chunks.push(Buffer.from(']}'));
    exchange.respond(200, { 'content-type': jsonType }, Buffer.concat(chunks));
    return;
  }
  const stream = exchange.stream(200, { 'content-type': jsonType });
  for (const [index, item] of items.entries()) {
    if (index > 0) chunks.push(comma);
    chunks.push(...item.servedParts);
    length += item.record.value.byteLength;
    if (length < sliceBytes) continue;
    const more = stream.write(Buffer.concat(chunks));
    chunks = [];
    length = 0;
    if (more) await new Promise((resolve) => setImmediate(resolve));
    else await stream.drained();
    if (exchange.signal.aborted) return;
  }
  chunks.push(Buffer.from(']}'));
  stream.write(Buffer.concat(chunks));
  stream.end();
}
