/**
 * What we wrote and the cache has not shown yet. Without it, a reconciliation that follows quickly would believe
 * that a slice which it has just created is missing, and create it again.
 */
import type { Clock } from '../../../common/clock.js';
import { keyOf } from '../../../api/objects.js';
import type { KubernetesObject } from '../../../api/objects.js';

/** A cache that is further behind than that has other problems: then the cache is believed. */
const rememberMs = 30_000;

export class OwnWrites<T extends KubernetesObject> {
  readonly #clock: Clock;
  readonly #written = new Map<string, { readonly object: T; readonly at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  remember(object: T): void {
    this.#written.set(keyOf(object), { object, at: this.#clock.monotonicMs() });
  }

  /** The cache showed the object, or its deletion, or a write failed: what we know is not newer any more. */
  forget(key: string): void {
    this.#written.delete(key);
  }

  /** The cache showed this state: if ours is not newer, ours is forgotten. */
  seen(object: T): void {
    const own = this.#written.get(keyOf(object));
    if (own !== undefined && versionOf(object) >= versionOf(own.object)) this.forget(keyOf(object));
  }

  /** Cached objects with those replaced and added that we wrote later. `belongs` picks among ours. */
  over(cached: readonly T[], belongs: (object: T) => boolean): T[] {
    const merged = new Map(cached.map((object) => [keyOf(object), object]));
    const oldest = this.#clock.monotonicMs() - rememberMs;
    for (const [key, { object, at }] of this.#written) {
      if (at < oldest) this.#written.delete(key);
      else if (belongs(object)) merged.set(key, object);
    }
    return [...merged.values()];
  }
}

/** Knarr's resourceVersions are revisions of one counter, so they can be compared. */
function versionOf(object: KubernetesObject): number {
  return Number(object.metadata.resourceVersion);
}
