/** Watches of the in-memory client: history first, then what comes, as seen through a selection. */
import type { Clock } from '../common/clock.js';
import type { KubernetesObject } from '../api/objects.js';
import type { MemoryStore, RecordedChange } from './memory-store.js';
import { selectionOf } from './object-selection.js';
import type { WatchedEvent, WatchOptions } from './types.js';

export interface MemoryWatch {
  readonly store: MemoryStore;
  readonly clock: Clock;
  readonly resourceId: string;
  readonly options: WatchOptions;
  readonly signal: AbortSignal;
}

/** Ends when the signal aborts or the watch's time is over (after a bookmark); throws Expired for forgotten history. */
export async function* watchMemory<T extends KubernetesObject>(
  watch: MemoryWatch,
): AsyncGenerator<WatchedEvent<T>> {
  const { store, options, resourceId } = watch;
  const selected = selectionOf(options);
  let seen = Number(options.resourceVersion);
  if (seen === 0) {
    seen = store.revision;
    for (const object of store.list(resourceId).filter(selected)) {
      yield { type: 'ADDED', object: structuredClone(object) as T };
    }
  }
  const waiter = waitForChanges(watch);
  try {
    for (;;) {
      if (waiter.ended()) break;
      for (const change of store.changesAfter(seen)) {
        seen = change.revision;
        const event = change.resourceId === resourceId ? eventOf(change, selected) : undefined;
        if (event === undefined) continue;
        yield { type: event.type, object: structuredClone(event.object) as T };
      }
      if (waiter.ended()) break;
      if (store.revision <= seen) await waiter.next();
    }
    if (!watch.signal.aborted && options.allowBookmarks === true) {
      yield { type: 'BOOKMARK', resourceVersion: String(seen) };
    }
  } finally {
    waiter.stop();
  }
}

/** A change seen through a selection: what comes into view is ADDED, what leaves it is DELETED. */
function eventOf(
  change: RecordedChange,
  selected: (object: KubernetesObject) => boolean,
): { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: KubernetesObject } | undefined {
  const { before, after, revision } = change;
  const was = before !== undefined && selected(before);
  if (after !== undefined && selected(after)) return { type: was ? 'MODIFIED' : 'ADDED', object: after };
  if (!was) return undefined;
  const resourceVersion = String(revision);
  return { type: 'DELETED', object: { ...before, metadata: { ...before.metadata, resourceVersion } } };
}

/** Wakes a watch for changes, abort and the end of its time. */
function waitForChanges({ store, clock, options, signal }: MemoryWatch): {
  next(): Promise<void>;
  ended(): boolean;
  stop(): void;
} {
  let wake: (() => void) | undefined;
  let timeIsOver = false;
  const rouse = (): void => {
    wake?.();
    wake = undefined;
  };
  const removeListener = store.onChange(rouse);
  signal.addEventListener('abort', rouse, { once: true });
  const cancelTimeout =
    options.timeoutSeconds === undefined
      ? undefined
      : clock.schedule(options.timeoutSeconds * 1000, () => {
          timeIsOver = true;
          rouse();
        });
  return {
    next: () =>
      new Promise((resolve) => {
        wake = resolve;
      }),
    ended: () => timeIsOver || signal.aborted,
    stop: () => {
      removeListener();
      signal.removeEventListener('abort', rouse);
      cancelTimeout?.();
    },
  };
}
