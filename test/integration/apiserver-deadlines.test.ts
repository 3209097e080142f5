/** How long requests may take: by `timeout` in the query and by the server's own limit, with a clock that the test moves. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { openMemoryStore } from '../../apiserver/storage/backends/memory/memory-store.js';
import { ManualClock } from '../../common/clock.js';
import { startFixture } from '../support/apiserver-fixture.js';
import { until } from '../support/until.js';
import { wrapStore } from '../support/wrap-store.js';

const core = '/api/v1/namespaces/default';
const clock = new ManualClock();
const memory = openMemoryStore({ backend: 'memory' });
/** Writes that the store has been given and is not to finish yet. */
let held: (() => void)[] | undefined;
const fixture = await startFixture({
  clock,
  minRequestTimeoutMs: 100_000,
  store: wrapStore(memory, {
    create: async (key, ...given) => {
      await new Promise<void>((resolve) => {
        if (held === undefined || !key.includes('/late')) resolve();
        else held.push(resolve);
      });
      return memory.create(key, ...given);
    },
  }),
});
t.teardown(() => fixture.stop());
const { request } = fixture;

for (const [query, limitMs] of [
  ['', 60_000],
  ['?timeout=0s', 60_000],
  ['?timeout=5m', 60_000],
  ['?timeout=1.5s', 1500],
] as const)
  await t.test(`a write that takes too long, ${query === '' ? 'without a word' : query}`, async (t) => {
    held = [];
    let answered = false;
    const name = `late${query.replaceAll(/\W/g, '')}`;
    const answer = request('POST', `${core}/configmaps${query}`, { metadata: { name } }).finally(() => {
      answered = true;
    });
    await until('the store has the write', () => held?.length === 1);
    clock.advance(limitMs - 1);
    await request('GET', '/readyz');
    t.notOk(answered, 'its time is not over');
    clock.advance(1);
    t.match((await answer).json, {
      kind: 'Status',
      reason: 'Timeout',
      code: 504,
      message: 'Timeout: request did not complete within the allotted timeout',
    });
    t.equal((await request('GET', `${core}/configmaps/${name}`)).status, 404);
    for (const finish of held) finish();
    held = undefined;
    await until(
      'it is written',
      async () => (await request('GET', `${core}/configmaps/${name}`)).status === 200,
    );
    t.pass('what the store had been given is written all the same');
  });

await t.test('over HTTP/1.1, and the connection serves the next request', async (t) => {
  const { certificate: cert, privateKey: key } = fixture.pki.pair('admin');
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: fixture.pki.authority, cert, key });
  t.teardown(() => {
    agent.destroy();
  });
  const send = async (method: string, path: string, body?: object): Promise<[number, string]> => {
    const headers = { 'content-type': 'application/json' };
    const sent = httpsRequest(`${fixture.url}${path}`, { agent, method, headers });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return [response.statusCode ?? 0, await text(response)];
  };
  held = [];
  const answer = send('POST', `${core}/configmaps?timeout=2s`, { metadata: { name: 'late-http1' } });
  await until('the store has the write', () => held?.length === 1);
  clock.advance(2_000);
  const [code, body] = await answer;
  t.equal(code, 504);
  t.match(JSON.parse(body), { kind: 'Status', reason: 'Timeout', code: 504 });
  for (const finish of held) finish();
  held = undefined;
  t.equal((await send('GET', '/readyz'))[0], 200);
});

await t.test('times that are none', async (t) => {
  for (const value of ['x', '5', '1y'])
    t.match((await request('GET', `${core}/configmaps?timeout=${value}`)).json, {
      code: 400,
      message: /^invalid timeout specified in the request URL/,
    });
});

await t.test('a watch has its own time', async (t) => {
  const watch = fixture.watch(`${core}/configmaps?watch=true&timeout=1s`);
  await watch.until((lines) => lines.length > 0);
  clock.advance(99_000);
  await request('GET', '/readyz');
  t.notOk(watch.ended);
  clock.advance(101_000);
  await until('the watch ends', () => watch.ended);
  t.pass('between once and twice the least time');
});

await t.test('nothing is left of it', async (t) => {
  const { text: metrics } = await request('GET', '/metrics');
  t.match(metrics, /apiserver_current_inflight_requests\{request_kind="mutating"\} 0/);
  t.strictSame(fixture.errors, []);
});
