/** The store inside an informer: objects by key, and by the values of index functions. */
import { keyOf } from '../api/objects.js';
import type { KubernetesObject } from '../api/objects.js';

export type IndexFunction<T> = (object: T) => readonly string[];

interface Index<T> {
  readonly valuesOf: IndexFunction<T>;
  readonly entries: Map<string, Map<string, T>>;
}

export class ObjectCache<T extends KubernetesObject> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  /** Objects whose index function returned `value`. Throws for an index that was never declared. */
  byIndex(name: string, value: string): readonly T[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new Error(`no index named "${name}" was declared`);
    return [...(index.entries.get(value)?.values() ?? [])];
  }

  /** Declares an index; objects already there are indexed. The first function of a name stays. */
  addIndex(name: string, valuesOf: IndexFunction<T>): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { valuesOf, entries: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) enter(index, key, object);
  }

  /** Adds or replaces; returns what was there before. */
  put(object: T): T | undefined {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) {
      if (before !== undefined) leave(index, key, before);
      enter(index, key, object);
    }
    return before;
  }

  /** Removes; returns what was there. */
  remove(key: string): T | undefined {
    const before = this.#objects.get(key);
    if (before === undefined) return undefined;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) leave(index, key, before);
    return before;
  }
}

function enter<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) {
    let entry = index.entries.get(value);
    if (entry === undefined) index.entries.set(value, (entry = new Map<string, T>()));
    entry.set(key, object);
  }
}

function leave<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) {
    const entry = index.entries.get(value);
    entry?.delete(key);
    if (entry?.size === 0) index.entries.delete(value);
  }
}
