/** How long a connection may keep this server waiting before it is closed: slow, silent and half-open ones do no harm. */
import type { Http2SecureServer, ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';

export interface ConnectionTimeouts {
  /** The TLS handshake. */
  readonly handshakeMs: number;
  /** The head of an HTTP/1.1 request. */
  readonly headersMs: number;
  /** The body of a request that is read as a whole. */
  readonly bodyMs: number;
  /** A connection without a request. */
  readonly idleMs: number;
  /** The answer to a ping on a connection whose requests have been silent for so long. */
  readonly pingMs: number;
}

export const defaultConnectionTimeouts: ConnectionTimeouts = {
  handshakeMs: 10_000,
  headersMs: 32_000,
  bodyMs: 60_000,
  idleMs: 90_000,
  pingMs: 15_000,
};

const keepAliveMs = 30_000;
const maxCheckMs = 5000;

/** What Node offers for the HTTP/1.1 side of a server, and its types leave out. */
interface Http1Limits {
  headersTimeout: number;
  keepAliveTimeout: number;
  /** How often connections are looked at for those that are too slow. */
  connectionsCheckingInterval: number;
}

export function limitConnections(server: Http2SecureServer, timeouts: ConnectionTimeouts): void {
  const http1 = server as unknown as Http1Limits;
  http1.headersTimeout = timeouts.headersMs;
  http1.keepAliveTimeout = timeouts.idleMs;
  http1.connectionsCheckingInterval = Math.min(timeouts.headersMs, maxCheckMs);
  server.on('connection', (socket: Socket) => {
    // A peer whose machine is gone says nothing: the kernel asks.
    socket.setKeepAlive(true, keepAliveMs);
  });
  server.on('session', (session) => {
    closeWhenIdle(session, timeouts);
  });
}

/** A session without streams is closed; one whose streams are silent has to answer a ping. */
function closeWhenIdle(session: ServerHttp2Session, { idleMs, pingMs }: ConnectionTimeouts): void {
  let streams = 0;
  session.on('stream', (stream) => {
    streams++;
    stream.once('close', () => streams--);
  });
  session.setTimeout(idleMs, () => {
    if (session.destroyed) return;
    if (streams === 0) {
      session.close();
      return;
    }
    const timer = setTimeout(() => {
      session.destroy();
    }, pingMs);
    session.once('close', () => {
      clearTimeout(timer);
    });
    session.ping(() => {
      clearTimeout(timer);
    });
  });
}
