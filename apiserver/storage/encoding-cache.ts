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

  /** 32 MiB unless told. */
  constructor(maxBytes = 32 * 1024 * 1024) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
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
