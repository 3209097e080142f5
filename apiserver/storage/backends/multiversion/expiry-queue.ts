/** What expires when: a binary heap of keys by time, ties in no order. Entries of overwritten records stay until due. */

export interface Expiry {
  readonly atMs: number;
  readonly key: string;
  /** The write that the time to live belongs to; a later write of the key has its own. */
  readonly revision: number;
}

export class ExpiryQueue {
  readonly #heap: Expiry[] = [];

  get nextAtMs(): number | undefined {
    return this.#heap[0]?.atMs;
  }

  add(expiry: Expiry): void {
    const heap = this.#heap;
    let at = heap.push(expiry) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if ((heap[parent] as Expiry).atMs <= expiry.atMs) break;
      heap[at] = heap[parent] as Expiry;
      at = parent;
    }
    heap[at] = expiry;
  }

  /** Removes and returns what is due at `nowMs`, at most `limit`, earliest first. */
  takeDue(nowMs: number, limit: number): Expiry[] {
    const due: Expiry[] = [];
    while (due.length < limit && this.#heap[0] !== undefined && this.#heap[0].atMs <= nowMs) {
      due.push(this.#heap[0]);
      this.#removeFirst();
    }
    return due;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const moved = heap.pop();
    if (moved === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Expiry).atMs < (heap[child] as Expiry).atMs) child++;
      if ((heap[child] as Expiry).atMs >= moved.atMs) break;
      heap[at] = heap[child] as Expiry;
      at = child;
    }
    heap[at] = moved;
  }
}
