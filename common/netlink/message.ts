/**
 * The netlink wire format: messages of a 16-byte header, a family-specific header and nested attributes
 * (type-length-value), all in host byte order and aligned to four bytes. See netlink(7) and rtnetlink(7).
 */

export const flags = {
  request: 0x1,
  acknowledge: 0x4,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  /** NLM_F_ROOT | NLM_F_MATCH: answer with everything that there is. */
  dump: 0x300,
} as const;

const headerBytes = 16;
const nestedFlag = 0x8000;
const attributeTypeMask = 0x3fff;

/** Builds one or more netlink requests in one buffer, to be sent in one system call. */
export class MessageWriter {
  readonly #bytes: Buffer;
  #length = 0;
  #start = 0;
  #count = 0;

  constructor(capacityBytes = 2048) {
    this.#bytes = Buffer.alloc(capacityBytes);
  }

  /** The number of messages begun so far; each with `flags.acknowledge` is answered once. */
  get count(): number {
    return this.#count;
  }

  /** Begins a message; what follows until the next `begin` or `finish` belongs to it. */
  begin(type: number, messageFlags: number): this {
    this.#close();
    this.#start = this.#length;
    this.#count++;
    this.#bytes.writeUInt16LE(type, this.#start + 4);
    this.#bytes.writeUInt16LE(messageFlags | flags.request, this.#start + 6);
    this.#bytes.writeUInt32LE(this.#count, this.#start + 8);
    this.#length += headerBytes;
    return this;
  }

  u8(value: number): this {
    this.#length = this.#bytes.writeUInt8(value, this.#length);
    return this;
  }

  u16(value: number): this {
    this.#length = this.#bytes.writeUInt16LE(value, this.#length);
    return this;
  }

  u32(value: number): this {
    this.#length = this.#bytes.writeUInt32LE(value >>> 0, this.#length);
    return this;
  }

  /** Bytes as they are, without a header: a fixed structure, or attributes that the kernel sent. */
  raw(value: Uint8Array): this {
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  attribute(type: number, value: Uint8Array): this {
    this.u16(value.length + 4)
      .u16(type)
      .raw(value);
    return this.#align();
  }

  attributeU8(type: number, value: number): this {
    return this.attribute(type, Uint8Array.of(value));
  }

  attributeU32(type: number, value: number): this {
    return this.u16(8).u16(type).u32(value);
  }

  /** A string with the terminating NUL that the kernel expects. */
  attributeString(type: number, value: string): this {
    return this.attribute(type, Buffer.from(value + '\0', 'latin1'));
  }

  /** An attribute whose value is made of attributes. */
  nested(type: number, content: () => void, markNested = false): this {
    const at = this.#length;
    this.u16(0).u16(markNested ? type | nestedFlag : type);
    content();
    this.#bytes.writeUInt16LE(this.#length - at, at);
    return this;
  }

  /** The finished request. The writer must not be used afterwards. */
  finish(): Buffer {
    this.#close();
    return this.#bytes.subarray(0, this.#length);
  }

  #close(): void {
    if (this.#count === 0) return;
    this.#bytes.writeUInt32LE(this.#length - this.#start, this.#start);
    this.#align();
  }

  #align(): this {
    this.#length = (this.#length + 3) & ~3;
    return this;
  }
}

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Buffer;
}

/** Splits a received datagram into messages. The payloads are views of `datagram`. */
export function parseMessages(datagram: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at + headerBytes <= datagram.length;) {
    const length = datagram.readUInt32LE(at);
    if (length < headerBytes || at + length > datagram.length) break;
    messages.push({
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      payload: datagram.subarray(at + headerBytes, at + length),
    });
    at += (length + 3) & ~3;
  }
  return messages;
}

/** Reads a run of attributes; a type that occurs twice keeps its last value. */
export function parseAttributes(bytes: Buffer): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) break;
    attributes.set(bytes.readUInt16LE(at + 2) & attributeTypeMask, bytes.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return attributes;
}

/** The text of a NUL-terminated attribute. */
export function attributeText(value: Buffer | undefined): string {
  if (value === undefined) return '';
  const end = value.indexOf(0);
  return value.toString('latin1', 0, end < 0 ? value.length : end);
}
