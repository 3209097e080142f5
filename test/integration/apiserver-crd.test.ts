/** CustomResourceDefinitions and their objects over HTTPS: every verb, the rules of the schema, discovery and OpenAPI. */
import t from 'tap';
import { listOf, startFixture, textOf } from '../support/apiserver-fixture.js';
import { until } from '../support/until.js';
import type { JsonObject } from '../support/apiserver-fixture.js';
import {
  conditionOf,
  cronTabDefinition,
  define,
  definitionsPath,
  openDefinition,
} from '../support/custom-definitions.js';

const fixture = await startFixture();
t.teardown(() => fixture.stop());
const { request } = fixture;
const collection = '/apis/stable.example.com/v1/namespaces/default/crontabs';

function cronTab(name: string, spec: object = {}): Record<string, unknown> {
  return {
    apiVersion: 'stable.example.com/v1',
    kind: 'CronTab',
    metadata: { name },
    spec: { cronSpec: '* * * * */5', ...spec },
  };
}

function merge(path: string, patch: unknown, type = 'application/merge-patch+json') {
  return request('PATCH', path, patch, { headers: { 'content-type': type } });
}

await t.test('a definition gets its defaults, its status, and is served', async (t) => {
  t.equal((await request('GET', collection)).status, 404);
  const created = await request('POST', definitionsPath, cronTabDefinition());
  t.equal(created.status, 201);
  t.match(created.json, {
    spec: {
      names: { singular: 'crontab', listKind: 'CronTabList' },
      conversion: { strategy: 'None' },
    },
    status: { storedVersions: ['v1'] },
    metadata: { generation: 1 },
  });
  const watch = fixture.watch(`${definitionsPath}?watch=true`);
  const seen = await watch.until((lines) =>
    lines.some(({ object }) => conditionOf(object, 'Established') === 'True'),
  );
  watch.close();
  const last = seen.at(-1)?.object ?? {};
  t.match(last['status'], {
    acceptedNames: { plural: 'crontabs', singular: 'crontab', kind: 'CronTab', shortNames: ['ct'] },
    conditions: [
      { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts' },
      { type: 'Established', status: 'True', reason: 'InitialNamesAccepted' },
    ],
  });
  t.match((await request('GET', collection)).json, { kind: 'CronTabList', items: [] });
});

await t.test('objects are created, read, changed, listed, watched and deleted', async (t) => {
  const watch = fixture.watch(`${collection}?watch=true`);
  const created = await request('POST', collection, cronTab('first', { tags: ['a'], unknown: 1 }));
  t.equal(created.status, 201);
  t.match(created.headers['warning'], 'unknown field \\"spec.unknown\\"');
  t.match(created.json, {
    metadata: { name: 'first', namespace: 'default', generation: 1 },
    spec: { image: 'busybox', replicas: 1, tags: ['a'] },
  });
  t.notOk(created.json['spec']?.['unknown'], 'pruned');
  const path = `${collection}/first`;
  t.strictSame((await request('GET', path)).json, created.json);

  const merged = await merge(path, { spec: { replicas: 3 } });
  t.match(merged.json, { spec: { replicas: 3 }, metadata: { generation: 2 } });
  const patched = await merge(
    path,
    [{ op: 'add', path: '/spec/tags/-', value: 'b' }],
    'application/json-patch+json',
  );
  t.match(patched.json, { spec: { tags: ['a', 'b'] } });
  const strategic = await merge(path, {}, 'application/strategic-merge-patch+json');
  t.equal(strategic.status, 415);
  t.equal(textOf(strategic.json['reason']), 'UnsupportedMediaType');

  const { status, json } = await request('PUT', path, { ...patched.json, spec: { cronSpec: '* * * * 1' } });
  t.equal(status, 200);
  t.match(json, { spec: { cronSpec: '* * * * 1', replicas: 1 } });
  const blind = await request('PUT', path, cronTab('first'));
  t.match(blind.json, {
    code: 422,
    message:
      'CronTab.stable.example.com "first" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
  });

  await request('POST', collection, cronTab('second', { image: 'other' }));
  const list = (await request('GET', collection)).json;
  t.strictSame(
    listOf(list['items']).map((one) => textOf(one['metadata']?.['name'])),
    ['first', 'second'],
  );
  const selected = (await request('GET', `${collection}?fieldSelector=spec.image=other`)).json;
  t.strictSame(
    listOf(selected['items']).map((one) => textOf(one['metadata']?.['name'])),
    ['second'],
  );
  t.match((await request('GET', `${collection}?fieldSelector=spec.mode=x`)).json, { code: 400 });
  const all = (await request('GET', '/apis/stable.example.com/v1/crontabs?limit=1')).json;
  t.ok(all['metadata']?.['continue']);

  t.match((await request('DELETE', path)).json, { kind: 'Status', status: 'Success' });
  t.match((await request('DELETE', collection)).json, { kind: 'CronTabList' });
  const lines = await watch.until((seen) => seen.filter(({ type }) => type === 'DELETED').length === 2);
  watch.close();
  t.strictSame(
    lines.map(({ type }) => type),
    ['ADDED', 'MODIFIED', 'MODIFIED', 'MODIFIED', 'ADDED', 'DELETED', 'DELETED'],
  );
});

await t.test('what the schema forbids is refused, with all reasons', async (t) => {
  const cases: readonly [object, string][] = [
    [
      { cronSpec: 'x' },
      String.raw`spec.cronSpec: Invalid value: "x": spec.cronSpec in body should match '^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$'`,
    ],
    [
      { replicas: 11 },
      'spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10',
    ],
    [
      { replicas: 'many' },
      'spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"',
    ],
    [{ mode: 'x' }, 'spec.mode: Unsupported value: "x": supported values: "Fast", "Slow"'],
    [
      { port: true },
      'spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"',
    ],
    [{ tags: ['a', 'a'] }, 'spec.tags[1]: Duplicate value: "a"'],
    [{ steps: [{ name: 'a' }, { name: 'a' }] }, 'spec.steps[1]: Duplicate value: {"name":"a"}'],
    [{ steps: [{}] }, 'spec.steps[0].name: Required value'],
    [
      { labels: { a: 1 } },
      'spec.labels.a: Invalid value: "integer": spec.labels.a in body must be of type string: "integer"',
    ],
    [{ template: { kind: 'Pod' } }, 'spec.template.apiVersion: Required value: must not be empty'],
  ];
  for (const [spec, message] of cases) {
    const answer = await request('POST', collection, cronTab('bad', spec));
    t.equal(answer.status, 422, message);
    t.equal(textOf(answer.json['message']), `CronTab.stable.example.com "bad" is invalid: ${message}`);
  }
  const missing = await request('POST', collection, { ...cronTab('bad'), spec: { replicas: 0 } });
  t.match(missing.json, {
    message:
      'CronTab.stable.example.com "bad" is invalid: [spec.cronSpec: Required value, spec.replicas: Invalid value: 0: spec.replicas in body should be greater than or equal to 1]',
  });
  const strict = await request(
    'POST',
    `${collection}?fieldValidation=Strict`,
    cronTab('bad', { x: 1, steps: [{ name: 'a', y: 1 }] }),
  );
  t.equal(strict.status, 400);
  t.match(
    textOf(strict.json['message']),
    'strict decoding error: unknown field "spec.x", unknown field "spec.steps[0].y"',
  );
  t.match(
    (await request('POST', collection, { ...cronTab('bad'), metadata: { name: 'x', labels: 1 } })).json,
    {
      code: 400,
      message: /^CronTab in version "v1" cannot be handled as a CronTab: json: cannot unmarshal number/,
    },
  );
});

await t.test('nulls, free fields, embedded resources and int-or-string', async (t) => {
  const spec = {
    note: null,
    image: null,
    mode: null,
    free: { a: [{ b: null }] },
    port: '80%',
    template: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'x', nonsense: 1 },
      anything: { goes: true },
    },
  };
  const { json, status } = await request('POST', collection, cronTab('odd', spec));
  t.equal(status, 201);
  t.strictSame(json['spec'], {
    cronSpec: '* * * * */5',
    note: null,
    image: 'busybox',
    free: { a: [{ b: null }] },
    port: '80%',
    template: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, anything: { goes: true } },
    replicas: 1,
  });
  t.match(await merge(`${collection}/odd`, { spec: { port: 8080 } }), { status: 200 });
});

await t.test('status and scale', async (t) => {
  const path = `${collection}/scaled`;
  const created = await request('POST', collection, { ...cronTab('scaled'), status: { phase: 'mine' } });
  t.notOk(created.json['status'], 'a client does not set status at creation');
  const ignored = await merge(path, { status: { phase: 'mine' } });
  t.notOk(ignored.json['status']);
  t.equal(
    textOf(ignored.json['metadata']?.['resourceVersion']),
    textOf(created.json['metadata']?.['resourceVersion']),
  );
  const status = await merge(`${path}/status`, {
    metadata: { labels: { no: 'way' } },
    spec: { replicas: 9 },
    status: { phase: 'Running', replicas: 2, selector: 'app=x' },
  });
  t.match(status.json, { status: { phase: 'Running' }, spec: { replicas: 1 }, metadata: { generation: 1 } });
  t.notOk(status.json['metadata']?.['labels']);
  t.match(await merge(`${path}/status`, { status: { replicas: 'x' } }), { status: 422 });

  const scale = await request('GET', `${path}/scale`);
  t.match(scale.json, {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    spec: { replicas: 1 },
    status: { replicas: 2, selector: 'app=x' },
  });
  t.match((await request('PUT', `${path}/scale`, { ...scale.json, spec: { replicas: 4 } })).json, {
    spec: { replicas: 4 },
  });
  t.match((await merge(`${path}/scale`, { spec: { replicas: 5 } })).json, { spec: { replicas: 5 } });
  t.match((await request('GET', path)).json, { spec: { replicas: 5 }, metadata: { generation: 3 } });
  t.match(await merge(`${path}/scale`, { spec: { replicas: 50 } }), { status: 422 });
});

await t.test('tables and metadata', async (t) => {
  const accept = { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } };
  const table = (await request('GET', `${collection}/scaled`, undefined, accept)).json;
  t.match(table['columnDefinitions'], [
    { name: 'Name', type: 'string', format: 'name' },
    { name: 'Spec', type: 'string', priority: 0, description: 'When it runs' },
    { name: 'Replicas', type: 'integer' },
    { name: 'Image', priority: 1 },
    { name: 'Age', type: 'date' },
  ]);
  t.match(listOf(table['rows'])[0]?.['cells'], ['scaled', '* * * * */5', 5, 'busybox', /s$/]);
  const partial = { headers: { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' } };
  const meta = (await request('GET', `${collection}/scaled`, undefined, partial)).json;
  t.match(meta, { kind: 'PartialObjectMetadata', metadata: { name: 'scaled' } });
  t.notOk(meta['spec']);
  const protobuf = { headers: { accept: 'application/vnd.kubernetes.protobuf' } };
  t.equal((await request('GET', `${collection}/scaled`, undefined, protobuf)).status, 406);
  const either = { headers: { accept: 'application/vnd.kubernetes.protobuf,application/json' } };
  t.equal(
    (await request('GET', `${collection}/scaled`, undefined, either)).headers['content-type'],
    'application/json',
  );
});

await t.test('discovery and OpenAPI follow', async (t) => {
  const groups = listOf((await request('GET', '/apis')).json['groups']).map((one) => textOf(one['name']));
  t.equal(groups.at(-1), 'stable.example.com');
  const resources = listOf((await request('GET', '/apis/stable.example.com/v1')).json['resources']);
  t.match(resources, [
    {
      name: 'crontabs',
      singularName: 'crontab',
      namespaced: true,
      kind: 'CronTab',
      shortNames: ['ct'],
      categories: ['all'],
    },
    { name: 'crontabs/status', kind: 'CronTab', verbs: ['get', 'patch', 'update'] },
    { name: 'crontabs/scale', group: 'autoscaling', version: 'v1', kind: 'Scale' },
  ]);
  const aggregated = () =>
    request('GET', '/apis', undefined, {
      headers: { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' },
    });
  const before = await aggregated();
  const indexOf = async (): Promise<JsonObject> => (await request('GET', '/openapi/v3')).json['paths'] ?? {};
  const index = await indexOf();
  await define(fixture, openDefinition('Gadget'));
  const after = await aggregated();
  t.not(after.headers['etag'], before.headers['etag']);
  t.match(after.text, 'gadgets');
  const later = await indexOf();
  t.ok(later['apis/things.example.com/v1']);
  const root = 'apis/stable.example.com/v1';
  t.strictSame(later[root], index[root], 'another group keeps its hash');
  const document = (await request('GET', textOf(later[root]?.['serverRelativeURL']))).json;
  t.match(document['components']?.['schemas']?.['com.example.stable.v1.CronTab'], {
    properties: { spec: { properties: { cronSpec: { description: 'When it runs.' } } } },
    'x-kubernetes-group-version-kind': [{ group: 'stable.example.com', version: 'v1', kind: 'CronTab' }],
  });
  t.ok(document['components']?.['schemas']?.['com.example.stable.v1.CronTabList']);
  const old = (await request('GET', '/openapi/v2')).json;
  t.match(old['definitions']?.['com.example.stable.v1.CronTab'], {
    properties: { spec: { properties: { image: { type: 'string' } } } },
  });
});

await t.test('a changed schema holds at once, and leaves alone what was valid before', async (t) => {
  const definition = (await request('GET', `${definitionsPath}/crontabs.stable.example.com`)).json;
  const text = JSON.stringify(definition).replace('"maximum":10', '"maximum":4');
  const changed = await request('PUT', `${definitionsPath}/crontabs.stable.example.com`, text);
  t.equal(changed.status, 200);
  t.match(changed.json, { metadata: { generation: 2 } });
  await until('the new schema holds', async () => {
    const answer = await request('POST', `${collection}?dryRun=All`, cronTab('late', { replicas: 5 }));
    return answer.status === 422;
  });
  const path = `${collection}/scaled`;
  t.match((await request('GET', path)).json, { spec: { replicas: 5 } });
  t.match(await merge(path, { spec: { image: 'new' } }), { status: 200 }, 'replicas stay as they were');
  t.match(await merge(path, { spec: { replicas: 6 } }), { status: 422 });
});

await t.test('rules that may cost too much are refused where they are new', async (t) => {
  const schema = (rule: string): object => ({
    openAPIV3Schema: {
      type: 'object',
      properties: { words: { type: 'array', items: { type: 'string' } } },
      'x-kubernetes-validations': [{ rule }],
    },
  });
  const version = { name: 'v1', served: true, storage: true };
  const cheap = 'self.words.all(x, x != "")';
  const dear = 'self.words.all(x, self.words.exists(y, x == y))';
  const refused = await request(
    'POST',
    definitionsPath,
    openDefinition('Dear', { versions: [{ ...version, schema: schema(dear) }] }),
  );
  t.equal(refused.status, 422);
  t.match(
    textOf(refused.json['message']),
    'spec.versions[0].schema.openAPIV3Schema.x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x',
  );
  await define(fixture, openDefinition('Cheap', { versions: [{ ...version, schema: schema(cheap) }] }));
  const path = `${definitionsPath}/cheaps.things.example.com`;
  t.equal((await merge(path, { metadata: { labels: { a: 'b' } } })).status, 200);
  const changed = await merge(path, { spec: { versions: [{ ...version, schema: schema(dear) }] } });
  t.match(textOf(changed.json['message']), 'exceeds budget');
});

await t.test('a definition is deleted with its objects, and its watches end', async (t) => {
  const watch = fixture.watch(`${collection}?watch=true`);
  await watch.until((lines) => lines.length >= 1);
  const definitions = fixture.watch(
    `${definitionsPath}?watch=true&fieldSelector=metadata.name=crontabs.stable.example.com`,
  );
  await merge(`${collection}/odd`, { metadata: { finalizers: ['example.com/wait'] } });
  const deleted = await request('DELETE', `${definitionsPath}/crontabs.stable.example.com`);
  t.match(deleted.json, { metadata: { finalizers: ['customresourcecleanup.apiextensions.k8s.io'] } });
  t.equal(conditionOf(deleted.json, 'Terminating'), 'True');
  await definitions.until((lines) =>
    lines.some(({ object }) => JSON.stringify(object).includes('InstanceDeletionInProgress')),
  );
  t.equal((await request('POST', collection, cronTab('new'))).status, 405);
  const left = listOf((await request('GET', collection)).json['items']);
  t.strictSame(
    left.map((one) => textOf(one['metadata']?.['name'])),
    ['odd'],
  );
  await merge(`${collection}/odd`, { metadata: { finalizers: null } });
  await definitions.until((lines) => lines.some(({ type }) => type === 'DELETED'));
  definitions.close();
  await watch.until(() => watch.ended);
  t.equal((await request('GET', collection)).status, 404);
  t.notMatch((await request('GET', '/apis')).text, 'stable.example.com');
  t.strictSame(fixture.errors, []);
});
