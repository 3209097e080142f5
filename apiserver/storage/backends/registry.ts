/**
 * The one place that names storage backends. A backend is loaded when it is chosen: nobody pays for gRPC who
 * runs on the embedded engine. docs/add-a-storage-backend.md shows how to add one.
 */
import type { Store } from '../store.js';
import type * as EmbeddedTools from './embedded/tools.js';
import type { EmbeddedStoreOptions } from './embedded/embedded-store.js';
import type { EtcdStoreOptions } from './etcd/etcd-store.js';
import type * as EtcdTools from './etcd/tools.js';
import type { MemoryStoreOptions } from './memory/memory-store.js';

export type StoreOptions = MemoryStoreOptions | EmbeddedStoreOptions | EtcdStoreOptions;

/**
 * Opens a store. The caller closes it.
 *
 * Rejects with StoreError: `locked` when another process owns the data, `corrupt` when it cannot be read,
 * `unavailable` when no server of the backend answers in time.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  switch (options.backend) {
    case 'memory':
      return (await import('./memory/memory-store.js')).openMemoryStore(options);
    case 'embedded':
      return (await import('./embedded/embedded-store.js')).openEmbeddedStore(options);
    case 'etcd':
      return (await import('./etcd/etcd-store.js')).openEtcdStore(options);
  }
}

/** What `knarr store` does with the directory of an embedded store. */
export function loadEmbeddedTools(): Promise<typeof EmbeddedTools> {
  return import('./embedded/tools.js');
}

/** What `knarr store migrate` does with an etcd. */
export function loadEtcdTools(): Promise<typeof EtcdTools> {
  return import('./etcd/tools.js');
}
