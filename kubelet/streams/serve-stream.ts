/**
 * Joins a client's upgraded connection with the runtime's streaming server.
 *
 * The runtime speaks SPDY/3.1 and the older WebSocket protocols; those pass byte by byte. What it does not know is
 * translated: the channel protocol v5 of exec and attach (`translate-channels.ts`), and SPDY inside of WebSocket
 * messages, which newer clients use to forward ports.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { channelProtocol } from './channels.js';
import type { WantedStreams } from './channels.js';
import { upgradeToSpdy } from './spdy-session.js';
import { tunnelUpgrade } from './stream-tunnel.js';
import { translateChannels } from './translate-channels.js';

export interface StreamRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  /** Where the runtime waits for the connection. */
  readonly target: string;
  /** A connection on which nothing moves for so long is closed. */
  readonly idleTimeoutMs: number;
}

const execProtocol = 'v4.channel.k8s.io';
const portForwardProtocol = 'portforward.k8s.io';
const tunnelProtocol = `SPDY/3.1+${portForwardProtocol}`;
/** The largest message of a client; kubectl's have 32 KiB. */
const maxMessageBytes = 16 * 1024 * 1024;

/** Exec and attach. Rejects when the runtime does not agree; the client has not been answered then. */
export async function serveCommandStream(stream: StreamRequest, wanted: WantedStreams): Promise<void> {
  if (!offers(stream.request, channelProtocol)) {
    closeWhenIdle(stream);
    tunnelUpgrade(stream.request, stream.socket, stream.head, stream.target);
    return;
  }
  const runtime = await upgradeToSpdy(stream.target, execProtocol);
  acceptWebSocket(stream, channelProtocol, runtime, (client) => {
    translateChannels(client, runtime, wanted);
  });
}

/** Port forwarding, likewise. */
export async function servePortForward(stream: StreamRequest): Promise<void> {
  if (!offers(stream.request, tunnelProtocol)) {
    closeWhenIdle(stream);
    tunnelUpgrade(stream.request, stream.socket, stream.head, stream.target);
    return;
  }
  const runtime = await upgradeToSpdy(stream.target, portForwardProtocol);
  acceptWebSocket(stream, tunnelProtocol, runtime, (client) => {
    const messages = createWebSocketStream(client);
    // A side that breaks takes the other one along; how it broke is nobody's business here.
    pipeline(messages, runtime, messages, () => {
      runtime.destroy();
      client.close();
    });
  });
}

function closeWhenIdle({ request, socket, idleTimeoutMs }: StreamRequest): void {
  request.socket.setTimeout(idleTimeoutMs, () => {
    socket.destroy();
  });
}

function offers({ headers }: IncomingMessage, protocol: string): boolean {
  const offered = headers['sec-websocket-protocol'] ?? '';
  return offered.split(',').some((one) => one.trim() === protocol);
}

function acceptWebSocket(
  stream: StreamRequest,
  protocol: string,
  runtime: Socket,
  onOpen: (client: WebSocket) => void,
): void {
  const { request, socket, head } = stream;
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
  });
  // Chosen here: the name of the tunnel has a slash, which a WebSocket library must refuse.
  delete request.headers['sec-websocket-protocol'];
  server.on('headers', (headers) => {
    headers.push(`Sec-WebSocket-Protocol: ${protocol}`);
  });
  // A handshake that is refused closes the client's connection, and one that went away meanwhile is closed already.
  const giveUp = (): void => {
    runtime.destroy();
  };
  socket.once('close', giveUp);
  if (socket.destroyed) {
    giveUp();
    return;
  }
  server.handleUpgrade(request, socket, head, (client) => {
    // Only now: the handshake sets a timeout of its own.
    closeWhenIdle(stream);
    onOpen(client);
  });
}
