/** pods/proxy, services/proxy and nodes/proxy over HTTPS, HTTP/1.1 and HTTP/2, against a backend that says what it was asked. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer as createSecureServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import t from 'tap';
import { startFixture } from '../support/apiserver-fixture.js';

const page = '<html><a href="/rewriteme">test</a><a href="relative">r</a></html>';

const answer: RequestListener = (message, response) => {
  const { method = '', url = '', headers } = message;
  const chunks: Buffer[] = [];
  message.on('data', (chunk: Buffer) => chunks.push(chunk));
  message.on('end', () => {
    if (url.startsWith('/page')) {
      const gzipped = headers['accept-encoding'] === 'gzip';
      response.writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        ...(gzipped ? { 'content-encoding': 'gzip' } : { 'content-length': page.length }),
      });
      response.end(gzipped ? gzipSync(page) : page);
    } else if (url.startsWith('/away')) response.writeHead(302, { location: '/elsewhere?x=1' }).end();
    else if (url.startsWith('/teapot'))
      response.writeHead(418, { 'x-own': ['a', 'b'] }).end('short and stout');
    else if (url.startsWith('/cut')) {
      response.writeHead(200, { 'content-length': 100 });
      response.write('only this', () => response.destroy());
    } else response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }));
  });
};
const backend = createServer(answer);
backend.on('upgrade', (message: IncomingMessage, socket: Duplex) => {
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n${message.url ?? ''} `,
  );
  socket.on('data', (chunk: Buffer) => socket.write(chunk.toString().toUpperCase()));
  socket.on('error', () => undefined);
});
backend.listen(0, '127.0.0.1');
await once(backend, 'listening');
const { port } = backend.address() as AddressInfo;

const dialed: string[] = [];
const fixture = await startFixture({
  // The pod's network is this machine's loopback.
  dialPod: (host, asked) => {
    dialed.push(`${host}:${asked}`);
    return connect({ host: '127.0.0.1', port: asked === 8080 ? port : asked });
  },
});
const { request, pki } = fixture;
const pair = pki.pair('kubelet-server');
const secure = createSecureServer({ cert: pair.certificate, key: pair.privateKey }, answer);
secure.listen(0, '127.0.0.1');
await once(secure, 'listening');
const { port: securePort } = secure.address() as AddressInfo;
t.teardown(async () => {
  await fixture.stop();
  for (const server of [backend, secure]) {
    server.close();
    server.closeAllConnections();
  }
});

const core = '/api/v1/namespaces/default';
const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
for (const [name, podIP] of [
  ['web', '10.244.0.9'],
  ['local', '127.0.0.1'],
  ['unborn', ''],
] as const) {
  await request('POST', `${core}/pods`, {
    metadata: { name },
    spec: { containers: [{ name: 'a', image: 'b', ports: [{ containerPort: 8080 }] }] },
  });
  await request(
    'PATCH',
    `${core}/pods/${name}/status`,
    { status: { podIP, podIPs: podIP === '' ? [] : [{ ip: podIP }] } },
    merge,
  );
}
await request('POST', `${core}/services`, {
  metadata: { name: 'web' },
  spec: { ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
});
await request('POST', `${core}/endpoints`, {
  metadata: { name: 'web' },
  subsets: [
    {
      addresses: [{ ip: '10.244.0.9', targetRef: { kind: 'Pod', name: 'web', namespace: 'default' } }],
      ports: [{ name: 'http', port: 8080 }],
    },
  ],
});
const pod = `${core}/pods/web/proxy`;

await t.test('any method, path, query and body reaches the pod', async (t) => {
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    const body = method === 'GET' || method === 'OPTIONS' ? undefined : `body of ${method}`;
    const { status, json } = await request(method, `${pod}/a%20b/c?x=1&x=2%2F`, body, {
      headers: { 'content-type': 'text/plain', 'x-own': 'kept', authorization: 'Bearer secret' },
    });
    t.equal(status, 200);
    t.match(json, {
      method,
      url: '/a%20b/c?x=1&x=2%2F',
      body: body ?? '',
      headers: {
        'x-own': 'kept',
        'x-forwarded-uri': `${pod}/a%20b/c`,
        'x-forwarded-proto': 'https',
        'x-forwarded-for': '127.0.0.1',
      },
    });
    t.equal(json['headers']?.['authorization'], undefined, 'who asks proves it to us, not to the pod');
    if (body === undefined) t.equal(json['headers']?.['transfer-encoding'], undefined, 'no body is none');
  }
  t.equal(dialed.at(-1), '10.244.0.9:8080', 'the first declared port');
  const head = await request('HEAD', `${pod}/page`);
  t.equal(head.status, 200);
  t.equal(head.text, '');
  t.equal((await request('GET', `${pod}/`)).json['url'], '/');
});

await t.test('without a path a browser is sent to the root', async (t) => {
  const { status, headers } = await request('GET', `${pod}?a=b`);
  t.equal(status, 301);
  t.equal(headers['location'], `${pod}/?a=b`);
  t.match(
    (await request('POST', pod, 'x')).json,
    { method: 'POST', url: '/' },
    'others are taken as they are',
  );
});

await t.test('answers come as they are, but for links', async (t) => {
  const teapot = await request('GET', `${pod}/teapot`);
  t.equal(teapot.status, 418);
  t.equal(teapot.text, 'short and stout');
  t.equal((await request('GET', `${pod}/away`)).headers['location'], `${pod}/elsewhere?x=1`);
  const rewritten = page.replace('/rewriteme', `${pod}/rewriteme`);
  t.equal((await request('GET', `${pod}/page`)).text, rewritten);
  const admin = pki.pair('admin');
  const zipped = httpsRequest(`${fixture.url}${pod}/page`, {
    ca: pki.authority,
    cert: admin.certificate,
    key: admin.privateKey,
    headers: { 'accept-encoding': 'gzip' },
  });
  zipped.end();
  const [response] = (await once(zipped, 'response')) as [IncomingMessage];
  t.equal(response.headers['content-encoding'], 'gzip');
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  t.equal(gunzipSync(Buffer.concat(chunks)).toString(), rewritten);
});

await t.test('names with a scheme and a port', async (t) => {
  t.equal((await request('GET', `${core}/pods/web:8080/proxy/x`)).json['url'], '/x');
  t.equal((await request('GET', `${core}/pods/https:web:${securePort}/proxy/x`)).json['url'], '/x');
  t.equal(dialed.at(-1), `10.244.0.9:${securePort}`);
  for (const [name, code, message] of [
    ['web:1', 503, /^error trying to reach service: .*ECONNREFUSED/],
    ['ftp:web:21', 400, /^invalid pod request "ftp:web:21"$/],
    ['web:http', 400, /port "http" is not a number/],
    ['nobody', 404, /^pods "nobody" not found$/],
    ['local', 400, /^address not allowed$/],
    ['unborn', 400, /^address not allowed$/],
  ] as const)
    t.match(
      (await request('GET', `${core}/pods/${name}/proxy/`)).json,
      { kind: 'Status', code, message },
      name,
    );
});

await t.test('services: by name or number of a port, through an endpoint', async (t) => {
  for (const name of ['web:http', 'web:80', 'http:web:http']) {
    const { json } = await request('GET', `${core}/services/${name}/proxy/s?y`);
    t.match(json, { url: '/s?y', headers: { 'x-forwarded-uri': `${core}/services/${name}/proxy/s` } });
  }
  for (const [name, code, message] of [
    ['web', 503, 'no endpoints available for service "web"'],
    ['web:81', 503, 'no service port 81 found for service "web"'],
    ['nobody', 404, 'services "nobody" not found'],
  ] as const)
    t.match((await request('GET', `${core}/services/${name}/proxy/`)).json, { code, message });
  // Endpoints that somebody made by hand do not lead to where no pod is.
  await request('POST', `${core}/services`, { metadata: { name: 'trap' }, spec: { ports: [{ port: 80 }] } });
  await request('POST', `${core}/endpoints`, {
    metadata: { name: 'trap' },
    subsets: [
      {
        addresses: [
          { ip: '10.0.0.1' },
          { ip: '10.0.0.2', targetRef: { kind: 'Pod', name: 'web', namespace: 'default' } },
        ],
        ports: [{ port: 8080 }],
      },
    ],
  });
  t.equal((await request('GET', `${core}/services/trap/proxy/`)).status, 503);
});

await t.test('nodes: the kubelet with our certificate, another port without', async (t) => {
  await request('POST', '/api/v1/nodes', { metadata: { name: 'n1' } });
  await request('PUT', '/api/v1/nodes/n1/status', {
    metadata: { name: 'n1' },
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: securePort } },
    },
  });
  for (const name of ['n1', `n1:${securePort}`])
    t.match((await request('GET', `/api/v1/nodes/${name}/proxy/configz`)).json, { url: '/configz' });
  t.equal((await request('GET', '/api/v1/nodes/n1/proxy/teapot')).status, 418, 'its answer is passed on');
  t.match((await request('GET', `/api/v1/nodes/n1:${port}/proxy/x`)).json, {
    code: 400,
    message: 'address not allowed',
  });
  t.equal((await request('GET', '/api/v1/nodes/nobody/proxy/x')).status, 404);
});

await t.test('WebSockets pass', async (t) => {
  const admin = pki.pair('admin');
  const client = httpsRequest(`${fixture.url}${pod}/socket?a`, {
    ca: pki.authority,
    cert: admin.certificate,
    key: admin.privateKey,
    headers: { connection: 'Upgrade', upgrade: 'websocket' },
  });
  client.end();
  const [response, socket, head] = (await once(client, 'upgrade')) as [IncomingMessage, Duplex, Buffer];
  t.equal(response.statusCode, 101);
  let text = head.toString();
  socket.write('ping');
  while (!text.includes('PING')) text += ((await once(socket, 'data')) as [Buffer])[0].toString();
  t.equal(text, '/socket?a PING');
  socket.destroy();
});

await t.test('a body that breaks off breaks off', async (t) => {
  await t.rejects(request('GET', `${pod}/cut`));
  t.equal((await request('GET', `${pod}/x`)).status, 200, 'and the next one is served');
});

await t.test('who may', async (t) => {
  const { json } = await request('DELETE', `${pod}/x`, undefined, { anonymous: true });
  t.match(json, { code: 403, message: /cannot delete resource "pods\/proxy" in API group ""/ });
  t.match((await request('GET', `${core}/configmaps/a/proxy/x`)).json, { code: 404 });
});

await t.test('no handler failed', async (t) => {
  t.strictSame(fixture.errors, []);
});
