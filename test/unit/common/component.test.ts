import t from 'tap';
import { Registry } from 'prom-client';
import { serveHealth } from '../../../common/component.js';
import { UsageError } from '../../../common/usage-error.js';

async function get(port: number, path: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${String(port)}${path}`);
  return { status: response.status, text: await response.text() };
}

void t.test('readyz reports each check, healthz only that the process answers', async (t) => {
  let synced = false;
  const check = (): void => {
    if (!synced) throw new Error('waiting for the first list');
  };
  const options = { host: '127.0.0.1', port: 0, metrics: new Registry(), ready: { informers: check } };
  const server = await serveHealth(options);
  t.teardown(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;

  t.strictSame(await get(port, '/healthz'), { status: 200, text: 'ok' });
  const failed = await get(port, '/readyz');
  t.equal(failed.status, 500);
  t.match(failed.text, '[-]informers failed: waiting for the first list');
  synced = true;
  t.strictSame(await get(port, '/readyz'), { status: 200, text: 'ok' });
  t.match((await get(port, '/readyz?verbose')).text, '[+]informers ok');
  t.equal((await get(port, '/nothing')).status, 404);
  t.strictSame(await get(port, '/readyz/informers'), { status: 200, text: 'ok' });
  t.strictSame(await get(port, '/livez/ping'), { status: 200, text: 'ok' });
  t.equal((await get(port, '/livez/informers')).status, 404, 'no check of this endpoint');
  await t.rejects(
    serveHealth({ ...options, port }),
    UsageError,
    'a port in use is the mistake of who started it',
  );
});
