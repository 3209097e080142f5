/** Create, read, update, patch and delete over HTTPS, on a real server with a store in memory. */
import t from 'tap';
import { listOf, startFixture, textOf } from '../support/apiserver-fixture.js';

const fixture = await startFixture();
t.teardown(() => fixture.stop());
const { request } = fixture;

const core = '/api/v1/namespaces/default';
const apps = '/apis/apps/v1/namespaces/default';
const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
const strategic = { headers: { 'content-type': 'application/strategic-merge-patch+json' } };

const containers = [{ name: 'web', image: 'localhost/knarr/web:1' }];
const pod = (name: string, spec: object = {}): object => ({
  metadata: { name, labels: { app: name } },
  spec: { containers, ...spec },
});
const deployment = (name: string, replicas = 1): object => ({
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers } },
  },
});
async function node(name: string): Promise<void> {
  await request('POST', '/api/v1/nodes', { metadata: { name } });
}

await t.test('the cluster begins with its namespaces and the Service that leads to it', async (t) => {
  const names = listOf((await request('GET', '/api/v1/namespaces')).json['items']);
  t.strictSame(
    names.map((one) => one['metadata']?.['name']),
    ['default', 'kube-node-lease', 'kube-public', 'kube-system'],
  );
  const service = await request('GET', `${core}/services/kubernetes`);
  t.match(service.json, { spec: { clusterIP: '10.96.0.1', ports: [{ port: 443 }] } });
  const slice = await request(
    'GET',
    '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes',
  );
  t.match(slice.json, { endpoints: [{ addresses: ['192.0.2.1'], conditions: { ready: true } }] });
});

await t.test('who may ask', async (t) => {
  t.equal((await request('GET', '/readyz', undefined, { anonymous: true })).text, 'ok');
  t.equal((await request('GET', '/version', undefined, { anonymous: true })).status, 200);
  const refused = await request('GET', '/api/v1/pods', undefined, { anonymous: true });
  t.match(refused.json, {
    code: 403,
    reason: 'Forbidden',
    message:
      'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope',
  });
  const headers = { authorization: 'Bearer x' };
  const byCertificate = await request('GET', '/api/v1/pods', undefined, { headers });
  t.equal(byCertificate.status, 200, 'a certificate that proves a name is enough');
  const token = await request('GET', '/api/v1/pods', undefined, { anonymous: true, headers });
  t.match(token.json, { code: 401, reason: 'Unauthorized', message: 'Unauthorized' });
});

await t.test('a created pod has everything that Kubernetes fills in', async (t) => {
  const { status, json } = await request('POST', `${core}/pods`, pod('a'));
  t.equal(status, 201);
  t.match(json, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', generation: 1, uid: /^[0-9a-f-]{36}$/, resourceVersion: /^\d+$/ },
    spec: {
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      schedulerName: 'default-scheduler',
      terminationGracePeriodSeconds: 30,
      enableServiceLinks: true,
      priority: 0,
      containers: [
        { imagePullPolicy: 'IfNotPresent', terminationMessagePath: '/dev/termination-log', resources: {} },
      ],
      tolerations: [
        { key: 'node.kubernetes.io/not-ready', tolerationSeconds: 300 },
        { key: 'node.kubernetes.io/unreachable', tolerationSeconds: 300 },
      ],
    },
    status: { phase: 'Pending', qosClass: 'BestEffort' },
  });
  t.strictSame((await request('GET', `${core}/pods/a`)).json, json, 'and is read as it was answered');
  const again = await request('POST', `${core}/pods`, pod('a'));
  t.match(again.json, { code: 409, reason: 'AlreadyExists', message: 'pods "a" already exists' });
});

await t.test('names are generated', async (t) => {
  const body = { metadata: { generateName: 'some-' }, data: { a: 'b' } };
  const names = new Set<string>();
  for (let round = 0; round < 3; round++) {
    const { json } = await request('POST', `${core}/configmaps`, body);
    t.match(json['metadata']?.['name'], /^some-[a-z0-9]{5}$/);
    names.add(textOf(json['metadata']?.['name']));
  }
  t.equal(names.size, 3);
});

await t.test('all violations come at once, with their paths', async (t) => {
  const { status, json } = await request('POST', `${core}/pods`, {
    metadata: { name: 'A_b' },
    spec: { containers: [{ name: 'x' }], restartPolicy: 'Sometimes' },
  });
  t.equal(status, 422);
  const causes = listOf(json['details']?.['causes']);
  t.strictSame(
    causes.map((cause) => [cause['field'], cause['reason']]),
    [
      ['metadata.name', 'FieldValueInvalid'],
      ['spec.containers[0].image', 'FieldValueRequired'],
      ['spec.restartPolicy', 'FieldValueNotSupported'],
    ],
  );
});

await t.test('fields that nobody knows', async (t) => {
  const body = '{"metadata":{"name":"fields"},"data":{"a":"b","a":"c"},"extra":1}';
  const strict = await request('POST', `${core}/configmaps?fieldValidation=Strict`, body);
  t.match(strict.json, { code: 400, message: /duplicate field "data.a", unknown field "extra"/ });
  const warned = await request('POST', `${core}/configmaps?dryRun=All`, body);
  t.equal(warned.status, 201);
  t.match(String(warned.headers['warning']), /299 - "unknown field \\"extra\\""/);
  const ignored = await request('POST', `${core}/configmaps?dryRun=All&fieldValidation=Ignore`, body);
  t.equal(ignored.headers['warning'], undefined);
  t.equal((await request('GET', `${core}/configmaps/fields`)).status, 404, 'a dry run writes nothing');
});

await t.test('bodies in YAML, and in no known form', async (t) => {
  const yaml = await request('POST', `${core}/configmaps`, 'metadata:\n  name: yaml\ndata: {a: "1"}\n', {
    headers: { 'content-type': 'application/yaml' },
  });
  t.match(yaml.json, { data: { a: '1' } });
  const xml = await request('POST', `${core}/configmaps`, '<a/>', {
    headers: { 'content-type': 'text/xml' },
  });
  t.equal(xml.status, 415);
  const large = await request('POST', `${core}/configmaps`, { data: { a: 'x'.repeat(4 << 20) } });
  t.equal(large.status, 413);
});

await t.test('optimistic concurrency', async (t) => {
  const { json: first } = await request('POST', `${core}/configmaps`, {
    metadata: { name: 'cas' },
    data: { a: '1' },
  });
  const second = await request('PUT', `${core}/configmaps/cas`, { ...first, data: { a: '2' } });
  t.equal(second.status, 200);
  const stale = await request('PUT', `${core}/configmaps/cas`, { ...first, data: { a: '3' } });
  t.match(stale.json, {
    code: 409,
    reason: 'Conflict',
    message:
      'Operation cannot be fulfilled on configmaps "cas": the object has been modified; please apply your changes to the latest version and try again',
  });
  const unconditional = await request('PUT', `${core}/configmaps/cas`, {
    metadata: { name: 'cas' },
    data: { a: '4' },
  });
  t.equal(unconditional.status, 200);
  t.equal(unconditional.json['metadata']?.['uid'], first['metadata']?.['uid']);
  const same = await request('PUT', `${core}/configmaps/cas`, {
    data: { a: '4' },
    metadata: { name: 'cas' },
  });
  t.equal(
    same.json['metadata']?.['resourceVersion'],
    unconditional.json['metadata']?.['resourceVersion'],
    'a write that changes nothing makes no new version',
  );
  const other = await request('PUT', `${core}/configmaps/cas`, {
    metadata: { name: 'cas', uid: 'another' },
    data: {},
  });
  t.equal(other.status, 409);
});

await t.test('forty writers of one object: every increment counts', async (t) => {
  await request('POST', `${core}/configmaps`, { metadata: { name: 'race' }, data: {} });
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      request('PATCH', `${core}/configmaps/race`, { data: { [`k${index}`]: 'v' } }, merge),
    ),
  );
  t.ok(answers.every((answer) => answer.status === 200));
  const { json } = await request('GET', `${core}/configmaps/race`);
  t.equal(Object.keys(json['data'] ?? {}).length, 40);
});

await t.test('three forms of patch', async (t) => {
  await request('POST', `${apps}/deployments`, deployment('patched'));
  const at = `${apps}/deployments/patched`;
  const strategicPatch = {
    spec: { template: { spec: { containers: [{ name: 'sidecar', image: 'x:1' }] } } },
  };
  const one = await request('PATCH', at, strategicPatch, strategic);
  t.strictSame(
    listOf(one.json['spec']?.['template']?.['spec']?.['containers'])
      .map((container) => container['name'])
      .sort(),
    ['sidecar', 'web'],
    'a list is merged by its key',
  );
  t.equal(one.json['metadata']?.['generation'], 2);
  const two = await request('PATCH', at, { metadata: { labels: { a: 'b' } } }, merge);
  t.equal(two.json['metadata']?.['generation'], 2, 'labels are no change of the spec');
  const json = { headers: { 'content-type': 'application/json-patch+json' } };
  const three = await request('PATCH', at, [{ op: 'replace', path: '/spec/replicas', value: 7 }], json);
  t.equal(three.json['spec']?.['replicas'], 7);
  const failed = await request('PATCH', at, [{ op: 'test', path: '/spec/replicas', value: 1 }], json);
  t.equal(failed.status, 422);
  const unknown = await request('PATCH', at, '{}', {
    headers: { 'content-type': 'application/fancy-patch' },
  });
  t.equal(unknown.status, 415);
  t.match(unknown.json['message'], /accepted media types include: application\/json-patch\+json/);
  t.equal((await request('PATCH', `${apps}/deployments/nobody`, {}, merge)).status, 404);
});

await t.test('spec and status are written apart', async (t) => {
  await request('POST', `${apps}/deployments`, { ...deployment('parts'), status: { replicas: 9 } });
  const at = `${apps}/deployments/parts`;
  t.equal((await request('GET', at)).json['status']?.['replicas'], undefined, 'not with the creation');
  const main = await request('PATCH', at, { spec: { replicas: 2 }, status: { replicas: 9 } }, merge);
  t.equal(main.json['status']?.['replicas'], undefined, 'not with the spec');
  const status = await request(
    'PATCH',
    `${at}/status`,
    { spec: { replicas: 5 }, status: { replicas: 2 } },
    merge,
  );
  t.equal(status.json['status']?.['replicas'], 2);
  t.equal(status.json['spec']?.['replicas'], 2, 'and the spec not with the status');
  t.equal(status.json['metadata']?.['generation'], 2);
});

await t.test('what cannot change', async (t) => {
  await request('POST', `${apps}/deployments`, deployment('fixed'));
  const selector = await request(
    'PATCH',
    `${apps}/deployments/fixed`,
    { spec: { selector: { matchLabels: { x: 'y' } } } },
    merge,
  );
  t.match(selector.json, { code: 422, message: /spec\.selector: Invalid value: .*: field is immutable/ });
  await request('POST', `${core}/pods`, pod('fixed'));
  const moved = await request('PATCH', `${core}/pods/fixed`, { spec: { nodeName: 'n1' } }, merge);
  t.match(moved.json, { code: 422, message: /pod updates may not change fields other than/ });
  const image = [{ op: 'replace', path: '/spec/containers/0/image', value: 'other:2' }];
  const newImage = await request('PATCH', `${core}/pods/fixed`, image, {
    headers: { 'content-type': 'application/json-patch+json' },
  });
  t.equal(newImage.status, 200, 'but an image can');
  await request('POST', `${core}/configmaps`, {
    metadata: { name: 'fixed' },
    immutable: true,
    data: { a: 'b' },
  });
  const data = await request('PATCH', `${core}/configmaps/fixed`, { data: { a: 'c' } }, merge);
  t.match(data.json, { code: 422, message: /data: Forbidden: field is immutable/ });
});

await t.test(
  'the manifest of a pod can be put again: what was filled in at its creation stays',
  async (t) => {
    const manifest = {
      metadata: { name: 'put-again', labels: { round: '1' } },
      spec: { containers: [{ name: 'a', image: 'b' }], priorityClassName: 'system-node-critical' },
    };
    const path = '/api/v1/namespaces/default/pods';
    const created = await request('POST', path, manifest);
    t.equal(created.status, 201);
    const again = { ...manifest, metadata: { name: 'put-again', labels: { round: '2' } } };
    const { status, json } = await request('PUT', `${path}/put-again`, again);
    t.equal(status, 200, JSON.stringify(json));
    t.match(json['metadata'], { labels: { round: '2' }, generation: 1 });
    t.strictSame(json['spec'], created.json['spec']);
    t.equal(listOf(json['spec']?.['tolerations']).length, 2);
  },
);

await t.test('scale', async (t) => {
  await request('POST', `${apps}/deployments`, deployment('scaled'));
  const at = `${apps}/deployments/scaled/scale`;
  const { json: scale } = await request('GET', at);
  t.match(scale, { kind: 'Scale', spec: { replicas: 1 }, status: { replicas: 0, selector: 'app=scaled' } });
  const put = await request('PUT', at, { ...scale, spec: { replicas: 3 } });
  t.equal(put.json['spec']?.['replicas'], 3);
  t.equal(
    (await request('PUT', at, { ...scale, spec: { replicas: 4 } })).status,
    409,
    'a stale one is refused',
  );
  const patched = await request('PATCH', at, { spec: { replicas: 5 } }, merge);
  t.equal(patched.json['spec']?.['replicas'], 5);
  t.equal((await request('PATCH', at, { spec: { replicas: -1 } }, merge)).status, 422);
  await request('POST', `${core}/replicationcontrollers`, {
    metadata: { name: 'old' },
    spec: { template: { metadata: { labels: { app: 'old' } }, spec: { containers } } },
  });
  const rc = await request('GET', `${core}/replicationcontrollers/old/scale`);
  t.equal(rc.json['status']?.['selector'], 'app=old', 'the selector came from the template');
});

await t.test('a pod is bound once', async (t) => {
  await node('bound');
  await request('POST', `${core}/pods`, pod('bound'));
  const target = { target: { kind: 'Node', name: 'bound' } };
  t.equal((await request('POST', `${core}/pods/bound/binding`, target)).status, 201);
  const { json } = await request('GET', `${core}/pods/bound`);
  t.match(json, {
    spec: { nodeName: 'bound' },
    status: { conditions: [{ type: 'PodScheduled', status: 'True' }] },
  });
  const again = await request('POST', `${core}/bindings`, { metadata: { name: 'bound' }, ...target });
  t.match(again.json, { code: 409, message: /pod bound is already assigned to node "bound"/ });
});

await t.test('a pod is deleted in two steps, unless nothing runs', async (t) => {
  await request('POST', `${core}/pods`, pod('gone', { nodeName: 'bound' }));
  const first = await request('DELETE', `${core}/pods/gone`);
  t.equal(first.status, 200);
  t.match(first.json['metadata'], { deletionGracePeriodSeconds: 30, deletionTimestamp: /Z$/ });
  t.equal((await request('GET', `${core}/pods/gone`)).status, 200, 'the kubelet has time');
  const forced = { gracePeriodSeconds: 0, preconditions: { uid: 'wrong' } };
  t.equal((await request('DELETE', `${core}/pods/gone`, forced)).status, 409);
  t.equal((await request('DELETE', `${core}/pods/gone?gracePeriodSeconds=0`)).status, 200);
  t.equal((await request('GET', `${core}/pods/gone`)).status, 404);
  await request('POST', `${core}/pods`, pod('unscheduled'));
  await request('DELETE', `${core}/pods/unscheduled`);
  t.equal((await request('GET', `${core}/pods/unscheduled`)).status, 404);
  await request('POST', `${core}/pods`, pod('evicted'));
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'evicted' } };
  t.equal((await request('POST', `${core}/pods/evicted/eviction`, eviction)).status, 201);
  t.equal((await request('GET', `${core}/pods/evicted`)).status, 404);
});

await t.test('finalizers hold an object back', async (t) => {
  await request('POST', `${core}/configmaps`, { metadata: { name: 'held', finalizers: ['example.com/a'] } });
  const held = await request('DELETE', `${core}/configmaps/held`);
  t.match(held.json['metadata'], { deletionTimestamp: /Z$/, finalizers: ['example.com/a'] });
  const more = await request(
    'PATCH',
    `${core}/configmaps/held`,
    { metadata: { finalizers: ['example.com/a', 'example.com/b'] } },
    merge,
  );
  t.equal(more.status, 422, 'no new ones while it goes');
  await request('PATCH', `${core}/configmaps/held`, { metadata: { finalizers: null } }, merge);
  t.equal((await request('GET', `${core}/configmaps/held`)).status, 404);
  await request('POST', `${core}/configmaps`, { metadata: { name: 'foreground' } });
  const options = { propagationPolicy: 'Foreground' };
  const waiting = await request('DELETE', `${core}/configmaps/foreground`, options);
  t.strictSame(waiting.json['metadata']?.['finalizers'], ['foregroundDeletion']);
});

await t.test('a namespace ends when its finalizer is taken away', async (t) => {
  const created = await request('POST', '/api/v1/namespaces', { metadata: { name: 'short' } });
  t.match(created.json, {
    metadata: { labels: { 'kubernetes.io/metadata.name': 'short' } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  });
  const deleted = await request('DELETE', '/api/v1/namespaces/short');
  t.equal(deleted.json['status']?.['phase'], 'Terminating');
  const late = await request('POST', '/api/v1/namespaces/short/configmaps', { metadata: { name: 'x' } });
  t.match(late.json, {
    code: 403,
    message:
      'configmaps "x" is forbidden: unable to create new content in namespace short because it is being terminated',
  });
  const finalized = await request('PUT', '/api/v1/namespaces/short/finalize', {
    metadata: { name: 'short' },
    spec: { finalizers: [] },
  });
  t.equal(finalized.status, 200);
  t.equal((await request('GET', '/api/v1/namespaces/short')).status, 404);
  const absent = await request('POST', '/api/v1/namespaces/short/configmaps', { metadata: { name: 'x' } });
  t.match(absent.json, { code: 404, message: 'namespaces "short" not found' });
});

await t.test('Services: addresses and ports belong to one at a time', async (t) => {
  const nodePort = { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] };
  const first = await request('POST', `${core}/services`, { metadata: { name: 'one' }, spec: nodePort });
  t.match(first.json['spec'], {
    clusterIP: /^10\./,
    externalTrafficPolicy: 'Cluster',
    ports: [{ targetPort: 80 }],
  });
  const second = await request('POST', `${core}/services`, { metadata: { name: 'two' }, spec: nodePort });
  t.match(second.json, { code: 422, message: /provided port is already allocated/ });
  const dry = await request('POST', `${core}/services?dryRun=All`, {
    metadata: { name: 'dry' },
    spec: { ports: [{ port: 80 }], clusterIP: '10.96.0.77' },
  });
  t.equal(dry.status, 201);
  const real = await request('POST', `${core}/services`, {
    metadata: { name: 'real' },
    spec: { ports: [{ port: 80 }], clusterIP: '10.96.0.77' },
  });
  t.equal(real.status, 201, 'a dry run keeps nothing');
  const moved = await request('PATCH', `${core}/services/real`, { spec: { clusterIP: '10.96.0.78' } }, merge);
  t.equal(moved.status, 422);
  await request('PATCH', `${core}/services/one`, { spec: { type: 'ClusterIP' } }, merge);
  t.equal(
    (await request('POST', `${core}/services`, { metadata: { name: 'two' }, spec: nodePort })).status,
    201,
  );
  t.equal((await request('DELETE', `${core}/services/two`)).status, 200);
  const third = await request('POST', `${core}/services`, { metadata: { name: 'three' }, spec: nodePort });
  t.equal(third.status, 201, 'a deleted Service gives back its port');
  const many = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      request('POST', `${core}/services`, {
        metadata: { name: `s${index}` },
        spec: { type: 'NodePort', ports: [{ port: 80 }] },
      }),
    ),
  );
  t.equal(new Set(many.map((answer) => answer.json['spec']?.['clusterIP'])).size, 50);
  t.equal(new Set(many.map((answer) => listOf(answer.json['spec']?.['ports'])[0]?.['nodePort'])).size, 50);
});

await t.test('a second server on the same store knows what the first one gave', async (t) => {
  const successor = await startFixture({ store: fixture.store, keepStore: true });
  t.teardown(() => successor.stop());
  const taken = await successor.request('POST', `${core}/services`, {
    metadata: { name: 'late' },
    spec: { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] },
  });
  t.match(taken.json, { code: 422, message: /already allocated/ });
});

await t.test('deletecollection takes what is selected', async (t) => {
  for (const app of ['x', 'x', 'y'])
    await request('POST', `${core}/configmaps`, { metadata: { generateName: 'batch-', labels: { app } } });
  const { json } = await request('DELETE', `${core}/configmaps?labelSelector=app%3Dx`);
  t.equal(listOf(json['items']).length, 2);
  const left = await request('GET', `${core}/configmaps?labelSelector=app`);
  t.equal(listOf(left.json['items']).length, 1);
});

await t.test('no handler failed', async (t) => {
  t.strictSame(fixture.errors, []);
});

await t.test('what a pod says of its start can be read, or is refused by its name', async (t) => {
  const hinted = (name: string, annotations: Readonly<Record<string, string>>): object => ({
    metadata: { name, annotations },
    spec: { containers },
  });
  const bad = { 'startup.knarr.io/after': 'db', 'startup.knarr.io/affter': 'pod/db', other: 'x' };
  const refused = await request('POST', `${core}/pods`, hinted('hints', bad));
  t.equal(refused.status, 422);
  t.match(refused.json, {
    reason: 'Invalid',
    message:
      /^Pod "hints" is invalid: \[?metadata\.annotations\[startup\.knarr\.io\/after\]: Invalid value: "db"/,
    details: {
      causes: [
        { reason: 'FieldValueInvalid', field: 'metadata.annotations[startup.knarr.io/after]' },
        { reason: 'FieldValueInvalid', field: 'metadata.annotations[startup.knarr.io/affter]' },
      ],
    },
  });
  const good = { 'startup.knarr.io/after': 'pod/db', 'startup.knarr.io/expected-bytes': '64Mi' };
  t.equal((await request('POST', `${core}/pods`, hinted('hints', good))).status, 201);
  const patch = (value: string): object => ({
    metadata: { annotations: { 'startup.knarr.io/slot-timeout': value } },
  });
  const changed = await request('PATCH', `${core}/pods/hints`, patch('soon'), merge);
  t.equal(changed.status, 422);
  t.match(changed.json, { message: /slot-timeout\]: Invalid value: "soon": "soon" is not a duration/ });
  t.equal((await request('PATCH', `${core}/pods/hints`, patch('90s'), merge)).status, 200);
});

await t.test('a template with hints that will be refused is warned of', async (t) => {
  const { spec } = deployment('warned') as {
    spec: { template: { metadata: { annotations?: Record<string, string> } } };
  };
  spec.template.metadata.annotations = { 'startup.knarr.io/spare-for': 'ever' };
  const answer = await request('POST', `${apps}/deployments`, { metadata: { name: 'warned' }, spec });
  t.equal(answer.status, 201);
  t.match(
    answer.headers['warning'],
    /spec\.template\.metadata\.annotations\[startup\.knarr\.io\/spare-for\]: .* is not a duration.*; pods with it are refused/,
  );
});
