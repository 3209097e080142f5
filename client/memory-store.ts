/** The state behind the in-memory client: objects, one global revision, and history for watches. */
import type { KubernetesObject } from '../api/objects.js';
import { StatusError } from '../api/status-error.js';

/** One write, as watchers see it. `before` lets a selector turn a change into an appearance or a disappearance. */
export interface RecordedChange {
  readonly revision: number;
  readonly resourceId: string;
  readonly before: KubernetesObject | undefined;
  readonly after: KubernetesObject | undefined;
}

/** Objects that are handed in or out are shared: whoever changes one copies it first. */
export class MemoryStore {
  readonly #objects = new Map<string, Map<string, KubernetesObject>>();
  readonly #historyLimit: number;
  #history: RecordedChange[] = [];
  #revision = 1;
  #compactedRevision = 0;
  readonly #listeners = new Set<() => void>();

  constructor(historyLimit: number) {
    this.#historyLimit = historyLimit;
  }

  get revision(): number {
    return this.#revision;
  }

  get(resourceId: string, key: string): KubernetesObject | undefined {
    return this.#objects.get(resourceId)?.get(key);
  }

  /** All objects of a resource in key order. */
  list(resourceId: string): readonly KubernetesObject[] {
    const entries = [...(this.#objects.get(resourceId) ?? [])];
    return entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  /** Stores an object under the next revision, which becomes its resourceVersion. Returns what was stored. */
  put(resourceId: string, key: string, object: KubernetesObject): KubernetesObject {
    const collection = this.#objects.get(resourceId) ?? new Map<string, KubernetesObject>();
    this.#objects.set(resourceId, collection);
    const before = collection.get(key);
    const after = this.#withNextRevision(object);
    collection.set(key, after);
    this.#record({ revision: this.#revision, resourceId, before, after });
    return after;
  }

  remove(resourceId: string, key: string): void {
    const collection = this.#objects.get(resourceId);
    const before = collection?.get(key);
    if (collection === undefined || before === undefined) return;
    collection.delete(key);
    // A DELETED event carries the last state with the revision of the deletion.
    this.#record({
      before: this.#withNextRevision(before),
      revision: this.#revision,
      resourceId,
      after: undefined,
    });
  }

  /** Changes after a revision. Throws Expired when that history is gone. */
  changesAfter(revision: number): readonly RecordedChange[] {
    if (revision < this.#compactedRevision) {
      throw new StatusError('Expired', `too old resource version: ${revision} (${this.#compactedRevision})`);
    }
    // Nearly always it is the tail that is asked for.
    let from = this.#history.length;
    while (from > 0 && (this.#history[from - 1]?.revision ?? 0) > revision) from--;
    return this.#history.slice(from);
  }

  /** Forgets all history: watches from an older version expire. */
  compact(): void {
    this.#compactedRevision = this.#revision;
    this.#history = [];
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Wakes the watches though nothing was written. */
  wake(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #withNextRevision(object: KubernetesObject): KubernetesObject {
    const resourceVersion = String(++this.#revision);
    return { ...object, metadata: { ...object.metadata, resourceVersion } };
  }

  #record(change: RecordedChange): void {
    this.#history.push(change);
    if (this.#history.length > this.#historyLimit) {
      const dropped = this.#history.splice(0, Math.ceil(this.#historyLimit / 2));
      this.#compactedRevision = dropped.at(-1)?.revision ?? this.#compactedRevision;
    }
    this.wake();
  }
}
