/**
 * Finds the objects of one resource that have a label or a field of a certain value, without looking at the others.
 *
 * An index is kept for each label and field that lists have selected by, from the first such list on, up to
 * {@link maxNames} of them; the one that was not used for longest goes first. It holds the keys of records, so it costs
 * some ten bytes for each object with the label.
 */

/** What an equality requirement of a selector asks for: `label app`, `field spec.nodeName`. */
export interface SelectorTerm {
  readonly name: string;
  readonly value: string;
}

export const maxNames = 16;

export class SelectorIndex<R extends { readonly key: string }> {
  readonly #valueOf: (record: R, name: string) => string | undefined;
  /** By name, the least recently used first; then by value. */
  readonly #names = new Map<string, Map<string, Set<string>>>();

  /** `valueOf` reads what a record has under a name, and must be pure. */
  constructor(valueOf: (record: R, name: string) => string | undefined) {
    this.#valueOf = valueOf;
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** Begins to keep a name. `records` are all there are now. */
  add(name: string, records: Iterable<R>): void {
    const byValue = new Map<string, Set<string>>();
    this.#names.set(name, byValue);
    for (const record of records) insert(byValue, this.#valueOf(record, name), record.key);
    for (const oldest of this.#names.keys()) {
      if (this.#names.size <= maxNames) break;
      this.#names.delete(oldest);
    }
  }

  /** A record was written, replaced or removed. */
  change(key: string, before: R | undefined, after: R | undefined): void {
    for (const [name, byValue] of this.#names) {
      const old = before === undefined ? undefined : this.#valueOf(before, name);
      const now = after === undefined ? undefined : this.#valueOf(after, name);
      if (old === now) continue;
      remove(byValue, old, key);
      insert(byValue, now, key);
    }
  }

  /** The keys that satisfy the rarest of the terms, in no order; undefined when no term is kept. */
  candidates(terms: readonly SelectorTerm[]): Iterable<string> | undefined {
    let best: ReadonlySet<string> | undefined;
    for (const { name, value } of terms) {
      const byValue = this.#names.get(name);
      if (byValue === undefined) continue;
      this.#names.delete(name);
      this.#names.set(name, byValue);
      const keys = byValue.get(value) ?? none;
      if (best === undefined || keys.size < best.size) best = keys;
    }
    return best;
  }

  /** Forgets everything: the records are others now. */
  clear(): void {
    this.#names.clear();
  }
}

const none: ReadonlySet<string> = new Set();

function insert(byValue: Map<string, Set<string>>, value: string | undefined, key: string): void {
  if (value === undefined) return;
  const keys = byValue.get(value);
  if (keys === undefined) byValue.set(value, new Set([key]));
  else keys.add(key);
}

function remove(byValue: Map<string, Set<string>>, value: string | undefined, key: string): void {
  if (value === undefined) return;
  const keys = byValue.get(value);
  keys?.delete(key);
  if (keys?.size === 0) byValue.delete(value);
}
