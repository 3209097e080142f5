/** The proxy that fails as networks do, itself tested: what is lost, late and never told. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import t from 'tap';
import type { Test } from 'tap';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { until } from '../../support/until.js';

interface Line {
  readonly proxy: TcpProxy;
  readonly client: Socket;
  readonly server: Socket;
  readonly received: { client: string; server: string };
}

async function open(t: Test, proxy: TcpProxy, target: Server): Promise<Line> {
  const accepted = once(target, 'connection') as Promise<[Socket]>;
  const client = connect(Number(new URL(proxy.endpoint).port), '127.0.0.1');
  const [server] = await accepted;
  const received = { client: '', server: '' };
  client.setEncoding('utf8').on('data', (text: string) => (received.client += text));
  server.setEncoding('utf8').on('data', (text: string) => (received.server += text));
  for (const socket of [client, server]) socket.on('error', () => undefined);
  t.teardown(() => {
    client.destroy();
    server.destroy();
  });
  return { proxy, client, server, received };
}

async function start(t: Test): Promise<{ proxy: TcpProxy; target: Server }> {
  const target = createServer();
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  const proxy = await TcpProxy.start(`http://127.0.0.1:${(target.address() as AddressInfo).port}`);
  t.teardown(async () => {
    await proxy.stop();
    target.close();
  });
  return { proxy, target };
}

void t.test('half open: bytes and ends vanish in one direction, until it is cut', async (t) => {
  const { proxy, target } = await start(t);
  const { client, server, received } = await open(t, proxy, target);
  proxy.hold('to-client');
  client.write('asked');
  await until('the question has arrived', () => received.server === 'asked');
  server.end('answered');
  // What is sent in the other direction comes after that, and still nothing has arrived here.
  client.write(' again');
  await until('the other direction goes on', () => received.server === 'asked again');
  t.equal(received.client, '');
  t.notOk(client.destroyed);
  proxy.hold('none');
  proxy.cut();
  await until('the end is told', () => client.destroyed);
  t.equal(received.client, '');
});

void t.test('what is late stays in order when the delay ends', async (t) => {
  const { proxy, target } = await start(t);
  const { client, received } = await open(t, proxy, target);
  proxy.delay(100);
  client.write('1');
  await until('it is on its way', () => proxy.passed['to-server'] === 1);
  proxy.delay(0);
  client.write('2');
  await until('all has arrived', () => received.server.length === 2);
  t.equal(received.server, '12');
});

void t.test('each new connection ends at its byte', async (t) => {
  const { proxy, target } = await start(t);
  proxy.cutEachAfter(() => ({ direction: 'to-server', bytes: 3 }));
  for (let round = 0; round < 2; round++) {
    const { client, server, received } = await open(t, proxy, target);
    client.write('12345');
    await until('it is cut', () => client.destroyed && server.destroyed);
    t.equal(received.server, '123');
  }
  proxy.cutEachAfter(undefined);
  const { client, received } = await open(t, proxy, target);
  client.write('12345');
  await until('all has arrived', () => received.server === '12345');
});
