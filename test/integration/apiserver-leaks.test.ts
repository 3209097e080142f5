/** What is left of clients that break off in every way: nothing. Counted by state, not by memory. */
import { connect as connectHttp2, constants } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import t from 'tap';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { startFixture } from '../support/apiserver-fixture.js';
import { until } from '../support/until.js';

const fixture = await startFixture();
t.teardown(() => fixture.stop());
const { request } = fixture;
const path = '/api/v1/namespaces/default/configmaps';
const each = 25;

const { certificate: cert, privateKey: key } = fixture.pki.pair('scheduler');
const tls = { ca: fixture.pki.authority, cert, key };
const port = Number(new URL(fixture.url).port);

for (let index = 0; index < 40; index++)
  await request('POST', path, { metadata: { name: `big-${index}` }, data: { value: 'x'.repeat(100_000) } });

function socket(protocols?: string[]): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      ...tls,
      ...(protocols === undefined ? {} : { ALPNProtocols: protocols }),
    };
    const opened = connectTls(options, () => {
      resolve(opened);
    });
    opened.on('error', reject);
  });
}

function session(): ClientHttp2Session {
  const opened = connectHttp2(fixture.url, tls);
  opened.on('error', () => undefined); // it is torn down on purpose
  return opened;
}

/** Ends the connection once the server has seen what was sent. */
async function breakOff(send: (opened: ClientHttp2Session) => Promise<void>): Promise<void> {
  const opened = session();
  await send(opened);
  opened.destroy();
}

const responded = (stream: ReturnType<ClientHttp2Session['request']>): Promise<void> =>
  new Promise((resolve) => {
    stream.on('error', () => undefined);
    stream.once('response', () => {
      resolve();
    });
  });

const breaches: Readonly<Record<string, () => Promise<void>>> = {
  'half a head over HTTP/1.1': async () => {
    const opened = await socket();
    opened.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nAcc`);
    opened.destroy();
  },
  'half a body over HTTP/1.1': async () => {
    const opened = await socket();
    opened.write(
      `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"me`,
    );
    opened.destroy();
  },
  'a watch over HTTP/1.1': async () => {
    const opened = await socket();
    opened.write(`GET ${path}?watch=true HTTP/1.1\r\nHost: a\r\n\r\n`);
    await new Promise((resolve) => opened.once('data', resolve));
    opened.destroy();
  },
  'half a body over HTTP/2': () =>
    breakOff(async (opened) => {
      const stream = opened.request({ ':method': 'POST', ':path': path, 'content-type': 'application/json' });
      stream.on('error', () => undefined);
      await new Promise((resolve) => stream.write('{"metadata":', resolve));
    }),
  'writes whose client is gone before their turn': async () => {
    const opened = session();
    await new Promise((resolve) => opened.once('remoteSettings', resolve));
    const sent = Array.from({ length: 20 }, (_, index) => {
      const stream = opened.request({ ':method': 'POST', ':path': path, 'content-type': 'application/json' });
      stream.on('error', () => undefined);
      const body = JSON.stringify({
        metadata: { generateName: `gone-${index}-` },
        data: { a: 'x'.repeat(20_000) },
      });
      return new Promise((resolve) => stream.write(body, resolve));
    });
    await Promise.race(sent);
    opened.destroy();
  },
  'watches over HTTP/2': () =>
    breakOff(async (opened) => {
      await Promise.all([1, 2, 3].map(() => responded(opened.request({ ':path': `${path}?watch=true` }))));
    }),
  'a list that nobody reads': () =>
    breakOff(async (opened) => {
      const stream = opened.request({ ':path': path });
      const answered = responded(stream);
      stream.pause();
      await answered;
    }),
  'streams that are reset': () =>
    breakOff(async (opened) => {
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          const stream = opened.request({ ':path': `${path}?watch=true` });
          await responded(stream);
          await new Promise((resolve) => {
            stream.once('close', resolve);
            stream.resume();
            stream.close(constants.NGHTTP2_CANCEL);
          });
        }),
      );
    }),
};

/** Values of a metric, added up. */
async function total(name: string): Promise<number> {
  const { text } = await request('GET', '/metrics');
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

const connections = (): number =>
  process.getActiveResourcesInfo().filter((kind) => kind === 'TLSWrap' || kind === 'TCPSocketWrap').length;

const quietConnections = connections();

for (const [name, misbehave] of Object.entries(breaches)) {
  await t.test(`${each} times: ${name}`, async (t) => {
    await Promise.all(Array.from({ length: each }, misbehave));
    await until('no watch runs', async () => (await total('apiserver_longrunning_requests')) === 0);
    t.equal(await total('apiserver_longrunning_requests'), 0, 'no watch runs');
    // The question itself is the one that is under way.
    await until(
      'no request runs',
      async () => (await total('apiserver_flowcontrol_current_executing_requests')) <= 1,
    );
    await until(
      'seats are free',
      async () => (await total('apiserver_flowcontrol_current_executing_seats')) <= 1,
    );
    await until('connections are closed', () => connections() <= quietConnections);
    t.ok(connections() <= quietConnections, `${connections()} connections are left of ${quietConnections}`);
  });
}

await t.test('and the server is as it was', async (t) => {
  t.equal((await request('GET', '/readyz')).status, 200);
  t.equal((await request('GET', `${path}/big-1`)).status, 200);
  t.strictSame(fixture.errors, []);
});
