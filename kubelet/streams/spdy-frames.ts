/**
 * Frames of SPDY/3.1, as far as Kubernetes' streams use them: streams that the client opens, data, ends. Pure.
 *
 * Headers are compressed in SPDY, with one context for the whole connection. Stored blocks of deflate are part of that
 * format, need no dictionary, and keep no state: so no compressor has to be kept for each connection. What the server
 * sends as headers is never read: an answer to an opened stream says nothing that is not known.
 */

const version = 3;
const controlBit = 0x8000;
const flagFin = 0x01;
/** A length has 24 bits. */
const maxDataBytes = 0xff_ffff;

export const frameTypes = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
} as const;

/** The head of a zlib stream that names the dictionary of SPDY/3 by its checksum. */
const zlibHead = Buffer.from([0x78, 0x20, 0xe3, 0xc6, 0xa7, 0xc2]);
/** An empty stored block: all before it can be read now. */
const flushMark = Buffer.from([0x00, 0x00, 0x00, 0xff, 0xff]);

function control(type: number, flags: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(controlBit | version, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt32BE(payload.length, 4);
  head.writeUInt8(flags, 4);
  return Buffer.concat([head, payload]);
}

/** Opens a stream. `isFirst`: no headers were sent on this connection before. Header names are lower case. */
export function synStream(
  streamId: number,
  headers: Readonly<Record<string, string>>,
  isFirst: boolean,
): Buffer {
  const ids = Buffer.alloc(10);
  ids.writeUInt32BE(streamId, 0);
  return control(frameTypes.synStream, 0, Buffer.concat([ids, headerBlock(headers, isFirst)]));
}

function headerBlock(headers: Readonly<Record<string, string>>, isFirst: boolean): Buffer {
  const entries = Object.entries(headers);
  const parts = [uint32(entries.length)];
  for (const text of entries.flat()) parts.push(uint32(Buffer.byteLength(text)), Buffer.from(text));
  const plain = Buffer.concat(parts);
  const block = Buffer.alloc(5);
  block.writeUInt16LE(plain.length, 1);
  block.writeUInt16LE(~plain.length & 0xffff, 3);
  return Buffer.concat([...(isFirst ? [zlibHead] : []), block, plain, flushMark]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Data of a stream; `fin` says that no more will come from this side. */
export function dataFrames(streamId: number, payload: Buffer, fin: boolean): Buffer[] {
  const frames: Buffer[] = [];
  let at = 0;
  do {
    const piece = payload.subarray(at, at + maxDataBytes);
    at += piece.length;
    const head = Buffer.alloc(8);
    head.writeUInt32BE(streamId, 0);
    head.writeUInt32BE(piece.length, 4);
    head.writeUInt8(fin && at >= payload.length ? flagFin : 0, 4);
    frames.push(head, piece);
  } while (at < payload.length);
  return frames;
}

/** The answer to a ping is the ping. */
export function ping(id: number): Buffer {
  return control(frameTypes.ping, 0, uint32(id));
}

export type SpdyEvent =
  /** A piece of data: a long frame comes in several, and `fin` with the last one. */
  | { readonly kind: 'data'; readonly streamId: number; readonly payload: Buffer; readonly fin: boolean }
  /** The stream was refused or broken off. */
  | { readonly kind: 'reset'; readonly streamId: number }
  | { readonly kind: 'ping'; readonly id: number }
  | { readonly kind: 'go-away' };

export class SpdyProtocolError extends Error {
  override readonly name = 'SpdyProtocolError';
}

/** Longer ones are not sent by anybody who means it: headers, settings and small numbers. */
const maxControlBytes = 1024 * 1024;

/** Takes bytes as they come off the connection, and gives what they say. Data is never held back. */
export class SpdyReader {
  /** Bytes of a head or control frame that is not complete. */
  #held: Buffer = Buffer.alloc(0);
  #data: { readonly streamId: number; readonly fin: boolean; left: number } | undefined;

  /** Throws {@link SpdyProtocolError}. */
  read(bytes: Buffer): SpdyEvent[] {
    const events: SpdyEvent[] = [];
    let rest = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    for (;;) {
      if (this.#data !== undefined) {
        const { streamId, fin, left } = this.#data;
        if (left > 0 && rest.length === 0) break;
        const payload = rest.subarray(0, left);
        rest = rest.subarray(payload.length);
        const isLast = payload.length === left;
        events.push({ kind: 'data', streamId, payload, fin: fin && isLast });
        this.#data = isLast ? undefined : { streamId, fin, left: left - payload.length };
        continue;
      }
      if (rest.length < 8) break;
      const length = rest.readUIntBE(5, 3);
      if ((rest.readUInt16BE(0) & controlBit) === 0) {
        const fin = (rest.readUInt8(4) & flagFin) !== 0;
        this.#data = { streamId: rest.readUInt32BE(0), fin, left: length };
        rest = rest.subarray(8);
        continue;
      }
      if ((rest.readUInt16BE(0) & 0x7fff) !== version || length > maxControlBytes)
        throw new SpdyProtocolError('not a control frame of SPDY/3');
      if (rest.length < 8 + length) break;
      events.push(...readControl(rest.readUInt16BE(2), rest.readUInt8(4), rest.subarray(8, 8 + length)));
      rest = rest.subarray(8 + length);
    }
    this.#held = Buffer.from(rest);
    return events;
  }
}

function readControl(type: number, flags: number, payload: Buffer): SpdyEvent[] {
  const first = payload.length >= 4 ? payload.readUInt32BE(0) : 0;
  switch (type) {
    case frameTypes.synReply:
      // A stream that is answered with an end has nothing to say.
      if ((flags & flagFin) === 0) return [];
      return [{ kind: 'data', streamId: first, payload: Buffer.alloc(0), fin: true }];
    case frameTypes.rstStream:
      return [{ kind: 'reset', streamId: first }];
    case frameTypes.ping:
      return [{ kind: 'ping', id: first }];
    case frameTypes.goAway:
      return [{ kind: 'go-away' }];
    default:
      // Settings, window updates and headers say nothing that Kubernetes' streams need.
      return [];
  }
}
