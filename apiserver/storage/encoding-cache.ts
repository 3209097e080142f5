/** What belongs together may take this part of the room. */
const largestShare = 0.75;

/**
 * Bounds what encoded forms of objects hold on to. A form (a line of a watch, a protobuf message) is made for the first who
 * asks and shared with all who ask soon after; when all forms together are over the limit, the oldest are dropped, and made
 * again if somebody still wants them. Most of them are wanted within milliseconds of a write, by many.
 */
export class EncodingCache {
  readonly #maxBytes: number;
  #entries: { readonly drop: () => void; readonly bytes: number }[] = [];
  /** Entries before this one are dropped already and still to be cut off. */
  #first = 0;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Whether forms of so many bytes, made one after the other, can all be there when they are asked for again. Those that
   * cannot would only push out others, and each other.
   */
  isWorthKeeping(bytes: number): boolean {
    return bytes <= this.#maxBytes * largestShare;
  }

  /** Counts a form of this size; `drop` is called once, when its room is needed. */
  add(bytes: number, drop: () => void): void {
    this.#entries.push({ bytes, drop });
    this.#bytes += bytes;
    while (this.#bytes > this.#maxBytes) this.#dropOldest();
  }

  #dropOldest(): void {
    const entry = this.#entries[this.#first];
    if (entry === undefined) return;
    this.#first++;
    this.#bytes -= entry.bytes;
    entry.drop();
    if (this.#first < 1024 || this.#first * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }
}

/** The caches of a server, shared by all its resources. */
export interface Encodings {
  /** Of single objects. */
  readonly objects: EncodingCache;
  /** Blocks of lists have room of their own: a storm of events, whose lines nobody wants a second later, leaves them alone. */
  readonly lists: EncodingCache;
}

const mebibyte = 1024 * 1024;

export function newEncodings(): Encodings {
  return { objects: new EncodingCache(16 * mebibyte), lists: new EncodingCache(48 * mebibyte) };
}
