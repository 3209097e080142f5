/**
 * Hands out numbers of a range, each to one owner at a time. What is taken is known from the store at start and
 * kept in memory from then on; taking is synchronous, so two requests cannot get the same number.
 */
export interface IndexAllocatorOptions {
  /** Numbers are 0 … size-1. */
  readonly size: number;
  /**
   * Numbers below this are left to those who ask for one by name, as long as there are others: a fixed address
   * chosen by a person rarely meets one that was handed out.
   */
  readonly reservedForRequests: number;
  readonly random?: () => number;
}

export class IndexAllocator {
  readonly #size: number;
  readonly #reserved: number;
  readonly #random: () => number;
  readonly #taken = new Set<number>();

  constructor(options: IndexAllocatorOptions) {
    this.#size = options.size;
    this.#reserved = Math.min(options.reservedForRequests, options.size);
    this.#random = options.random ?? Math.random;
  }

  get free(): number {
    return this.#size - this.#taken.size;
  }

  contains(index: number): boolean {
    return Number.isInteger(index) && index >= 0 && index < this.#size;
  }

  isTaken(index: number): boolean {
    return this.#taken.has(index);
  }

  /** False when it is taken or outside of the range. */
  take(index: number): boolean {
    if (!this.contains(index) || this.#taken.has(index)) return false;
    this.#taken.add(index);
    return true;
  }

  /** A free number, or undefined when there is none left. */
  takeNext(): number | undefined {
    return this.#takeBetween(this.#reserved, this.#size) ?? this.#takeBetween(0, this.#reserved);
  }

  /** Releasing what is free already does nothing. */
  release(index: number): void {
    this.#taken.delete(index);
  }

  /** Begins at a random place and goes round, so that it ends even when the range is nearly full. */
  #takeBetween(from: number, until: number): number | undefined {
    const count = until - from;
    if (count <= 0) return undefined;
    const start = Math.floor(this.#random() * count);
    for (let step = 0; step < count; step++) {
      const index = from + ((start + step) % count);
      if (this.take(index)) return index;
    }
    return undefined;
  }
}
