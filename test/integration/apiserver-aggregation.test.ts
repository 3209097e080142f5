/** APIServices: those of the server itself, and one whose server is behind it, on loopback. */
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mkdtemp, rm } from 'node:fs/promises';
import t from 'tap';
import { unpackTool } from '../../cli/kubectl/unpack-kubectl.js';
import { listOf, startFixture, textOf } from '../support/apiserver-fixture.js';
import { conditionOf, define, openDefinition } from '../support/custom-definitions.js';
import { testPki } from '../support/pki.js';
import { until } from '../support/until.js';

const folder = await mkdtemp(join(tmpdir(), 'knarr-aggregation-'));
const pki = await testPki(join(folder, 'pki'));
const client = pki.pair('apiserver-kubelet-client');
const fixture = await startFixture({
  proxyCertificate: { cert: client.certificate, key: client.privateKey },
});
const services = '/apis/apiregistration.k8s.io/v1/apiservices';
const remotePath = '/apis/metrics.example.com/v1';

/** A small API server that serves one resource and tells who asks. */
const { certificate, privateKey } = pki.pair('apiserver');
const backend = createServer(
  { cert: certificate, key: privateKey, ca: pki.authority, requestCert: true, rejectUnauthorized: true },
  (request, response) => {
    answer(request, response);
  },
);
await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
const { port } = backend.address() as AddressInfo;

const documentTag = '"first"';
const documentsAsked: [string, string][] = [];
const indexV3 = {
  paths: {
    'apis/metrics.example.com/v1': { serverRelativeURL: `/openapi/v3${remotePath}?hash=ABC` },
    'api/v1': { serverRelativeURL: '/openapi/v3/api/v1?hash=evil' },
  },
};
const documentV2 = {
  swagger: '2.0',
  info: { title: 'readings', version: '1' },
  paths: {
    [`${remotePath}/readings`]: {
      get: {
        operationId: 'listReadings',
        responses: {
          200: { description: 'OK', schema: { $ref: '#/definitions/com.example.metrics.v1.Reading' } },
        },
      },
    },
    '/api/v1/pods': { get: { operationId: 'evil' } },
  },
  definitions: {
    'com.example.metrics.v1.Reading': {
      type: 'object',
      description: 'What a meter says.',
      'x-kubernetes-group-version-kind': [{ group: 'metrics.example.com', version: 'v1', kind: 'Reading' }],
    },
  },
};

function answer(request: IncomingMessage, response: ServerResponse): void {
  const [path = ''] = (request.url ?? '').split('?');
  const send = (status: number, value: object): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
  if (path === remotePath)
    send(200, {
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion: 'metrics.example.com/v1',
      resources: [
        {
          name: 'readings',
          singularName: 'reading',
          namespaced: false,
          kind: 'Reading',
          verbs: ['get', 'list'],
          shortNames: ['rd'],
        },
      ],
    });
  else if (path === '/openapi/v2' || path === '/openapi/v3') {
    documentsAsked.push([path, String(request.headers['if-none-match'])]);
    if (request.headers['if-none-match'] === documentTag) response.writeHead(304).end();
    else {
      response.setHeader('etag', documentTag);
      send(200, path === '/openapi/v2' ? documentV2 : indexV3);
    }
  } else if (path === `/openapi/v3${remotePath}`) {
    documentsAsked.push([request.url ?? '', '']);
    send(200, {
      openapi: '3.0.0',
      info: { title: 'readings', version: '1' },
      paths: {},
      components: { schemas: {} },
    });
  } else if (path === `${remotePath}/readings`)
    send(200, {
      kind: 'ReadingList',
      apiVersion: 'metrics.example.com/v1',
      metadata: {},
      items: [
        {
          metadata: { name: 'one' },
          headers: request.headers,
          peer: peerOf(request),
        },
      ],
    });
  else
    send(404, {
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      reason: 'NotFound',
      code: 404,
      message: 'no such thing',
    });
}

t.teardown(async () => {
  backend.closeAllConnections();
  backend.close();
  await fixture.stop();
  await rm(folder, { recursive: true, force: true });
});

function peerOf({ socket }: IncomingMessage): unknown {
  return 'getPeerCertificate' in socket
    ? (socket as unknown as Pick<TLSSocket, 'getPeerCertificate'>).getPeerCertificate().subject
    : undefined;
}

async function available(name: string, status: string): Promise<void> {
  await until(
    `${name} is ${status}`,
    async () => {
      const { json } = await fixture.request('GET', `${services}/${name}`);
      return conditionOf(json, 'Available') === status;
    },
    10_000,
  );
}

await t.test('the server registers what it serves itself', async (t) => {
  await available('v1.apps', 'True');
  await available('v2.autoscaling', 'True');
  const apps = (await fixture.request('GET', `${services}/v1.apps`)).json;
  t.match(apps, {
    metadata: { labels: { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' } },
    spec: { group: 'apps', version: 'v1', groupPriorityMinimum: 17800, versionPriority: 15 },
    status: { conditions: [{ reason: 'Local', message: 'Local APIServices are always available' }] },
  });
  await define(fixture, openDefinition('Probe'));
  await available('v1.things.example.com', 'True');
  await fixture.request(
    'DELETE',
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/probes.things.example.com',
  );
  await until(
    'it goes with the definition',
    async () => (await fixture.request('GET', `${services}/v1.things.example.com`)).status === 404,
  );
  const kubectl = await unpackTool('v1.35', 'kubectl');
  const { stdout } = await fixture.kubectl(kubectl, ['get', 'apiservices', 'v1.apps']);
  t.match(stdout, /^NAME +SERVICE +AVAILABLE +AGE\nv1\.apps +Local +True +\d+s\n$/);
});

const remote = {
  apiVersion: 'apiregistration.k8s.io/v1',
  kind: 'APIService',
  metadata: { name: 'v1.metrics.example.com' },
  spec: {
    group: 'metrics.example.com',
    version: 'v1',
    groupPriorityMinimum: 100,
    versionPriority: 100,
    insecureSkipTLSVerify: true,
    service: { namespace: 'default', name: 'metrics', port },
  },
};

await t.test('what is wrong is refused', async (t) => {
  const bad = await fixture.request('POST', services, {
    ...remote,
    metadata: { name: 'x' },
    spec: { ...remote.spec, groupPriorityMinimum: 0, caBundle: 'eA==', service: { port: 0 } },
  });
  t.equal(bad.status, 422);
  for (const field of [
    'metadata.name',
    'spec.groupPriorityMinimum',
    'spec.service.namespace',
    'spec.insecureSkipTLSVerify',
  ])
    t.match(textOf(bad.json['message']), field);
});

await t.test('another server behind this one', async (t) => {
  t.equal((await fixture.request('POST', services, remote)).status, 201);
  await available('v1.metrics.example.com', 'False');
  t.match((await fixture.request('GET', `${remotePath}/readings`)).json, {
    code: 503,
    reason: 'ServiceUnavailable',
  });
  await fixture.request('POST', '/api/v1/namespaces/default/services', {
    metadata: { name: 'metrics' },
    spec: { type: 'ExternalName', externalName: 'localhost' },
  });
  // A changed APIService is looked at at once; the Service alone would be with the next round.
  await fixture.request(
    'PATCH',
    `${services}/v1.metrics.example.com`,
    { spec: { versionPriority: 99 } },
    {
      headers: { 'content-type': 'application/merge-patch+json' },
    },
  );
  await available('v1.metrics.example.com', 'True');
  const [item] = listOf(
    (
      await fixture.request('GET', `${remotePath}/readings?limit=5`, undefined, {
        headers: { 'x-remote-user': 'forged' },
      })
    ).json['items'],
  );
  t.match(item?.['headers'], { 'x-remote-user': 'kubernetes-admin', 'x-remote-group': /system:masters/ });
  t.match(item?.['peer'], { CN: /./ }, 'the server proves itself');
  t.match((await fixture.request('GET', `${remotePath}/nothing`)).json, {
    code: 404,
    message: 'no such thing',
  });
  await until('discovery has it', async () =>
    (await fixture.request('GET', '/apis')).text.includes('metrics.example.com'),
  );
  t.match((await fixture.request('GET', remotePath)).json, { resources: [{ name: 'readings' }] });
  const kubectl = await unpackTool('v1.35', 'kubectl');
  const { stdout, stderr } = await fixture.kubectl(kubectl, ['get', 'rd', '-o', 'name']);
  t.match(stdout, 'reading.metrics.example.com/one', stderr);
  t.equal((await fixture.request('GET', remotePath, undefined, { anonymous: true })).status, 403);

  const documents = async (): Promise<string> => (await fixture.request('GET', '/openapi/v2')).text;
  await until('its OpenAPI is part of ours', async () => (await documents()).includes('listReadings'));
  const v2 = (await fixture.request('GET', '/openapi/v2')).json;
  t.match(v2['definitions']?.['com.example.metrics.v1.Reading'], { description: 'What a meter says.' });
  t.notMatch(JSON.stringify(v2['paths']?.['/api/v1/pods']), 'evil', 'and no more than what it serves');
  t.ok(v2['definitions']?.['io.k8s.api.core.v1.Pod'], 'ours is still there');
  const proto = await fixture.request('GET', '/openapi/v2', undefined, {
    headers: { accept: 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf' },
  });
  t.match(proto.text, 'What a meter says.');
  const index = (await fixture.request('GET', '/openapi/v3')).json['paths'];
  const entry = `/openapi/v3${remotePath}?hash=ABC`;
  t.strictSame(index?.['apis/metrics.example.com/v1'], { serverRelativeURL: entry });
  t.notMatch(JSON.stringify(index?.['api/v1']), 'evil');
  const document = await fixture.request('GET', entry);
  t.match(document.json, { info: { title: 'readings' } });
  t.equal(document.headers['etag'], '"ABC"');
  t.equal(
    (await fixture.request('GET', entry, undefined, { headers: { 'if-none-match': '"ABC"' } })).status,
    304,
  );
  t.equal(documentsAsked.filter(([path]) => path.endsWith('hash=ABC')).length, 1, 'it is fetched once');
  const groups = (): Promise<string[]> =>
    fixture
      .request('GET', '/apis')
      .then(({ json }) => listOf(json['groups']).map((one) => textOf(one['name'])));
  t.equal((await groups()).at(-1), 'metrics.example.com', 'a group of little priority is the last');
  await fixture.request(
    'PATCH',
    `${services}/v1.metrics.example.com`,
    { spec: { groupPriorityMinimum: 17_350 } },
    { headers: { 'content-type': 'application/merge-patch+json' } },
  );
  await until('it goes behind batch', async () => {
    const names = await groups();
    return names[names.indexOf('metrics.example.com') - 1] === 'batch';
  });

  backend.closeAllConnections();
  await new Promise((resolve) => backend.close(resolve));
  t.match((await fixture.request('GET', `${remotePath}/readings`)).json, { code: 503 });
  await fixture.request(
    'PATCH',
    `${services}/v1.metrics.example.com`,
    { spec: { versionPriority: 98 } },
    { headers: { 'content-type': 'application/merge-patch+json' } },
  );
  await available('v1.metrics.example.com', 'False');
  await until('its OpenAPI is left out', async () => !(await documents()).includes('listReadings'));
  t.match(await documents(), 'io.k8s.api.core.v1.Pod', 'and nothing else');
  await fixture.request('DELETE', `${services}/v1.metrics.example.com`);
  await until('it is gone', async () => (await fixture.request('GET', remotePath)).status === 404);
  t.notMatch((await fixture.request('GET', '/apis')).text, 'metrics.example.com');
  t.strictSame(fixture.errors, []);
});
