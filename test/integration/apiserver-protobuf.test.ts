/** The API server spoken to in protobuf: by hand, and by the Go clients that really do so. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { protobufType, protobufWatchType } from '../../api/protobuf/envelope.js';
import { omit } from '../../apiserver/omit.js';
import { unpackTool } from '../../cli/kubectl/unpack-kubectl.js';
import { storedResources } from '../../api/resources.js';
import { startFixture } from '../support/apiserver-fixture.js';
import type { Decoded } from '../support/protobuf-client.js';
import { protobufClient } from '../support/protobuf-client.js';
import { until } from '../support/until.js';

const fixture = await startFixture();
const client = protobufClient(fixture);
t.teardown(async () => {
  client.close();
  await fixture.stop();
});

const core = '/api/v1/namespaces/default';
const usual = `${protobufType},application/json`;
const container = { name: 'web', image: 'localhost/knarr/web:1' };

function pod(name: string, spec: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: 'web' } },
    spec: { containers: [container], ...spec },
  };
}

await t.test('an object that is created in protobuf is the one that JSON would have made', async (t) => {
  const created = await client.send('POST', `${core}/pods`, {
    accept: usual,
    body: ['core/v1.Pod', pod('a', { terminationGracePeriodSeconds: 0, enableServiceLinks: false })],
  });
  t.equal(created.status, 201);
  t.equal(created.contentType, protobufType);
  t.match(created.object, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a', namespace: 'default', uid: /./, resourceVersion: /\d/ },
    spec: { terminationGracePeriodSeconds: 0, enableServiceLinks: false, restartPolicy: 'Always' },
  });
  const json = (await fixture.request('GET', `${core}/pods/a`)).json;
  const read = await client.send('GET', `${core}/pods/a`);
  t.match(json, { spec: { terminationGracePeriodSeconds: 0, dnsPolicy: 'ClusterFirst' } });
  t.match(read.object, json, 'reading it in protobuf shows all that JSON shows');
  t.equal(
    (json['spec'] as Record<string, unknown>)['hostNetwork'],
    undefined,
    'a zero that nobody set is not kept',
  );
});

await t.test('update, patch, scale, delete', async (t) => {
  await client.send('POST', `${core}/configmaps`, {
    body: [
      'core/v1.ConfigMap',
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' }, data: { a: '1' } },
    ],
  });
  const { object } = await client.send('GET', `${core}/configmaps/m`);
  const updated = await client.send('PUT', `${core}/configmaps/m`, {
    body: ['core/v1.ConfigMap', { ...object, data: { a: '2' } }],
  });
  t.match(updated.object, { data: { a: '2' } });
  const patched = await client.send('PATCH', `${core}/configmaps/m`, {
    raw: { contentType: 'application/merge-patch+json', bytes: Buffer.from('{"data":{"b":"3"}}') },
  });
  t.match(patched.object, { data: { a: '2', b: '3' } });
  const conflict = await client.send('PUT', `${core}/configmaps/m`, { body: ['core/v1.ConfigMap', object] });
  t.equal(conflict.status, 409);
  t.match(conflict.object, { kind: 'Status', reason: 'Conflict', code: 409, details: { name: 'm' } });
  const deleted = await client.send('DELETE', `${core}/configmaps/m`, {
    body: [
      'meta/v1.DeleteOptions',
      { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: 'another' } },
    ],
  });
  t.match(deleted.object, { kind: 'Status', reason: 'Conflict', message: /UID in precondition: another/ });
  t.match((await client.send('DELETE', `${core}/configmaps/m`)).object, {
    kind: 'Status',
    status: 'Success',
  });

  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: 'd' } },
      template: { metadata: { labels: { app: 'd' } }, spec: { containers: [container] } },
    },
  };
  const scaled = '/apis/apps/v1/namespaces/default/deployments/d/scale';
  const made = await client.send('POST', '/apis/apps/v1/namespaces/default/deployments', {
    body: ['apps/v1.Deployment', deployment],
  });
  t.match(made.object, { spec: { replicas: 0, revisionHistoryLimit: 10 } }, 'zero replicas is not unset');
  const scale = (await client.send('GET', scaled)).object;
  t.match(scale, { kind: 'Scale', apiVersion: 'autoscaling/v1', status: { selector: 'app=d' } });
  const larger = await client.send('PUT', scaled, {
    body: ['autoscaling/v1.Scale', { ...scale, spec: { replicas: 3 } }],
  });
  t.match(larger.object, { spec: { replicas: 3 } });
});

await t.test('binding', async (t) => {
  const binding = {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: 'a' },
    target: { kind: 'Node', name: 'n1' },
  };
  const bound = await client.send('POST', `${core}/pods/a/binding`, { body: ['core/v1.Binding', binding] });
  t.match(bound.object, { kind: 'Status', status: 'Success' });
  t.match((await client.send('GET', `${core}/pods/a`)).object, { spec: { nodeName: 'n1' } });
});

await t.test('lists, whole, in chunks, large, and of metadata', async (t) => {
  for (let index = 0; index < 300; index++)
    await fixture.request('POST', '/api/v1/namespaces/default/configmaps', {
      metadata: { name: `c${String(index).padStart(3, '0')}` },
      data: { text: 'x'.repeat(500) },
    });
  const all = await client.send('GET', `${core}/configmaps`);
  t.match(all.object, { apiVersion: 'v1', kind: 'ConfigMapList', metadata: { resourceVersion: /\d/ } });
  const json = (await fixture.request('GET', `${core}/configmaps`)).json;
  t.strictSame(
    all.object['items'],
    (json['items'] as unknown as Record<string, unknown>[]).map(({ kind, apiVersion, ...rest }) => {
      t.strictSame({ kind, apiVersion }, { kind: 'ConfigMap', apiVersion: 'v1' });
      return rest;
    }),
  );
  const chunk = await client.send('GET', `${core}/configmaps?limit=2`);
  t.match(chunk.object, { metadata: { continue: /./, remainingItemCount: 298 } });
  t.equal((chunk.object['items'] as unknown[]).length, 2);
  const metadata = await client.send('GET', `${core}/configmaps?limit=1`, {
    accept: `${protobufType};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1`,
  });
  t.match(metadata.object, { kind: 'PartialObjectMetadataList', items: [{ metadata: { name: 'c000' } }] });
  const none = await client.send('GET', `${core}/secrets`);
  t.match(none.object, { kind: 'SecretList' });
});

await t.test('every kind that is stored can be listed, and shows what JSON shows', async (t) => {
  for (const definition of storedResources) {
    const { group, version, plural, kind } = definition;
    const path = `${group === '' ? '/api' : `/apis/${group}`}/${version}/${plural}`;
    const [proto, json] = [await client.send('GET', path), await fixture.request('GET', path)];
    t.match(proto.object, { kind: `${kind}List` }, path);
    const { items = [] } = proto.object as { items?: readonly object[] };
    const shown = (json.json['items'] ?? []) as readonly Decoded[];
    t.match(
      items,
      shown.map((item) => omit(item, 'kind', 'apiVersion')),
      `${path}: ${items.length} items`,
    );
  }
});

await t.test('a watch is a stream of frames', async (t) => {
  const path = `${core}/pods?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`;
  const { contentType, events } = await client.watch(path, 4, {
    meanwhile: async () => {
      await client.send('POST', `${core}/pods`, { body: ['core/v1.Pod', pod('b')] });
      await client.send('DELETE', `${core}/pods/b?gracePeriodSeconds=0`);
    },
  });
  t.equal(contentType, protobufWatchType);
  t.match(events, [
    { type: 'ADDED', object: { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'a' } } },
    {
      type: 'BOOKMARK',
      object: { kind: 'Pod', metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } },
    },
    { type: 'ADDED', object: { metadata: { name: 'b' }, spec: { containers: [container] } } },
    { type: 'DELETED', object: { metadata: { name: 'b' } } },
  ]);
  const tooOld = await client.send('GET', `${core}/pods?watch=true&resourceVersion=999999999`);
  t.match(tooOld.object, { kind: 'Status', status: 'Failure', reason: 'Timeout' });
});

await t.test('metadata alone: what garbage collectors ask for', async (t) => {
  const accept = `${protobufType};as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json`;
  const expected = {
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { name: 'a', labels: { app: 'web' } },
  };
  const one = await client.send('GET', `${core}/pods/a`, { accept });
  t.match(one.object, expected);
  t.equal(one.object['spec'], undefined);
  const { events } = await client.watch(`${core}/pods?watch=true`, 1, { accept });
  t.match(events, [{ type: 'ADDED', object: expected }]);
});

await t.test('all watchers of an event get the same bytes', async (t) => {
  const path = `${core}/configmaps?watch=true&fieldSelector=metadata.name%3Dc000`;
  const watches = await Promise.all([client.watch(path, 1), client.watch(path, 1), client.watch(path, 1)]);
  const [first, ...others] = watches.map(({ events }) => events[0]);
  for (const other of others) t.strictSame(other, first);
});

await t.test('what cannot be', async (t) => {
  const json = { raw: { contentType: 'application/json', bytes: Buffer.from('{}') } };
  const cases: readonly (readonly [string, Parameters<typeof client.send>, number, object])[] = [
    ['not found', ['GET', `${core}/pods/nobody`], 404, { reason: 'NotFound', details: { name: 'nobody' } }],
    ['no such resource', ['GET', '/api/v1/nothing'], 404, { reason: 'NotFound' }],
    [
      'invalid',
      ['POST', `${core}/pods`, { body: ['core/v1.Pod', { ...pod('x'), spec: {} }] }],
      422,
      { reason: 'Invalid', details: { causes: [{ field: 'spec.containers' }] } },
    ],
    [
      'another kind',
      ['POST', `${core}/pods`, { body: ['core/v1.Secret', { apiVersion: 'v1', kind: 'Secret' }] }],
      400,
      { reason: 'BadRequest', message: /Secret in version "v1" cannot be handled as a Pod/ },
    ],
    [
      'no envelope',
      ['POST', `${core}/pods`, { raw: { contentType: protobufType, bytes: Buffer.from('{}') } }],
      400,
      { reason: 'BadRequest', message: /expected prefix/ },
    ],
    [
      'not known here',
      ['POST', `${core}/pods`, { raw: { contentType: 'application/cbor', bytes: Buffer.from('x') } }],
      415,
      { reason: 'UnsupportedMediaType', message: /application\/vnd\.kubernetes\.protobuf/ },
    ],
    ['invalid JSON, answered in protobuf', ['POST', `${core}/pods`, json], 422, { reason: 'Invalid' }],
  ];
  for (const [name, args, status, expected] of cases) {
    const answer = await client.send(...args);
    t.equal(answer.status, status, name);
    t.equal(answer.contentType, protobufType, name);
    t.match(
      answer.object,
      { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status, ...expected },
      name,
    );
  }
  const refused = await client.send('GET', `${core}/pods`, {
    accept: `${protobufType};as=Table;g=meta.k8s.io;v=v1`,
  });
  t.equal(refused.status, 406);
  t.equal(refused.contentType, 'application/json', 'who asks for what there is not is told in JSON');
  t.match(refused.bytes.toString(), /NotAcceptable/);
});

await t.test('JSON first, or preferred, gives JSON', async (t) => {
  for (const accept of [
    `application/json,${protobufType}`,
    `${protobufType};q=0.2,application/json;q=0.9`,
    '*/*',
  ]) {
    const { contentType } = await client.send('GET', `${core}/pods/a`, { accept });
    t.equal(contentType, 'application/json', accept);
  }
});

await t.test('kubectl reads what it created, both in protobuf', async (t) => {
  const kubectl = await unpackTool('v1.35', 'kubectl');
  const run = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await fixture.kubectl(kubectl, args);
    t.equal(code, 0, `${args.join(' ')} ${code === 0 ? '' : stderr}`);
    return stdout + stderr;
  };
  const spoken = await run('create', 'deployment', 'k', '--image=localhost/knarr/web:1', '--port=80', '-v=8');
  t.match(
    spoken,
    /"Request"[^>]*\tContent-Type: application\/vnd\.kubernetes\.protobuf/,
    'it sends protobuf',
  );
  t.match(
    spoken,
    /status="201 Created"[^>]*\tContent-Type: application\/vnd\.kubernetes\.protobuf/,
    'and gets it',
  );
  t.match(await run('describe', 'deployment', 'k'), /Replicas:\s+1 desired[\s\S]*Port:\s+80\/TCP/);
  await run('create', 'service', 'nodeport', 'k', '--tcp=80:http', '--node-port=30080');
  t.match(await run('describe', 'service', 'k'), /TargetPort:\s+http\/TCP\nNodePort:\s+80-http\s+30080\/TCP/);
  await run('create', 'secret', 'generic', 'k', '--from-literal=password=secret');
  t.match(await run('describe', 'secret', 'k'), /password:\s+6 bytes/);
  t.match(await run('describe', 'pod', 'a'), /Node:\s+n1[\s\S]*Image:\s+localhost\/knarr\/web:1/);
  const again = await fixture.kubectl(kubectl, ['create', 'secret', 'generic', 'k']);
  t.match(again.stderr, /^error: failed to create secret secrets "k" already exists/, 'errors, too');
});

await t.test('kubectl follows a watch in protobuf', async (t) => {
  const kubectl = await unpackTool('v1.35', 'kubectl');
  const child = spawn(kubectl, ['--kubeconfig', fixture.kubeconfig, 'events', '--watch'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  try {
    for (const reason of ['First', 'Second']) {
      await fixture.request('POST', '/api/v1/namespaces/default/events', {
        metadata: { name: `event-${reason.toLowerCase()}` },
        involvedObject: { kind: 'Pod', name: 'a', namespace: 'default' },
        reason,
        message: 'happened',
        type: 'Normal',
      });
      await until(`kubectl shows the event ${reason}`, () => output.includes(`${reason} `), 10_000);
    }
  } finally {
    child.kill();
    await ended;
  }
  t.match(output, /Normal\s+Second\s+Pod\/a\s+happened/);
});

await t.test('helm keeps its releases in Secrets, which it reads and writes in protobuf', async (t) => {
  const helm = await unpackTool('v1.35', 'helm');
  const chart = t.testdir({
    'Chart.yaml': 'apiVersion: v2\nname: small\nversion: 0.1.0\n',
    'values.yaml': 'color: blue\n',
    templates: {
      'settings.yaml':
        'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: "{{ .Release.Name }}" }\ndata: { color: "{{ .Values.color }}" }\n',
    },
  });
  const run = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await fixture.kubectl(helm, args);
    t.equal(code, 0, `${args.join(' ')} ${code === 0 ? '' : stderr}`);
    return stdout;
  };
  const color = async (): Promise<unknown> =>
    (await fixture.request('GET', `${core}/configmaps/small`)).json['data']?.['color'];
  await run('install', 'small', chart, '--server-side=false');
  t.equal(await color(), 'blue');
  await run('upgrade', 'small', chart, '--server-side=false', '--set', 'color=red');
  t.equal(await color(), 'red');
  await run('rollback', 'small', '1', '--server-side=false');
  t.equal(await color(), 'blue');
  t.match(JSON.parse(await run('history', 'small', '--output', 'json')), [
    { revision: 1, status: 'superseded' },
    { revision: 2, status: 'superseded' },
    { revision: 3, status: 'deployed' },
  ]);
  await run('uninstall', 'small');
  t.equal(await color(), undefined);
});

void t.test('nothing went wrong inside', async (t) => {
  t.strictSame(fixture.errors, []);
});
