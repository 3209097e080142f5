import type { Store } from '../../apiserver/storage/store.js';

/** A store that answers some calls in the test's own way, and passes on the others. */
export function wrapStore(store: Store, own: Partial<Store> = {}): Store {
  return {
    get: store.get.bind(store),
    range: store.range.bind(store),
    create: store.create.bind(store),
    update: store.update.bind(store),
    delete: store.delete.bind(store),
    watch: store.watch.bind(store),
    requestProgress: store.requestProgress.bind(store),
    get compactedBefore() {
      return store.compactedBefore;
    },
    compact: store.compact.bind(store),
    status: store.status.bind(store),
    close: store.close.bind(store),
    ...own,
  };
}
