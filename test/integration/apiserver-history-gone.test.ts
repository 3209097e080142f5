/** The history of the store is compacted away under the server's own watches: it lists again, and all goes on. */
import t from 'tap';
import { openStore } from '../../apiserver/storage/backends/registry.js';
import { StoreError } from '../../apiserver/storage/store.js';
import type { Store, WatchBatch } from '../../apiserver/storage/store.js';
import { startFixture } from '../support/apiserver-fixture.js';
import { define, openDefinition } from '../support/custom-definitions.js';
import { until } from '../support/until.js';
import { wrapStore } from '../support/wrap-store.js';

/** Forgets what was until now, and its watches fall behind that, whenever the test says so. */
function forgetful(store: Store): { readonly store: Store; readonly forget: () => Promise<void> } {
  let forgetting = new AbortController();
  async function* watch(options: Parameters<Store['watch']>[0]): AsyncGenerator<WatchBatch> {
    const { signal } = forgetting;
    yield* store.watch({ ...options, signal: AbortSignal.any([options.signal, signal]) });
    if (signal.aborted && !options.signal.aborted) throw new StoreError('compacted', 'planted');
  }
  return {
    store: wrapStore(store, { watch }),
    forget: async () => {
      await store.compact((await store.status()).revision);
      forgetting.abort();
      forgetting = new AbortController();
    },
  };
}

void t.test('the first custom resource is defined after history was lost', async (t) => {
  const real = await openStore({ backend: 'memory' });
  const { store, forget } = forgetful(real);
  const fixture = await startFixture({ store });
  t.teardown(() => fixture.stop());
  const watching = fixture.watch('/api/v1/namespaces?watch=true&resourceVersion=1');
  await watching.until((lines) => lines.length > 0);
  await fixture.request('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'a' } });
  await forget();
  await watching.until((lines) => lines.some(({ type }) => type === 'ERROR'));
  await define(fixture, openDefinition('Gadget'));
  const served = await until('it is served', async () => {
    const { status } = await fixture.request('GET', '/apis/things.example.com/v1/gadgets');
    return status === 200;
  });
  t.ok(served);
});
