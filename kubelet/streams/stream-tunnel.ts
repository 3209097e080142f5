/**
 * Tunnels a client's upgraded connection (SPDY/3.1 or WebSocket) to the runtime's streaming server, byte by byte: the
 * runtime speaks the protocol, the kubelet only decides who may.
 */
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** A client that does not close in this time after the runtime did is closed. */
const lingerMs = 30_000;

/** Sends the upgrade request on to `target` and joins both sides until one of them closes. */
export function tunnelUpgrade(request: IncomingMessage, client: Duplex, head: Buffer, target: string): void {
  const url = new URL(target);
  const upstream: Socket = connect({ host: url.hostname, port: Number(url.port) });
  const abandon = (): void => {
    upstream.destroy();
    client.destroy();
  };
  upstream.setNoDelay(true);
  upstream.once('connect', () => {
    upstream.write(requestHead(request, url));
    if (head.length > 0) upstream.write(head);
    client.pipe(upstream);
    upstream.pipe(client);
  });
  upstream.once('error', (error) => {
    if (upstream.bytesRead === 0)
      answerUpgrade(client, 502, `the runtime's streaming server cannot be reached: ${error.message}`);
    else abandon();
  });
  // A side that goes away takes the other with it, or a session would hang for ever.
  client.once('error', abandon);
  client.once('close', abandon);
  upstream.once('close', () => {
    // What was read of the runtime may still wait to be written: the client closes when it has got it all.
    client.end();
    client.resume();
    const linger = setTimeout(abandon, lingerMs);
    client.once('close', () => {
      clearTimeout(linger);
    });
  });
}

function requestHead(request: IncomingMessage, url: URL): string {
  const lines = [`${request.method ?? 'GET'} ${url.pathname}${url.search} HTTP/1.1`, `Host: ${url.host}`];
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
    const name = request.rawHeaders[at] ?? '';
    if (name.toLowerCase() !== 'host') lines.push(`${name}: ${request.rawHeaders[at + 1] ?? ''}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

const phrases: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
};

/** Refuses an upgrade with an ordinary answer. */
export function answerUpgrade(client: Duplex, status: number, message: string): void {
  const body = `${message}\n`;
  client.end(
    `HTTP/1.1 ${status} ${phrases[status] ?? 'Error'}\r\nContent-Type: text/plain\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
