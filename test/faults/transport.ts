/**
 * Requests as a careful client makes them: each has a deadline, nothing is ever sent twice, and what did not get an
 * answer is told apart from what was never sent. Over HTTP/2 on one connection, or over HTTP/1.1.
 */
import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import type { JsonObject } from '../support/apiserver-fixture.js';

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
}

export type Reply =
  | { readonly kind: 'answered'; readonly status: number; readonly json: JsonObject }
  /** It may have been done. */
  | { readonly kind: 'lost' }
  /** There was no connection that could have carried it. */
  | { readonly kind: 'not sent' };

export interface Transport {
  /** Never rejects. */
  send(request: Request, deadlineMs: number): Promise<Reply>;
  /** Lines of a watch until it ends for whatever reason, or the signal aborts. Half a line at the end is dropped. */
  lines(path: string, deadlineMs: number, signal: AbortSignal): AsyncGenerator<JsonObject, void>;
  /** The next request makes a connection of its own. */
  close(): void;
}

export interface Identity {
  readonly url: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** The head of an answer, and its body to be read. */
interface Opened {
  readonly status: number;
  readonly body: Readable;
}

class NotSentError extends Error {}

/** What the two versions of HTTP differ in: how a request begins. Rejects with NotSentError when it did not. */
type Open = (request: Request, signal: AbortSignal) => Promise<Opened>;

export function http2Transport(identity: Identity): Transport {
  let session: Promise<ClientHttp2Session> | undefined;
  const connected = (): Promise<ClientHttp2Session> => {
    session ??= new Promise((resolve, reject) => {
      const { url, ...tls } = identity;
      const made = connect(url, tls);
      const forget = (): void => {
        session = undefined;
        reject(new NotSentError());
      };
      made.once('connect', () => {
        resolve(made);
      });
      // The streams of a broken session fail by themselves.
      made.once('error', forget);
      made.once('goaway', forget);
      made.once('close', forget);
    });
    return session;
  };
  const open: Open = async ({ method, path, body, contentType = 'application/json' }, signal) => {
    const on = await unlessAborted(connected(), signal);
    if (on.closed || on.destroyed) throw new NotSentError();
    const stream = on.request(
      { ':method': method, ':path': path, ...(body === undefined ? {} : { 'content-type': contentType }) },
      { endStream: body === undefined, signal },
    );
    if (body !== undefined) stream.end(JSON.stringify(body));
    return new Promise((resolve, reject) => {
      stream.once('response', (headers) => {
        resolve({ status: headers[':status'] ?? 0, body: stream });
      });
      stream.on('error', reject);
      stream.once('close', () => {
        reject(new Error('the stream was closed'));
      });
    });
  };
  return transportOf(open, () => {
    const closing = session;
    session = undefined;
    closing?.then(
      (made) => {
        made.destroy();
      },
      () => undefined, // there is nothing to close
    );
  });
}

export function http1Transport(identity: Identity): Transport {
  const { url, ...tls } = identity;
  let agent = new Agent({ ...tls, keepAlive: true });
  const open: Open = ({ method, path, body, contentType = 'application/json' }, signal) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const request = httpsRequest(new URL(path, url), {
        method,
        agent,
        signal,
        headers:
          text === undefined
            ? {}
            : { 'content-type': contentType, 'content-length': Buffer.byteLength(text) },
      });
      request.once('response', (response) => {
        resolve({ status: response.statusCode ?? 0, body: response });
      });
      request.on('error', (error: NodeJS.ErrnoException) => {
        reject(error.code === 'ECONNREFUSED' ? new NotSentError() : error);
      });
      request.end(text);
    });
  return transportOf(open, () => {
    agent.destroy();
    agent = new Agent({ ...tls, keepAlive: true });
  });
}

function transportOf(open: Open, close: () => void): Transport {
  return {
    send: async (request, deadlineMs) => {
      const signal = AbortSignal.timeout(deadlineMs);
      try {
        const { status, body } = await open(request, signal);
        return { kind: 'answered', status, json: JSON.parse(await readAll(body, signal)) as JsonObject };
      } catch (error) {
        // A connection on which nothing comes any more is given up, as clients do.
        if (signal.aborted) close();
        return { kind: error instanceof NotSentError ? 'not sent' : 'lost' };
      }
    },
    lines: async function* (path, deadlineMs, signal) {
      const late = new AbortController();
      const timer = setTimeout(() => {
        late.abort();
      }, deadlineMs);
      const either = AbortSignal.any([signal, late.signal]);
      try {
        const { body } = await open({ method: 'GET', path }, either);
        clearTimeout(timer);
        yield* splitLines(body);
      } catch {
        // However it ended, there is nothing more to see.
        if (late.signal.aborted) close();
      } finally {
        clearTimeout(timer);
      }
    },
    close,
  };
}

async function* splitLines(body: Readable): AsyncGenerator<JsonObject, void> {
  let rest = '';
  body.setEncoding('utf8');
  for await (const chunk of body as AsyncIterable<string>) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) yield JSON.parse(part) as JsonObject;
  }
  // A refusal is one document without a line's end.
  if (rest.trimEnd().endsWith('}')) yield* parseIfWhole(rest);
}

function* parseIfWhole(text: string): Generator<JsonObject, void> {
  let whole: JsonObject;
  try {
    whole = JSON.parse(text) as JsonObject;
  } catch {
    return; // cut off in the middle of a line
  }
  yield whole;
}

async function readAll(body: Readable, signal: AbortSignal): Promise<string> {
  let text = '';
  body.setEncoding('utf8');
  const destroy = (): void => {
    body.destroy();
  };
  signal.addEventListener('abort', destroy, { once: true });
  try {
    for await (const chunk of body as AsyncIterable<string>) text += chunk;
  } finally {
    signal.removeEventListener('abort', destroy);
  }
  return text;
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener(
      'abort',
      () => {
        reject(new NotSentError());
      },
      { once: true },
    );
    work.then(resolve, reject);
  });
}
