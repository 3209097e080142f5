/** One request and its answer, the same over HTTP/2 and HTTP/1.1: what every handler sees. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import type { TLSSocket } from 'node:tls';

export type ResponseHeaders = Readonly<Record<string, string | readonly string[]>>;

/** A body that is written piece by piece: watches, logs, long lists. */
export interface ResponseStream {
  /** Queues bytes; false when the reader is behind, then await {@link drained} before going on. */
  write(bytes: Uint8Array | string): boolean;
  /** As {@link write}, of several in one go: they become as few packets as they can, and are not copied together. */
  writeAll(parts: readonly Uint8Array[]): boolean;
  /** Resolves when the queue was sent, or when the client is gone. */
  drained(): Promise<void>;
  /** Bytes accepted from us and not yet taken by the client. */
  readonly queuedBytes: number;
  end(): void;
}

export interface Exchange {
  readonly method: string;
  /** Path without the query, still percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The query as it was sent, with its question mark; '' without one. */
  readonly search: string;
  readonly headers: IncomingHttpHeaders;
  /** The TLS connection, for the client's certificate. */
  readonly socket: TLSSocket;
  /** Aborts when the client has gone or the exchange has ended. */
  readonly signal: AbortSignal;
  readonly body: Readable;
  /** How long the body may take to arrive, for those who read it as a whole. */
  readonly bodyTimeoutMs: number;
  /** HTTP status sent so far, 0 before the head is out. */
  readonly status: number;
  /** Bytes of the answer's body so far. */
  readonly bodyBytes: number;
  /** Adds a header to the answer to come; headers of the same name are sent side by side, each value once. */
  addHeader(name: string, value: string): void;
  respond(status: number, headers: ResponseHeaders, body?: Uint8Array | string): void;
  stream(status: number, headers: ResponseHeaders): ResponseStream;
  /** Nothing more is read from the client once it has its answer. */
  closeAfterAnswer(): void;
  /**
   * The request took too long: `answer` responds, unless an answer has begun, which is torn down. What the handler says
   * later is dropped.
   */
  expire(answer: () => void): void;
  /** Tears the answer down because of an error after its head was sent. */
  abort(): void;
}

/** Why signals of exchanges abort. One for all: an error with a stack of its own costs more than many a request. */
export const exchangeEnded = new DOMException('The client has gone or has its answer', 'AbortError');

/** Splits a request target into path and query without the cost of a whole URL. */
export function splitTarget(target: string): { path: string; search: string; query: URLSearchParams } {
  const mark = target.indexOf('?');
  if (mark < 0) return { path: target, search: '', query: emptyQuery() };
  const search = target.slice(mark);
  return { path: target.slice(0, mark), search, query: new URLSearchParams(search) };
}

function emptyQuery(): URLSearchParams {
  return new URLSearchParams();
}

/** {@link ResponseStream.writeAll} on a stream of Node's. */
export function writeCorked(stream: Writable, parts: readonly Uint8Array[]): boolean {
  if (!stream.writable) return true;
  stream.cork();
  for (const part of parts) stream.write(part);
  stream.uncork();
  return !stream.writableNeedDrain;
}

/** Merges headers set along the way with those of the answer. */
export function mergeHeaders(
  added: readonly (readonly [string, string])[],
  headers: ResponseHeaders,
): Record<string, string | string[]> {
  const all: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers))
    all[name] = typeof value === 'string' ? value : [...value];
  for (const [name, value] of added) {
    const before = all[name];
    if (before === undefined) all[name] = value;
    else all[name] = typeof before === 'string' ? [before, value] : [...before, value];
  }
  return all;
}
