/** Which form a field's value has on the wire. */
export const wireTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** Up to this length, copying characters one by one is faster than asking for their UTF-8. */
const shortText = 24;

/**
 * Writes Protocol Buffers from the end to the beginning: the length of a message stands before it, and is known only when
 * the message is there. So fields are written last one first, and of each field the value before its tag.
 *
 * One writer may be used again and again; it keeps its memory, and {@link take} hands out copies.
 */
export class WireWriter {
  #bytes: Buffer;
  #start: number;

  constructor(initialBytes = 16 * 1024) {
    this.#bytes = Buffer.allocUnsafe(initialBytes);
    this.#start = initialBytes;
  }

  /** Number of bytes that have been written. */
  get length(): number {
    return this.#bytes.length - this.#start;
  }

  /** What has been written, as bytes of the caller's own; the writer is empty then. */
  take(): Buffer {
    const written = Buffer.from(this.#bytes.subarray(this.#start));
    this.reset();
    return written;
  }

  /** Forgets what has been written. */
  reset(): void {
    this.#start = this.#bytes.length;
  }

  /** A field's number and form, already put together by {@link tagOf}. */
  tag(tag: number): void {
    if (tag < 0x80) {
      if (this.#start === 0) this.#grow(1);
      this.#bytes[--this.#start] = tag;
    } else this.varint(tag);
  }

  /** A whole number below 2^53 that is not negative. */
  varint(value: number): void {
    if (value < 0x80) {
      if (this.#start === 0) this.#grow(1);
      this.#bytes[--this.#start] = value;
      return;
    }
    let size = 2;
    for (let rest = Math.floor(value / 0x4000); rest > 0; rest = Math.floor(rest / 0x80)) size++;
    let at = this.#reserve(size);
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#bytes[at++] = (rest % 0x80) | 0x80;
    this.#bytes[at] = rest;
  }

  /** A whole number that may be negative; then it takes ten bytes, for int32, too. */
  integer(value: number): void {
    if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) {
      this.varint(value);
      return;
    }
    let at = this.#reserve(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    const first = at;
    for (; rest >= 0x80n; rest >>= 7n) this.#bytes[at++] = Number(rest & 0x7fn) | 0x80;
    this.#bytes[at++] = Number(rest);
    // From 2^53 on, a positive number may take fewer: close the gap.
    const gap = first + 10 - at;
    if (gap > 0) {
      this.#bytes.copyWithin(first + gap, first, at);
      this.#start += gap;
    }
  }

  double(value: number): void {
    // Reserving may replace the buffer: it comes first.
    const at = this.#reserve(8);
    this.#bytes.writeDoubleLE(value, at);
  }

  /** Text with its length before it. */
  text(value: string): void {
    const { length } = value;
    if (length <= shortText && this.#asciiText(value, length)) return;
    const size = Buffer.byteLength(value);
    const at = this.#reserve(size);
    if (size === length) this.#bytes.write(value, at, size, 'latin1');
    else this.#bytes.write(value, at, size, 'utf8');
    this.varint(size);
  }

  /** Bytes with their length before them. */
  bytes(value: Uint8Array): void {
    this.raw(value);
    this.varint(value.length);
  }

  /** Bytes as they are. */
  raw(value: Uint8Array): void {
    const at = this.#reserve(value.length);
    this.#bytes.set(value, at);
  }

  /** Ends (that is, begins) a message whose end was at `length` `end`: puts its size before it. */
  size(end: number): void {
    this.varint(this.length - end);
  }

  #asciiText(value: string, length: number): boolean {
    if (this.#start <= length) this.#grow(length + 1);
    const at = this.#start - length;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code >= 0x80) return false;
      this.#bytes[at + index] = code;
    }
    this.#bytes[at - 1] = length;
    this.#start = at - 1;
    return true;
  }

  #reserve(size: number): number {
    if (this.#start < size) this.#grow(size);
    return (this.#start -= size);
  }

  #grow(size: number): void {
    const written = this.length;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, written + size));
    this.#bytes.copy(larger, larger.length - written, this.#start);
    this.#start = larger.length - written;
    this.#bytes = larger;
  }
}

/** A field's number and the form of its value, as they stand before the value. */
export function tagOf(number: number, wireType: number): number {
  return number * 8 + wireType;
}
