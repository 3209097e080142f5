/** {@link Exchange} over HTTP/1.1: curl, older clients, and requests that want to upgrade the connection. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Exchange, ResponseHeaders, ResponseStream } from './exchange.js';
import { exchangeEnded, mergeHeaders, splitTarget, writeCorked } from './exchange.js';
import { drainOf } from './http2-exchange.js';

export class Http1Exchange implements Exchange {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly search: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: IncomingMessage;
  readonly bodyTimeoutMs: number;
  readonly #response: ServerResponse;
  readonly #abort = new AbortController();
  readonly #added: [string, string][] = [];
  #bodyBytes = 0;
  #expired = false;

  constructor(request: IncomingMessage, response: ServerResponse, bodyTimeoutMs: number) {
    this.bodyTimeoutMs = bodyTimeoutMs;
    this.body = request;
    this.#response = response;
    this.headers = request.headers;
    const { path, search, query } = splitTarget(request.url ?? '/');
    this.path = path;
    this.query = query;
    this.search = search;
    response.on('close', () => {
      this.#abort.abort(exchangeEnded);
    });
  }

  get method(): string {
    return this.body.method ?? 'GET';
  }

  get socket(): TLSSocket {
    // The server speaks TLS only.
    return this.body.socket as unknown as TLSSocket;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get status(): number {
    return this.#response.headersSent ? this.#response.statusCode : 0;
  }

  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  addHeader(name: string, value: string): void {
    if (!this.#added.some((one) => one[0] === name && one[1] === value)) this.#added.push([name, value]);
  }

  respond(status: number, headers: ResponseHeaders, body?: Uint8Array | string): void {
    if (this.#expired) return;
    const all = mergeHeaders(this.#added, headers);
    if (body !== undefined) {
      this.#bodyBytes = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
      all['content-length'] = String(this.#bodyBytes);
    }
    this.#response.writeHead(status, all);
    this.#response.end(body);
  }

  stream(status: number, headers: ResponseHeaders): ResponseStream {
    const response = this.#response;
    const signal = this.signal;
    if (!this.#expired) {
      response.writeHead(status, mergeHeaders(this.#added, headers));
      // The client of a watch waits for the head, even if the first event is far away.
      response.flushHeaders();
    }
    return {
      write: (bytes) => {
        this.#bodyBytes += typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.byteLength;
        return response.writable ? response.write(bytes) : true;
      },
      writeAll: (parts) => {
        for (const part of parts) this.#bodyBytes += part.byteLength;
        return writeCorked(response, parts);
      },
      drained: () => drainOf(response, signal),
      get queuedBytes() {
        return response.writableLength;
      },
      end: () => {
        response.end();
      },
    };
  }

  closeAfterAnswer(): void {
    this.#response.shouldKeepAlive = false;
  }

  expire(answer: () => void): void {
    if (this.status === 0) answer();
    else if (!this.#response.writableEnded) this.abort();
    this.#expired = true;
  }

  abort(): void {
    this.#response.destroy();
  }
}
