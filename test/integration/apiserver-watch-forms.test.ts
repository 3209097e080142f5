/** A watch in every form that a client may ask for: what its events, its bookmarks and the end of its beginning look like. */
import t from 'tap';
import { ManualClock } from '../../common/clock.js';
import type { JsonObject, WatchLine } from '../support/apiserver-fixture.js';
import { listOf, startFixture, textOf } from '../support/apiserver-fixture.js';

const clock = new ManualClock(Date.now());
const fixture = await startFixture({ clock });
t.teardown(() => fixture.stop());
const { request, watch } = fixture;
const path = '/api/v1/namespaces/default/configmaps';

interface Form {
  readonly accept: string;
  readonly kind: string;
  readonly apiVersion: string;
  /** The metadata of the object that an event is about. */
  readonly metadataOf: (object: JsonObject) => JsonObject | undefined;
}

const plain = (object: JsonObject): JsonObject | undefined => object['metadata'];
const inRow = (object: JsonObject): JsonObject | undefined =>
  listOf(object['rows'])[0]?.['object']?.['metadata'];

const forms: readonly Form[] = [
  { accept: 'application/json', kind: 'ConfigMap', apiVersion: 'v1', metadataOf: plain },
  ...['v1', 'v1beta1'].flatMap((version): Form[] => {
    const apiVersion = `meta.k8s.io/${version}`;
    const as = (what: string): string => `application/json;as=${what};v=${version};g=meta.k8s.io`;
    return [
      { accept: as('PartialObjectMetadata'), kind: 'PartialObjectMetadata', apiVersion, metadataOf: plain },
      { accept: as('Table'), kind: 'Table', apiVersion, metadataOf: inRow },
    ];
  }),
];

const bookmarks = (lines: readonly WatchLine[]): WatchLine[] =>
  lines.filter(({ type }) => type === 'BOOKMARK');

await request('POST', path, { metadata: { name: 'there' }, data: { a: 'b' } });

for (const [index, { accept, kind, apiVersion, metadataOf }] of forms.entries()) {
  await t.test(accept, async (t) => {
    const query =
      'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const stream = watch(`${path}?${query}`, { accept });
    t.teardown(stream.close);
    await stream.until((lines) => bookmarks(lines).length === 1);
    const began = stream.lines.length;
    t.ok(
      stream.lines
        .slice(0, -1)
        .some(({ type, object }) => type === 'ADDED' && textOf(metadataOf(object)?.['name']) === 'there'),
      'the state comes first',
    );
    const name = `form-${index}`;
    const created = await request('POST', path, { metadata: { name } });
    await request(
      'PATCH',
      `${path}/${name}`,
      { data: { x: 'y' } },
      {
        headers: { 'content-type': 'application/merge-patch+json' },
      },
    );
    const { json: deleted } = await request('DELETE', `${path}/${name}`);
    t.equal(deleted['status'], 'Success');
    await stream.until((lines) => lines.length >= began + 3);
    const changes = stream.lines.slice(began, began + 3);
    t.strictSame(
      changes.map(({ type, object }) => `${type} ${textOf(metadataOf(object)?.['name'])}`),
      [`ADDED ${name}`, `MODIFIED ${name}`, `DELETED ${name}`],
    );
    t.equal(metadataOf(changes[0]?.object ?? {})?.['uid'], created.json['metadata']?.['uid']);

    clock.advance(61_000);
    await stream.until((lines) => bookmarks(lines).length === 2);
    for (const { object } of [...changes, ...bookmarks(stream.lines)]) {
      t.equal(object['kind'], kind);
      t.equal(object['apiVersion'], apiVersion);
    }
    const [end, later] = bookmarks(stream.lines).map(({ object }) => object);
    if (kind !== 'Table')
      t.match(end?.['metadata'], { annotations: { 'k8s.io/initial-events-end': 'true' } });
    t.ok(
      Number(later?.['metadata']?.['resourceVersion']) > Number(end?.['metadata']?.['resourceVersion']),
      'time went on',
    );
    t.notOk(later?.['metadata']?.['annotations'], 'and the beginning ends once');
  });
}
