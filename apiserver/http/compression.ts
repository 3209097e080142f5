/** Large answers in gzip, for clients that accept it: at the fastest level, piece by piece, outside of the event loop. */
import { constants, createGzip } from 'node:zlib';
import type { Exchange, ResponseHeaders, ResponseStream } from './exchange.js';
import { writeCorked } from './exchange.js';
import { drainOf } from './http2-exchange.js';

/** Kubernetes' threshold: below it compressing costs more than the bytes. */
export const compressFromBytes = 128 * 1024;
/** What goes through the compressor at a time. */
const sliceBytes = 64 * 1024;

export function acceptsGzip({ headers }: Pick<Exchange, 'headers'>): boolean {
  const accepted = [headers['accept-encoding'] ?? ''].flat().join(',');
  return accepted.split(',').some((one) => /^\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(one));
}

/** Begins an answer of about so many bytes; never for a watch, whose events must not wait for each other. */
export function openStream(
  exchange: Exchange,
  status: number,
  headers: ResponseHeaders,
  aboutBytes: number,
): ResponseStream {
  if (aboutBytes <= compressFromBytes) return exchange.stream(status, headers);
  const vary = { ...headers, vary: 'Accept-Encoding' };
  if (!acceptsGzip(exchange)) return exchange.stream(status, vary);
  return compressed(exchange, exchange.stream(status, { ...vary, 'content-encoding': 'gzip' }));
}

/** Sends a whole body; a large one at the pace of the client. */
export async function sendBytes(
  exchange: Exchange,
  status: number,
  headers: ResponseHeaders,
  body: Uint8Array,
): Promise<void> {
  if (body.byteLength <= compressFromBytes || exchange.method === 'HEAD' || !acceptsGzip(exchange)) {
    exchange.respond(status, headers, body);
    return;
  }
  const stream = openStream(exchange, status, headers, body.byteLength);
  for (let at = 0; at < body.byteLength && !exchange.signal.aborted; at += sliceBytes)
    if (!stream.write(body.subarray(at, at + sliceBytes))) await stream.drained();
  stream.end();
}

function compressed({ signal }: Exchange, to: ResponseStream): ResponseStream {
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  gzip.on('data', (chunk: Buffer) => {
    if (to.write(chunk)) return;
    gzip.pause();
    void to.drained().then(() => gzip.resume());
  });
  gzip.on('end', () => {
    to.end();
  });
  // The client has gone, and with it whoever would read the rest.
  signal.addEventListener('abort', () => gzip.destroy(), { once: true });
  return {
    write: (bytes) => (gzip.writable ? gzip.write(bytes) : true),
    writeAll: (parts) => writeCorked(gzip, parts),
    drained: () => drainOf(gzip, signal),
    get queuedBytes() {
      return gzip.writableLength + to.queuedBytes;
    },
    end: () => {
      gzip.end();
    },
  };
}
