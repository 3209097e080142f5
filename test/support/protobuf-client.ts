/** A client that speaks HTTP/2 and Kubernetes protobuf by hand: what Go clients do, visible byte by byte. */
import { connect } from 'node:http2';
import type { IncomingHttpHeaders } from 'node:http2';
import { decodeProtobuf, encodeProtobuf, protobufType } from '../../api/protobuf/envelope.js';
import { WireReader } from '../../api/protobuf/wire-reader.js';
import { loadSchema } from '../../api/schema/load.js';
import type { ApiServerFixture } from './apiserver-fixture.js';

const schema = loadSchema();

export type Decoded = Readonly<Record<string, unknown>>;

export interface ProtobufAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly bytes: Buffer;
  /** The body, read as the kind that its envelope names. */
  readonly object: Decoded;
}

export interface ProtobufEvent {
  readonly type: string;
  readonly object: Decoded;
}

export interface ProtobufRequest {
  readonly accept?: string;
  /** An object to send, with the name of its type. */
  readonly body?: readonly [schemaName: string, object: object];
  /** A body that is sent as it is. */
  readonly raw?: { readonly contentType: string; readonly bytes: Uint8Array };
}

export interface WatchOptions {
  readonly accept?: string;
  /** Runs once the watch has begun. */
  readonly meanwhile?: () => Promise<unknown>;
}

export interface ProtobufClient {
  readonly send: (method: string, path: string, request?: ProtobufRequest) => Promise<ProtobufAnswer>;
  /** Resolves with the content type and so many first events; rejects when the watch ends before. */
  readonly watch: (
    path: string,
    count: number,
    options?: WatchOptions,
  ) => Promise<{ readonly contentType: string; readonly events: readonly ProtobufEvent[] }>;
  readonly close: () => void;
}

export function protobufClient({ url, pki }: ApiServerFixture): ProtobufClient {
  const { certificate: cert, privateKey: key } = pki.pair('admin');
  const session = connect(url, { ca: pki.authority, cert, key });
  return {
    send: async (method, path, { accept = protobufType, body, raw } = {}) => {
      const bytes = body === undefined ? raw?.bytes : encodeProtobuf(schema, ...body);
      const contentType = raw?.contentType ?? protobufType;
      const stream = session.request(
        {
          ':method': method,
          ':path': path,
          accept,
          ...(bytes === undefined ? {} : { 'content-type': contentType }),
        },
        { endStream: bytes === undefined },
      );
      if (bytes !== undefined) stream.end(bytes);
      const headers = await headersOf(stream);
      const chunks: Buffer[] = [];
      for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
      const received = Buffer.concat(chunks);
      return {
        status: Number(headers[':status']),
        contentType: headers['content-type'] ?? '',
        bytes: received,
        get object() {
          return decodeProtobuf(schema, received);
        },
      };
    },
    watch: async (path, count, { accept = protobufType, meanwhile } = {}) => {
      const stream = session.request({ ':method': 'GET', ':path': path, accept });
      const headers = await headersOf(stream);
      const working = meanwhile?.();
      const events: ProtobufEvent[] = [];
      let rest: Buffer = Buffer.alloc(0);
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        rest = Buffer.concat([rest, chunk]);
        while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE()) {
          const end = 4 + rest.readUInt32BE();
          events.push(readEvent(rest.subarray(4, end)));
          rest = rest.subarray(end);
        }
        if (events.length >= count) break;
      }
      await working;
      if (events.length < count) throw new Error(`the watch ended after ${events.length} events`);
      return { contentType: headers['content-type'] ?? '', events };
    },
    close: () => {
      session.destroy();
    },
  };
}

function headersOf(stream: NodeJS.EventEmitter): Promise<IncomingHttpHeaders & { ':status'?: number }> {
  return new Promise((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('error', reject);
  });
}

/** The frame is a bare WatchEvent; what is embedded in it has an envelope, and so is no JSON. */
function readEvent(frame: Uint8Array): ProtobufEvent {
  const reader = new WireReader(frame);
  let type = '';
  let object: Decoded = {};
  while (reader.next()) {
    if (reader.number === 1) type = reader.text();
    else if (reader.number === 2) {
      const end = reader.enter();
      while (reader.next()) object = decodeProtobuf(schema, reader.bytes());
      reader.leave(end);
    } else reader.skip();
  }
  return { type, object };
}
