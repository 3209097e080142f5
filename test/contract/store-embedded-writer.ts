/**
 * The process that store-embedded.test.ts kills: writes with 32 in flight and prints a line for each
 * acknowledgement. Arguments: the data directory and the number of the round.
 */
import { openEmbeddedStore } from '../../apiserver/storage/backends/embedded/embedded-store.js';
import { silentLogger as log } from '../../common/log.js';

const [dataDir = '', round = '0'] = process.argv.slice(2);
const store = await openEmbeddedStore({ backend: 'embedded', dataDir, log });
await Promise.all(
  Array.from({ length: 32 }, async (_, writer) => {
    const key = `/registry/writer/${writer}`;
    for (let i = 0; ; i++) {
      const value = `round ${round} writer ${writer} write ${i} `.padEnd(2_000, 'x');
      const { record } = await store.get(key);
      const result =
        record === undefined
          ? await store.create(key, Buffer.from(value))
          : await store.update(key, Buffer.from(value), record.modRevision);
      if (!('revision' in result)) throw new Error('somebody else writes this key');
      process.stdout.write(
        `${JSON.stringify({ key, revision: result.revision, value: value.slice(0, 50) })}\n`,
      );
    }
  }),
);
