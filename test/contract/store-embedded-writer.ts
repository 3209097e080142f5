/**
 * The process that store-embedded-crash.test.ts kills: writes with several in flight, compacts often, and prints a
 * line for each acknowledgement. Arguments: the data directory, the number of the round, how many writes (0: until
 * it is killed), and at which change of a file it dies by itself (0: never; negative: midway through a write).
 */
import { silentLogger as log } from '../../common/log.js';
import { crashAt } from '../support/crash-at.js';

const [dataDir = '', round = '0', count = '0', step = '0'] = process.argv.slice(2);
if (step !== '0') crashAt(Math.abs(Number(step)), step.startsWith('-'));
const { openEmbeddedStore } = await import('../../apiserver/storage/backends/embedded/embedded-store.js');

const store = await openEmbeddedStore({
  backend: 'embedded',
  dataDir,
  log,
  retention: { minRevisions: 20, maxRevisions: 40 },
  limits: { logBytes: 100_000, minReplacedBytes: 100_000 },
});
const writers = 8;
let left = Number(count) === 0 ? Infinity : Number(count);
await Promise.all(
  Array.from({ length: writers }, async (_, writer) => {
    const key = `/registry/writer/${writer}`;
    for (let i = 0; left > 0; i++, left--) {
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
await store.close();
process.stdout.write('closed\n');
