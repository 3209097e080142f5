/** Owns a store, says so on standard output, and dies in the midst of the first snapshot that is taken. */
import { openEmbeddedStore } from '../../apiserver/storage/backends/embedded/embedded-store.js';
import { silentLogger } from '../../common/log.js';

const dataDir = process.argv[2] ?? '';
const store = await openEmbeddedStore({ backend: 'embedded', dataDir, log: silentLogger, servesAdmin: true });
await Promise.all(
  Array.from({ length: 4_000 }, (_, i) => store.create(`/registry/${i}`, Buffer.alloc(5_000, 'x'))),
);
const range = store.range.bind(store);
store.range = async (options) => {
  const result = await range(options);
  setTimeout(() => {
    process.kill(process.pid, 'SIGKILL');
  }, 5);
  return result;
};
process.stdout.write('ready\n');
setInterval(() => undefined, 60_000);
