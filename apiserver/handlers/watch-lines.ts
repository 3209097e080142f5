/** The lines of a watch, in the representation that the client asked for. */
import type { KubernetesObject } from '../../api/objects.js';
import type { StatusError } from '../../api/status-error.js';
import { apiVersionOf } from '../storage/object-codec.js';
import type { StoredObject, WatchEventType } from '../storage/stored-object.js';
import type { ResourceRequest } from './context.js';
import { partialMetadata, readIncludeObject, representationOf } from './represent.js';

export interface WatchLines {
  event(type: WatchEventType, object: StoredObject): Uint8Array;
  /** How far the watch has come; `initialEventsEnd` marks the end of the state that it began with. */
  bookmark(revision: number, initialEventsEnd: boolean): Uint8Array;
}

export async function createWatchLines(request: ResourceRequest): Promise<WatchLines> {
  const representation = representationOf(request.exchange);
  const { definition } = request.served;
  switch (representation.as) {
    case 'object':
      return {
        event: (type, object) => object.watchLine(type),
        bookmark: (revision, end) =>
          line('BOOKMARK', {
            kind: definition.kind,
            apiVersion: apiVersionOf(definition),
            metadata: bookmarkMeta(revision, end),
          }),
      };
    case 'metadata':
      return {
        event: (type, { object }) => line(type, partialMetadata(object)),
        bookmark: (revision, end) =>
          line('BOOKMARK', {
            kind: 'PartialObjectMetadata',
            apiVersion: 'meta.k8s.io/v1',
            metadata: bookmarkMeta(revision, end),
          }),
      };
    case 'table':
      return tableLines(request, representation.version);
  }
}

async function tableLines(request: ResourceRequest, version: 'v1' | 'v1beta1'): Promise<WatchLines> {
  const { tableFor } = await import('../../api/tables/table.js');
  const includeObject = readIncludeObject(request.exchange);
  let headersSent = false;
  const table = (objects: readonly KubernetesObject[], resourceVersion: string): unknown => {
    const made = tableFor(request.served.definition, objects, {
      includeObject,
      version,
      now: request.parts.clock.now(),
      noHeaders: headersSent,
      listMeta: { resourceVersion },
    });
    headersSent = true;
    return made;
  };
  return {
    event: (type, { object, revision }) => line(type, table([object], String(revision))),
    bookmark: (revision) => line('BOOKMARK', table([], String(revision))),
  };
}

function bookmarkMeta(revision: number, initialEventsEnd: boolean): object {
  return {
    resourceVersion: String(revision),
    creationTimestamp: null,
    ...(initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
  };
}

/** The last line of a watch that cannot go on. */
export function errorLine(error: StatusError): Uint8Array {
  return line('ERROR', error.toStatus());
}

function line(type: string, object: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify({ type, object })}\n`);
}
