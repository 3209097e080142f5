/** Selectors over collections that are large enough for an index: always what looking at every object gives. */
import t from 'tap';
import type { JsonObject } from '../support/apiserver-fixture.js';
import { listOf, startFixture, textOf } from '../support/apiserver-fixture.js';

const fixture = await startFixture();
t.teardown(() => fixture.stop());
const { request, watch } = fixture;

const count = 260;
const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
const nameOf = (object: JsonObject | undefined): string => textOf(object?.['metadata']?.['name']);
const namesOf = (list: JsonObject): readonly string[] => listOf(list['items']).map(nameOf);
const pods = '/api/v1/namespaces/default/pods';
const containers = [{ name: 'a', image: 'b' }];

for (const namespace of ['one', 'two'])
  await request('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
for (let index = 0; index < count; index++) {
  const name = `p${String(index).padStart(3, '0')}`;
  const labels = { app: `app${index % 5}`, tier: index % 2 === 0 ? 'front' : 'back', unique: name };
  const namespace = index % 10 === 0 ? 'one' : 'default';
  await request('POST', `/api/v1/namespaces/${namespace}/pods`, {
    metadata: { name, labels },
    spec: { containers, nodeName: `node${index % 7}` },
  });
}

/** Names by the server's selection, and by our own over everything. */
async function compare(
  query: string,
  own: (labels: Record<string, string>, pod: JsonObject) => boolean,
  path = '/api/v1/pods',
): Promise<{ readonly found: readonly string[]; readonly expected: readonly string[] }> {
  const all = listOf((await request('GET', path)).json['items']);
  const expected = all.filter((pod) =>
    own(pod['metadata']?.['labels'] as unknown as Record<string, string>, pod),
  );
  const { json } = await request('GET', `${path}?${query}`);
  return { found: namesOf(json), expected: expected.map(nameOf) };
}

const nodeOf = (pod: JsonObject): string => textOf(pod['spec']?.['nodeName']);

for (const round of ['first', 'again']) {
  await t.test(`equality, sets and fields, ${round}`, async (t) => {
    const cases: [string, Parameters<typeof compare>[1], string?][] = [
      ['labelSelector=app%3Dapp3', ({ app }) => app === 'app3'],
      ['labelSelector=app%3Dapp3,tier%3Dback', ({ app, tier }) => app === 'app3' && tier === 'back'],
      [
        'labelSelector=app+in+(app1,app2),tier%3Dfront',
        ({ app, tier }) => /app[12]/.test(app ?? '') && tier === 'front',
      ],
      ['labelSelector=app!%3Dapp0', ({ app }) => app !== 'app0'],
      ['labelSelector=none%3Dx', () => false],
      ['fieldSelector=spec.nodeName%3Dnode4', (_, pod) => nodeOf(pod) === 'node4'],
      [
        'fieldSelector=spec.nodeName!%3Dnode4&labelSelector=app%3Dapp1',
        ({ app }, pod) => app === 'app1' && nodeOf(pod) !== 'node4',
      ],
      ['fieldSelector=spec.nodeName%3Dnode1&resourceVersion=0', (_, pod) => nodeOf(pod) === 'node1'],
      ['labelSelector=app%3Dapp0', ({ app }) => app === 'app0', '/api/v1/namespaces/one/pods'],
    ];
    for (const [query, own, path] of cases) {
      const { found, expected } = await compare(query, own, path);
      t.strictSame(found, expected, query);
    }
    // What the next round finds has changed meanwhile.
    await request('PATCH', `${pods}/p001`, { metadata: { labels: { app: 'app3', tier: null } } }, merge);
    await request('DELETE', `${pods}/p004?gracePeriodSeconds=0`);
    await request('POST', pods, {
      metadata: { name: 'p999', labels: { app: 'app3' } },
      spec: { containers, nodeName: 'node4' },
    });
  });
}

await t.test('chunks of a selection come from one revision', async (t) => {
  const { expected } = await compare('', ({ app }) => app === 'app2');
  const seen: string[] = [];
  let token = '';
  do {
    const { json } = await request('GET', `/api/v1/pods?limit=20&labelSelector=app%3Dapp2&continue=${token}`);
    seen.push(...namesOf(json));
    if (token === '') await request('DELETE', `${pods}/${expected.at(-1) ?? ''}?gracePeriodSeconds=0`);
    token = encodeURIComponent(textOf(json['metadata']?.['continue']));
  } while (token !== '');
  t.strictSame(seen, expected);
});

await t.test('a watch of one node sees its pods come, change and go, and no others', async (t) => {
  const { json } = await request('GET', '/api/v1/pods?fieldSelector=spec.nodeName%3Dquiet');
  const from = textOf(json['metadata']?.['resourceVersion']);
  const quiet = watch(`/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Dquiet&resourceVersion=${from}`);
  const labelled = watch(`/api/v1/pods?watch=true&labelSelector=app%3Dquiet&resourceVersion=${from}`);
  t.teardown(quiet.close);
  t.teardown(labelled.close);
  await request('POST', pods, { metadata: { name: 'elsewhere' }, spec: { containers, nodeName: 'node1' } });
  await request('POST', pods, { metadata: { name: 'bound-later' }, spec: { containers } });
  const target = { kind: 'Node', name: 'quiet' };
  await request('POST', `${pods}/bound-later/binding`, { metadata: { name: 'bound-later' }, target });
  await request('PATCH', `${pods}/bound-later`, { metadata: { labels: { app: 'quiet' } } }, merge);
  await request('PATCH', `${pods}/bound-later`, { metadata: { labels: { app: 'loud' } } }, merge);
  await request('DELETE', `${pods}/bound-later?gracePeriodSeconds=0`);
  for (const stream of [quiet, labelled])
    await stream.until((lines) => lines.some(({ type }) => type === 'DELETED'));
  t.strictSame(
    quiet.lines.map(({ type, object }) => `${type} ${nameOf(object)}`),
    ['ADDED bound-later', 'MODIFIED bound-later', 'MODIFIED bound-later', 'DELETED bound-later'],
  );
  t.strictSame(
    labelled.lines.map(({ type, object }) => `${type} ${nameOf(object)}`),
    ['ADDED bound-later', 'DELETED bound-later'],
  );
});

await t.test('large tables and lists of metadata hold what the list holds', async (t) => {
  const names = namesOf((await request('GET', '/api/v1/pods')).json);
  const as = async (what: string): Promise<JsonObject> =>
    (
      await request('GET', '/api/v1/pods', undefined, {
        headers: { accept: `application/json;as=${what};v=v1;g=meta.k8s.io` },
      })
    ).json;
  const table = await as('Table');
  t.strictSame(
    listOf(table['rows']).map((row) => nameOf(row['object'])),
    names,
  );
  t.ok(listOf(table['columnDefinitions']).length > 4);
  const metadata = await as('PartialObjectMetadataList');
  t.strictSame(namesOf(metadata), names);
  t.equal(metadata['kind'], 'PartialObjectMetadataList');
});

await t.test('nothing went wrong on the way', async (t) => {
  t.strictSame(fixture.errors, []);
});
