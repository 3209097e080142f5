/** The events of a watch, in the representation that the client asked for: lines of JSON, or frames of protobuf. */
import type { KubernetesObject } from '../../api/objects.js';
import { StatusError } from '../../api/status-error.js';
import { encodeMessage } from '../../api/protobuf/encode.js';
import { encodeProtobuf, envelop, protobufWatchType, watchFrame } from '../../api/protobuf/envelope.js';
import type { MetaVersion } from '../http/negotiation.js';
import { jsonType } from '../http/respond.js';
import { apiVersionOf } from '../storage/object-codec.js';
import type { StoredObject, WatchEventType } from '../storage/stored-object.js';
import type { ResourceRequest } from './context.js';
import {
  messageOf,
  partialMetadata,
  partialMetadataName,
  readIncludeObject,
  representationOf,
  typeMetaOf,
} from './represent.js';

export interface WatchLines {
  readonly contentType: string;
  /** Stands for the form that events have; undefined where it is another for each watch. */
  readonly form: string | undefined;
  event(type: WatchEventType, object: StoredObject): Uint8Array;
  /** How far the watch has come; `initialEventsEnd` marks the end of the state that it began with. */
  bookmark(revision: number, initialEventsEnd: boolean): Uint8Array;
  /** The last event of a watch that cannot go on. */
  error(error: StatusError): Uint8Array;
}

export async function createWatchLines(request: ResourceRequest): Promise<WatchLines> {
  const representation = representationOf(request);
  const { definition } = request.served;
  switch (representation.as) {
    case 'object':
      if (representation.format === 'protobuf') return protobufLines(request);
      if (representation.format === 'yaml')
        throw new StatusError(
          'NotAcceptable',
          'only the following media types are accepted: application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch',
        );
      return {
        ...jsonLines,
        form: 'json',
        event: (type, object) => object.watchLine(type),
        bookmark: (revision, end) =>
          line('BOOKMARK', {
            kind: definition.kind,
            apiVersion: apiVersionOf(definition),
            metadata: bookmarkMeta(revision, end),
          }),
      };
    case 'metadata':
      if (representation.list)
        throw new StatusError(
          'NotAcceptable',
          'you requested PartialObjectMetadataList, but the requested object is not a list',
        );
      if (representation.format === 'protobuf') return protobufMetadataLines(request, representation.version);
      return {
        ...jsonLines,
        form: `metadata ${representation.version} json`,
        event: (type, stored) =>
          stored.encoded(`metadata ${representation.version} line ${type}`, () =>
            line(type, partialMetadata(stored.object, representation.version)),
          ),
        bookmark: (revision, end) =>
          line('BOOKMARK', {
            kind: 'PartialObjectMetadata',
            apiVersion: `meta.k8s.io/${representation.version}`,
            metadata: bookmarkMeta(revision, end),
          }),
      };
    case 'table':
      return tableLines(request, representation.version);
  }
}

async function tableLines(request: ResourceRequest, version: MetaVersion): Promise<WatchLines> {
  const { tableFor } = await import('../../api/tables/table.js');
  const includeObject = readIncludeObject(request.exchange);
  const { columns } = request.served;
  let headersSent = false;
  const table = (objects: readonly KubernetesObject[], resourceVersion: string): object => {
    const made = tableFor(request.served.definition, objects, {
      includeObject,
      version,
      ...(columns === undefined ? {} : { columns }),
      now: request.parts.clock.now(),
      noHeaders: headersSent,
      listMeta: { resourceVersion },
    });
    headersSent = true;
    return made;
  };
  return {
    ...jsonLines,
    // The first event has the headers.
    form: undefined,
    event: (type, { object, revision }) => line(type, table([object], String(revision))),
    bookmark: (revision, end) => {
      const made = table([], String(revision));
      // The mark stands in the metadata of an object, and a Table has that in its rows.
      const metadata = bookmarkMeta(revision, true);
      const object = { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata };
      return line('BOOKMARK', end ? { ...made, rows: [{ cells: [], object }] } : made);
    },
  };
}

function bookmarkMeta(revision: number, initialEventsEnd: boolean): object {
  return {
    resourceVersion: String(revision),
    creationTimestamp: null,
    ...(initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
  };
}

/** What all watches in JSON have in common. */
const jsonLines = {
  contentType: jsonType,
  error: (error: StatusError) => line('ERROR', error.toStatus()),
};

/** What all watches in protobuf have in common. */
function protobufCommon({ parts }: ResourceRequest): Pick<WatchLines, 'contentType' | 'error'> {
  return {
    contentType: protobufWatchType,
    error: (error) => watchFrame('ERROR', encodeProtobuf(parts.schema, 'meta/v1.Status', error.toStatus())),
  };
}

function protobufLines(request: ResourceRequest): WatchLines {
  const { parts, served } = request;
  const { schemaName } = served.definition;
  const type = typeMetaOf(served.definition);
  const message = messageOf(request);
  return {
    ...protobufCommon(request),
    form: 'protobuf',
    event: (eventType, object) =>
      object.encoded(`frame ${eventType}`, () => watchFrame(eventType, envelop(type, message(object)))),
    bookmark: (revision, end) => {
      const metadata = bookmarkMeta(revision, end);
      return watchFrame('BOOKMARK', envelop(type, encodeMessage(parts.schema, schemaName, { metadata })));
    },
  };
}

function protobufMetadataLines(request: ResourceRequest, version: MetaVersion): WatchLines {
  const frame = (type: string, metadata: object): Uint8Array =>
    watchFrame(
      type,
      encodeProtobuf(request.parts.schema, partialMetadataName, {
        kind: 'PartialObjectMetadata',
        apiVersion: `meta.k8s.io/${version}`,
        metadata,
      }),
    );
  return {
    ...protobufCommon(request),
    form: `metadata ${version} protobuf`,
    event: (type, stored) =>
      stored.encoded(`metadata ${version} frame ${type}`, () => frame(type, stored.object.metadata)),
    bookmark: (revision, end) => frame('BOOKMARK', bookmarkMeta(revision, end)),
  };
}

function line(type: string, object: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify({ type, object })}\n`);
}
