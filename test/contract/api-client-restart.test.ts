/** Informers on the REST client outlive their server, even one that comes back with other data. */
import t from 'tap';
import { silentLogger } from '../../common/log.js';
import { configMaps } from '../../api/resources.js';
import { createInformerFactory } from '../../client/informer.js';
import type { ApiClient } from '../../client/types.js';
import { eventually } from '../unit/client/eventually.js';
import { configMap } from './api-client-scenario.js';
import { startTestApiServer } from './api-client-server.js';

const server = await startTestApiServer();
t.teardown(() => server.stop());

async function create(client: ApiClient, name: string): Promise<void> {
  await client.resource(configMaps).create(configMap('default', name));
}

void t.test('an informer finds its way back, whatever the server has become', async (t) => {
  const client = await server.client('admin');
  const factory = createInformerFactory({ client, log: silentLogger });
  const informer = factory.informer(configMaps, { namespace: 'default' });
  const abort = new AbortController();
  const running = factory.run(abort.signal);
  for (const name of ['a', 'b', 'c']) await create(client, name);
  await eventually(() => informer.list().length === 3);
  // The store is in memory: the server that comes back is empty, and its versions start again.
  await server.restart();
  await eventually(() => informer.list().length === 0, 20_000);
  await create(client, 'd');
  await eventually(() => informer.get('default/d') !== undefined);
  t.equal(informer.list().length, 1);
  abort.abort();
  await running;
});
