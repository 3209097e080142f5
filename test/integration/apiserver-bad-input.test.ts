/** What a server gets that nobody should send it: each time the right answer, nothing stored, and the server goes on. */
import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import type { ApiServerFixture } from '../support/apiserver-fixture.js';
import { listOf, startFixture } from '../support/apiserver-fixture.js';

const fixture = await startFixture();
t.teardown(() => fixture.stop());
const impatient = await startFixture({
  connectionTimeouts: { handshakeMs: 300, headersMs: 300, bodyMs: 300, idleMs: 400 },
});
t.teardown(() => impatient.stop());
const { request } = fixture;
function credentialsOf({ pki }: ApiServerFixture): { ca: string; cert: string; key: string } {
  const { certificate: cert, privateKey: key } = pki.pair('admin');
  return { ca: pki.authority, cert, key };
}
const credentials = credentialsOf(fixture);
const strict = credentialsOf(impatient);

const core = '/api/v1/namespaces/default';
const as = (type: string): { headers: Record<string, string> } => ({ headers: { 'content-type': type } });
const body = (fields: object = {}): object => ({ metadata: { name: 'bad' }, data: { a: 'b' }, ...fields });

await t.test('bodies that are no such object', async (t) => {
  const cases: readonly (readonly [string | object, number, RegExp])[] = [
    ['{"metadata":', 400, /unexpected end of JSON input at offset 12/],
    ['{"metadata":}', 400, /invalid character "}" at offset 12/],
    ['', 400, /the body of the request is empty/],
    ['[]', 400, /not an object/],
    ['null', 400, /not an object/],
    ['['.repeat(100_000), 400, /exceeded max depth/],
    [body({ kind: 'Secret' }), 400, /Secret in version "v1" cannot be handled as a ConfigMap/],
    [
      body({ apiVersion: 'v2' }),
      400,
      /API version in the data \(v2\) does not match the expected API version \(v1\)/,
    ],
    [
      body({ metadata: { name: 'bad', namespace: 'other' } }),
      400,
      /namespace of the provided object does not match/,
    ],
    [body({ metadata: {} }), 422, /name or generateName is required/],
    [
      body({ data: { a: 1 } }),
      400,
      /cannot unmarshal number into Go struct field ConfigMap.data of type string/,
    ],
    [body({ data: { a: 'x'.repeat(4 << 20) } }), 413, /too large: limit is 3145728 bytes/],
    [body({ metadata: { name: 'bad', resourceVersion: '1' } }), 400, /resourceVersion should not be set/],
  ];
  for (const [sent, code, message] of cases) {
    const { json } = await request('POST', `${core}/configmaps`, sent);
    t.match(json, { kind: 'Status', status: 'Failure', code, message });
  }
  for (const type of ['text/xml', 'application/cbor', 'application/json-patch+json'])
    t.equal((await request('POST', `${core}/configmaps`, '{}', as(type))).status, 415, type);
  const yaml = await request('POST', `${core}/configmaps`, '[', as('application/yaml'));
  t.match(yaml.json, { code: 400, message: /^yaml: / });
  const proto = await request('POST', `${core}/configmaps`, 'k8s', as('application/vnd.kubernetes.protobuf'));
  t.equal(proto.status, 400);
  const put = await request('PUT', `${core}/configmaps/other`, body());
  t.match(put.json, {
    code: 400,
    message: /name of the object \(bad\) does not match the name on the URL \(other\)/,
  });
  t.equal((await request('PUT', `${core}/configmaps/other`, body({ metadata: {} }))).status, 400);
  t.equal((await request('GET', `${core}/configmaps/bad`)).status, 404, 'nothing was stored');
});

await t.test('URLs', async (t) => {
  const cases: readonly (readonly [string, string, number])[] = [
    ['GET', '/api/v1/colours', 404],
    ['GET', '/apis/none.example.com/v1/things', 404],
    ['GET', '/api/v1/namespaces/default/configmaps/%E0%A4%A', 400],
    ['GET', '/api/v1/configmaps?limit=x', 400],
    ['GET', '/api/v1/configmaps?watch=1&timeoutSeconds=x', 400],
    ['POST', `${core}/configmaps?dryRun=Some`, 422],
    ['POST', `${core}/configmaps?fieldValidation=Maybe`, 422],
    ['POST', '/api/v1/configmaps', 400],
    ['TRACE', `${core}/configmaps`, 405],
    ['POST', `${core}/configmaps/x`, 405],
    ['GET', `${core}/configmaps/${'x'.repeat(5000)}`, 404],
  ];
  for (const [method, path, code] of cases)
    t.equal(
      (await request(method, path, method === 'POST' ? body() : undefined)).status,
      code,
      `${method} ${path.slice(0, 60)}`,
    );
  for (const query of [
    'propagationPolicy=Near',
    'propagationPolicy=Orphan&orphanDependents=true',
    'dryRun=x',
  ])
    t.match((await request('DELETE', `${core}/configmaps/x?${query}`)).json, {
      code: 422,
      message: /^DeleteOptions.meta.k8s.io "" is invalid: /,
    });
  const long = httpsRequest(
    `${fixture.url}${core}/configmaps?labelSelector=${'x'.repeat(200_000)}`,
    credentials,
  );
  long.end();
  const [response] = (await once(long, 'response')) as [IncomingMessage];
  t.equal(response.statusCode, 431);
  response.resume();
});

await t.test('patches', async (t) => {
  await request('POST', `${core}/configmaps`, { metadata: { name: 'patched' }, data: { a: '1' } });
  const at = `${core}/configmaps/patched`;
  const patch = async (type: string, sent: unknown, query = ''): Promise<object> =>
    (await request('PATCH', `${at}${query}`, sent, as(`application/${type}`))).json;
  const add = { op: 'add', path: '/data/b', value: '2' };
  t.match(
    await patch(
      'json-patch+json',
      Array.from({ length: 20_000 }, () => add),
    ),
    {
      code: 413,
      message: 'The allowed maximum operations in a JSON patch is 10000, got 20000',
    },
  );
  const doubling = Array.from({ length: 60 }, (_, index) => ({
    op: 'copy',
    from: '/data',
    path: `/data/x${index}`,
  }));
  t.match(await patch('json-patch+json', doubling), {
    code: 413,
    message: /accumulated size increase of copy/,
  });
  t.match(await patch('json-patch+json', { op: 'add' }), { code: 400 });
  t.match(await patch('merge-patch+json', '[]'), { code: 400 });
  t.match(await patch('merge-patch+json', '{"metadata":{"name":"other"}}'), { code: 400 });
  t.match(await patch('merge-patch+json', '{"data":{"a":"1","a":"2"}}', '?fieldValidation=Strict'), {
    code: 400,
    message: /strict decoding error: duplicate field "data.a"/,
  });
  t.match(await patch('strategic-merge-patch+json', '{"data":{"$patch":"explode"}}'), { code: 400 });
  t.match(await patch('apply-patch+yaml', '- a', '?fieldManager=x'), { code: 400 });
  const names = '{"__proto__":"polluted","constructor":"c","toString":"t"}';
  for (const type of ['merge-patch+json', 'strategic-merge-patch+json'])
    t.match(await patch(type, `{"metadata":{"labels":{"constructor":"x"}},"data":${names}}`), {
      metadata: { labels: { constructor: 'x' } },
    });
  const { text } = await request('GET', at);
  t.match(text, /"data":\{.*"__proto__":"polluted".*\}/, 'a key is a key');
  t.equal(({} as Record<string, unknown>)['polluted'], undefined);
  t.equal(Object.keys(Object.prototype).length, 0);
});

await t.test('keys in YAML that stand twice', async (t) => {
  const yaml = 'metadata:\n  name: twice\ndata:\n  a: "1"\n  a: "2"\n';
  const warned = await request('POST', `${core}/configmaps?dryRun=All`, yaml, as('application/yaml'));
  t.match(warned.json, { data: { a: '2' } });
  t.match(String(warned.headers['warning']), /line 5: key \\"a\\" already set in map/);
  const refused = await request(
    'POST',
    `${core}/configmaps?fieldValidation=Strict`,
    yaml,
    as('application/yaml'),
  );
  t.match(refused.json, { code: 400, message: /strict decoding error: line 5: key "a" already set in map/ });
});

await t.test('large answers are compressed for those who accept it', async (t) => {
  for (let index = 0; index < 40; index++)
    await request('POST', `${core}/configmaps`, {
      metadata: { name: `large-${index}` },
      data: { a: 'xy'.repeat(4000) },
    });
  const get = async (
    path: string,
    headers: Record<string, string>,
  ): Promise<readonly [IncomingMessage, Buffer]> => {
    const asked = httpsRequest(`${fixture.url}${path}`, { ...credentials, headers });
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    return [response, Buffer.concat(chunks)];
  };
  for (const accept of [
    'application/json',
    'application/yaml',
    'application/vnd.kubernetes.protobuf',
    'application/json;as=Table;g=meta.k8s.io;v=v1',
  ]) {
    const path = `${core}/configmaps?includeObject=Object`;
    const [plain, bytes] = await get(path, { accept });
    t.equal(plain.headers['content-encoding'], undefined);
    const [zipped, small] = await get(path, { accept, 'accept-encoding': 'deflate, gzip;q=0.5' });
    t.equal(zipped.headers['content-encoding'], 'gzip', accept);
    t.match(zipped.headers.vary, 'Accept-Encoding');
    t.ok(small.length * 4 < bytes.length);
    t.ok(gunzipSync(small).equals(bytes), 'the same');
  }
  const [few] = await get(`${core}/configmaps?limit=1`, { 'accept-encoding': 'gzip' });
  t.equal(few.headers['content-encoding'], undefined, 'not what is small');
  const [refused] = await get(`${core}/configmaps`, { 'accept-encoding': 'gzip;q=0' });
  t.equal(refused.headers['content-encoding'], undefined);
});

await t.test('metadata and tables in both versions, and what there is not', async (t) => {
  const accept = (value: string): { headers: Record<string, string> } => ({ headers: { accept: value } });
  for (const v of ['v1', 'v1beta1']) {
    const one = await request(
      'GET',
      `${core}/configmaps/large-1`,
      undefined,
      accept(`application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=${v}`),
    );
    t.match(one.json, { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${v}` });
    const list = await request(
      'GET',
      `${core}/configmaps?limit=1`,
      undefined,
      accept(`application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=${v}`),
    );
    t.match(list.json, {
      kind: 'PartialObjectMetadataList',
      apiVersion: `meta.k8s.io/${v}`,
      items: [{ apiVersion: `meta.k8s.io/${v}` }],
    });
    for (const [include, object] of [
      ['None', undefined],
      ['Metadata', 'PartialObjectMetadata'],
      ['Object', 'ConfigMap'],
    ] as const) {
      const table = await request(
        'GET',
        `${core}/configmaps?limit=1&includeObject=${include}`,
        undefined,
        accept(`application/json;as=Table;g=meta.k8s.io;v=${v}`),
      );
      t.match(table.json, { kind: 'Table', apiVersion: `meta.k8s.io/${v}` });
      t.equal(listOf(table.json['rows'])[0]?.['object']?.['kind'], object);
    }
  }
  for (const [path, wanted] of [
    [`${core}/configmaps`, 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'],
    [`${core}/configmaps/large-1`, 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'],
    [`${core}/configmaps?watch=true`, 'application/yaml'],
    [`${core}/configmaps`, 'application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1'],
    [`${core}/configmaps`, 'application/json;as=Table;g=meta.k8s.io;v=v2'],
    [`${core}/configmaps`, 'text/html, image/*'],
  ] as const)
    t.match(
      (await request('GET', path, undefined, accept(wanted))).json,
      { code: 406, reason: 'NotAcceptable' },
      wanted,
    );
  t.equal(
    (
      await request(
        'GET',
        `${core}/configmaps?includeObject=All`,
        undefined,
        accept('application/json;as=Table;g=meta.k8s.io;v=v1'),
      )
    ).status,
    400,
  );
});

const port = (): number => Number(new URL(impatient.url).port);

/** Resolves with what came when the server has closed the connection. */
async function untilClosed(socket: Socket | TLSSocket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.on('error', () => undefined);
  if (!socket.closed) await once(socket, 'close');
  return text;
}

async function secureSocket(): Promise<TLSSocket> {
  const socket = connectTls({ port: port(), host: '127.0.0.1', ...strict, ALPNProtocols: ['http/1.1'] });
  // The impatient server may end it before the test has looked.
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

await t.test('slow and silent senders', async (t) => {
  const silent = connect({ port: port(), host: '127.0.0.1' });
  const slowHead = await secureSocket();
  slowHead.write('GET /api HTTP/1.1\r\nhost: a\r\n');
  const slowBody = await secureSocket();
  slowBody.write(
    `POST ${core}/configmaps HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{`,
  );
  const [handshake, head, answer] = await Promise.all([silent, slowHead, slowBody].map(untilClosed));
  t.equal(handshake, '', 'a handshake that never begins');
  t.match(head, /^HTTP\/1.1 408 Request Timeout/);
  t.match(answer, /^HTTP\/1.1 408 [^]*connection: close[^]*did not arrive within 300 ms/i);
  const session = connectHttp2(impatient.url, strict);
  session.on('error', () => undefined);
  const stream = session.request({
    ':method': 'POST',
    ':path': `${core}/configmaps`,
    'content-type': 'application/json',
  });
  stream.on('error', () => undefined);
  stream.write('{');
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  t.equal(headers[':status'], 408);
  stream.resume();
  await once(stream, 'close');
  t.pass('the stream is closed');
  await once(session, 'close');
  t.pass('and so is a session without streams, after a while');
});

await t.test('a silent watch is no idle connection', async (t) => {
  const session = connectHttp2(impatient.url, strict);
  const stream = session.request({ ':path': `${core}/secrets?watch=true&resourceVersion=1` });
  await once(stream, 'response');
  // Longer than the idle time: the server asks by a ping, and goes on.
  await new Promise<void>((resolve) => {
    session.setTimeout(1200, resolve);
  });
  t.notOk(session.closed);
  session.destroy();
});

await t.test('a flood of resets', async (t) => {
  const session = connectHttp2(fixture.url, credentials);
  session.on('error', () => undefined);
  for (let index = 0; index < 1500 && !session.destroyed && !session.closed; index++) {
    const stream = session.request({ ':path': `${core}/configmaps` });
    stream.on('error', () => undefined);
    stream.close(constants.NGHTTP2_CANCEL);
    if (index % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  session.destroy();
  t.equal((await request('GET', '/readyz')).text, 'ok', 'others are served');
});

await t.test('many idle connections', async (t) => {
  const sockets = await Promise.all(Array.from({ length: 50 }, secureSocket));
  t.equal((await request('GET', '/readyz')).text, 'ok');
  for (const socket of sockets) socket.destroy();
});

await t.test('a stop does not wait for a handshake', async (t) => {
  const other = await startFixture();
  const socket = connect({ port: Number(new URL(other.url).port), host: '127.0.0.1' });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const start = performance.now();
  await other.stop();
  t.ok(performance.now() - start < 3000);
});

await t.test('no handler failed', async (t) => {
  t.strictSame(fixture.errors, []);
});
