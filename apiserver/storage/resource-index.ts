/** The {@link SelectorIndex} of one resource, kept true by the watch cache. */
import { keyOf } from './read-range.js';
import { SelectorIndex } from './selector-index.js';
import type { SelectorTerm } from './selector-index.js';
import type { StoredRecord } from './store.js';
import type { SelectableFields } from './stored-object.js';
import type { WatchCache } from './watch-cache.js';

/** Fewer objects than this are looked through as fast. */
const worthIndexing = 200;
/** So many objects are read before others get a turn: about a millisecond. */
const readAtOnce = 64;

export const labelTerm = (key: string, value: string): SelectorTerm => ({ name: `label ${key}`, value });
export const fieldTerm = (field: string, value: string): SelectorTerm => ({ name: `field ${field}`, value });

export class ResourceIndex {
  readonly #cache: WatchCache;
  readonly #prefix: string;
  readonly #read: (record: StoredRecord) => SelectableFields;
  readonly #index: SelectorIndex<StoredRecord>;
  readonly #gone: AbortSignal | undefined;
  #observing = false;

  /**
   * Costs nothing until it is asked. `read` is called once for each record that is there, and should remember. At the signal
   * it lets go of the cache.
   */
  constructor(
    cache: WatchCache,
    prefix: string,
    read: (record: StoredRecord) => SelectableFields,
    gone?: AbortSignal,
  ) {
    this.#cache = cache;
    this.#prefix = prefix;
    this.#gone = gone;
    this.#read = read;
    this.#index = new SelectorIndex((record, name) => valueUnder(read(record), name));
  }

  /**
   * Keys of all objects in the cache that satisfy all terms, and of some that do not; undefined when looking through all of
   * them is as good. The first list by a label reads every object, in slices; rejects with the signal's reason.
   */
  async candidates(
    terms: readonly SelectorTerm[],
    signal: AbortSignal,
  ): Promise<Iterable<string> | undefined> {
    if (terms.length === 0 || this.#gone?.aborted === true) return undefined;
    const missing = terms.filter(({ name }) => !this.#index.has(name));
    if (missing.length > 0 && !(await this.#collect(missing, signal))) return undefined;
    return this.#index.candidates(terms);
  }

  async #collect(terms: readonly SelectorTerm[], signal: AbortSignal): Promise<boolean> {
    const { records } = this.#cache.list({ prefix: this.#prefix });
    if (records.length < worthIndexing) return false;
    for (const [position, record] of records.entries()) {
      this.#read(record);
      if (position % readAtOnce !== 0) continue;
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    }
    if (this.#gone?.aborted === true) return false;
    // In one turn, with the records as they are by now: all but the newest have been read.
    const current = this.#cache.list({ prefix: this.#prefix }).records;
    for (const { name } of terms) if (!this.#index.has(name)) this.#index.add(name, current);
    this.#observe();
    return true;
  }

  #observe(): void {
    if (this.#observing) return;
    this.#observing = true;
    const stop = this.#cache.observe(this.#prefix, {
      changed: (event) => {
        this.#index.change(keyOf(event), event.previous, event.type === 'put' ? event.record : undefined);
      },
      reloaded: () => {
        this.#index.clear();
      },
    });
    this.#gone?.addEventListener('abort', stop, { once: true });
  }
}

function valueUnder({ labels, fields }: SelectableFields, name: string): string | undefined {
  const parted = name.indexOf(' ');
  const own = name.slice(parted + 1);
  return name.startsWith('label ') ? labels?.[own] : fields[own];
}
