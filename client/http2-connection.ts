/**
 * One HTTP/2 connection to the apiserver that is opened when needed and replaced when it breaks.
 *
 * A broken connection is found three ways: the socket closes, the server says GOAWAY (then requests under way may
 * finish and new ones use a new session), or a ping stays unanswered while a response is awaited.
 */
import { connect, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { sleep } from '../common/clock.js';
import type { Clock } from '../common/clock.js';
import { backoffDelayMs } from '../common/backoff.js';
import { StatusError } from '../api/status-error.js';
import type { ServerConnection } from './kubeconfig.js';

/** Big enough that a list of thousands of objects does not wait for window updates. */
const streamWindowBytes = 1 << 20;
const sessionWindowBytes = 8 << 20;
const connectTimeoutMs = 10_000;
/** Attempts that fail follow each other at this pace, however many callers ask. */
const reconnectBackoff = { initialMs: 20, maxMs: 500, factor: 2, jitter: 0.3 };

export interface ConnectionOptions {
  readonly to: ServerConnection;
  readonly clock: Clock;
  /** A session that waits for a response is pinged this often, and given as long to answer. */
  readonly pingIntervalMs: number;
  /** Streams that one session may carry; a further one opens another session. */
  readonly maxStreams: number;
}

/** A session and what is known of it. */
interface Session {
  readonly http2: ClientHttp2Session;
  streams: number;
  /** No new streams: the server said GOAWAY, or a ping was lost. */
  draining: boolean;
  cancelPing: (() => void) | undefined;
}

export class Http2Connection {
  readonly #options: ConnectionOptions;
  readonly #origin: string;
  readonly #sessions = new Set<Session>();
  readonly #closing = new AbortController();
  #connecting: Promise<Session> | undefined;
  #failures = 0;
  #nextAttemptAt = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#origin = new URL(options.to.server).origin;
  }

  /**
   * Opens a stream, on a new session where none is usable. Rejects with ServiceUnavailable when the server cannot
   * be reached. The caller must consume or close the stream.
   */
  async open(headers: OutgoingHttpHeaders, endStream: boolean): Promise<ClientHttp2Stream> {
    let broken = 0;
    for (;;) {
      const session = this.#usableSession();
      if (session === undefined) {
        // Whoever else waited for it may have filled it by the time it is here: so look again.
        await this.#connect();
        continue;
      }
      try {
        return this.#openOn(session, headers, endStream);
      } catch (error) {
        // The session broke between the check and the request: nothing was sent, so trying again is safe.
        session.draining = true;
        if (++broken > 2) throw unreachable(this.#origin, error);
      }
    }
  }

  /** Ends all sessions; streams under way fail. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort();
    const ended = [...this.#sessions].map(
      (session) =>
        new Promise<void>((resolve) => {
          session.http2.once('close', resolve);
          session.http2.destroy();
        }),
    );
    await Promise.all(ended);
  }

  #usableSession(): Session | undefined {
    for (const session of this.#sessions) {
      if (!session.draining && session.streams < this.#streamLimit(session)) return session;
    }
    return undefined;
  }

  #streamLimit(session: Session): number {
    return Math.min(
      this.#options.maxStreams,
      session.http2.remoteSettings.maxConcurrentStreams ?? this.#options.maxStreams,
    );
  }

  #openOn(session: Session, headers: OutgoingHttpHeaders, endStream: boolean): ClientHttp2Stream {
    const stream = session.http2.request(headers, { endStream });
    session.streams++;
    if (session.streams === 1) {
      this.#watchOverSession(session);
    }
    stream.once('close', () => {
      session.streams--;
      if (session.streams > 0) return;
      session.cancelPing?.();
      session.cancelPing = undefined;
      if (session.draining) session.http2.close();
    });
    return stream;
  }

  /** Callers that need a session at the same time wait for the same attempt. */
  #connect(): Promise<Session> {
    this.#connecting ??= this.#connectPaced().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connectPaced(): Promise<Session> {
    const { clock } = this.#options;
    const waitMs = this.#nextAttemptAt - clock.monotonicMs();
    if (this.#failures > 0 && waitMs > 0) await sleep(clock, waitMs, this.#closing.signal);
    if (this.#closing.signal.aborted) throw new StatusError('ServiceUnavailable', 'the client is closed');
    try {
      const session = await this.#connectOnce();
      this.#failures = 0;
      return session;
    } catch (error) {
      this.#nextAttemptAt = clock.monotonicMs() + backoffDelayMs(this.#failures++, reconnectBackoff);
      throw unreachable(this.#origin, error);
    }
  }

  #connectOnce(): Promise<Session> {
    return new Promise((resolve, reject) => {
      const socket = this.#openSocket();
      const cancelTimeout = this.#options.clock.schedule(connectTimeoutMs, () => {
        socket.destroy(new Error(`no answer within ${connectTimeoutMs} ms`));
      });
      const failed = (error: Error): void => {
        cancelTimeout();
        reject(error);
      };
      socket.once('error', failed);
      socket.once('close', () => {
        failed(new Error('the server closed the connection'));
      });
      socket.once('secureConnect', () => {
        if (socket.alpnProtocol !== 'h2') {
          socket.destroy();
          failed(new Error('the server does not speak HTTP/2'));
          return;
        }
        const session = this.#adopt(socket);
        session.http2.once('error', failed);
        session.http2.once('close', () => {
          failed(new Error('the server closed the connection'));
        });
        // The server's settings say how many streams it allows: known before the first request goes out.
        session.http2.once('remoteSettings', () => {
          cancelTimeout();
          resolve(session);
        });
      });
    });
  }

  #openSocket(): TLSSocket {
    const { to } = this.#options;
    const url = new URL(to.server);
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const isAddress = /^[\d.]+$/.test(host) || host.includes(':');
    const serverName = to.serverName ?? (isAddress ? undefined : host);
    const socket = connectTls({
      host,
      port: url.port === '' ? 443 : Number(url.port),
      ALPNProtocols: ['h2'],
      rejectUnauthorized: to.insecureSkipTlsVerify !== true,
      ...(serverName === undefined ? {} : { servername: serverName }),
      ...(to.ca === undefined ? {} : { ca: to.ca }),
      ...(to.cert === undefined ? {} : { cert: to.cert }),
      ...(to.key === undefined ? {} : { key: to.key }),
    });
    socket.setNoDelay(true);
    return socket;
  }

  #adopt(socket: TLSSocket): Session {
    const http2 = connect(this.#origin, {
      createConnection: () => socket,
      maxSessionMemory: 1000,
      settings: { initialWindowSize: streamWindowBytes, enablePush: false },
    });
    http2.once('connect', () => {
      http2.setLocalWindowSize(sessionWindowBytes);
    });
    const session: Session = { http2, streams: 0, draining: false, cancelPing: undefined };
    this.#sessions.add(session);
    const drain = (): void => {
      session.draining = true;
      if (session.streams === 0 && !http2.closed) http2.close();
    };
    http2.on('goaway', drain);
    // The streams of the session fail with the same error, and their owners report it.
    http2.on('error', drain);
    http2.once('close', () => {
      session.draining = true;
      session.cancelPing?.();
      this.#sessions.delete(session);
    });
    return session;
  }

  /** Pings while somebody waits for the server; an idle session is left in peace. */
  #watchOverSession(session: Session): void {
    const { clock, pingIntervalMs } = this.#options;
    session.cancelPing = clock.schedule(pingIntervalMs, () => {
      const cancelDeadline = clock.schedule(pingIntervalMs, () => {
        session.draining = true;
        session.http2.destroy(
          new Error(`no answer to a ping within ${pingIntervalMs} ms`),
          constants.NGHTTP2_NO_ERROR,
        );
      });
      session.cancelPing = cancelDeadline;
      const sent = session.http2.ping(() => {
        cancelDeadline();
        if (session.streams > 0 && !session.http2.destroyed) this.#watchOverSession(session);
      });
      if (!sent) session.draining = true;
    });
  }
}

/** The error for a server that cannot be reached or that broke off: `cause` says what happened. */
export function unreachable(origin: string, cause: unknown): StatusError {
  if (cause instanceof StatusError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StatusError('ServiceUnavailable', `the server at ${origin} cannot be reached: ${why}`, {
    cause,
  });
}
