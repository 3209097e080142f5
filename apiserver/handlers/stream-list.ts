/** Sends collections piece by piece, from bytes that exist already, so that others get a turn in between. */
import type { TypeMeta } from '../../api/protobuf/envelope.js';
import { listParts, protobufType } from '../../api/protobuf/envelope.js';
import { Pieces } from '../flow-control/turns.js';
import { openStream } from '../http/compression.js';
import { jsonType } from '../http/respond.js';
import type { StoredObject } from '../storage/stored-object.js';
import type { ResourceRequest } from './context.js';

export interface ListHead {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** Pieces of a list are handed to the connection in portions of this size. */
const sliceBytes = 64 * 1024;

/** Where a list goes, and how it shares the event loop with others. */
type ListTarget = Pick<ResourceRequest, 'exchange' | 'admission'>;

export async function streamJsonList(
  target: ListTarget,
  { kind, apiVersion }: TypeMeta,
  head: ListHead,
  items: readonly StoredObject[],
): Promise<void> {
  await streamParts(target, jsonType, jsonParts(), sum(items.map((item) => item.record.value.byteLength)));

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
  target: ListTarget,
  around: object,
  items: readonly StoredObject[],
  print: (item: StoredObject) => string,
): Promise<void> {
  await streamParts(target, jsonType, parts(), sum(items.map((item) => item.record.value.byteLength)));

  function* parts(): Generator<Uint8Array> {
    yield Buffer.from(JSON.stringify(around).slice(0, -2));
    for (const [index, item] of items.entries()) yield Buffer.from((index > 0 ? ',' : '') + print(item));
    yield Buffer.from(']}');
  }
}

/** The length of a protobuf list stands before it: all items are encoded before the first is sent. */
export async function streamProtobufList(
  target: ListTarget,
  type: TypeMeta,
  metadata: Uint8Array,
  items: readonly StoredObject[],
  messageOf: (item: StoredObject) => Uint8Array,
): Promise<void> {
  const messages: Uint8Array[] = [];
  const pieces = new Pieces(target.admission.turn);
  for (const item of items) {
    messages.push(messageOf(item));
    if (!pieces.due) continue;
    await pieces.next();
    if (target.exchange.signal.aborted) return;
  }
  const parts = listParts(type, metadata, messages);
  await streamParts(target, protobufType, parts, sum(messages.map((message) => message.length)));
}

/** Sends what is small in one piece, and the rest at the pace of the client. */
async function streamParts(
  { exchange, admission }: ListTarget,
  contentType: string,
  parts: Iterable<Uint8Array>,
  aboutBytes: number,
): Promise<void> {
  const headers = { 'content-type': contentType };
  if (aboutBytes < sliceBytes) {
    exchange.respond(200, headers, Buffer.concat([...parts]));
    return;
  }
  const stream = openStream(exchange, 200, headers, aboutBytes);
  const pieces = new Pieces(admission.turn);
  let slice: Uint8Array[] = [];
  let length = 0;
  for (const part of parts) {
    slice.push(part);
    length += part.length;
    if (length < sliceBytes && !pieces.due) continue;
    const more = stream.write(Buffer.concat(slice));
    slice = [];
    length = 0;
    if (!more) await stream.drained();
    if (pieces.due) await pieces.next();
    if (exchange.signal.aborted) return;
  }
  if (length > 0) stream.write(Buffer.concat(slice));
  stream.end();
}

function sum(lengths: readonly number[]): number {
  return lengths.reduce((total, length) => total + length, 0);
}
