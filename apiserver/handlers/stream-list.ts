/** Sends collections piece by piece, so that others get a turn in between. */
import type { TypeMeta } from '../../api/protobuf/envelope.js';
import { listEnds, protobufType } from '../../api/protobuf/envelope.js';
import { Pieces } from '../flow-control/turns.js';
import { openStream } from '../http/compression.js';
import type { ResponseStream } from '../http/exchange.js';
import { jsonType } from '../http/respond.js';
import type { ResourceRequest } from './context.js';

export interface ListHead {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** Below this, a list is sent as one piece. */
const smallBytes = 64 * 1024;
/**
 * So much is handed to the connection at a time: then the next waits until it has been sent. That takes about as long as a
 * piece of work may (see turns.ts); with less, most of the time would go into waiting.
 */
const portionBytes = 256 * 1024;

/** Where a list goes, and how it shares the event loop with others. */
type ListTarget = Pick<ResourceRequest, 'exchange' | 'admission'>;

/** `blocks` are the items, each after a comma, of about so many bytes in all. */
export async function streamJsonList(
  target: ListTarget,
  { kind, apiVersion }: TypeMeta,
  head: ListHead,
  blocks: Iterable<Uint8Array>,
  aboutBytes: number,
): Promise<void> {
  await streamParts(target, jsonType, parts(), aboutBytes);

  function* parts(): Generator<Uint8Array> {
    const metadata = JSON.stringify(head);
    yield Buffer.from(`{"kind":"${kind}","apiVersion":"${apiVersion}","metadata":${metadata},"items":[`);
    let isFirst = true;
    for (const block of blocks) {
      yield isFirst ? block.subarray(1) : block;
      isFirst = false;
    }
    yield Buffer.from(']}');
  }
}

/** The length of a protobuf list stands before it: all blocks of its items are made before the first is sent. */
export async function streamProtobufList(
  target: ListTarget,
  type: TypeMeta,
  metadata: Uint8Array,
  blocks: Iterable<Uint8Array>,
): Promise<void> {
  const made: Uint8Array[] = [];
  let itemsBytes = 0;
  const pieces = new Pieces(target.admission.turn);
  for (const block of blocks) {
    made.push(block);
    itemsBytes += block.byteLength;
    if (!pieces.due) continue;
    await pieces.next();
    if (target.exchange.signal.aborted) return;
  }
  const { before, after } = listEnds(type, metadata, itemsBytes);
  await streamParts(target, protobufType, [before, ...made, after], itemsBytes);
}

/** Sends what is small in one piece, and the rest in portions at the pace of the client. */
async function streamParts(
  { exchange, admission }: ListTarget,
  contentType: string,
  parts: Iterable<Uint8Array>,
  aboutBytes: number,
): Promise<void> {
  const headers = { 'content-type': contentType };
  if (aboutBytes < smallBytes) {
    exchange.respond(200, headers, Buffer.concat([...parts]));
    return;
  }
  const stream = openStream(exchange, 200, headers, aboutBytes);
  const pieces = new Pieces(admission.turn);
  let portion: Uint8Array[] = [];
  let length = 0;
  for (const part of parts) {
    portion.push(part);
    length += part.byteLength;
    if (length < portionBytes && !pieces.due) continue;
    await sendPortion(stream, pieces, portion);
    if (exchange.signal.aborted) return;
    portion = [];
    length = 0;
  }
  stream.writeAll(portion);
  stream.end();
}

async function sendPortion(
  stream: ResponseStream,
  pieces: Pieces,
  portion: readonly Uint8Array[],
): Promise<void> {
  if (!stream.writeAll(portion)) await stream.drained();
  // Each portion takes a turn: to write it is nothing, to send it is work.
  await pieces.next(portionBytes);
}

/**
 * A list whose items are made for this request: rows of a table, metadata alone. They are made as the connection takes them.
 * The last field of `around` is an empty array that stands for the items.
 */
export async function streamList<Item>(
  { exchange, admission }: ListTarget,
  around: object,
  items: readonly Item[],
  print: (item: Item) => string,
  aboutBytes: number,
): Promise<void> {
  const headers = { 'content-type': jsonType };
  let text = JSON.stringify(around).slice(0, -2);
  if (aboutBytes < smallBytes) {
    exchange.respond(200, headers, `${text}${items.map(print).join(',')}]}`);
    return;
  }
  const stream = openStream(exchange, 200, headers, aboutBytes);
  const pieces = new Pieces(admission.turn);
  for (const [index, item] of items.entries()) {
    text += (index > 0 ? ',' : '') + print(item);
    if (text.length < smallBytes && !pieces.due) continue;
    await sendPortion(stream, pieces, [Buffer.from(text)]);
    if (exchange.signal.aborted) return;
    text = '';
  }
  stream.write(`${text}]}`);
  stream.end();
}
