/** A proxy before the server names its users; the server does the same to those behind it, also when protocols change. */
import { request as httpsRequest, createServer } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import t from 'tap';
import { createAuthority, issueCertificate } from '../../common/pki.js';
import { startFixture, textOf } from '../support/apiserver-fixture.js';
import { conditionOf } from '../support/custom-definitions.js';
import { until } from '../support/until.js';

const validity = { now: Date.now(), validDays: 1 };
const proxyCa = await createAuthority({ commonName: 'front-proxy-ca' }, validity);
const client = (commonName: string): Promise<{ certificate: string; privateKey: string }> =>
  issueCertificate(proxyCa, { commonName, usages: ['client'] }, validity);
const proxy = await client('front-proxy-client');
const stranger = await client('somebody-else');
const backendCa = await createAuthority({ commonName: 'backend-ca' }, validity);
const backendCertificate = await issueCertificate(
  backendCa,
  { commonName: 'backend', usages: ['server'], dnsNames: ['metrics.default.svc'] },
  validity,
);

const fixture = await startFixture({
  proxyCertificate: { cert: proxy.certificate, key: proxy.privateKey },
  frontProxy: {
    clientCa: proxyCa.certificate,
    allowedNames: ['front-proxy-client'],
    usernameHeaders: ['X-Remote-User'],
    uidHeaders: ['X-Remote-Uid'],
    groupHeaders: ['X-Remote-Group'],
    extraHeaderPrefixes: ['X-Remote-Extra-'],
  },
});

/** An API server that trusts the front proxy alone, and speaks a protocol of its own on demand. */
const root = '/apis/metrics.example.com/v1';
let upgradeHeaders: IncomingHttpHeaders = {};
const tunnels = new Set<Duplex>();
const backend = createServer(
  {
    cert: backendCertificate.certificate,
    key: backendCertificate.privateKey,
    ca: proxyCa.certificate,
    requestCert: true,
    rejectUnauthorized: true,
  },
  (request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    if (request.url?.includes('watch=true') === true) {
      response.write('{"type":"ADDED","object":{}}\n');
      return;
    }
    const resources = [{ name: 'readings', namespaced: false, kind: 'Reading', verbs: ['get'] }];
    response.end(
      JSON.stringify({ kind: 'APIResourceList', groupVersion: 'metrics.example.com/v1', resources }),
    );
  },
);
backend.on('upgrade', (request, socket, head) => {
  upgradeHeaders = request.headers;
  tunnels.add(socket);
  socket.on('error', () => undefined);
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
  if (head.length > 0) socket.write(head);
  socket.pipe(socket);
});
await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
const { port } = backend.address() as AddressInfo;

t.teardown(async () => {
  await fixture.stop();
  for (const socket of tunnels) socket.destroy();
  backend.closeAllConnections();
  backend.close();
});

function ask(
  identity: { readonly certificate: string; readonly privateKey: string },
  headers: Readonly<Record<string, string | string[]>>,
): Promise<{
  readonly status: number;
  readonly json: { readonly status?: { readonly userInfo?: unknown } };
}> {
  const body = '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}';
  return new Promise((resolve, reject) => {
    const asked = httpsRequest(
      `${fixture.url}/apis/authentication.k8s.io/v1/selfsubjectreviews`,
      {
        method: 'POST',
        ca: fixture.pki.authority,
        cert: identity.certificate,
        key: identity.privateKey,
        headers: { 'content-type': 'application/json', ...headers },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, json: JSON.parse(text) as object });
        });
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}

await t.test('a proxy speaks for others, and nobody else does', async (t) => {
  const named = { 'x-remote-user': 'jane', 'x-remote-group': ['a', 'b'], 'x-remote-extra-scopes': 'x' };
  const jane = await ask(proxy, named);
  t.equal(jane.status, 201);
  t.match(jane.json.status?.userInfo, { username: 'jane', extra: { scopes: ['x'] } });
  t.strictSame((jane.json.status?.userInfo as { groups?: unknown }).groups, [
    'a',
    'b',
    'system:authenticated',
  ]);
  const admin = await ask(fixture.pki.pair('admin'), named);
  t.match(admin.json.status?.userInfo, { username: 'kubernetes-admin' }, 'headers of a client say nothing');
  t.equal((await ask(stranger, named)).status, 401, 'a name that is not allowed');
  t.equal((await ask(proxy, {})).status, 403, 'a proxy has no name of its own');
});

await t.test('whom to trust is told to the servers behind', async (t) => {
  const path = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
  await until('it is there', async () => (await fixture.request('GET', path)).status === 200);
  const { data } = (await fixture.request('GET', path)).json;
  t.equal(textOf(data?.['client-ca-file']), fixture.pki.authority);
  t.equal(textOf(data?.['requestheader-client-ca-file']), proxyCa.certificate);
  t.equal(textOf(data?.['requestheader-allowed-names']), '["front-proxy-client"]');
  t.equal(textOf(data?.['requestheader-extra-headers-prefix']), '["X-Remote-Extra-"]');
  await fixture.request('DELETE', path);
  await until('it is made again', async () => (await fixture.request('GET', path)).status === 200);
  await fixture.request(
    'PATCH',
    path,
    { data: { 'requestheader-client-ca-file': '' } },
    { headers: { 'content-type': 'application/merge-patch+json' } },
  );
  await until(
    'it is made whole again',
    async () =>
      textOf((await fixture.request('GET', path)).json['data']?.['requestheader-client-ca-file']).trim() ===
      proxyCa.certificate.trim(),
  );
});

const services = '/apis/apiregistration.k8s.io/v1/apiservices';
const name = 'v1.metrics.example.com';

async function availableWith(spec: object, status: string): Promise<string> {
  const answer = await fixture.request(
    'PATCH',
    `${services}/${name}`,
    { spec },
    {
      headers: { 'content-type': 'application/merge-patch+json' },
    },
  );
  if (answer.status !== 200) throw new Error(answer.text);
  let message = '';
  await until(
    `it is ${status}`,
    async () => {
      const { json } = await fixture.request('GET', `${services}/${name}`);
      message = textOf(json['status']?.['conditions']?.['0']?.['message']);
      return conditionOf(json, 'Available') === status;
    },
    10_000,
  );
  return message;
}

await t.test('certificates of the servers behind', async (t) => {
  await fixture.request('POST', '/api/v1/namespaces/default/services', {
    metadata: { name: 'metrics' },
    spec: { type: 'ExternalName', externalName: 'localhost' },
  });
  const spec = { group: 'metrics.example.com', version: 'v1', groupPriorityMinimum: 100, versionPriority: 1 };
  await fixture.request('POST', services, {
    metadata: { name },
    spec: { ...spec, service: { namespace: 'default', name: 'metrics', port } },
  });
  t.match(
    await availableWith({}, 'False'),
    /^failing or missing response from .*certificate/,
    'nobody knows its authority',
  );
  const bundle = (pem: string): object => ({ caBundle: Buffer.from(pem).toString('base64') });
  await availableWith(bundle(backendCa.certificate), 'True');
  await availableWith(bundle(proxyCa.certificate), 'False');
  await availableWith({ caBundle: null, insecureSkipTLSVerify: true }, 'True');
});

await t.test('a watch and a change of protocol go through', async (t) => {
  const watch = fixture.watch(`${root}/readings?watch=true`);
  await watch.until((lines) => lines.length === 1);
  t.notOk(watch.ended);
  watch.close();
  const admin = fixture.pki.pair('admin');
  const socket = await new Promise<Duplex>((resolve, reject) => {
    const asked = httpsRequest(`${fixture.url}${root}/readings/one/connect?x=1`, {
      ca: fixture.pki.authority,
      cert: admin.certificate,
      key: admin.privateKey,
      headers: {
        connection: 'Upgrade',
        upgrade: 'echo',
        'x-remote-user': 'forged',
        'sec-websocket-protocol': 'v1',
      },
    });
    asked.on('upgrade', (_response, opened) => {
      resolve(opened);
    });
    asked.on('response', (response) => {
      reject(new Error(`no upgrade: ${String(response.statusCode)}`));
    });
    asked.on('error', reject);
    asked.end();
  });
  const echoed = new Promise<string>((resolve) => {
    socket.once('data', (chunk: Buffer) => {
      resolve(chunk.toString());
    });
  });
  socket.write('hello');
  t.equal(await echoed, 'hello');
  t.match(upgradeHeaders, {
    'x-remote-user': 'kubernetes-admin',
    upgrade: 'echo',
    'sec-websocket-protocol': 'v1',
  });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  for (const one of tunnels) one.destroy();
  await closed;
  t.strictSame(fixture.errors, []);
});
