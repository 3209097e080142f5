/**
 * A map whose string keys can be walked in order: what a store and a cache need to list a prefix.
 *
 * Entries live in ordered chunks of a few hundred, so that an insertion moves little memory however large the map is. A
 * Map beside them finds an entry by its key; the walk does without it, as looking up ten thousand keys one by one takes
 * longer than all the rest of a list. Order is that of JavaScript's string comparison, which for the ASCII paths of
 * Kubernetes is byte order.
 */

const chunkLimit = 512;

interface Entry<V> {
  readonly key: string;
  value: V;
}

export class SortedMap<V> {
  readonly #byKey = new Map<string, Entry<V>>();
  /** Never holds an empty chunk. */
  readonly #chunks: Entry<V>[][] = [];

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): V | undefined {
    return this.#byKey.get(key)?.value;
  }

  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  set(key: string, value: V): void {
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      known.value = value;
      return;
    }
    const entry = { key, value };
    this.#byKey.set(key, entry);
    this.#insert(entry);
  }

  delete(key: string): boolean {
    if (!this.#byKey.delete(key)) return false;
    const chunkIndex = this.#chunkFor(key);
    const chunk = this.#chunks[chunkIndex] ?? [];
    chunk.splice(lowerBound(chunk, key), 1);
    if (chunk.length === 0) this.#chunks.splice(chunkIndex, 1);
    return true;
  }

  clear(): void {
    this.#byKey.clear();
    this.#chunks.length = 0;
  }

  /** Entries with `from <= key < end`, in order. The map must not change while they are walked. */
  *entries(from = '', end?: string): IterableIterator<[string, V]> {
    for (const [chunk, first, last] of this.#parts(from, end)) {
      for (let i = first; i < last; i++) {
        const { key, value } = chunk[i] as Entry<V>;
        yield [key, value];
      }
    }
  }

  /** The first `limit` values with `from <= key < end`, in order. */
  values(from: string, end: string | undefined, limit: number): V[] {
    const values: V[] = [];
    for (const [chunk, first, last] of this.#parts(from, end)) {
      for (let i = first; i < last; i++) {
        if (values.length >= limit) return values;
        values.push((chunk[i] as Entry<V>).value);
      }
    }
    return values;
  }

  /** How many keys sort before `key`; undefined stands for the end of all keys. */
  rank(key: string | undefined): number {
    if (key === undefined) return this.size;
    const chunkIndex = this.#chunkFor(key);
    let count = 0;
    for (let c = 0; c < chunkIndex; c++) count += this.#chunks[c]?.length ?? 0;
    return count + lowerBound(this.#chunks[chunkIndex] ?? [], key);
  }

  /** The chunks that hold `from <= key < end`, each with the bounds of what is in the range. */
  *#parts(
    from: string,
    end: string | undefined,
  ): Generator<readonly [Entry<V>[], number, number], undefined> {
    for (let c = this.#chunkFor(from); c < this.#chunks.length; c++) {
      const chunk = this.#chunks[c] as Entry<V>[];
      const first = (chunk[0]?.key ?? from) < from ? lowerBound(chunk, from) : 0;
      const endsHere = end !== undefined && (chunk.at(-1)?.key ?? end) >= end;
      yield [chunk, first, endsHere ? lowerBound(chunk, end) : chunk.length];
      if (endsHere) return;
    }
  }

  /** The last chunk whose first key is not above `key`; the first chunk when there is none. */
  #chunkFor(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#chunks[middle]?.[0]?.key ?? '') <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  #insert(entry: Entry<V>): void {
    const chunkIndex = this.#chunkFor(entry.key);
    const chunk = this.#chunks[chunkIndex];
    if (chunk === undefined) {
      this.#chunks.push([entry]);
      return;
    }
    const at = lowerBound(chunk, entry.key);
    chunk.splice(at, 0, entry);
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

/** Index of the first entry whose key is not below `key`. */
function lowerBound(entries: readonly { readonly key: string }[], key: string): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle] as { readonly key: string }).key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
