/**
 * Opens the embedded store of the folder in its first argument and prints as JSON how long that took and by how much
 * the process grew. A process of its own, started with --expose-gc.
 */
import { openStore } from '../../apiserver/storage/backends/registry.js';
import { silentLogger as log } from '../../common/log.js';

const collect = (): void => {
  globalThis.gc?.();
  globalThis.gc?.();
};
collect();
const before = process.memoryUsage().rss;
const startMs = performance.now();
const store = await openStore({ backend: 'embedded', dataDir: process.argv[2] ?? '', log });
const openMs = performance.now() - startMs;
collect();
const rssBytes = process.memoryUsage().rss - before;
await store.close();
process.stdout.write(JSON.stringify({ openMs, rssBytes }));
