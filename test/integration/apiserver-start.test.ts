/** A server starts while its store changes its leader: reads and writes fail now and then, and nothing is lost by it. */
import t from 'tap';
import { openMemoryStore } from '../../apiserver/storage/backends/memory/memory-store.js';
import { StoreError } from '../../apiserver/storage/store.js';
import { startFixture } from '../support/apiserver-fixture.js';
import { wrapStore } from '../support/wrap-store.js';

await t.test('a store that is away for moments', async (t) => {
  const memory = openMemoryStore({ backend: 'memory' });
  let calls = 0;
  /** These calls fail; every second of them was done all the same. */
  const failing = [2, 5, 9, 15, 24, 36, 52];
  const shaky = async <T>(work: () => Promise<T>): Promise<T> => {
    const failure = failing.indexOf(++calls);
    if (failure % 2 === 1) {
      await work();
      throw new StoreError('ambiguous', 'the connection dropped');
    }
    if (failure >= 0) throw new StoreError('unavailable', 'no leader');
    return work();
  };
  const store = wrapStore(memory, {
    get: (...all) => shaky(() => memory.get(...all)),
    create: (...all) => shaky(() => memory.create(...all)),
    update: (...all) => shaky(() => memory.update(...all)),
  });
  const fixture = await startFixture({ store });
  t.teardown(() => fixture.stop());
  t.ok(calls > Math.max(...failing), `${calls} reads and writes`);
  const { json } = await fixture.request('GET', '/api/v1/namespaces');
  const { items } = json as unknown as { items: readonly { metadata: { name: string } }[] };
  t.strictSame(
    items.map(({ metadata }) => metadata.name),
    ['default', 'kube-node-lease', 'kube-public', 'kube-system'],
  );
});

await t.test('what does not pass by itself ends the start at once', async (t) => {
  const memory = openMemoryStore({ backend: 'memory' });
  t.teardown(() => memory.close());
  const store = wrapStore(memory, {
    create: () => Promise.reject(new StoreError('corrupt', 'a flipped bit')),
  });
  await t.rejects(startFixture({ store }), { message: 'a flipped bit' });
});
