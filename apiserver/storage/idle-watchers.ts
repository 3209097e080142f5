/**
 * Who waits for which events: an event wakes the watchers of its key and of every folder above it, and among those with a
 * trigger value only the ones with the value that the record has or had. So a thousand kubelets that each watch the pods
 * of their node cost a pod's event one look-up, not a thousand (the trigger function of Kubernetes' watch cache).
 */
import type { CacheWatcher } from './cache-watcher.js';
import { keyOf } from './read-range.js';
import type { StoredRecord, StoreEvent } from './store.js';

type WatchersBy = Map<string, Set<CacheWatcher>>;

interface Trigger {
  readonly valueOf: (record: StoredRecord) => string;
  readonly byValue: WatchersBy;
}

export class IdleWatchers {
  readonly #byPrefix: WatchersBy = new Map();
  readonly #triggers = new Map<string, Trigger>();

  setTrigger(prefix: string, valueOf: (record: StoredRecord) => string): void {
    this.#triggers.set(prefix, { valueOf, byValue: new Map() });
  }

  add(watcher: CacheWatcher): void {
    const [watchers, name] = this.#placeOf(watcher);
    const known = watchers.get(name);
    if (known === undefined) watchers.set(name, new Set([watcher]));
    else known.add(watcher);
  }

  remove(watcher: CacheWatcher): void {
    const [watchers, name] = this.#placeOf(watcher);
    const known = watchers.get(name);
    known?.delete(watcher);
    if (known?.size === 0) watchers.delete(name);
  }

  /** The event stands at this position; those before it did not concern whoever is woken now. */
  wake(event: StoreEvent, position: number): void {
    const key = keyOf(event);
    wakeThose(this.#byPrefix, key, position);
    for (let slash = key.indexOf('/'); slash >= 0; slash = key.indexOf('/', slash + 1)) {
      const prefix = key.slice(0, slash + 1);
      wakeThose(this.#byPrefix, prefix, position);
      const trigger = this.#triggers.get(prefix);
      if (trigger !== undefined) wakeByValue(trigger, event, position);
    }
  }

  wakeAll(): void {
    for (const watchers of [this.#byPrefix, ...[...this.#triggers.values()].map(({ byValue }) => byValue)]) {
      const all = [...watchers.values()];
      watchers.clear();
      for (const some of all) for (const watcher of some) watcher.wake();
    }
  }

  #placeOf({ prefix, triggerValue }: CacheWatcher): readonly [WatchersBy, string] {
    const trigger = triggerValue === undefined ? undefined : this.#triggers.get(prefix);
    return trigger === undefined || triggerValue === undefined
      ? [this.#byPrefix, prefix]
      : [trigger.byValue, triggerValue];
  }
}

/** Values are read only while somebody waits for one: that may mean to parse an object. */
function wakeByValue({ valueOf, byValue }: Trigger, event: StoreEvent, position: number): void {
  if (byValue.size === 0) return;
  const now = event.type === 'put' ? valueOf(event.record) : undefined;
  const before = event.previous === undefined ? undefined : valueOf(event.previous);
  if (now !== undefined) wakeThose(byValue, now, position);
  if (before !== undefined && before !== now) wakeThose(byValue, before, position);
}

function wakeThose(watchers: WatchersBy, name: string, position: number): void {
  const some = watchers.get(name);
  if (some === undefined) return;
  watchers.delete(name);
  for (const watcher of some) watcher.wakeAt(position);
}
