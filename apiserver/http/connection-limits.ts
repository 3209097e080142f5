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
  /** A connection without a request; and one with requests from which nothing is heard, before it is pinged. */
  readonly idleMs: number;
  /** The answer to the ping. */
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

/** A session without streams is closed; one from which nothing is heard has to answer a ping. */
function closeWhenIdle(session: ServerHttp2Session, timeouts: ConnectionTimeouts): void {
  let streams = 0;
  session.on('stream', (stream) => {
    streams++;
    stream.once('close', () => streams--);
  });
  session.setTimeout(timeouts.idleMs, () => {
    if (streams === 0 && !session.destroyed) session.close();
  });
  pingWhenSilent(session, timeouts);
}

/**
 * Who reads a watch says nothing by itself, and what is written to it proves nothing: the kernel takes it for a quarter of
 * an hour after the other machine is gone.
 */
function pingWhenSilent(session: ServerHttp2Session, { idleMs, pingMs }: ConnectionTimeouts): void {
  let heardBytes = 0;
  let answer: NodeJS.Timeout | undefined;
  const check = setInterval(() => {
    // Its socket goes before it is told to be closed.
    if (session.destroyed) return;
    const { bytesRead } = session.socket;
    const isSilent = bytesRead === heardBytes;
    heardBytes = bytesRead;
    if (!isSilent || answer !== undefined) return;
    answer = setTimeout(() => {
      session.destroy();
    }, pingMs);
    session.ping(() => {
      clearTimeout(answer);
      answer = undefined;
    });
  }, idleMs);
  session.once('close', () => {
    clearInterval(check);
    clearTimeout(answer);
  });
}
