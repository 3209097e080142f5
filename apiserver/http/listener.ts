/**
 * The TLS front door: HTTP/2 and HTTP/1.1 on one port, upgrades beside them.
 *
 * Client certificates are asked for and verified against the client CA, yet a connection without one is let in:
 * the authentication filter decides what it may do.
 */
import type { IncomingMessage } from 'node:http';
import { ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { Http2SecureServer, Http2ServerRequest, ServerHttp2Session } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { UsageError } from '../../common/usage-error.js';
import { defaultConnectionTimeouts, limitConnections } from './connection-limits.js';
import type { ConnectionTimeouts } from './connection-limits.js';
import type { Exchange } from './exchange.js';
import { Http1Exchange } from './http1-exchange.js';
import { Http2Exchange } from './http2-exchange.js';

export interface ListenerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCa?: string };
  readonly timeouts?: Partial<ConnectionTimeouts>;
  /**
   * Waits until a request of this connection may be begun; undefined to begin it at once. A packet may hold the heads
   * of a thousand requests: without this all of them are begun before anybody else is heard.
   */
  readonly intake?: ((connection: object) => Promise<void> | undefined) | undefined;
  onRequest(exchange: Exchange): void;
  /** An HTTP/1.1 request with an Upgrade header; whoever takes it over owns the socket. */
  onUpgrade(exchange: Exchange, upgrade: UpgradeRequest): void;
}

/** The raw side of a request that asks for another protocol. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  /** Bytes that the client sent after the head. */
  readonly head: Buffer;
  /** Ends HTTP on this connection: the socket then belongs to the caller. */
  takeOver(): TLSSocket;
}

export interface Listener {
  readonly port: number;
  /** Stops accepting, lets exchanges end for `graceMs`, then closes what is left. */
  stop(graceMs: number): Promise<void>;
}

const maxSessionMemoryMegabytes = 1000;
const maxConcurrentStreams = 1000;

/** Begins to listen. Rejects with UsageError when the port is taken. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const timeouts = { ...defaultConnectionTimeouts, ...options.timeouts };
  const server = createSecureServer({
    cert: options.tls.cert,
    key: options.tls.key,
    ...(options.tls.clientCa === undefined ? {} : { ca: options.tls.clientCa }),
    requestCert: true,
    rejectUnauthorized: false,
    allowHTTP1: true,
    handshakeTimeout: timeouts.handshakeMs,
    // The default of 10 MB would refuse new requests of a session while one watch of it is unread.
    maxSessionMemory: maxSessionMemoryMegabytes,
    settings: { maxConcurrentStreams, initialWindowSize: 1024 * 1024 },
  });
  const sessions = new Set<ServerHttp2Session>();
  const sockets = new Set<Duplex>();
  limitConnections(server, timeouts);
  wire(server, options, timeouts, sessions, sockets);
  await bind(server, options);
  const address = server.address() as AddressInfo;
  return { port: address.port, stop: (graceMs) => stopServer(server, sessions, sockets, graceMs) };
}

function wire(
  server: Http2SecureServer,
  options: ListenerOptions,
  { bodyMs }: ConnectionTimeouts,
  sessions: Set<ServerHttp2Session>,
  sockets: Set<Duplex>,
): void {
  // Node adds its compatibility layer for HTTP/2 as soon as 'request' has a listener; 'request' is here for
  // HTTP/1.1 alone.
  server.removeAllListeners('newListener');
  server.on('stream', (stream, headers) => {
    const begin = (): void => {
      options.onRequest(new Http2Exchange(stream, headers, bodyMs));
    };
    const turn = stream.session === undefined ? undefined : options.intake?.(stream.session);
    if (turn === undefined) {
      begin();
      return;
    }
    // It may break before it is begun; then nobody is there to be answered.
    stream.on('error', ignoreBroken);
    void turn.then(() => {
      stream.off('error', ignoreBroken);
      if (!stream.destroyed) begin();
    });
  });
  server.on('request', (request: Http2ServerRequest | IncomingMessage, response) => {
    if (request.httpVersionMajor >= 2) return;
    options.onRequest(
      new Http1Exchange(request as IncomingMessage, response as unknown as ServerResponse, bodyMs),
    );
  });
  server.on('upgrade', (request: IncomingMessage, socket: TLSSocket, head: Buffer) => {
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.on('finish', () => {
      socket.end();
    });
    // Until somebody takes the socket over, a client that leaves must not end the process.
    socket.on('error', () => {
      socket.destroy();
    });
    options.onUpgrade(new Http1Exchange(request, response, bodyMs), {
      request,
      head,
      takeOver: () => {
        response.detachSocket(socket);
        return socket;
      },
    });
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    // A session that breaks takes its streams along; each of them sees 'close'.
    session.on('error', () => {
      session.destroy();
    });
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.setNoDelay(true);
  });
  // From the first byte on: a handshake that never ends must not hold up the stop.
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {
    // A client that does not trust our certificate says so itself; nothing to do here.
  });
}

function ignoreBroken(): void {
  // 'close' follows, and the stream is left out.
}

async function bind(server: Http2SecureServer, options: ListenerOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new UsageError(
              `port ${options.port} is in use: end the process that holds it, or choose another port`,
            )
          : error,
      );
    });
    server.listen(options.port, options.host, resolve);
  });
}

async function stopServer(
  server: Http2SecureServer,
  sessions: ReadonlySet<ServerHttp2Session>,
  sockets: ReadonlySet<Duplex>,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  for (const session of sessions) session.close();
  const timer = setTimeout(() => {
    for (const session of sessions) session.destroy();
    for (const socket of sockets) socket.destroy();
  }, graceMs);
  await closed;
  clearTimeout(timer);
}
