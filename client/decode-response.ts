/** Reads lists and watch lines of the server: the outer shape is checked, the objects are the server's word. */
import type { KubernetesObject } from '../api/objects.js';
import type { ResourceDefinition } from '../api/resources.js';
import type { ListMeta, Status } from '../api/generated/meta-v1.js';
import { StatusError } from '../api/status-error.js';
import { apiVersionOf } from './resource-path.js';
import type { ObjectList, WatchedEvent } from './types.js';

interface WireList<T> {
  readonly metadata?: ListMeta;
  readonly items?: (T & { apiVersion: string; kind: string })[] | null;
}

/** Items of a list come without apiVersion and kind: they are filled in, so that objects are always whole. */
export function decodeList<T extends KubernetesObject>(
  text: string,
  resource: ResourceDefinition<T>,
): ObjectList<T> {
  const list = parseAnswer(text) as WireList<T>;
  const apiVersion = apiVersionOf(resource);
  const items = (list.items ?? []).map((item) =>
    item.apiVersion === apiVersion ? item : { ...item, apiVersion, kind: resource.kind },
  );
  const next = list.metadata?.continue;
  return {
    items,
    resourceVersion: list.metadata?.resourceVersion ?? '',
    ...(next === undefined || next === '' ? {} : { continue: next }),
  };
}

interface WireEvent {
  readonly type?: unknown;
  readonly object?: unknown;
}

/** One event of a watch. Throws StatusError for an ERROR event and for a line that is no event. */
export function decodeWatchLine<T extends KubernetesObject>(
  line: string,
  resource: ResourceDefinition<T>,
): WatchedEvent<T> {
  const event = JSON.parse(line) as WireEvent;
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: event.type, object: event.object as T };
    case 'BOOKMARK':
      return { type: 'BOOKMARK', resourceVersion: (event.object as T).metadata.resourceVersion };
    case 'ERROR': {
      const status = event.object as Partial<Status>;
      throw StatusError.fromStatus(status, status.code ?? 500);
    }
    default:
      throw new StatusError(
        'InternalError',
        `the watch of ${resource.plural} sent an event of type ${JSON.stringify(event.type)}`,
      );
  }
}

/** JSON that a successful answer must be; when it is cut short, the connection was, too. */
export function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new StatusError('ServiceUnavailable', 'the answer of the server broke off', { cause: error });
  }
}
