/** Versions of a custom resource that a webhook converts into each other, over everything that reads and writes objects. */
import t from 'tap';
import { listOf, startFixture, textOf } from '../support/apiserver-fixture.js';
import type { Answer, JsonObject } from '../support/apiserver-fixture.js';
import { startConversionWebhook, successOf } from '../support/conversion-webhook.js';
import type { ConversionCall } from '../support/conversion-webhook.js';
import { define, definitionsPath, openDefinition } from '../support/custom-definitions.js';
import { until } from '../support/until.js';

interface Spec {
  mode?: string;
  hostPort?: string;
  host?: string;
  port?: string;
}
interface Gate {
  apiVersion: string;
  metadata: { labels?: Record<string, string> };
  spec?: Spec;
}

/** v1 has `hostPort`, v2 has `host` and `port`. */
function convert({
  objects,
  desiredApiVersion,
}: Pick<ConversionCall, 'objects' | 'desiredApiVersion'>): Gate[] {
  return objects.map((one) => {
    const object = structuredClone(one) as unknown as Gate;
    object.apiVersion = desiredApiVersion;
    const { spec } = object;
    if (spec === undefined) return object;
    const { mode } = spec;
    if (desiredApiVersion.endsWith('/v2')) {
      const [host = '', port = ''] = (spec.hostPort ?? '').split(':');
      object.spec = { ...(mode === undefined ? {} : { mode }), host, port };
    } else
      object.spec = {
        ...(mode === undefined ? {} : { mode }),
        hostPort: `${spec.host ?? ''}:${spec.port ?? ''}`,
      };
    return object;
  });
}
const works = (call: ConversionCall): object => successOf(call, convert(call));

const webhook = await startConversionWebhook(works);
const fixture = await startFixture();
t.teardown(async () => {
  await fixture.stop();
  await webhook.stop();
});

const texts = { type: 'string' };
function version(name: string, fields: readonly string[], more: object = {}): object {
  const properties = Object.fromEntries(fields.map((field) => [field, texts]));
  return {
    name,
    served: true,
    storage: false,
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: {
          spec: {
            type: 'object',
            properties: { ...properties, mode: { type: 'string', default: `of-${name}` } },
          },
          status: { type: 'object', properties: { state: texts } },
        },
      },
    },
    subresources: { status: {} },
    ...more,
  };
}
const v1 = version('v1', ['hostPort']);
const v2 = version('v2', ['host', 'port'], { selectableFields: [{ jsonPath: '.spec.host' }] });
const conversion = (clientConfig: object, conversionReviewVersions = ['v1']): object => ({
  strategy: 'Webhook',
  webhook: { conversionReviewVersions, clientConfig },
});
const byUrl = conversion({ url: `${webhook.url}/convert`, caBundle: webhook.caBundle });
const definition = (spec: object = {}): Readonly<Record<string, unknown>> =>
  openDefinition('Gate', { versions: [{ ...v1, storage: true }, v2], conversion: byUrl, ...spec });
const group = '/apis/things.example.com';
const path = (served: string, name = ''): string =>
  `${group}/${served}/gates${name === '' ? '' : `/${name}`}`;
const gate = (served: string, name: string, spec: object, metadata: object = {}): object => ({
  apiVersion: `things.example.com/${served}`,
  kind: 'Gate',
  metadata: { name, ...metadata },
  spec,
});
function patch(to: string, body: unknown, type = 'application/merge-patch+json'): Promise<Answer> {
  return fixture.request('PATCH', to, body, { headers: { 'content-type': type } });
}
async function changeDefinition(spec: object): Promise<JsonObject> {
  const answer = await patch(`${definitionsPath}/gates.things.example.com`, { spec });
  if (answer.status !== 200) throw new Error(answer.text);
  return answer.json;
}

await t.test('a definition that names its webhook is accepted', async (t) => {
  const bad = await fixture.request('POST', definitionsPath, definition({ conversion: conversion({}, []) }));
  t.equal(bad.status, 422);
  t.match(textOf(bad.json['message']), 'exactly one of url or service is required');
  t.match(textOf(bad.json['message']), 'spec.conversion.conversionReviewVersions: Required value');
  const made = await define(fixture, definition());
  t.strictSame(made['status']?.['storedVersions'], ['v1']);
});

await t.test('reads and writes in both versions', async (t) => {
  const created = await fixture.request('POST', path('v1'), gate('v1', 'a', { hostPort: 'h:1' }));
  t.equal(created.status, 201);
  t.strictSame(webhook.calls.length, 0, 'what is stored as it is sent needs no conversion');
  const read = await fixture.request('GET', path('v2', 'a'));
  t.match(read.json, { apiVersion: 'things.example.com/v2', spec: { host: 'h', port: '1' } }, read.text);
  t.equal(read.json['metadata']?.['uid'], created.json['metadata']?.['uid']);
  t.equal(read.json['metadata']?.['resourceVersion'], created.json['metadata']?.['resourceVersion']);
  t.equal(
    textOf(read.json['spec']?.['mode']),
    'of-v1',
    'defaults are those of the version that it was stored in',
  );
  const [call] = webhook.calls;
  t.equal(call?.path, '/convert?timeout=30s');
  t.match(call?.objects[0], { kind: 'Gate', spec: { hostPort: 'h:1', mode: 'of-v1' } });
  await fixture.request('GET', path('v2', 'a'));
  t.equal(webhook.calls.length, 1, 'once for all who read it');

  const second = await fixture.request('POST', path('v2'), gate('v2', 'b', { host: 'i', port: '2' }));
  t.match(second.json, { apiVersion: 'things.example.com/v2', spec: { host: 'i', port: '2' } });
  const stored = await fixture.store.get('/registry/things.example.com/gates/b');
  t.match(JSON.parse(Buffer.from(stored.record?.value ?? '').toString()), {
    apiVersion: 'things.example.com/v1',
    spec: { hostPort: 'i:2' },
  });
  t.match((await fixture.request('GET', path('v1', 'b'))).json, { spec: { hostPort: 'i:2' } });

  const put = { ...second.json, spec: { host: 'j', port: '3' } };
  t.match((await fixture.request('PUT', path('v2', 'b'), put)).json, { spec: { host: 'j', port: '3' } });
  t.match((await patch(path('v2', 'b'), { spec: { port: '4' } })).json, { spec: { host: 'j', port: '4' } });
  t.match((await patch(path('v1', 'b'), { spec: { hostPort: 'k:5' } })).json, { spec: { hostPort: 'k:5' } });
  t.match((await fixture.request('GET', path('v2', 'b'))).json, { spec: { host: 'k', port: '5' } });
  const before = (await fixture.request('GET', path('v2', 'b'))).json;
  const same = await patch(path('v2', 'b'), { spec: { port: '5' } });
  t.equal(
    same.json['metadata']?.['resourceVersion'],
    before['metadata']?.['resourceVersion'],
    'no write for nothing',
  );

  const applied = await patch(
    `${path('v2', 'c')}?fieldManager=me`,
    gate('v2', 'c', { host: 'l', port: '6' }),
    'application/apply-patch+yaml',
  );
  t.equal(applied.status, 201, applied.text);
  t.match(applied.json, { spec: { host: 'l', port: '6' } });
  const again = await patch(
    `${path('v2', 'c')}?fieldManager=me`,
    gate('v2', 'c', { host: 'l', port: '7' }),
    'application/apply-patch+yaml',
  );
  t.match(again.json, { spec: { host: 'l', port: '7' } }, again.text);
  t.match((await fixture.request('GET', path('v1', 'c'))).json, { spec: { hostPort: 'l:7' } });

  const status = await patch(`${path('v2', 'c')}/status`, { status: { state: 'open' }, spec: { port: '9' } });
  t.match(status.json, { spec: { port: '7' }, status: { state: 'open' } }, status.text);
  t.match((await fixture.request('GET', path('v1', 'c'))).json, { status: { state: 'open' } });
  t.equal((await fixture.request('DELETE', path('v2', 'c'))).status, 200);
});

await t.test('lists and selectors', async (t) => {
  const calls = webhook.calls.length;
  const list = await fixture.request('GET', path('v2'));
  t.strictSame(
    listOf(list.json['items']).map((one) => [textOf(one['apiVersion']), textOf(one['spec']?.['host'])]),
    [
      ['things.example.com/v2', 'h'],
      ['things.example.com/v2', 'k'],
    ],
  );
  t.ok(webhook.calls.length - calls <= 1, 'a list is one call, for what was not converted yet');
  const chosen = await fixture.request('GET', `${path('v2')}?fieldSelector=spec.host=k`);
  t.strictSame(
    listOf(chosen.json['items']).map((one) => textOf(one['metadata']?.['name'])),
    ['b'],
  );
  const table = await fixture.request('GET', path('v2'), undefined, {
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
  });
  t.equal(listOf(table.json['rows']).length, 2);
});

await t.test('watches in both versions see every event in theirs', async (t) => {
  const start = textOf((await fixture.request('GET', path('v2'))).json['metadata']?.['resourceVersion']);
  const old = fixture.watch(`${path('v1')}?watch=true&resourceVersion=${start}`);
  const calls = webhook.calls.length;
  const watches = [1, 2, 3].map(() => fixture.watch(`${path('v2')}?watch=true&resourceVersion=${start}`));
  const selective = fixture.watch(
    `${path('v2')}?watch=true&resourceVersion=${start}&fieldSelector=spec.host=m`,
  );
  await fixture.request('POST', path('v1'), gate('v1', 'w', { hostPort: 'm:1' }));
  await patch(path('v1', 'w'), { spec: { hostPort: 'n:2' } });
  await fixture.request('DELETE', path('v1', 'w'));
  const seen = (lines: readonly { type: string; object: JsonObject }[]): unknown =>
    lines.map(({ type, object }) => [type, object['spec']?.['host'] ?? object['spec']?.['hostPort']]);
  const expected = [
    ['ADDED', 'm'],
    ['MODIFIED', 'n'],
    ['DELETED', 'n'],
  ];
  for (const watch of watches) t.strictSame(seen(await watch.until((lines) => lines.length === 3)), expected);
  t.strictSame(seen(await old.until((lines) => lines.length === 3)), [
    ['ADDED', 'm:1'],
    ['MODIFIED', 'n:2'],
    ['DELETED', 'n:2'],
  ]);
  t.strictSame(seen(await selective.until((lines) => lines.length === 2)), [
    ['ADDED', 'm'],
    ['DELETED', 'm'],
  ]);
  t.equal(webhook.calls.length - calls, 2, 'each state is converted once, however many watch');
  for (const watch of [old, selective, ...watches]) watch.close();
});

await t.test('a webhook that lies, fails or is away', async (t) => {
  const lies: readonly (readonly [string, (call: ConversionCall) => unknown, string])[] = [
    [
      'another name',
      (call) =>
        successOf(
          call,
          convert(call).map((one) => ({ ...one, metadata: { ...one.metadata, name: 'x' } })),
        ),
      'returned invalid object: must have the same name: lie != x',
    ],
    ['too many', (call) => successOf(call, [...convert(call), {}]), 'returned 2 objects, expected 1'],
    [
      'another version',
      (call) => successOf(call, call.objects),
      'returned invalid object at index 0: invalid groupVersion (expected things.example.com/v2, received things.example.com/v1)',
    ],
    [
      'its own refusal',
      (call) => ({
        ...successOf(call, []),
        response: { uid: call.uid, result: { status: 'Failure', message: 'hostPort is odd' } },
      }),
      'failed: hostPort is odd',
    ],
    [
      'an error',
      () => 500,
      'failed: an error on the server ("out of order") has prevented the request from succeeding',
    ],
  ];
  // Watches of before may still be open, and would have it converted well.
  webhook.answer = () => 500;
  await fixture.request('POST', path('v1'), gate('v1', 'lie', { hostPort: 'q:1' }));
  for (const [name, answer, message] of lies) {
    webhook.answer = answer;
    const { status, json } = await fixture.request('GET', path('v2', 'lie'));
    t.equal(status, 500, name);
    t.equal(textOf(json['message']), `conversion webhook for things.example.com/v1, Kind=Gate ${message}`);
    t.equal(json['reason'], undefined, 'Kubernetes gives no reason');
  }
  t.equal((await fixture.request('GET', path('v2'))).status, 500, 'a list misses nothing silently');
  t.equal((await fixture.request('POST', path('v2'), gate('v2', 'no', { host: 'r' }))).status, 500);
  t.equal((await fixture.request('GET', path('v1', 'no'))).status, 404, 'nothing was stored');
  t.equal((await fixture.request('GET', path('v1', 'lie'))).status, 200, 'the other version goes on');
  const start = textOf((await fixture.request('GET', path('v1'))).json['metadata']?.['resourceVersion']);
  const watch = fixture.watch(`${path('v2')}?watch=true&resourceVersion=${start}`);
  await patch(path('v1', 'lie'), { spec: { hostPort: 's:2' } });
  const [line] = await watch.until((lines) => lines.length > 0);
  t.match(line, { type: 'ERROR', object: { code: 500, message: /^conversion webhook for things/ } });
  await until('the watch has ended', () => Promise.resolve(watch.ended));

  webhook.answer = () => undefined;
  const slow = fixture.watch(path('v2', 'lie'));
  const calls = webhook.calls.length;
  await until('the webhook was asked', () => Promise.resolve(webhook.calls.length > calls));
  slow.close();
  t.equal(
    (await fixture.request('GET', path('v1', 'lie'))).status,
    200,
    'a slow webhook holds up nobody else',
  );
  webhook.answer = works;
  await changeDefinition({ conversion: byUrl, names: { shortNames: ['gt'] } });
  await until('the definition is served anew', async () =>
    (await fixture.request('GET', group + '/v1')).text.includes('"gt"'),
  );
  t.match(
    (await fixture.request('GET', path('v2', 'lie'))).json,
    { spec: { host: 's' } },
    'and it is well again',
  );

  await changeDefinition({ conversion: conversion({ url: 'https://127.0.0.1:9/convert' }) });
  await until('the webhook is away', async () =>
    textOf((await fixture.request('GET', path('v2', 'lie'))).json['message']).includes(
      'Gate failed: Post "https://127.0.0.1:9/convert?timeout=30s": connect ECONNREFUSED',
    ),
  );
  await changeDefinition({ conversion: conversion({ url: `${webhook.url}/convert`, caBundle: null }) });
  await until('its certificate is not trusted without the bundle', async () =>
    textOf((await fixture.request('GET', path('v2', 'lie'))).json['message']).includes('certificate'),
  );
});

await t.test('a webhook in the cluster, found by its Service', async (t) => {
  const service = { namespace: 'default', name: 'hook', path: '/in-cluster', port: webhook.port };
  const bundle = { caBundle: webhook.caBundle };
  await changeDefinition({ conversion: conversion({ url: null, service, ...bundle }, ['v1beta1']) });
  await until('the Service is missing', async () =>
    textOf((await fixture.request('GET', path('v2', 'lie'))).json['message']).endsWith(
      `failed: Post "https://hook.default.svc:${String(webhook.port)}/in-cluster": service/hook in "default" is not present`,
    ),
  );
  await fixture.request('POST', '/api/v1/namespaces/default/services', {
    metadata: { name: 'hook' },
    spec: { type: 'ExternalName', externalName: 'localhost' },
  });
  t.match((await fixture.request('GET', path('v2', 'lie'))).json, { spec: { host: 's' } });
  t.equal(webhook.calls.at(-1)?.path, '/in-cluster?timeout=30s');
  t.equal(webhook.calls.at(-1)?.reviewVersion, 'apiextensions.k8s.io/v1beta1');
  const broken = { caBundle: Buffer.from('no PEM').toString('base64') };
  const bad = await patch(`${definitionsPath}/gates.things.example.com`, {
    spec: { conversion: conversion({ service, ...broken }) },
  });
  t.equal(bad.status, 422);
  t.match(textOf(bad.json['message']), 'unable to load root certificates');
});

await t.test('the storage version changes, and objects follow at their next write', async (t) => {
  const changed = await changeDefinition({ versions: [v1, { ...v2, storage: true }] });
  t.strictSame(changed['status']?.['storedVersions'], ['v1', 'v2']);
  const gone = await patch(`${definitionsPath}/gates.things.example.com`, {
    spec: { versions: [{ ...v2, storage: true }] },
  });
  t.match(
    textOf(gone.json['message']),
    'v1 was previously a storage version, and must remain in spec.versions',
  );
  await until('both are served', async () => {
    const { json } = await patch(path('v1', 'lie'), { metadata: { labels: { moved: 'yes' } } });
    return textOf(json['metadata']?.['labels']?.['moved']) === 'yes';
  });
  await until('the object has moved', async () => {
    await patch(path('v1', 'lie'), { spec: { hostPort: `t:${String(Date.now())}` } });
    const { record } = await fixture.store.get('/registry/things.example.com/gates/lie');
    return Buffer.from(record?.value ?? '').includes('"apiVersion":"things.example.com/v2"');
  });
  t.match((await fixture.request('GET', path('v2', 'lie'))).json, { spec: { host: 't' } });
  t.match((await fixture.request('GET', path('v1', 'lie'))).json, { spec: { hostPort: /^t:/ } });
});

await t.test('a definition goes while its webhook is away, once nothing needs it', async (t) => {
  webhook.answer = () => 500;
  const deleted = await fixture.request('DELETE', `${definitionsPath}/gates.things.example.com`);
  t.equal(deleted.status, 200);
  await until('what cannot be read is told of', async () => {
    const { json } = await fixture.request('GET', `${definitionsPath}/gates.things.example.com`);
    return listOf(json['status']?.['conditions']).some(
      (one) =>
        textOf(one['reason']) === 'InstanceDeletionFailed' &&
        textOf(one['message']).startsWith('could not list instances: conversion webhook for'),
    );
  });
  webhook.answer = works;
  await until(
    'it is gone',
    async () => (await fixture.request('GET', `${definitionsPath}/gates.things.example.com`)).status === 404,
  );
  t.strictSame(fixture.errors, []);
});
