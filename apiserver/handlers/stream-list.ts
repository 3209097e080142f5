/** Sends collections piece by piece, from bytes that exist already, so that others get a turn in between. */
import type { TypeMeta } from '../../api/protobuf/envelope.js';
import { listParts, protobufType } from '../../api/protobuf/envelope.js';
import type { Exchange } from '../http/exchange.js';
import { jsonType } from '../http/respond.js';
import type { StoredObject } from '../storage/stored-object.js';

export interface ListHead {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** Pieces of a list are handed to the connection in portions of this size. */
const sliceBytes = 64 * 1024;
/** So many objects are encoded before others get a turn: a few milliseconds. */
const encodedAtOnce = 100;

export async function streamJsonList(
  exchange: Exchange,
  { kind, apiVersion }: TypeMeta,
  head: ListHead,
  items: readonly StoredObject[],
): Promise<void> {
  await streamParts(exchange, jsonType, jsonParts(), sum(items.map((item) => item.record.value.byteLength)));

  function* jsonParts(): Generator<Uint8Array> {
    const metadata = JSON.stringify(head);
    yield Buffer.from(`{"kind":"${kind}","apiVersion":"${apiVersion}","metadata":${metadata},"items":[`);
    const comma = Buffer.from(',');
    for (const [index, item] of items.entries()) {
      if (index > 0) yield comma;
      yield* item.servedParts;
    }
    yield Buffer.from(']}');
  }
}

/**
 * A list whose items are made for this request: rows of a table, metadata alone. They are made as the connection takes them.
 * The last field of `around` is an empty array that stands for the items.
 */
export async function streamList(
  exchange: Exchange,
  around: object,
  items: readonly StoredObject[],
  print: (item: StoredObject) => string,
): Promise<void> {
  await streamParts(exchange, jsonType, parts(), sum(items.map((item) => item.record.value.byteLength)));

  function* parts(): Generator<Uint8Array> {
    yield Buffer.from(JSON.stringify(around).slice(0, -2));
    for (const [index, item] of items.entries()) yield Buffer.from((index > 0 ? ',' : '') + print(item));
    yield Buffer.from(']}');
  }
}

/** The length of a protobuf list stands before it: all items are encoded before the first is sent. */
export async function streamProtobufList(
  exchange: Exchange,
  type: TypeMeta,
  metadata: Uint8Array,
  items: readonly StoredObject[],
  messageOf: (item: StoredObject) => Uint8Array,
): Promise<void> {
  const messages: Uint8Array[] = [];
  for (const item of items) {
    messages.push(messageOf(item));
    if (messages.length % encodedAtOnce !== 0) continue;
    await turnOfOthers();
    if (exchange.signal.aborted) return;
  }
  const parts = listParts(type, metadata, messages);
  await streamParts(exchange, protobufType, parts, sum(messages.map((message) => message.length)));
}

/** Sends what is small in one piece, and the rest at the pace of the client. */
async function streamParts(
  exchange: Exchange,
  contentType: string,
  parts: Iterable<Uint8Array>,
  aboutBytes: number,
): Promise<void> {
  const headers = { 'content-type': contentType };
  if (aboutBytes < sliceBytes) {
    exchange.respond(200, headers, Buffer.concat([...parts]));
    return;
  }
  const stream = exchange.stream(200, headers);
  let slice: Uint8Array[] = [];
  let length = 0;
  for (const part of parts) {
    slice.push(part);
    length += part.length;
    if (length < sliceBytes) continue;
    const more = stream.write(Buffer.concat(slice));
    slice = [];
    length = 0;
    if (more) await turnOfOthers();
    else await stream.drained();
    if (exchange.signal.aborted) return;
  }
  if (length > 0) stream.write(Buffer.concat(slice));
  stream.end();
}

/** Lets other requests run. */
export function turnOfOthers(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function sum(lengths: readonly number[]): number {
  return lengths.reduce((total, length) => total + length, 0);
}
