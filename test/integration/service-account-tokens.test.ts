/** Tokens over real HTTP: asked for, used, refused, reviewed, and projected into a pod by a kubelet. */
import { readFileSync } from 'node:fs';
import { stat, readFile } from 'node:fs/promises';
import { createPublicKey } from 'node:crypto';
import { join } from 'node:path';
import { compactVerify } from 'jose';
import t from 'tap';
import type { Pod } from '../../api/generated/core-v1.js';
import { pods } from '../../api/resources.js';
import { createRestClient } from '../../client/rest-client.js';
import { systemClock } from '../../common/clock.js';
import { MemoryRuntime } from '../../kubelet/cri/memory-runtime.js';
import { isMountPoint } from '../../kubelet/volumes/mounter.js';
import { startFixture, textOf } from '../support/apiserver-fixture.js';
import type { Answer, JsonObject } from '../support/apiserver-fixture.js';
import { isReady, TestNode } from '../support/kubelet.js';
import { testIssuer } from '../support/signing-key.js';

const image = 'localhost/knarr/web:1';
const core = '/api/v1/namespaces/default';
const tokenPath = `${core}/serviceaccounts/default/token`;

const api = await startFixture({ disabledAdmissionPlugins: [] });
const { request } = api;
const client = createRestClient({
  connection: { kubeconfig: await api.pki.kubeconfig('kubelet', api.url) },
  userAgent: 'test-kubelet',
});
const runtime = new MemoryRuntime({ clock: systemClock, images: [image], events: true });
const node = new TestNode({ client, runtime, logLevel: 'warn' });
t.teardown(async () => {
  await node.remove();
  await client.close();
  await api.stop();
});

const account = (name: string, more: object = {}): Promise<Answer> =>
  request('POST', `${core}/serviceaccounts`, { metadata: { name }, ...more });
const askToken = (spec: object, path = tokenPath, metadata: object = {}): Promise<Answer> =>
  request('POST', path, { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', metadata, spec });
const tokenOf = (answer: Answer): string => textOf(answer.json['status']?.['token']);
const withToken = (token: string, method: string, path: string, body?: unknown): Promise<Answer> =>
  request(method, path, body, { anonymous: true, headers: { authorization: `Bearer ${token}` } });
const whoIs = (token: string): Promise<Answer> =>
  withToken(token, 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
    kind: 'SelfSubjectReview',
    apiVersion: 'authentication.k8s.io/v1',
  });

await t.test('a pod waits for its account and is refused without one', async (t) => {
  const refused = await request('POST', `${core}/pods`, {
    metadata: { name: 'early' },
    spec: { serviceAccountName: 'nobody', containers: [{ name: 'web', image }] },
  });
  t.match(refused.json, {
    code: 403,
    message:
      'pods "early" is forbidden: error looking up service account default/nobody: serviceaccount "nobody" not found',
  });
  const creating = request('POST', `${core}/pods`, {
    metadata: { name: 'early' },
    spec: { containers: [{ name: 'web', image }] },
  });
  await account('default');
  t.equal((await creating).status, 201, 'the default account came a moment later');
});

await t.test('what a pod gets of its account', async (t) => {
  await account('quiet', { automountServiceAccountToken: false, imagePullSecrets: [{ name: 'registry' }] });
  const tokenMount = '/var/run/secrets/kubernetes.io/serviceaccount';
  const create = async (name: string, spec: Partial<Pod['spec']>): Promise<Pod['spec']> => {
    const { json, status } = await request('POST', `${core}/pods`, {
      metadata: { name },
      spec: { containers: [{ name: 'web', image }], ...spec },
    });
    t.equal(status, 201, name);
    return json['spec'] as unknown as Pod['spec'];
  };
  const plain = await create('plain', {
    initContainers: [{ name: 'init', image }] as never,
    containers: [
      { name: 'web', image },
      { name: 'own', image, volumeMounts: [{ name: 'mine', mountPath: tokenMount }] },
    ] as never,
    volumes: [{ name: 'mine', emptyDir: {} }],
  });
  const name = plain.volumes?.[1]?.name ?? '';
  t.match(name, /^kube-api-access-[a-z0-9]{5}$/);
  t.equal(plain.serviceAccountName, 'default');
  t.strictSame(plain.volumes?.[1]?.projected, {
    defaultMode: 0o644,
    sources: [
      { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
        },
      },
    ],
  });
  const mount = [{ name, readOnly: true, mountPath: tokenMount }];
  t.strictSame(plain.initContainers?.[0]?.volumeMounts, mount);
  t.strictSame(plain.containers[0]?.volumeMounts, mount);
  t.strictSame(plain.containers[1]?.volumeMounts, [{ name: 'mine', mountPath: tokenMount }]);
  const quiet = await create('quiet', { serviceAccountName: 'quiet' });
  t.strictSame([quiet.volumes ?? [], quiet.imagePullSecrets], [[], [{ name: 'registry' }]]);
  const loud = await create('loud', {
    serviceAccountName: 'quiet',
    automountServiceAccountToken: true,
    imagePullSecrets: [{ name: 'other' }],
  });
  t.strictSame([loud.volumes?.length, loud.imagePullSecrets], [1, [{ name: 'other' }]]);
  t.strictSame((await create('silent', { automountServiceAccountToken: false })).volumes ?? [], []);
});

await t.test('a token is asked for and used', async (t) => {
  const answer = await askToken({ expirationSeconds: 600 });
  t.equal(answer.status, 201);
  t.match(answer.json, {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name: 'default', namespace: 'default', creationTimestamp: String },
    spec: { audiences: [testIssuer], expirationSeconds: 600 },
    status: { expirationTimestamp: /Z$/ },
  });
  const token = tokenOf(answer);
  t.equal((await withToken(token, 'GET', `${core}/pods`)).status, 200);
  t.match((await whoIs(token)).json, {
    status: {
      userInfo: {
        username: 'system:serviceaccount:default:default',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
      },
    },
  });
  for (const bad of [`${token}x`, 'x', tokenOf(await askToken({ audiences: ['vault'] }))]) {
    const { status, json } = await withToken(bad, 'GET', `${core}/pods`);
    t.equal(status, 401);
    t.match(json, {
      kind: 'Status',
      status: 'Failure',
      message: 'Unauthorized',
      reason: 'Unauthorized',
      code: 401,
    });
  }
  const other = await request('GET', `${core}/pods`, undefined, {
    anonymous: true,
    headers: { authorization: 'Basic YTpi' },
  });
  t.equal(other.status, 403, 'another scheme is nobody');
});

await t.test('what is wrong with a request', async (t) => {
  const pod = { kind: 'Pod', apiVersion: 'v1', name: 'plain' };
  const table: [string, Promise<Answer>, number, RegExp][] = [
    [
      'short',
      askToken({ expirationSeconds: 599 }),
      422,
      /spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes/,
    ],
    [
      'long',
      askToken({ expirationSeconds: 2 ** 33 }),
      422,
      /may not specify a duration larger than 2\^32 seconds/,
    ],
    [
      'name',
      askToken({}, tokenPath, { name: 'x' }),
      422,
      /metadata.name: Invalid value: "x": must match the service account name/,
    ],
    [
      'account',
      askToken({}, `${core}/serviceaccounts/nobody/token`),
      404,
      /serviceaccounts "nobody" not found/,
    ],
    ['pod', askToken({ boundObjectRef: { ...pod, name: 'none' } }), 404, /pods "none" not found/],
    ['uid', askToken({ boundObjectRef: { ...pod, uid: 'u0' } }), 409, /does not match the UID in record/],
    [
      'kind',
      askToken({ boundObjectRef: { ...pod, kind: 'Service' } }),
      400,
      /cannot bind token to object of type v1, Kind=Service/,
    ],
    [
      'account of pod',
      askToken({ boundObjectRef: { ...pod, name: 'quiet' } }),
      400,
      /running with different serviceaccount name/,
    ],
    ['method', request('GET', tokenPath), 405, /does not allow this method/],
  ];
  for (const [name, asked, code, message] of table) {
    const { json } = await asked;
    t.match(json, { code, message }, name);
  }
});

await t.test('a token dies with what it is bound to', async (t) => {
  await request('POST', `${core}/secrets`, { metadata: { name: 'key' } });
  await account('short');
  const path = `${core}/serviceaccounts/short/token`;
  const boundObjectRef = { kind: 'Secret', apiVersion: 'v1', name: 'key' };
  const bound = tokenOf(await askToken({ boundObjectRef }, path));
  const free = tokenOf(await askToken({}, path));
  await request('DELETE', `${core}/secrets/key`);
  t.equal((await whoIs(bound)).status, 401);
  t.equal((await whoIs(free)).status, 201);
  const gone = tokenOf(await askToken({}, path));
  await request('DELETE', `${core}/serviceaccounts/short`);
  await account('short');
  t.equal((await whoIs(gone)).status, 401, 'an account of the same name is another one');
});

await t.test('others may check tokens', async (t) => {
  const token = tokenOf(await askToken({ audiences: ['vault', testIssuer] }));
  const review = async (spec: object): Promise<JsonObject | undefined> =>
    (await request('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec })).json['status'];
  t.match(await review({ token, audiences: ['vault', 'x'] }), {
    authenticated: true,
    audiences: ['vault'],
    user: { username: 'system:serviceaccount:default:default' },
  });
  t.match(await review({ token }), { authenticated: true, audiences: [testIssuer] });
  const refused = await review({ token, audiences: ['x'] });
  t.match([refused?.['authenticated'], refused?.['error']], [undefined, /audiences/]);

  const discovery = await withToken(token, 'GET', '/.well-known/openid-configuration');
  t.match(discovery.json, {
    issuer: testIssuer,
    jwks_uri: `https://192.0.2.1:${api.server.port}/openid/v1/jwks`,
    id_token_signing_alg_values_supported: ['RS256'],
  });
  const keys = await withToken(token, 'GET', '/openid/v1/jwks');
  t.equal(keys.headers['content-type'], 'application/jwk-set+json');
  const [jwk] = keys.json['keys'] as unknown as [{ kty: string }];
  const checked = await compactVerify(token, createPublicKey({ key: jwk, format: 'jwk' }));
  t.equal(checked.protectedHeader.alg, 'RS256');
});

await t.test('the kubelet projects a token and keeps it over its restart', async (t) => {
  await request('POST', `${core}/configmaps`, {
    metadata: { name: 'kube-root-ca.crt' },
    data: { 'ca.crt': readFileSync(api.pki.authorityFile, 'utf8') },
  });
  await node.start();
  await node.createPod('web', { containers: [{ name: 'web', image }] as never });
  const running = await node.untilPod('web', isReady);
  const volume = running.spec.volumes?.[0]?.name ?? '';
  const folder = join(node.rootDir, 'pods', running.metadata.uid, 'volumes/kubernetes.io~projected', volume);
  const read = (file: string): Promise<string> => readFile(join(folder, file), 'utf8');
  t.equal(await read('namespace'), 'default');
  t.equal(await read('ca.crt'), api.pki.authority);
  t.equal((await stat(join(folder, 'token'))).mode & 0o777, 0o644);
  t.ok(await isMountPoint(node.mounter, folder), 'in memory, not on the disk');
  const token = await read('token');
  t.match((await whoIs(token)).json, {
    status: {
      userInfo: {
        username: 'system:serviceaccount:default:default',
        extra: {
          'authentication.kubernetes.io/pod-name': ['web'],
          'authentication.kubernetes.io/pod-uid': [running.metadata.uid],
          'authentication.kubernetes.io/node-name': ['node-1'],
        },
      },
    },
  });
  await node.stop();
  await node.start();
  const patch = { metadata: { labels: { seen: 'yes' } } };
  await client.resource(pods).patch({ namespace: 'default', name: 'web' }, 'merge', patch);
  await node.createPod('private', {
    securityContext: { runAsUser: 1000, fsGroup: 2000 },
    containers: [{ name: 'web', image }] as never,
  });
  const other = await node.untilPod('private', isReady);
  t.equal(await read('token'), token, 'the same token');
  const file = join(
    node.rootDir,
    'pods',
    other.metadata.uid,
    'volumes/kubernetes.io~projected',
    other.spec.volumes?.[0]?.name ?? '',
    'token',
  );
  const { mode, uid, gid } = await stat(file);
  t.strictSame([mode & 0o777, uid, gid], [0o640, 1000, 2000]);
  await client.resource(pods).delete({ namespace: 'default', name: 'web' });
  await node.untilGone('web');
  t.equal((await whoIs(tokenOf(await askToken({})))).status, 201);
  t.strictSame(api.errors, []);
});
