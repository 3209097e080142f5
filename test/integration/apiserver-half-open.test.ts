/** Clients whose machine or network is gone without a word: their connections and watches end, those of others stay. */
import { connect } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import t from 'tap';
import { startFixture } from '../support/apiserver-fixture.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const fixture = await startFixture({
  connectionTimeouts: { handshakeMs: 5_000, headersMs: 5_000, bodyMs: 5_000, idleMs: 1_000, pingMs: 1_500 },
});
t.teardown(() => fixture.stop());
const { request } = fixture;
const path = '/api/v1/namespaces/default/configmaps';
const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
const { certificate: cert, privateKey: key } = fixture.pki.pair('scheduler');

interface Follower {
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
  text: string;
}

/** A watch that has got its first event. */
async function follow(url: string): Promise<Follower> {
  const session = connect(url, { ca: fixture.pki.authority, cert, key });
  session.on('error', () => undefined); // the server tears some of them down
  const stream = session.request({ ':path': `${path}?watch=true` });
  stream.on('error', () => undefined);
  const follower: Follower = { session, stream, text: '' };
  stream.setEncoding('utf8').on('data', (text: string) => (follower.text += text));
  await until('the watch has begun', () => follower.text.includes('"ADDED"'));
  return follower;
}

async function watches(): Promise<number> {
  const { text } = await request('GET', '/metrics');
  const [, count = '0'] =
    /^apiserver_longrunning_requests\{verb="WATCH".*resource="configmaps".*\} (\d+)$/m.exec(text) ?? [];
  return Number(count);
}

await t.test('a peer that has fallen silent, while it is being written to', async (t) => {
  await request('POST', path, { metadata: { name: 'one' }, data: { value: '0' } });
  const proxy = await TcpProxy.start(fixture.url);
  const near = await follow(fixture.url);
  const far = await Promise.all([1, 2, 3].map(() => follow(proxy.endpoint.replace('http:', 'https:'))));
  t.teardown(async () => {
    for (const { session } of [near, ...far]) session.destroy();
    await proxy.stop();
  });
  t.equal(await watches(), 4);

  proxy.hold('both');
  let writes = 0;
  await until(
    'the silent ones are gone',
    async () => {
      const patched = await request('PATCH', `${path}/one`, { data: { value: String(++writes) } }, merge);
      if (patched.status !== 200) throw new Error(`PATCH: ${patched.status}`);
      return (await watches()) === 1;
    },
    20_000,
  );
  t.notOk(near.stream.closed, 'who answers the pings stays');
  await until('it sees the last write', () => near.text.includes(`"value":"${writes}"`));
  t.notMatch(far.map(({ text }) => text).join(''), `"value":"${writes}"`);
  t.strictSame(fixture.errors, []);
});
