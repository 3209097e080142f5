/** What a hook does, by its kind. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import type { LifecycleHandler } from '../../../api/generated/core-v1.js';
import { ManualClock, systemClock } from '../../../common/clock.js';
import { runHook } from '../../../kubelet/containers/lifecycle-hooks.js';
import { MemoryRuntime } from '../../../kubelet/cri/memory-runtime.js';

const { signal } = new AbortController();
const target = {
  runtime: new MemoryRuntime({ clock: systemClock }),
  container: { name: 'main' },
  containerId: 'none',
  podIp: '127.0.0.1',
  clock: systemClock,
};
const run = (handler: LifecycleHandler): Promise<void> =>
  runHook(handler, target, { timeoutSeconds: 5, clock: systemClock, signal });

void t.test('a request and a connection', async (t) => {
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/ok' ? 200 : 500;
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await run({ httpGet: { port, path: '/ok' } });
  await t.rejects(run({ httpGet: { port, path: '/bad' } }), { name: 'HookError', message: /500/ });
  await run({ tcpSocket: { port } });
  server.close();
  await once(server, 'close');
  await t.rejects(run({ tcpSocket: { port } }), { code: 'ECONNREFUSED' });
});

void t.test('a sleep, no longer than the time there is', async (t) => {
  const clock = new ManualClock();
  let done = 0;
  const options = { timeoutSeconds: 10, clock, signal };
  const short = runHook({ sleep: { seconds: 4 } }, target, options).then(() => done++);
  const long = runHook({ sleep: { seconds: 100 } }, target, options).then(() => done++);
  clock.advance(4000);
  await short;
  t.equal(done, 1);
  clock.advance(6000);
  await long;
  t.equal(done, 2);
});

void t.test('a hook with nothing to do is refused', async (t) => {
  await t.rejects(run({}), { name: 'HookError', message: /exec, httpGet, tcpSocket and sleep/ });
});
