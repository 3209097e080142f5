/**
 * What stands around messages: `k8s\0` and runtime.Unknown, which say what kind the message is of; the frames of a watch;
 * and lists that are put together from messages that exist already.
 */
import type { Schema } from '../schema/model.js';
import { StatusError } from '../status-error.js';
import { decodeMessage } from './decode.js';
import { encodeMessage } from './encode.js';
import { schemaNameOf } from './message-types.js';
import { WireReader } from './wire-reader.js';
import { tagOf, wireTypes, WireWriter } from './wire-writer.js';

export const protobufType = 'application/vnd.kubernetes.protobuf';
export const protobufWatchType = `${protobufType};stream=watch`;

/** What every object in Kubernetes' protobuf form begins with. */
const magic = Buffer.from('k8s\0');

export interface TypeMeta {
  readonly apiVersion: string;
  readonly kind: string;
}

/** Fields of runtime.Unknown and of the TypeMeta in it. */
const unknownTags = {
  typeMeta: tagOf(1, wireTypes.bytes),
  raw: tagOf(2, wireTypes.bytes),
  contentEncoding: tagOf(3, wireTypes.bytes),
  contentType: tagOf(4, wireTypes.bytes),
};
const typeMetaTags = { apiVersion: tagOf(1, wireTypes.bytes), kind: tagOf(2, wireTypes.bytes) };
const watchEventTags = { type: tagOf(1, wireTypes.bytes), object: tagOf(2, wireTypes.bytes) };
const rawExtensionTag = tagOf(1, wireTypes.bytes);
const itemsTag = tagOf(2, wireTypes.bytes);

/** Content encoding and content type, both empty, which come after the message. */
const envelopeEnd = Buffer.from([unknownTags.contentEncoding, 0, unknownTags.contentType, 0]);

/** What stands before a message of so many bytes. */
function envelopeHead({ apiVersion, kind }: TypeMeta, messageBytes: number): Buffer {
  const writer = new WireWriter(64 + apiVersion.length + kind.length);
  writer.varint(messageBytes);
  writer.tag(unknownTags.raw);
  const end = writer.length;
  writer.text(kind);
  writer.tag(typeMetaTags.kind);
  writer.text(apiVersion);
  writer.tag(typeMetaTags.apiVersion);
  writer.size(end);
  writer.tag(unknownTags.typeMeta);
  writer.raw(magic);
  return writer.take();
}

/** The message of an object in its envelope. */
export function envelop(type: TypeMeta, message: Uint8Array): Buffer {
  return Buffer.concat([envelopeHead(type, message.length), message, envelopeEnd]);
}

/**
 * An object with its envelope; `schemaName` is `core/v1.Pod` or `core/v1.PodList`. apiVersion and kind are those that the
 * object carries. Throws TypeError for a value of another type than described.
 */
export function encodeProtobuf(schema: Schema, schemaName: string, object: object): Buffer {
  const { apiVersion = '', kind = '' } = object as Partial<TypeMeta>;
  return envelop({ apiVersion, kind }, encodeMessage(schema, schemaName, object));
}

/** The messages of objects, without envelopes, as they follow each other in the message of a list. */
export function joinListItems(messages: readonly Uint8Array[]): Buffer {
  return Buffer.concat(messages.flatMap((message) => [messageHead(itemsTag, message.length), message]));
}

/** What stands around the items of a list, which take so many bytes; `metadata` is a message without an envelope. */
export function listEnds(
  type: TypeMeta,
  metadata: Uint8Array,
  itemsBytes: number,
): { readonly before: Buffer; readonly after: Buffer } {
  const head = messageHead(tagOf(1, wireTypes.bytes), metadata.length);
  const total = head.length + metadata.length + itemsBytes;
  return { before: Buffer.concat([envelopeHead(type, total), head, metadata]), after: envelopeEnd };
}

/** Tag and length of a message that is a field of another. */
function messageHead(tag: number, length: number): Buffer {
  const writer = new WireWriter(8);
  writer.varint(length);
  writer.tag(tag);
  return writer.take();
}

/** One frame of a watch: its length in four bytes, then a WatchEvent around an object that has its envelope. */
export function watchFrame(eventType: string, enveloped: Uint8Array): Buffer {
  const writer = new WireWriter(enveloped.length + 64);
  writer.bytes(enveloped);
  writer.tag(rawExtensionTag);
  writer.size(0);
  writer.tag(watchEventTags.object);
  writer.text(eventType);
  writer.tag(watchEventTags.type);
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(writer.length);
  writer.raw(length);
  return writer.take();
}

export interface OpenedEnvelope extends TypeMeta {
  readonly message: Uint8Array;
}

/** Takes the envelope off. Throws BadRequest for bytes that have none. */
export function openEnvelope(bytes: Uint8Array): OpenedEnvelope {
  if (!magic.equals(bytes.subarray(0, magic.length)))
    throw new StatusError(
      'BadRequest',
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    );
  const reader = new WireReader(bytes.subarray(magic.length));
  let type: TypeMeta = { apiVersion: '', kind: '' };
  let message: Uint8Array = new Uint8Array();
  while (reader.next()) {
    if (reader.number === 1) type = readTypeMeta(reader);
    else if (reader.number === 2) {
      reader.expect(wireTypes.bytes);
      message = reader.bytes();
    } else reader.skip();
  }
  return { ...type, message };
}

function readTypeMeta(reader: WireReader): TypeMeta {
  let apiVersion = '';
  let kind = '';
  const end = reader.enter();
  while (reader.next()) {
    if (reader.number === 1) apiVersion = readText(reader);
    else if (reader.number === 2) kind = readText(reader);
    else reader.skip();
  }
  reader.leave(end);
  return { apiVersion, kind };
}

function readText(reader: WireReader): string {
  reader.expect(wireTypes.bytes);
  return reader.text();
}

/**
 * Reads an object with its envelope; apiVersion and kind are those of the envelope, and are left out where it says none.
 * Options such as DeleteOptions come under the group of what they are for: `schemaName` says what to read then. Throws
 * BadRequest.
 */
export function decodeProtobuf(
  schema: Schema,
  bytes: Uint8Array,
  schemaName?: string,
): Record<string, unknown> {
  const { apiVersion, kind, message } = openEnvelope(bytes);
  const name = schemaName ?? schemaNameOf(schema, apiVersion, kind);
  if (name === undefined)
    throw new StatusError('BadRequest', `no kind "${kind}" is registered for version "${apiVersion}"`);
  return {
    ...(apiVersion === '' ? {} : { apiVersion }),
    ...(kind === '' ? {} : { kind }),
    ...decodeMessage(schema, name, message),
  };
}
