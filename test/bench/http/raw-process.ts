/**
 * What Node itself can do: an HTTPS server that answers everything with a constant, as many bytes as the path says.
 * `/watch` keeps the answer open, and every POST to `/notify` is written to all that are open.
 */
import { createSecureServer } from 'node:http2';
import type { ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { serveTasks } from './task-process.js';

export interface RawServerTask {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** With all of a large body at once, the client would begin to read when all of it is encrypted. */
const portionBytes = 256 * 1024;

async function send(stream: ServerHttp2Stream, body: Buffer): Promise<void> {
  let at = 0;
  for (; body.length - at > portionBytes; at += portionBytes)
    if (!stream.write(body.subarray(at, at + portionBytes)) && !(await drained(stream))) return;
  stream.end(body.subarray(at));
}

/** False when the stream has ended before. */
function drained(stream: ServerHttp2Stream): Promise<boolean> {
  return new Promise((resolve) => {
    const onDrain = (): void => {
      stream.off('close', onClose);
      setImmediate(resolve, true);
    };
    const onClose = (): void => {
      stream.off('drain', onDrain);
      resolve(false);
    };
    stream.once('drain', onDrain);
    stream.once('close', onClose);
  });
}

/** Resolves with the port. */
serveTasks(
  (tls) =>
    new Promise<number>((resolve) => {
      const server = createSecureServer({
        ...(tls as RawServerTask),
        requestCert: true,
        allowHTTP1: true,
        settings: { maxConcurrentStreams: 1000, initialWindowSize: 1024 * 1024 },
      });
      const bodies = new Map<number, Buffer>();
      const watching = new Set<ServerHttp2Stream>();
      server.on('stream', (stream, headers) => {
        stream.on('error', () => watching.delete(stream));
        const path = headers[':path'] ?? '/';
        if (path === '/watch') {
          watching.add(stream);
          stream.on('close', () => watching.delete(stream));
          stream.respond({ ':status': 200, 'content-type': 'application/json' });
          return;
        }
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          const bytes = Number(path.slice(1)) || 0;
          let body = bodies.get(bytes);
          if (body === undefined) {
            body = Buffer.alloc(bytes, 'x');
            bodies.set(bytes, body);
          }
          stream.respond({
            ':status': 200,
            'content-type': 'application/json',
            'content-length': String(body.length),
          });
          void send(stream, body);
          if (path !== '/notify') return;
          const line = Buffer.concat([...chunks, Buffer.from('\n')]);
          for (const watcher of watching) watcher.write(line);
        });
      });
      server.listen(0, '127.0.0.1', () => {
        resolve((server.address() as AddressInfo).port);
      });
    }),
);
