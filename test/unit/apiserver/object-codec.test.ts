import t from 'tap';
import { StatusError } from '../../../api/status-error.js';
import type { Pod } from '../../../api/generated/core-v1.js';
import { pods } from '../../../api/resources.js';
import { KeyLayout } from '../../../apiserver/storage/key-layout.js';
import { ObjectCodec } from '../../../apiserver/storage/object-codec.js';
import { EncodingCache } from '../../../apiserver/storage/encoding-cache.js';
import { StoredObject } from '../../../apiserver/storage/stored-object.js';

const codec = new ObjectCodec(pods);
const pod = {
  metadata: { name: 'a', namespace: 'b', resourceVersion: '3' },
  spec: { containers: [] },
  apiVersion: 'v1',
  kind: 'Pod',
} as unknown as Pod;

void t.test('what is stored has no version; what is served has that of its write', async (t) => {
  const bytes = codec.encode(pod);
  t.equal(
    bytes.toString(),
    '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"b"},"spec":{"containers":[]}}',
  );
  t.equal(
    codec.served(bytes, 42).toString(),
    '{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"42","name":"a","namespace":"b"},"spec":{"containers":[]}}',
  );
  t.equal(codec.decode(bytes, 42).metadata.resourceVersion, '42');
});

void t.test('a value that somebody else wrote, with keys in another order', async (t) => {
  const foreign = Buffer.from('{"metadata":{"name":"a"},"kind":"Pod","apiVersion":"v1","spec":{}}');
  t.strictSame(JSON.parse(codec.served(foreign, 9).toString()), {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name: 'a', resourceVersion: '9' },
    spec: {},
  });
  t.throws(() => codec.served(Buffer.from('k8s\0binary'), 9), StatusError);
});

void t.test('several objects in one buffer, whoever wrote them', async (t) => {
  const own = codec.encode(pod);
  const foreign = Buffer.from('{"metadata":{"name":"ä"},"kind":"Pod","apiVersion":"v1","spec":{}}');
  const joined = codec.joinServed([own, foreign, own], [7, 123_456, 8], {
    before: Buffer.from('<'),
    after: Buffer.from('>\n'),
  });
  t.equal(
    joined.toString(),
    [codec.served(own, 7), codec.served(foreign, 123_456), codec.served(own, 8)]
      .map((served) => `<${served.toString()}>\n`)
      .join(''),
  );
});

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

void t.test('lines of a watch', async (t) => {
  const record = { key: 'k', value: codec.encode(pod), createRevision: 1, modRevision: 5 };
  const encodings = new EncodingCache(32 * 1024 * 1024);
  const stored = new StoredObject(codec, record, 5, encodings);
  const line = stored.watchLine('ADDED');
  t.ok(textOf(line).endsWith('}\n'));
  t.match(JSON.parse(textOf(line)), { type: 'ADDED', object: { metadata: { resourceVersion: '5' } } });
  t.equal(stored.watchLine('ADDED'), line, 'made once');
  t.match(JSON.parse(textOf(stored.watchLine('MODIFIED'))), { type: 'MODIFIED' });
  t.equal(encodings.bytes, line.byteLength + stored.watchLine('MODIFIED').byteLength);
  encodings.add(33 * 1024 * 1024, () => undefined);
  t.not(stored.watchLine('ADDED'), line, 'made again when its room was needed');
});

void t.test('keys are those of Kubernetes', async (t) => {
  const key = (group: string, plural: string): string => new KeyLayout({ group, plural }).key('a', 'b');
  t.equal(key('', 'pods'), '/registry/pods/a/b');
  t.equal(key('', 'services'), '/registry/services/specs/a/b');
  t.equal(key('', 'endpoints'), '/registry/services/endpoints/a/b');
  t.equal(key('', 'replicationcontrollers'), '/registry/controllers/a/b');
  t.equal(key('apps', 'deployments'), '/registry/deployments/a/b');
  t.equal(new KeyLayout({ group: '', plural: 'nodes' }).key('', 'b'), '/registry/minions/b');
  t.equal(new KeyLayout({ group: '', plural: 'pods' }).prefix('a'), '/registry/pods/a/');
  t.equal(new KeyLayout({ group: '', plural: 'pods' }).prefix(''), '/registry/pods/');
});

void t.test('what is kept holds on to no more memory than its own', async (t) => {
  const sizeOf = ({ buffer, byteLength }: Uint8Array): unknown => ({ byteLength, held: buffer.byteLength });
  const value = codec.encode({ ...pod, metadata: { ...pod.metadata, name: 'höhe' } });
  t.strictSame(sizeOf(value), { byteLength: value.byteLength, held: value.byteLength }, 'the stored value');
  t.equal(codec.decode(value, 1).metadata.name, 'höhe');
  const record = { key: 'k', value, createRevision: 1, modRevision: 1 };
  const stored = new StoredObject(codec, record, 1, new EncodingCache(1_000_000));
  const line = stored.watchLine('ADDED');
  t.strictSame(sizeOf(line), { byteLength: line.byteLength, held: line.byteLength }, 'a line of a watch');
  t.equal(stored.watchLine('ADDED'), line, 'and it is kept');
});
