/** LIST and WATCH over HTTPS. */
import t from 'tap';
import type { JsonObject } from '../support/apiserver-fixture.js';
import { listOf, startFixture, textOf } from '../support/apiserver-fixture.js';

const fixture = await startFixture();
t.teardown(() => fixture.stop());
const { request, watch } = fixture;

const core = '/api/v1/namespaces/default';
const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
const items = (list: JsonObject): readonly JsonObject[] => listOf(list['items']);
const nameOf = (object: JsonObject | undefined): string => textOf(object?.['metadata']?.['name']);
const versionOf = (object: JsonObject): string => textOf(object['metadata']?.['resourceVersion']);

async function configMap(name: string, labels: object = {}): Promise<JsonObject> {
  return (await request('POST', `${core}/configmaps`, { metadata: { name, labels }, data: { a: 'b' } })).json;
}

for (let index = 0; index < 25; index++)
  await configMap(`c${String(index).padStart(2, '0')}`, { odd: String(index % 2 === 1) });

await t.test('chunks come from one revision, whatever happens meanwhile', async (t) => {
  const seen: string[] = [];
  let token = '';
  let revision: string | undefined;
  do {
    const { json } = await request('GET', `${core}/configmaps?limit=10&continue=${token}`);
    seen.push(...items(json).map(nameOf));
    revision ??= versionOf(json);
    t.equal(versionOf(json), revision);
    token = encodeURIComponent(textOf(json['metadata']?.['continue']));
    if (seen.length === 10) {
      t.equal(json['metadata']?.['remainingItemCount'], 15);
      await configMap('c15a');
      await request('DELETE', `${core}/configmaps/c20`);
    }
  } while (token !== '');
  t.equal(seen.length, 25);
  t.ok(seen.includes('c20'));
  t.notOk(seen.includes('c15a'));
  await configMap('c20', { odd: 'false' });
  await request('DELETE', `${core}/configmaps/c15a`);
});

await t.test('chunks of a selection are full', async (t) => {
  const { json } = await request('GET', `${core}/configmaps?limit=5&labelSelector=odd%3Dtrue`);
  t.strictSame(items(json).map(nameOf), ['c01', 'c03', 'c05', 'c07', 'c09']);
  const token = encodeURIComponent(textOf(json['metadata']?.['continue']));
  const next = await request('GET', `${core}/configmaps?limit=50&labelSelector=odd%3Dtrue&continue=${token}`);
  t.equal(items(next.json).length, 7);
  t.equal(next.json['metadata']?.['continue'], undefined);
});

await t.test('a long list is that of its objects, also after some of them have changed', async (t) => {
  const collection = '/api/v1/namespaces/kube-system/configmaps';
  const data = { filling: 'x'.repeat(2000) };
  for (let index = 0; index < 150; index++)
    await request('POST', collection, { metadata: { name: `long-${String(index).padStart(3, '0')}` }, data });
  const changes: Readonly<Record<string, () => Promise<unknown>>> = {
    'as they were made': () => Promise.resolve(),
    'made anew of nothing': () => Promise.resolve(),
    'one written': () => request('PATCH', `${collection}/long-070`, { data: { filling: 'y' } }, merge),
    'one removed': () => request('DELETE', `${collection}/long-020`),
    'one added': () => request('POST', collection, { metadata: { name: 'long-101a' }, data }),
  };
  for (const [what, change] of Object.entries(changes)) {
    await change();
    const listed = items((await request('GET', collection)).json);
    t.ok(listed.length >= 149, what);
    for (const [index, object] of listed.entries()) {
      // Each fourth is compared, and all around those that changed.
      const name = nameOf(object);
      if (index % 4 !== 0 && !/long-(019|021|069|070|071|101)/.test(name)) continue;
      const { json } = await request('GET', `${collection}/${name}`);
      t.same({ apiVersion: 'v1', kind: 'ConfigMap', ...object }, json);
    }
  }
});

await t.test('field selectors', async (t) => {
  const one = await request('GET', `/api/v1/configmaps?fieldSelector=metadata.name%3Dc03`);
  t.strictSame(items(one.json).map(nameOf), ['c03']);
  const spec = { containers: [{ name: 'a', image: 'b' }] };
  await request('POST', `${core}/pods`, { metadata: { name: 'here' }, spec: { ...spec, nodeName: 'n1' } });
  await request('POST', `${core}/pods`, { metadata: { name: 'there' }, spec: { ...spec, nodeName: 'n2' } });
  const pods = await request('GET', `/api/v1/pods?fieldSelector=spec.nodeName%3Dn1,status.phase!%3DFailed`);
  t.strictSame(items(pods.json).map(nameOf), ['here']);
  const unknown = await request('GET', '/api/v1/pods?fieldSelector=spec.color%3Dred');
  t.match(unknown.json, { code: 400, message: /^field label not supported: spec.color$/ });
});

await t.test('representations', async (t) => {
  const as = (accept: string): { headers: { accept: string } } => ({ headers: { accept } });
  const table = await request(
    'GET',
    `${core}/configmaps?limit=2`,
    undefined,
    as('application/json;as=Table;v=v1;g=meta.k8s.io'),
  );
  t.equal(table.json['kind'], 'Table');
  t.equal(listOf(table.json['rows']).length, 2);
  t.match(table.json['metadata'], { continue: /./, remainingItemCount: 23 });
  const partial = await request(
    'GET',
    `${core}/configmaps?limit=1`,
    undefined,
    as('application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'),
  );
  t.match(partial.json, { kind: 'PartialObjectMetadataList', items: [{ kind: 'PartialObjectMetadata' }] });
  t.equal(items(partial.json)[0]?.['data'], undefined);
  const yaml = await request('GET', `${core}/configmaps/c01`, undefined, as('application/yaml'));
  t.match(yaml.text, /^kind: ConfigMap$/m);
  t.equal((await request('GET', `${core}/configmaps`, undefined, as('text/html'))).status, 406);
});

await t.test('a watch from a revision sees what came after it', async (t) => {
  const { json: list } = await request('GET', `${core}/configmaps`);
  const created = await configMap('w1');
  const stream = watch(`${core}/configmaps?watch=true&resourceVersion=${versionOf(list)}`);
  t.teardown(stream.close);
  await stream.until((lines) => lines.length === 1);
  t.strictSame(stream.lines[0], { type: 'ADDED', object: created });
  await request('PATCH', `${core}/configmaps/w1`, { data: { a: 'c' } }, merge);
  await request('DELETE', `${core}/configmaps/w1`);
  await stream.until((lines) => lines.length === 3);
  t.strictSame(
    stream.lines.map((line) => line.type),
    ['ADDED', 'MODIFIED', 'DELETED'],
  );
  const versions = stream.lines.map((line) => Number(versionOf(line.object)));
  t.ok(versions.every((version, index) => index === 0 || version > (versions[index - 1] ?? 0)));
});

await t.test('a watch without a revision, or from 0, begins with what is there', async (t) => {
  for (const query of ['', '&resourceVersion=0']) {
    const stream = watch(`${core}/configmaps?watch=1${query}`);
    await stream.until((lines) => lines.length === 25);
    t.ok(stream.lines.every((line) => line.type === 'ADDED'));
    stream.close();
  }
});

await t.test('a streamed list ends with a bookmark', async (t) => {
  const stream = watch(
    `${core}/configmaps?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&labelSelector=odd%3Dtrue`,
  );
  t.teardown(stream.close);
  await stream.until((lines) => lines.some((line) => line.type === 'BOOKMARK'));
  t.equal(stream.lines.length, 13);
  t.match(stream.lines.at(-1), {
    type: 'BOOKMARK',
    object: {
      kind: 'ConfigMap',
      metadata: { resourceVersion: /\d+/, annotations: { 'k8s.io/initial-events-end': 'true' } },
    },
  });
  await configMap('later', { odd: 'true' });
  await stream.until((lines) => lines.length === 14);
  const wrong = await request('GET', `${core}/configmaps?watch=true&sendInitialEvents=true`);
  t.equal(wrong.status, 422);
});

await t.test('objects come into sight and go out of it', async (t) => {
  const { json: list } = await request('GET', `${core}/configmaps`);
  const stream = watch(
    `${core}/configmaps?watch=true&labelSelector=seen%3Dyes&resourceVersion=${versionOf(list)}`,
  );
  t.teardown(stream.close);
  await configMap('sight', { seen: 'no' });
  await request('PATCH', `${core}/configmaps/sight`, { metadata: { labels: { seen: 'yes' } } }, merge);
  const gone = await request(
    'PATCH',
    `${core}/configmaps/sight`,
    { metadata: { labels: { seen: 'no' } } },
    merge,
  );
  await request('DELETE', `${core}/configmaps/sight`);
  await configMap('sight2', { seen: 'yes' });
  await stream.until((lines) => lines.some((line) => nameOf(line.object) === 'sight2'));
  t.strictSame(
    stream.lines.map((line) => [line.type, nameOf(line.object)]),
    [
      ['ADDED', 'sight'],
      ['DELETED', 'sight'],
      ['ADDED', 'sight2'],
    ],
  );
  t.match(stream.lines[1]?.object, {
    metadata: { labels: { seen: 'yes' }, resourceVersion: versionOf(gone.json) },
  });
});

await t.test('one object by name', async (t) => {
  const stream = watch(`${core}/configmaps?watch=true&fieldSelector=metadata.name%3Dc1`);
  t.teardown(stream.close);
  await configMap('c1x');
  await configMap('c1');
  await stream.until((lines) => lines.length > 0);
  t.strictSame(
    stream.lines.map((line) => nameOf(line.object)),
    ['c1'],
  );
});

await t.test('a table is watched, too', async (t) => {
  const stream = watch(`${core}/configmaps?watch=true`, {
    accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
  });
  t.teardown(stream.close);
  await stream.until((lines) => lines.length >= 2);
  t.equal(stream.lines[0]?.object['kind'], 'Table');
  t.ok(listOf(stream.lines[0]?.object['columnDefinitions']).length > 0);
});

await t.test('a watch ends after its time', async (t) => {
  const stream = watch(`${core}/configmaps?watch=true&timeoutSeconds=1`);
  await stream.until(() => stream.ended);
  t.ok(stream.ended);
});

await t.test('a revision that is too old, and one that is too new', async (t) => {
  const { revision } = await fixture.store.status();
  await configMap('compacted');
  await fixture.store.compact(revision);
  const list = await request('GET', `${core}/configmaps?resourceVersion=1&resourceVersionMatch=Exact`);
  t.match(list.json, { code: 410, reason: 'Expired' });
  const future = await request('GET', `${core}/configmaps?watch=true&resourceVersion=999999`);
  t.match(future.json, { code: 504, details: { causes: [{ reason: 'ResourceVersionTooLarge' }] } });
});

await t.test('many watchers see every event, in order', async (t) => {
  const { json: list } = await request('GET', `${core}/configmaps`);
  const streams = Array.from({ length: 50 }, () =>
    watch(`${core}/configmaps?watch=true&resourceVersion=${versionOf(list)}`),
  );
  const writes = 40;
  for (let index = 0; index < writes; index++)
    await request('PATCH', `${core}/configmaps/c00`, { data: { a: String(index) } }, merge);
  await Promise.all(streams.map((stream) => stream.until((lines) => lines.length >= writes)));
  for (const stream of streams) {
    t.strictSame(
      stream.lines.map((line) => line.object['data']?.['a']),
      Array.from({ length: writes }, (_, index) => String(index)),
    );
    stream.close();
  }
});

await t.test('stopping ends watches within two seconds', async (t) => {
  const other = await startFixture();
  const stream = other.watch('/api/v1/pods?watch=true');
  const list = await other.request('GET', '/api/v1/pods');
  t.equal(list.status, 200);
  const start = performance.now();
  await other.stop();
  t.ok(performance.now() - start < 2000);
  t.ok(stream.ended);
});

await t.test('no handler failed', async (t) => {
  t.strictSame(fixture.errors, []);
});
