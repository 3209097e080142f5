/** Logs and tunnels: a TLS server stands in for the kubelet and says what it was asked. */
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex, Writable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import t from 'tap';
import { startFixture } from '../support/apiserver-fixture.js';

const fixture = await startFixture();
t.teardown(() => fixture.stop());
const { request, pki } = fixture;

interface Asked {
  readonly url: string;
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly clientName: string;
}
const asked: Asked[] = [];
const holders: Writable[] = [];
const pair = pki.pair('kubelet-server');
const kubelet = createServer({
  cert: pair.certificate,
  key: pair.privateKey,
  ca: pki.authority,
  requestCert: true,
  rejectUnauthorized: true,
});

function note(message: IncomingMessage): void {
  const { url = '', method = '', headers, rawHeaders } = message;
  const subject = (message.socket as unknown as TLSSocket).getPeerCertificate().subject;
  asked.push({ url, method, headers, rawHeaders, clientName: String(subject.CN) });
}

kubelet.on('request', (message, response) => {
  note(message);
  if (message.url?.includes('/waiting') === true) {
    response.writeHead(400).end('container "web" in pod "waiting" is waiting to start: ContainerCreating');
  } else if (message.headers.upgrade !== undefined) {
    response.writeHead(403, { 'content-type': 'text/plain' }).end('not with me');
  } else if (message.url?.includes('follow=true') === true) {
    response.writeHead(200);
    response.write('first\n');
    holders.push(response);
  } else {
    response.end('a line\n');
  }
});
kubelet.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
  note(message);
  if (message.headers['x-refuse'] !== undefined || message.url?.includes('refused') === true) {
    socket.end('HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\ncontent-length: 11\r\n\r\nnot with me');
    return;
  }
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${message.headers.upgrade ?? ''}\r\n\r\nhello `,
  );
  if (head.length > 0) socket.write(head);
  socket.on('data', (chunk: Buffer) => {
    socket.write(chunk.toString().toUpperCase());
  });
  socket.on('error', () => undefined);
});
kubelet.listen(0, '127.0.0.1');
await once(kubelet, 'listening');
t.teardown(() => {
  kubelet.close();
  kubelet.closeAllConnections();
});

await request('POST', '/api/v1/nodes', { metadata: { name: 'node-1' } });
await request('PUT', '/api/v1/nodes/node-1/status', {
  metadata: { name: 'node-1' },
  status: {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: (kubelet.address() as AddressInfo).port } },
  },
});
const core = '/api/v1/namespaces/default';
for (const [name, nodeName] of [
  ['web', 'node-1'],
  ['waiting', 'node-1'],
  ['refused', 'node-1'],
  ['homeless', ''],
]) {
  await request('POST', `${core}/pods`, {
    metadata: { name },
    spec: {
      nodeName,
      containers: [
        { name: 'web', image: 'a' },
        { name: 'tail', image: 'a' },
      ],
    },
  });
}

await t.test('logs are asked of the kubelet, with our own certificate', async (t) => {
  const { status, text } = await request(
    'GET',
    `${core}/pods/web/log?container=tail&tailLines=3&timestamps=true`,
  );
  t.equal(status, 200);
  t.equal(text, 'a line\n');
  const last = asked.at(-1);
  t.equal(last?.url, '/containerLogs/default/web/tail?timestamps=true&tailLines=3');
  t.equal(last?.clientName, 'kube-apiserver-kubelet-client');
});

await t.test('what the kubelet has against it is a Status', async (t) => {
  const { json } = await request('GET', `${core}/pods/waiting/log`);
  t.match(json, { kind: 'Status', code: 400, reason: 'BadRequest', message: /is waiting to start/ });
});

await t.test('which container', async (t) => {
  const wrong = await request('GET', `${core}/pods/web/log?container=nobody`);
  t.match(wrong.json, { code: 400, message: 'container nobody is not valid for pod web' });
  const unscheduled = await request('GET', `${core}/pods/homeless/log`);
  t.match(unscheduled.json, { code: 400, message: 'pod homeless does not have a host assigned' });
  t.equal((await request('GET', `${core}/pods/nobody/log`)).status, 404);
});

await t.test('a followed log comes as it is written, and its end reaches the kubelet', async (t) => {
  const { cert, key } = { cert: pki.pair('admin').certificate, key: pki.pair('admin').privateKey };
  const client = httpsRequest(`${fixture.url}${core}/pods/web/log?follow=true`, {
    ca: pki.authority,
    cert,
    key,
  });
  client.end();
  const [response] = (await once(client, 'response')) as [IncomingMessage];
  const [chunk] = (await once(response, 'data')) as [Buffer];
  t.equal(chunk.toString(), 'first\n', 'before the log has ended');
  const held = holders.at(-1);
  t.ok(held);
  const closed = held === undefined ? Promise.resolve() : once(held, 'close');
  client.destroy();
  await closed;
  t.pass('the kubelet sees that nobody reads any more');
});

interface Tunnel {
  readonly status: number;
  readonly socket: Duplex | undefined;
  readonly head: string;
  readonly text: string;
}

function upgrade(path: string, headers: Record<string, string | string[]>, method = 'POST'): Promise<Tunnel> {
  const admin = pki.pair('admin');
  return new Promise((resolve, reject) => {
    const client = httpsRequest(`${fixture.url}${path}`, {
      method,
      ca: pki.authority,
      cert: admin.certificate,
      key: admin.privateKey,
      headers: { connection: 'Upgrade', ...headers },
    });
    client.on('upgrade', (response, socket, head) => {
      resolve({ status: response.statusCode ?? 0, socket, head: head.toString(), text: '' });
    });
    client.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, socket: undefined, head: '', text });
      });
    });
    client.on('error', reject);
    client.end();
  });
}

async function read(socket: Duplex, until: string): Promise<string> {
  let text = '';
  while (!text.includes(until)) text += ((await once(socket, 'data')) as [Buffer])[0].toString();
  return text;
}

await t.test('exec: bytes go both ways after the kubelet has agreed', async (t) => {
  const query = 'container=web&command=sh&command=-c&command=echo%20hi&stdin=true&stdout=true&tty=true';
  const { status, socket, head } = await upgrade(`${core}/pods/web/exec?${query}`, {
    upgrade: 'SPDY/3.1',
    'x-stream-protocol-version': ['v4.channel.k8s.io', 'v3.channel.k8s.io'],
  });
  t.equal(status, 101);
  if (socket === undefined) return;
  const greeting = head.includes('hello') ? head : head + (await read(socket, 'hello'));
  t.match(greeting, /hello/);
  socket.write('ping');
  t.match(await read(socket, 'PING'), /PING/);
  const last = asked.at(-1);
  t.equal(last?.url, '/exec/default/web/web?command=sh&command=-c&command=echo+hi&input=1&output=1&tty=1');
  t.equal(last?.method, 'POST');
  t.equal(
    last?.rawHeaders.filter((name) => name.toLowerCase() === 'x-stream-protocol-version').length,
    2,
    'repeated headers stay apart',
  );
  socket.destroy();
});

await t.test('attach and port-forward', async (t) => {
  const attach = await upgrade(`${core}/pods/web/attach?stdout=1`, { upgrade: 'websocket' }, 'GET');
  t.equal(attach.status, 101);
  t.equal(asked.at(-1)?.url, '/attach/default/web/web?output=1');
  attach.socket?.destroy();
  const forward = await upgrade(`${core}/pods/web/portforward?ports=80`, { upgrade: 'SPDY/3.1' });
  t.equal(forward.status, 101);
  t.equal(asked.at(-1)?.url, '/portForward/default/web?port=80');
  forward.socket?.destroy();
});

await t.test('refusals', async (t) => {
  const exec = `${core}/pods/web/exec?stdout=1&command=a`;
  const refused = await upgrade(exec.replace('web', 'refused'), { upgrade: 'websocket' }, 'GET');
  t.equal(refused.status, 403, 'the answer of the kubelet is passed on');
  t.equal(refused.text, 'not with me');
  const wrong = await upgrade(`${exec}&container=nobody`, { upgrade: 'SPDY/3.1' });
  t.match(JSON.parse(wrong.text), { code: 400, message: 'container nobody is not valid for pod web' });
  const silent = await upgrade(`${core}/pods/web/exec?command=a`, { upgrade: 'SPDY/3.1' });
  t.match(JSON.parse(silent.text), { message: 'you must specify at least 1 of stdin, stdout, stderr' });
  t.match((await request('POST', exec)).json, { code: 400, message: 'Upgrade request required' });
});

await t.test('a kubelet that is not there', async (t) => {
  await request('POST', '/api/v1/nodes', { metadata: { name: 'dead' } });
  await request('PUT', '/api/v1/nodes/dead/status', {
    metadata: { name: 'dead' },
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: 1 } },
    },
  });
  await request('POST', `${core}/pods`, {
    metadata: { name: 'lost' },
    spec: { nodeName: 'dead', containers: [{ name: 'web', image: 'a' }] },
  });
  const { json } = await request('GET', `${core}/pods/lost/log`);
  t.match(json, {
    code: 500,
    message: /the kubelet of node dead at https:\/\/127\.0\.0\.1:1 cannot be reached/,
  });
});

await t.test('no handler failed', async (t) => {
  t.strictSame(fixture.errors, []);
});
