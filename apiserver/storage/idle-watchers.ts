/**
 * Who waits for which events: an event wakes the watchers of its key and of every folder above it, and among those with a
 * trigger value only the ones with the value that the record has or had. So a thousand kubelets that each watch the pods
 * of their node cost a pod's event one look-up, not a thousand (the trigger function of Kubernetes' watch cache).
 */
import type { CacheWatcher } from './cache-watcher.js';
import { topicOf } from './cache-watcher.js';
import { keyOf } from './read-range.js';
import type { StoredRecord, StoreEvent } from './store.js';

export class IdleWatchers {
  readonly #byTopic = new Map<string, Set<CacheWatcher>>();
  readonly #triggers = new Map<string, (record: StoredRecord) => string>();

  setTrigger(prefix: string, valueOf: (record: StoredRecord) => string): void {
    this.#triggers.set(prefix, valueOf);
  }

  add(watcher: CacheWatcher): void {
    let watchers = this.#byTopic.get(watcher.topic);
    if (watchers === undefined) {
      watchers = new Set();
      this.#byTopic.set(watcher.topic, watchers);
    }
    watchers.add(watcher);
  }

  remove(watcher: CacheWatcher): void {
    const watchers = this.#byTopic.get(watcher.topic);
    watchers?.delete(watcher);
    if (watchers?.size === 0) this.#byTopic.delete(watcher.topic);
  }

  /** The event stands at this position; those before it did not concern whoever is woken now. */
  wake(event: StoreEvent, position: number): void {
    if (this.#byTopic.size === 0) return;
    const key = keyOf(event);
    this.#wakeTopic(key, position);
    for (let slash = key.indexOf('/'); slash >= 0; slash = key.indexOf('/', slash + 1)) {
      const prefix = key.slice(0, slash + 1);
      this.#wakeTopic(prefix, position);
      const valueOf = this.#triggers.get(prefix);
      if (valueOf === undefined) continue;
      const values = new Set<string>();
      if (event.type === 'put') values.add(valueOf(event.record));
      if (event.previous !== undefined) values.add(valueOf(event.previous));
      for (const value of values) this.#wakeTopic(topicOf(prefix, value), position);
    }
  }

  wakeAll(): void {
    const all = [...this.#byTopic.values()];
    this.#byTopic.clear();
    for (const watchers of all) for (const watcher of watchers) watcher.wake();
  }

  #wakeTopic(topic: string, position: number): void {
    const watchers = this.#byTopic.get(topic);
    if (watchers === undefined) return;
    this.#byTopic.delete(topic);
    for (const watcher of watchers) watcher.wakeAt(position);
  }
}
