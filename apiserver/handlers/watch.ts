/**
 * WATCH: the events of a collection from a revision on, as lines of JSON or frames of protobuf.
 *
 * A watcher pulls from the watch cache at the pace of its client: nothing is queued for it but what the connection
 * holds. One that falls behind the cache's ring is told 410 Expired and lists again.
 */
import { isStatusError, StatusError } from '../../api/status-error.js';
import type { ResponseStream } from '../http/exchange.js';
import { StoreError } from '../storage/store.js';
import type { StoredObject } from '../storage/stored-object.js';
import type { EventBatch, WatchChunk } from './watch-chunks.js';
import { Pieces } from '../flow-control/turns.js';
import type { Handler, ResourceRequest } from './context.js';
import { Deadline } from '../../common/deadline.js';
import { waitForRevision } from './wait-for-revision.js';
import { selectEvent } from './select-event.js';
import type { Selection } from './selection.js';
import { readSelection } from './selection.js';
import { createWatchLines } from './watch-lines.js';
import type { WatchLines } from './watch-lines.js';
import { readWatchOptions } from './watch-options.js';
import type { WatchOptions } from './watch-options.js';

const bookmarkIntervalMs = 60 * 1000;
/** So many batches that each came within this time are a storm: the watch then waits for rounds. */
const stormGapMs = 50;
const stormBatches = 3;
/** Objects of the state that a watch begins with are sent so many at a time. */
const initialChunk = 64;

export const handleWatch: Handler = async (request) => {
  const options = readWatchOptions(request.exchange);
  const selection = readSelection(request);
  const lines = await createWatchLines(request);
  const { clock, stopping, minWatchMs } = request.parts;
  // Clients come back spread out.
  const timeoutMs = options.timeoutMs ?? minWatchMs * (1 + Math.random());
  const { gone } = request.served;
  const ends = [request.exchange.signal, stopping, ...(gone === undefined ? [] : [gone])];
  const deadline = new Deadline(clock, timeoutMs, ...ends);
  try {
    await new WatchSession(request, { options, selection, lines, signal: deadline.signal }).run();
  } finally {
    deadline.clear();
  }
};

class WatchSession {
  readonly #request: ResourceRequest;
  readonly #options: WatchOptions;
  readonly #selection: Selection;
  readonly #lines: WatchLines;
  readonly #signal: AbortSignal;
  readonly #name: string | undefined;
  /** What the watcher sees, and how; undefined where nobody else can see the same. */
  readonly #view: string | undefined;

  constructor(
    request: ResourceRequest,
    given: {
      readonly options: WatchOptions;
      readonly selection: Selection;
      readonly lines: WatchLines;
      readonly signal: AbortSignal;
    },
  ) {
    this.#request = request;
    this.#options = given.options;
    this.#selection = given.selection;
    this.#lines = given.lines;
    this.#signal = given.signal;
    this.#name = nameToWatch(request, given.selection);
    this.#view = viewOf(request, given.lines);
  }

  async run(): Promise<void> {
    const { items, revision } = await this.#begin();
    const stream = this.#request.exchange.stream(200, {
      'content-type': this.#lines.contentType,
      'cache-control': 'no-cache, private',
    });
    try {
      await this.#sendInitial(stream, items, revision);
      this.#request.admission.release();
      await this.#follow(stream, revision);
    } catch (error) {
      const said = toldError(error, revision);
      if (said === undefined) throw error;
      stream.write(this.#lines.error(said));
    } finally {
      stream.end();
    }
  }

  /** The state to begin with, and the revision after which events are wanted. */
  async #begin(): Promise<{ readonly items: readonly StoredObject[]; readonly revision: number }> {
    const { served, path } = this.#request;
    const { initialEvents, revision } = this.#options;
    if (revision !== undefined && revision > 0 && !initialEvents) {
      await waitForRevision(this.#request, revision, (signal) => served.storage.whenCached(revision, signal));
      return { items: [], revision };
    }
    const page =
      revision === undefined
        ? await served.storage.list({ namespace: path.namespace }, this.#signal)
        : await waitForRevision(this.#request, revision, (signal) =>
            served.storage.listCached(path.namespace, revision, signal),
          );
    return { items: initialEvents ? page.items : [], revision: page.revision };
  }

  async #sendInitial(
    stream: ResponseStream,
    items: readonly StoredObject[],
    revision: number,
  ): Promise<void> {
    let chunk: Uint8Array[] = [];
    const pieces = new Pieces(this.#request.admission.turn);
    for (const item of items) {
      if (pieces.due) await pieces.next();
      if (!this.#sees(item)) continue;
      chunk.push(this.#lines.event('ADDED', item));
      if (chunk.length < initialChunk) continue;
      const bytes = joined(chunk);
      await this.#write(stream, bytes);
      await pieces.next(bytes.byteLength);
      chunk = [];
    }
    if (this.#options.marksInitialEnd) chunk.push(this.#lines.bookmark(revision, true));
    await this.#write(stream, joined(chunk));
  }

  async #follow(stream: ResponseStream, afterRevision: number): Promise<void> {
    const { served, path, parts } = this.#request;
    const watch = served.storage.watch({
      namespace: path.namespace,
      ...(this.#name === undefined ? {} : { name: this.#name }),
      terms: this.#selection.terms,
      afterRevision,
      signal: this.#signal,
      turn: () => parts.watchPace.turn(),
    });
    const stopBookmarks = this.#options.bookmarks
      ? this.#scheduleBookmarks(stream, () => watch.progressRevision)
      : () => undefined;
    const { group, version, plural } = served.definition;
    const meter = parts.metrics.watchEvents(group, version, plural);
    let fastBatches = 0;
    let askedMs = parts.clock.monotonicMs();
    try {
      for (;;) {
        const next = watch.next();
        const events = next instanceof Promise ? await next : next;
        if (events === undefined) return;
        fastBatches = parts.clock.monotonicMs() - askedMs < stormGapMs ? fastBatches + 1 : 0;
        const chunk = this.#chunkOf(events);
        meter.sent(chunk.lines);
        const blocked = this.#write(stream, chunk.bytes);
        if (blocked !== undefined) await blocked;
        // Also who sees nothing of it: to look at every single event is work.
        if (fastBatches >= stormBatches) await parts.watchPace.round();
        askedMs = parts.clock.monotonicMs();
      }
    } finally {
      stopBookmarks();
      watch.close();
    }
  }

  #chunkOf(events: EventBatch): WatchChunk {
    const render = (): WatchChunk => this.#render(events);
    return this.#view === undefined
      ? render()
      : this.#request.parts.watchChunks.of(events, this.#view, render);
  }

  #render(events: EventBatch): WatchChunk {
    const { storage } = this.#request.served;
    const lines: Uint8Array[] = [];
    for (const event of events) {
      const seen = selectEvent(
        event,
        (object) => this.#sees(object),
        (previous, at) => storage.departed(previous.record, at),
      );
      if (seen !== undefined) lines.push(this.#lines.event(seen.type, seen.object));
    }
    return { lines, bytes: joined(lines) };
  }

  #sees(object: StoredObject): boolean {
    const { name } = this.#request.path;
    if (name !== '' && object.object.metadata.name !== name) return false;
    return !this.#selection.selective || this.#selection.matches(object);
  }

  /** Undefined where the connection takes more at once: that is the rule, and a promise for each event is not cheap. */
  #write(stream: ResponseStream, bytes: Uint8Array): Promise<void> | undefined {
    if (bytes.byteLength === 0 || this.#signal.aborted || stream.write(bytes)) return undefined;
    return Promise.race([stream.drained(), aborted(this.#signal)]);
  }

  /** Bookmarks tell a client whose objects rest that time goes on, so that it can resume after a break. */
  #scheduleBookmarks(stream: ResponseStream, progress: () => number): () => void {
    const { clock } = this.#request.parts;
    let sent = 0;
    let cancel = (): void => undefined;
    const next = (): void => {
      cancel = clock.schedule(bookmarkIntervalMs, () => {
        const revision = progress();
        if (revision > sent && !this.#signal.aborted) {
          sent = revision;
          stream.write(this.#lines.bookmark(revision, false));
        }
        next();
      });
    };
    next();
    return () => {
      cancel();
    };
  }
}

/** With one object in view, only its own key needs to wake the watcher. */
function nameToWatch({ path, served }: ResourceRequest, selection: Selection): string | undefined {
  if (served.definition.namespaced && path.namespace === '') return undefined;
  return path.name === '' ? selection.name : path.name;
}

function viewOf({ path, exchange: { query } }: ResourceRequest, { form }: WatchLines): string | undefined {
  if (form === undefined) return undefined;
  return JSON.stringify([form, path.name, query.get('labelSelector'), query.get('fieldSelector')]);
}

function joined(lines: readonly Uint8Array[]): Uint8Array {
  const [first] = lines;
  return lines.length === 1 && first !== undefined ? first : Buffer.concat(lines);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
}

/** What a client is told of when its watch has begun; undefined for what has to do with the server alone. */
function toldError(error: unknown, revision: number): StatusError | undefined {
  // An object that cannot be converted: the client has to know that it misses something.
  if (isStatusError(error)) return error;
  return error instanceof StoreError && error.code === 'compacted' ? tooOld(revision, error) : undefined;
}

function tooOld(revision: number, cause: StoreError): StatusError {
  const oldest = cause.compactRevision === undefined ? '' : ` (${cause.compactRevision})`;
  return new StatusError('Expired', `too old resource version: ${revision}${oldest}`, { cause });
}
