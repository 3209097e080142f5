/** What a definition leaves behind when it is served no more: nothing. */
import t from 'tap';
import { serveDefinition } from '../../../apiserver/custom-resources/serve-definition.js';
import { ResourceTable } from '../../../apiserver/handlers/context.js';
import { openMemoryStore } from '../../../apiserver/storage/backends/memory/memory-store.js';
import { newEncodings } from '../../../apiserver/storage/encoding-cache.js';
import { labelTerm } from '../../../apiserver/storage/resource-index.js';
import { WatchCache } from '../../../apiserver/storage/watch-cache.js';
import type { CustomResourceDefinition } from '../../../api/generated/apiextensions-v1.js';
import type { KubernetesObject } from '../../../api/objects.js';
import { loadSchema } from '../../../api/schema/load.js';
import { silentLogger as log } from '../../../common/log.js';
import { openDefinition } from '../../support/custom-definitions.js';

/** Enough of them that an index is worth it. */
const objectCount = 250;

void t.test('an index of a definition that was replaced leaves the watch cache', async (t) => {
  const store = openMemoryStore({ backend: 'memory' });
  const cache = new WatchCache(store, { log });
  const stopping = new AbortController();
  const run = cache.run(stopping.signal);
  t.teardown(async () => {
    stopping.abort();
    await run;
    await store.close();
  });
  await cache.whenReady();
  const definition = { ...openDefinition('Widget'), status: {} } as unknown as CustomResourceDefinition;
  const dependencies = {
    store,
    cache,
    encodings: newEncodings(),
    schema: loadSchema(),
    resources: new ResourceTable([]),
  };
  const terms = [labelTerm('parity', 'odd')];
  const serve = async (): Promise<{ readonly found: number | undefined; readonly end: AbortController }> => {
    const end = new AbortController();
    const [served] = serveDefinition(definition, dependencies, end.signal);
    const page = await served?.storage.listCandidates({ namespace: '' }, terms, stopping.signal);
    return { found: page?.items.length, end };
  };
  const [writing] = serveDefinition(definition, dependencies, stopping.signal);
  for (let index = 0; index < objectCount; index++)
    await writing?.storage.create({
      apiVersion: 'things.example.com/v1',
      kind: 'Widget',
      metadata: { name: `w${index}`, labels: { parity: index % 2 === 0 ? 'even' : 'odd' } },
    } as unknown as KubernetesObject);
  for (let round = 0; round < 3; round++) {
    const { found, end } = await serve();
    t.equal(found, objectCount / 2, 'the index serves');
    t.equal(cache.observerCount, 1, 'and is told of changes');
    end.abort();
    t.equal(cache.observerCount, 0, 'until the definition is replaced');
  }
  const end = new AbortController();
  const [last] = serveDefinition(definition, dependencies, end.signal);
  end.abort();
  t.equal(
    await last?.storage.listCandidates({ namespace: '' }, terms, stopping.signal),
    undefined,
    'a list that was under way does not bring it back',
  );
  t.equal(cache.observerCount, 0);
});
