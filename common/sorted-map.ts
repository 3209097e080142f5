/**
 * A map whose string keys can be walked in order: what a store and a cache need to list a prefix.
 *
 * Keys live in ordered chunks of a few hundred, so that an insertion moves little memory however large the map
 * is; values live in a Map beside them. Order is that of JavaScript's string comparison, which for the ASCII
 * paths of Kubernetes is byte order.
 */

const chunkLimit = 512;

export class SortedMap<V> {
  readonly #values = new Map<string, V>();
  /** Never holds an empty chunk. */
  readonly #chunks: string[][] = [];

  get size(): number {
    return this.#values.size;
  }

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  set(key: string, value: V): void {
    if (!this.#values.has(key)) this.#insertKey(key);
    this.#values.set(key, value);
  }

  delete(key: string): boolean {
    if (!this.#values.delete(key)) return false;
    const chunkIndex = this.#chunkFor(key);
    const chunk = this.#chunks[chunkIndex] ?? [];
    chunk.splice(lowerBound(chunk, key), 1);
    if (chunk.length === 0) this.#chunks.splice(chunkIndex, 1);
    return true;
  }

  clear(): void {
    this.#values.clear();
    this.#chunks.length = 0;
  }

  /** Entries with `from <= key < end`, in order. The map must not change while they are walked. */
  *entries(from = '', end?: string): IterableIterator<[string, V]> {
    for (let c = this.#chunkFor(from); c < this.#chunks.length; c++) {
      const chunk = this.#chunks[c] ?? [];
      const first = chunk[0] !== undefined && chunk[0] < from ? lowerBound(chunk, from) : 0;
      for (let i = first; i < chunk.length; i++) {
        const key = chunk[i] as string;
        if (end !== undefined && key >= end) return;
        yield [key, this.#values.get(key) as V];
      }
    }
  }

  /** How many keys sort before `key`; undefined stands for the end of all keys. */
  rank(key: string | undefined): number {
    if (key === undefined) return this.#values.size;
    const chunkIndex = this.#chunkFor(key);
    let count = 0;
    for (let c = 0; c < chunkIndex; c++) count += this.#chunks[c]?.length ?? 0;
    return count + lowerBound(this.#chunks[chunkIndex] ?? [], key);
  }

  /** The last chunk whose first key is not above `key`; the first chunk when there is none. */
  #chunkFor(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#chunks[middle]?.[0] ?? '') <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  #insertKey(key: string): void {
    const chunkIndex = this.#chunkFor(key);
    const chunk = this.#chunks[chunkIndex];
    if (chunk === undefined) {
      this.#chunks.push([key]);
      return;
    }
    const at = lowerBound(chunk, key);
    chunk.splice(at, 0, key);
    if (chunk.length <= chunkLimit) return;
    // Keys often arrive in order: then leave the full chunk full instead of two halves.
    const cut = at === chunk.length - 1 ? chunkLimit : chunk.length >>> 1;
    this.#chunks.splice(chunkIndex + 1, 0, chunk.splice(cut));
  }
}

/** The first string that sorts after every string with this prefix; undefined when there is none. */
export function prefixEnd(prefix: string): string | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const unit = prefix.charCodeAt(i);
    if (unit < 0xffff) return prefix.slice(0, i) + String.fromCharCode(unit + 1);
  }
  return undefined;
}

/** Index of the first key that is not below `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
