/** Watches of the workload: one connection is one record. */
import { textOf } from '../support/apiserver-fixture.js';
import type { JsonObject } from '../support/apiserver-fixture.js';
import type { Version, WatchedEvent } from '../support/history/history.js';
import { count } from './client.js';
import type { Counts } from './client.js';
import { collectionPath, keyOf, revisionOf, versionOf } from './config-maps.js';
import { WatchRecorder } from './recorder.js';
import type { Recorder } from './recorder.js';
import type { Transport } from './transport.js';

export interface WatchContext {
  readonly client: string;
  readonly transport: Transport;
  readonly namespace: string;
  readonly recorder: Recorder;
  readonly counts: Counts;
  readonly unexpected: string[];
  readonly deadlineMs: number;
}

export interface WatchFrom {
  readonly afterRevision: number;
  readonly bookmarks: boolean;
  readonly group?: string;
  /** Called for each event or bookmark, after it was recorded. */
  readonly onEvent?: (event: WatchedEvent) => void;
  readonly onBookmark?: (revision: number) => void;
}

/** Watches from a revision until the connection breaks or the signal aborts. */
export async function watchFrom(
  context: WatchContext,
  { afterRevision, bookmarks, group, onEvent, onBookmark }: WatchFrom,
  signal: AbortSignal,
): Promise<'expired' | 'broken'> {
  const { client, recorder, counts } = context;
  const query = new URLSearchParams({ watch: 'true', resourceVersion: String(afterRevision) });
  if (bookmarks) query.set('allowWatchBookmarks', 'true');
  if (group !== undefined) query.set('labelSelector', `group=${group}`);
  count(counts, 'watches');
  return recorder.watching(new WatchRecorder(client, afterRevision, group), async (watch) => {
    for await (const line of lines(context, query, signal)) {
      const read = readLine(context, line);
      if (read === 'expired') {
        count(counts, '410 of a watch');
        return 'expired';
      }
      if (read === 'refused') return 'broken';
      if (read.type === 'bookmark') {
        watch.reached(read.revision);
        onBookmark?.(read.revision);
      } else {
        watch.saw(read);
        onEvent?.(read);
      }
    }
    return 'broken';
  });
}

/** Watches without a list before: the state comes as events, a bookmark ends it, and what follows are events. */
export async function watchWithInitialEvents(context: WatchContext, signal: AbortSignal): Promise<void> {
  const { client, recorder, counts } = context;
  const query = new URLSearchParams({
    watch: 'true',
    sendInitialEvents: 'true',
    resourceVersionMatch: 'NotOlderThan',
    allowWatchBookmarks: 'true',
  });
  const startMs = recorder.now();
  const items = new Map<string, Version>();
  const reading = lines(context, query, signal);
  count(counts, 'watches');
  for (;;) {
    const next = await reading.next();
    if (next.done === true) return;
    const read = readLine(context, next.value);
    if (typeof read === 'string') return;
    if (read.type !== 'bookmark') {
      if (read.type === 'delete') items.delete(read.key);
      else items.set(read.key, { value: read.value, revision: read.revision });
    } else if (read.endsInitialEvents) {
      recorder.add({ client, startMs, endMs: recorder.now(), kind: 'list', revision: read.revision, items });
      await recorder.watching(new WatchRecorder(client, read.revision), async (watch) => {
        for await (const line of reading) {
          const event = readLine(context, line);
          if (typeof event === 'string') return;
          if (event.type === 'bookmark') watch.reached(event.revision);
          else watch.saw(event);
        }
      });
      return;
    }
  }
}

interface Bookmark {
  readonly type: 'bookmark';
  readonly revision: number;
  readonly endsInitialEvents: boolean;
}

function lines(
  { transport, namespace, deadlineMs }: WatchContext,
  query: URLSearchParams,
  signal: AbortSignal,
): AsyncGenerator<JsonObject, void> {
  return transport.lines(`${collectionPath(namespace)}?${query.toString()}`, deadlineMs, signal);
}

/** A line of a watch, or the Status that was sent instead of one. */
function readLine(
  { client, counts, unexpected }: WatchContext,
  line: JsonObject,
): WatchedEvent | Bookmark | 'expired' | 'refused' {
  const type = textOf(line['type']);
  const object = line['object'];
  const revision = revisionOf(object);
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED': {
      count(counts, 'events');
      const { value } = versionOf(object);
      return { type: type === 'DELETED' ? 'delete' : 'put', key: keyOf(object), value, revision };
    }
    case 'BOOKMARK': {
      const ends = object?.['metadata']?.['annotations']?.['k8s.io/initial-events-end'] !== undefined;
      return { type: 'bookmark', revision, endsInitialEvents: ends };
    }
    default: {
      const status = type === 'ERROR' ? object : line;
      const code = Number(status?.['code'] ?? 0);
      if (code === 410) return 'expired';
      if (![429, 503, 504].includes(code))
        unexpected.push(`${client}: a watch was answered ${JSON.stringify(line)}`);
      return 'refused';
    }
  }
}
