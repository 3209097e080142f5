/**
 * The {@link ApiClient} over HTTP/2: what every Knarr process uses in production.
 *
 * Requests and watches have sessions of their own, so that a watch whose consumer is slow cannot fill the flow
 * control window of a request. No method retries; informers, controllers and their callers decide that.
 */
import { constants } from 'node:http2';
import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { systemClock } from '../common/clock.js';
import type { Clock } from '../common/clock.js';
import { UsageError } from '../common/usage-error.js';
import type { Draft, KubernetesObject } from '../api/objects.js';
import type { ResourceDefinition } from '../api/resources.js';
import type { Status } from '../api/generated/meta-v1.js';
import { StatusError } from '../api/status-error.js';
import type { ClientMetrics } from './client-metrics.js';
import { noClientMetrics } from './client-metrics.js';
import { Http2Connection, unreachable } from './http2-connection.js';
import { loadKubeconfig } from './kubeconfig.js';
import type { ServerConnection } from './kubeconfig.js';
import { decodeList, decodeWatchLine, parseAnswer } from './decode-response.js';
import { isAborted } from './is-aborted.js';
import { LineSplitter } from './json-lines.js';
import { collectionPath, listQuery, objectPath, watchQuery } from './resource-path.js';
import type {
  ApiClient,
  DeleteOptions,
  ListOptions,
  ObjectList,
  ObjectName,
  PatchType,
  ResourceClient,
  WatchedEvent,
  WatchOptions,
} from './types.js';

export interface RestClientOptions {
  /** The file to read the connection from, or the connection itself. */
  readonly connection: ServerConnection | { readonly kubeconfig: string };
  /** Names the process in the server's audit and logs: `knarr-kubelet`. */
  readonly userAgent: string;
  /** A request that gets no answer for so long fails with Timeout. Default 60 s. */
  readonly requestTimeoutMs?: number;
  /** How often a connection on which an answer is awaited is pinged. Default 15 s. */
  readonly pingIntervalMs?: number;
  readonly clock?: Clock;
  /** Where requests are counted. */
  readonly metrics?: ClientMetrics;
}

const contentTypes: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** Makes a client. Connects lazily; throws UsageError for a kubeconfig or URL that cannot be used. */
export function createRestClient(options: RestClientOptions): ApiClient {
  const to =
    'kubeconfig' in options.connection ? loadKubeconfig(options.connection.kubeconfig) : options.connection;
  return new RestClient(to, options);
}

class RestClient implements ApiClient {
  readonly #transport: Transport;

  constructor(to: ServerConnection, options: RestClientOptions) {
    this.#transport = new Transport(to, options);
  }

  resource<T extends KubernetesObject>(resource: ResourceDefinition<T>): ResourceClient<T> {
    return new RestResourceClient(this.#transport, resource);
  }

  raw(path: string, signal?: AbortSignal): Promise<string> {
    return this.#transport.request({ method: 'GET', path, signal });
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}

class RestResourceClient<T extends KubernetesObject> implements ResourceClient<T> {
  readonly resource: ResourceDefinition<T>;
  readonly #transport: Transport;

  constructor(transport: Transport, resource: ResourceDefinition<T>) {
    this.#transport = transport;
    this.resource = resource;
  }

  async get(at: ObjectName, signal?: AbortSignal): Promise<T> {
    return this.#object({ method: 'GET', path: objectPath(this.resource, at), signal });
  }

  async list(options: ListOptions = {}): Promise<ObjectList<T>> {
    const path = collectionPath(this.resource, options.namespace) + listQuery(options);
    const text = await this.#transport.request({ method: 'GET', path, signal: options.signal });
    return decodeList(text, this.resource);
  }

  async create(object: Draft<T>): Promise<T> {
    const { namespace } = object.metadata;
    if (this.resource.namespaced && (namespace === undefined || namespace === '')) {
      throw new StatusError('BadRequest', `a ${this.resource.kind} is created without a namespace`);
    }
    const path = collectionPath(this.resource, namespace);
    return this.#object({ method: 'POST', path, body: object });
  }

  async update(object: T, options: { readonly subresource?: string } = {}): Promise<T> {
    const path = objectPath(this.resource, object.metadata, options.subresource);
    return this.#object({ method: 'PUT', path, body: object });
  }

  async updateStatus(object: T): Promise<T> {
    return this.update(object, { subresource: 'status' });
  }

  async patch(
    at: ObjectName,
    type: PatchType,
    patch: unknown,
    options: { readonly subresource?: string } = {},
  ): Promise<T> {
    const path = objectPath(this.resource, at, options.subresource);
    return this.#object({ method: 'PATCH', path, body: patch, contentType: contentTypes[type] });
  }

  async delete(at: ObjectName, options?: DeleteOptions): Promise<void> {
    await this.#transport.request({
      method: 'DELETE',
      path: objectPath(this.resource, at),
      ...(options === undefined
        ? {}
        : { body: { apiVersion: 'v1', kind: 'DeleteOptions', ...options } satisfies object }),
    });
  }

  async *watch(options: WatchOptions): AsyncGenerator<WatchedEvent<T>> {
    const path = collectionPath(this.resource, options.namespace) + watchQuery(options);
    for await (const line of this.#transport.lines(path, options.signal)) {
      yield decodeWatchLine(line, this.resource);
    }
  }

  async createSubresource(at: ObjectName, subresource: string, body: unknown): Promise<unknown> {
    const path = objectPath(this.resource, at, subresource);
    return parseAnswer(await this.#transport.request({ method: 'POST', path, body }));
  }

  async #object(request: Request): Promise<T> {
    return parseAnswer(await this.#transport.request(request)) as T;
  }
}

interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Requests and line streams over HTTP/2, with failures as StatusError. */
class Transport {
  readonly #requests: Http2Connection;
  readonly #watches: Http2Connection;
  readonly #origin: string;
  readonly #pathPrefix: string;
  readonly #headers: OutgoingHttpHeaders;
  readonly #requestTimeoutMs: number;
  readonly #clock: Clock;
  readonly #metrics: ClientMetrics;
  readonly #host: string;

  constructor(to: ServerConnection, options: RestClientOptions) {
    const url = parseServer(to.server);
    this.#origin = url.origin;
    this.#pathPrefix = url.pathname.replace(/\/+$/, '');
    this.#requestTimeoutMs = options.requestTimeoutMs ?? 60_000;
    this.#headers = {
      accept: 'application/json',
      'user-agent': options.userAgent,
      ...(to.token === undefined ? {} : { authorization: `Bearer ${to.token}` }),
    };
    this.#clock = options.clock ?? systemClock;
    this.#metrics = options.metrics ?? noClientMetrics;
    this.#host = url.host;
    const shared = {
      to,
      clock: this.#clock,
      pingIntervalMs: options.pingIntervalMs ?? 15_000,
    };
    this.#requests = new Http2Connection({ ...shared, maxStreams: 250 });
    this.#watches = new Http2Connection({ ...shared, maxStreams: 100 });
  }

  async close(): Promise<void> {
    await Promise.all([this.#requests.close(), this.#watches.close()]);
  }

  /** The body of a successful answer; any other answer is thrown as StatusError. */
  async request(request: Request): Promise<string> {
    request.signal?.throwIfAborted();
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const headers: OutgoingHttpHeaders = {
      ...this.#headers,
      ':method': request.method,
      ':path': this.#pathPrefix + request.path,
    };
    if (body !== undefined) headers['content-type'] = request.contentType ?? 'application/json';
    const sentMs = this.#clock.monotonicMs();
    let answer = { code: 0, text: '' };
    try {
      const stream = await this.#requests.open(headers, body === undefined);
      if (body !== undefined) stream.end(body);
      answer = await this.#readAnswer(stream, request.signal);
    } finally {
      this.#count(request.method, answer.code, sentMs);
    }
    if (answer.code >= 200 && answer.code < 300) return answer.text;
    throw errorOfAnswer(answer.code, answer.text);
  }

  #count(method: string, code: number, sentMs: number): void {
    this.#metrics.requested(this.#host, method, code, (this.#clock.monotonicMs() - sentMs) / 1000);
  }

  #readAnswer(
    stream: ClientHttp2Stream,
    signal: AbortSignal | undefined,
  ): Promise<{ code: number; text: string }> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let code = 0;
      let expectedBytes: number | undefined;
      let receivedBytes = 0;
      let failure: unknown;
      let complete = false;
      const fail = (error: unknown): void => {
        failure ??= error;
        stream.close(constants.NGHTTP2_CANCEL);
      };
      const onAbort = (): void => {
        fail(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted === true) onAbort();
      stream.setTimeout(this.#requestTimeoutMs, () => {
        fail(new StatusError('Timeout', `no answer within ${this.#requestTimeoutMs} ms`));
      });
      stream.on('response', (headers) => {
        code = headers[':status'] ?? 0;
        const length = headers['content-length'];
        if (length !== undefined) expectedBytes = Number(length);
      });
      stream.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        receivedBytes += chunk.length;
      });
      // A stream that is cut off ends, too, as if it were whole: the length tells, where there is one.
      stream.once('end', () => {
        complete = code !== 0 && (expectedBytes === undefined || expectedBytes === receivedBytes);
      });
      stream.once('error', (error) => {
        failure ??= unreachable(this.#origin, error);
      });
      stream.once('close', () => {
        signal?.removeEventListener('abort', onAbort);
        if (failure === undefined && complete && stream.rstCode === constants.NGHTTP2_NO_ERROR) {
          const whole = chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks);
          resolve({ code, text: whole.toString('utf8') });
        } else {
          const error = failure ?? unreachable(this.#origin, new Error('the connection broke off'));
          reject(error instanceof Error ? error : new Error('aborted', { cause: error }));
        }
      });
    });
  }

  /** The lines of an answer that goes on until the server ends it or the signal aborts (then no error). */
  async *lines(path: string, signal: AbortSignal): AsyncGenerator<string> {
    if (signal.aborted) return;
    const headers = { ...this.#headers, ':method': 'GET', ':path': this.#pathPrefix + path };
    const sentMs = this.#clock.monotonicMs();
    const stream = await this.#watches.open(headers, true);
    const onAbort = (): void => {
      stream.close(constants.NGHTTP2_CANCEL);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      // Opening may have taken a while.
      if (isAborted(signal)) return;
      const code = await statusOf(stream);
      this.#count('GET', code, sentMs);
      stream.setEncoding('utf8');
      if (code !== 200) throw errorOfAnswer(code, await textOf(stream));
      const splitter = new LineSplitter();
      for await (const piece of stream as AsyncIterable<string>) yield* splitter.push(piece);
    } catch (error) {
      if (!isAborted(signal)) throw unreachable(this.#origin, error);
    } finally {
      signal.removeEventListener('abort', onAbort);
      // After an error nobody listens any more; the reason is already on its way to the caller.
      stream.on('error', () => undefined);
      stream.close(constants.NGHTTP2_CANCEL);
    }
  }
}

function statusOf(stream: ClientHttp2Stream): Promise<number> {
  return new Promise((resolve, reject) => {
    stream.once('response', (headers) => {
      resolve(headers[':status'] ?? 0);
    });
    stream.once('error', reject);
    stream.once('close', () => {
      reject(new Error('the connection broke off'));
    });
  });
}

async function textOf(stream: ClientHttp2Stream): Promise<string> {
  let text = '';
  for await (const piece of stream as AsyncIterable<string>) text += piece;
  return text;
}

function errorOfAnswer(code: number, text: string): StatusError {
  let status: unknown;
  try {
    status = JSON.parse(text);
  } catch {
    // Not every refusal is a Status: a proxy or a health check answers in plain text.
    status = undefined;
  }
  if (typeof status === 'object' && status !== null && (status as Partial<Status>).kind === 'Status') {
    return StatusError.fromStatus(status, code);
  }
  return StatusError.fromStatus({ message: text.trim() || `the server answered ${code}` }, code);
}

function parseServer(server: string): URL {
  if (!URL.canParse(server)) throw new UsageError(`"${server}" is not the URL of a server`);
  const url = new URL(server);
  if (url.protocol !== 'https:') throw new UsageError(`the server must be an https:// URL, not ${server}`);
  return url;
}
