import { isUtf8 } from 'node:buffer';
import { StatusError } from '../status-error.js';
import { wireTypes } from './wire-writer.js';

/** Deeper messages are refused: nothing that Kubernetes describes comes near. */
const maxDepth = 300;

/** Thrown for bytes that are no message of the kind that is expected. */
export function malformed(why: string): StatusError {
  return new StatusError('BadRequest', `the object provided is unrecognized: proto: ${why}`);
}

/** Reads Protocol Buffers, one message after the other. Everything throws BadRequest for what is no message. */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;
  #end: number;
  #depth = 0;
  /** Of the field whose value comes next. */
  number = 0;
  wireType = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = this.#bytes.length;
  }

  /** Goes on to the next field of the message; false at its end. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    const tag = this.varint();
    this.number = Math.floor(tag / 8);
    this.wireType = tag % 8;
    if (this.number === 0 || this.number > 0x1fff_ffff) throw malformed(`illegal tag ${this.number}`);
    return true;
  }

  /** Throws unless the value that comes next has this form. */
  expect(wireType: number): void {
    if (this.wireType !== wireType)
      throw malformed(`wrong wireType = ${this.wireType} for field ${this.number}`);
  }

  /** A whole number that is not negative; exact below 2^53. */
  varint(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    this.#at--;
    const { low, high } = this.#halves();
    return (high >>> 0) * 0x1_0000_0000 + low;
  }

  /** A whole number in two's complement; exact up to 2^53 on both sides. */
  integer(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    this.#at--;
    const { low, high } = this.#halves();
    return high * 0x1_0000_0000 + low;
  }

  double(): number {
    const at = this.#take(8);
    return this.#bytes.readDoubleLE(at);
  }

  text(): string {
    const size = this.varint();
    const at = this.#take(size);
    const text = this.#bytes.toString('utf8', at, at + size);
    if (text.includes('\uFFFD') && !isUtf8(this.#bytes.subarray(at, at + size)))
      throw malformed('string field contains invalid UTF-8');
    return text;
  }

  /** A view into the message. */
  bytes(): Buffer {
    const size = this.varint();
    const at = this.#take(size);
    return this.#bytes.subarray(at, at + size);
  }

  /**
   * Goes into the message that is the value of the field: {@link next} ends where it ends. Give what this returns to
   * {@link leave} then.
   */
  enter(): number {
    this.expect(wireTypes.bytes);
    const at = this.#take(this.varint());
    const outerEnd = this.#end;
    if (++this.#depth > maxDepth) throw malformed('exceeded max depth');
    this.#end = this.#at;
    this.#at = at;
    return outerEnd;
  }

  /** Goes back to the message around the one that has been read to its end. */
  leave(outerEnd: number): void {
    this.#end = outerEnd;
    this.#depth--;
  }

  /** Whether there is more of this message: for lists of numbers that came as one field. */
  get more(): boolean {
    return this.#at < this.#end;
  }

  /** Passes over a value that nobody wants. */
  skip(): void {
    switch (this.wireType) {
      case wireTypes.varint:
        this.#halves();
        return;
      case wireTypes.fixed64:
        this.#take(8);
        return;
      case wireTypes.bytes:
        this.#take(this.varint());
        return;
      case wireTypes.fixed32:
        this.#take(4);
        return;
      default:
        throw malformed(`illegal wireType ${this.wireType}`);
    }
  }

  #byte(): number {
    if (this.#at >= this.#end) throw malformed('unexpected EOF');
    return this.#bytes[this.#at++] ?? 0;
  }

  /** The 64 bits of a varint: the lower half without, the upper one with a sign. */
  #halves(): { readonly low: number; readonly high: number } {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte();
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else if (shift < 63 || bits <= 1) high |= bits << (shift - 32);
      if (byte < 0x80) return { low: low >>> 0, high };
    }
    throw malformed('integer overflow');
  }

  #take(size: number): number {
    if (size > this.#end - this.#at) throw malformed('unexpected EOF');
    this.#at += size;
    return this.#at - size;
  }
}
