/** The types that look different in protobuf, byte by byte, and what surrounds messages. */
import t from 'tap';
import { decodeMessage } from '../../../api/protobuf/decode.js';
import { durationText, nanosecondsOf } from '../../../api/protobuf/duration.js';
import { encodeMessage } from '../../../api/protobuf/encode.js';
import {
  decodeProtobuf,
  encodeProtobuf,
  joinListItems,
  listEnds,
  openEnvelope,
  watchFrame,
} from '../../../api/protobuf/envelope.js';
import { WireReader } from '../../../api/protobuf/wire-reader.js';
import { tagOf, wireTypes, WireWriter } from '../../../api/protobuf/wire-writer.js';
import { loadSchema } from '../../../api/schema/load.js';
import type { Schema } from '../../../api/schema/model.js';
import { parseSchema } from '../../../api/schema/parse.js';
import { StatusError } from '../../../api/status-error.js';

const schema = loadSchema();

/** One field of every type, so that a case shows nothing but itself. */
const types: Schema = parseSchema([
  {
    name: 'test.v1.api',
    text: `package io.k8s.api.test.v1
group "test" version v1
kind Thing namespaced
  string?: string = 1 pointer
  int32?: int32 = 2 pointer
  int64?: int64 = 3 pointer
  double?: double = 4 pointer
  boolean?: boolean = 5 pointer
  bytes?: bytes = 6
  time?: Time = 7 pointer
  micro?: MicroTime = 8 pointer
  quantity?: Quantity = 9 pointer
  port?: IntOrString = 10 pointer
  raw?: RawExtension = 11 pointer
  duration?: Duration = 12 pointer
  map?: map string = 13
  lists?: map []string = 14
  numbers?: []int32 = 15
  far?: string = 2047 pointer
  part?: Part = 16 pointer
  choice?: Choice = 17 pointer
  anys?: []any = 18
  inline Inlined = 20
type Part
  name: string = 1 keepZero
  count?: int32 = 2
  since?: Time = 3
  note?: string = 4
  size?: Quantity = 5
  child?: Part = 6 pointer
type Inlined
  inner?: string = 1 pointer
union Choice boolean = 1 | Part = 2 | []string = 3
`,
  },
]);
/** The inlined message is always written, and comes last. */
const emptyInline = 'a20100';

void t.test('each type, byte by byte', async (t) => {
  const cases: readonly (readonly [object, string])[] = [
    [{}, ''],
    [{ string: 'aä' }, '0a0361c3a4'],
    [{ string: '' }, '0a00'],
    [{ string: 'x'.repeat(130) }, `0a8201${'78'.repeat(130)}`],
    [{ int32: 0 }, '1000'],
    [{ int32: 300 }, '10ac02'],
    [{ int32: -1 }, '10ffffffffffffffffff01'],
    [{ int64: 9007199254740991 }, '18ffffffffffffff0f'],
    [{ int64: -9007199254740991 }, '1881808080808080f0ff01'],
    [{ double: 0.5 }, '21000000000000e03f'],
    [{ boolean: false }, '2800'],
    [{ boolean: true }, '2801'],
    [{ bytes: 'AP8=' }, '320200ff'],
    [{ time: '2026-01-01T00:00:00Z' }, '3a080880f2d6ca061000'],
    [{ time: '1969-12-31T23:59:59Z' }, '3a0d08ffffffffffffffffff011000'],
    [{ micro: '2026-01-01T00:00:00.123456Z' }, '420b0880f2d6ca06108094ef3a'],
    [{ quantity: '100m' }, '4a060a043130306d'],
    [{ port: 80 }, '5206080010501a00'],
    [{ port: 'http' }, '520a080110001a0468747470'],
    [{ raw: { kind: 'X' } }, '5a0e0a0c7b226b696e64223a2258227d'],
    [{ duration: '1m30s' }, '6207088088aca3cf02'],
    [{ map: { b: '2', a: '' } }, '6a050a016112006a060a0162120132'],
    [{ lists: { a: ['x', 'y'] } }, '720b0a016112060a01780a0179'],
    [{ numbers: [1, 300] }, '780178ac02'],
    [{ part: { name: '' } }, '82010d0a0010001a0022002a030a0130'],
    [{ choice: true }, '8a01020801'],
    [{ choice: false }, '8a01020800'],
    [{ choice: ['x'] }, '8a010508011a0178'],
    [{ anys: [1, 'a', null] }, '9201030a01319201050a03226122920100'],
    [{ inner: 'x' }, 'a201030a0178'],
  ];
  for (const [object, hex] of cases) {
    const expected = 'inner' in object ? hex : hex + emptyInline;
    const encoded = encodeMessage(types, 'test/v1.Thing', object);
    t.equal(encoded.toString('hex'), expected, JSON.stringify(object));
    const back = { size: undefined, ...decodeMessage(types, 'test/v1.Thing', encoded) };
    t.match(back, object, `${JSON.stringify(object)} and back`);
  }
  const far = encodeMessage(types, 'test/v1.Thing', { far: 'x' });
  t.equal(far.toString('hex'), `${emptyInline}fa7f0178`, 'a large number');
});

void t.test('zeros: dropped, kept, and shown', async (t) => {
  const empty = encodeMessage(types, 'test/v1.Thing', { part: {} });
  t.strictSame(decodeMessage(types, 'test/v1.Thing', empty), { part: { name: '', size: '0' } });
  const zeros = { string: '', int32: 0, boolean: false, double: 0, quantity: '0', port: 0 };
  const kept = encodeMessage(types, 'test/v1.Thing', zeros);
  t.strictSame(
    decodeMessage(types, 'test/v1.Thing', kept),
    zeros,
    'of a pointer, a zero was set by somebody',
  );
  const withZeros = { part: { name: 'p', count: 0, note: '' } };
  const dropped = decodeMessage(types, 'test/v1.Thing', encodeMessage(types, 'test/v1.Thing', withZeros));
  t.strictSame(dropped, { part: { name: 'p', size: '0' } }, 'of others, nobody knows');
  const nulls = { string: null, part: { name: null, since: null } };
  t.strictSame(decodeMessage(types, 'test/v1.Thing', encodeMessage(types, 'test/v1.Thing', nulls)), {
    part: { name: '', size: '0' },
  });
});

void t.test('maps are sorted as Go sorts them, and keys may have any name', async (t) => {
  const map = JSON.parse('{"\u{1F600}":"1","\uFFFD":"2","__proto__":"3","a":"4"}') as object;
  const encoded = encodeMessage(types, 'test/v1.Thing', { map });
  const keys: string[] = [];
  const reader = new WireReader(encoded);
  while (reader.next()) {
    if (reader.number === 13) keys.push(keyOf(reader));
    else reader.skip();
  }
  t.strictSame(keys, ['__proto__', 'a', '\uFFFD', '\u{1F600}']);
  const back = decodeMessage(types, 'test/v1.Thing', encoded)['map'] as object;
  t.strictSame(Object.entries(back).sort(), Object.entries(map).sort());
});

function keyOf(reader: WireReader): string {
  let key = '';
  const end = reader.enter();
  while (reader.next()) {
    if (reader.number === 1) key = reader.text();
    else reader.skip();
  }
  reader.leave(end);
  return key;
}

void t.test('schemas of custom resources', async (t) => {
  const crd = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.example.com' },
    spec: {
      group: 'example.com',
      names: { plural: 'things', kind: 'Thing' },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: {
            openAPIV3Schema: {
              type: 'object',
              required: ['spec'],
              properties: {
                spec: { type: 'object', additionalProperties: { type: 'string' }, maxProperties: 0 },
                list: { type: 'array', items: { type: 'number', minimum: -0.5, default: 1 } },
                pair: { items: [{ type: 'string' }, { enum: ['a', 2, null] }], additionalItems: false },
                free: { 'x-kubernetes-preserve-unknown-fields': true, additionalProperties: true },
                deps: { dependencies: { a: ['b'], c: { not: {} } } },
              },
            },
          },
        },
      ],
    },
  };
  const name = 'apiextensions/v1.CustomResourceDefinition';
  const read = decodeProtobuf(schema, encodeProtobuf(schema, name, crd));
  t.match(read, crd);
  t.strictSame(encodeProtobuf(schema, name, read), encodeProtobuf(schema, name, crd));
  const boolean = { additionalProperties: { type: 'string' } };
  // The flag is true beside a schema.
  const props = encodeMessage(schema, 'apiextensions/v1.JSONSchemaProps', boolean).toString('hex');
  t.match(props, /f201..(08011[2])/);
});

void t.test('values of another type are refused, with their path', async (t) => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ metadata: { name: 7 } }, /^metadata: name: a string is wanted where there is a number$/],
    [{ spec: { containers: [{ name: 'a' }, { name: true }] } }, /^spec: containers: 1: name: a string/],
    [{ spec: { containers: {} } }, /^spec: containers: a list is wanted/],
    [
      { metadata: { generation: 1.5 } },
      /^metadata: generation: a whole number is wanted where there is 1.5$/,
    ],
    [{ metadata: { labels: { a: 1 } } }, /^metadata: labels: a: a string/],
    [{ metadata: { creationTimestamp: 'soon' } }, /^metadata: creationTimestamp: "soon" is no time/],
    [{ spec: [] }, /^spec: an object is wanted/],
  ];
  for (const [pod, message] of cases) {
    t.throws(() => encodeMessage(schema, 'core/v1.Pod', pod), { name: 'TypeError', message });
    t.match(
      decodeMessage(schema, 'core/v1.Pod', encodeMessage(schema, 'core/v1.Pod', {})),
      {},
      'the writer is clean',
    );
  }
  t.throws(() => encodeMessage(schema, 'core/v1.Nothing', {}), /no message core\/v1\.Nothing/);
});

void t.test('bytes that are no message are refused as a bad request', async (t) => {
  const deep = (levels: number): Buffer => {
    const writer = new WireWriter();
    for (let level = 0; level < levels; level++) {
      writer.size(0);
      writer.tag(tagOf(28, wireTypes.bytes));
    }
    return writer.take();
  };
  const props = 'apiextensions/v1.JSONSchemaProps';
  t.ok(decodeMessage(schema, props, deep(200)), 'deep, but not too deep');
  const cases: readonly (readonly [string, string, Buffer])[] = [
    ['too deep', props, deep(100_000)],
    ['field 0', 'core/v1.Pod', Buffer.from([0x00, 0x00])],
    ['a text that is a number', 'core/v1.Namespace', Buffer.from('0a020801', 'hex')],
    ['invalid UTF-8', 'core/v1.Namespace', Buffer.from('0a030a01ff', 'hex')],
    ['longer than it is', 'core/v1.Namespace', Buffer.from('0aff01', 'hex')],
    ['embedded JSON that is none', 'test', Buffer.from('5a030a017b', 'hex')],
    ['the year 300000', 'test', Buffer.from('3a07088080f4fcdb8a02', 'hex')],
  ];
  for (const [what, name, bytes] of cases) {
    const read = (): unknown =>
      name === 'test' ? decodeMessage(types, 'test/v1.Thing', bytes) : decodeMessage(schema, name, bytes);
    t.throws(read, StatusError, what);
  }
  t.ok(
    decodeMessage(schema, 'core/v1.Namespace', Buffer.from('0a050a03efbfbd', 'hex')),
    'U+FFFD itself is text',
  );
});

void t.test('a list that is put together is the one that is encoded at once', async (t) => {
  const type = { apiVersion: 'v1', kind: 'NamespaceList' };
  const metadata = { resourceVersion: '7', continue: 'x' };
  const items = ['a', 'b', 'c'.repeat(300)].map((name) => ({ metadata: { name } }));
  const whole = encodeProtobuf(schema, 'core/v1.NamespaceList', { ...type, metadata, items });
  const messages = items.map((item) => encodeMessage(schema, 'core/v1.Namespace', item));
  const joined = [messages.slice(0, 2), messages.slice(2)].map(joinListItems);
  const itemsBytes = joined.reduce((bytes, some) => bytes + some.length, 0);
  const { before, after } = listEnds(type, encodeMessage(schema, 'meta/v1.ListMeta', metadata), itemsBytes);
  t.equal(Buffer.concat([before, ...joined, after]).toString('hex'), whole.toString('hex'));
  t.match(decodeProtobuf(schema, whole), { ...type, metadata, items });
});

void t.test('frames and envelopes', async (t) => {
  const inner = encodeProtobuf(schema, 'meta/v1.Status', { apiVersion: 'v1', kind: 'Status', code: 410 });
  const frame = watchFrame('ERROR', inner);
  t.equal(frame.readUInt32BE(), frame.length - 4);
  t.equal(frame.subarray(4, 11).toString('latin1'), '\n\x05ERROR');
  t.ok(frame.subarray(-inner.length).equals(inner));
  t.match(openEnvelope(inner), { apiVersion: 'v1', kind: 'Status' });
  t.match(decodeProtobuf(schema, inner), { kind: 'Status', code: 410 });
});

void t.test('durations', async (t) => {
  const cases: readonly (readonly [string, number, string])[] = [
    ['0', 0, '0s'],
    ['1h2m3.5s', 3_723_500_000_000, '1h2m3.5s'],
    ['-1.5h', -5_400_000_000_000, '-1h30m0s'],
    ['90s', 90_000_000_000, '1m30s'],
    ['1500us', 1_500_000, '1.5ms'],
    ['10ns', 10, '10ns'],
    ['2µs', 2000, '2µs'],
  ];
  for (const [text, nanoseconds, canonical] of cases) {
    t.equal(nanosecondsOf(text), nanoseconds, text);
    t.equal(durationText(nanoseconds), canonical, canonical);
  }
  t.throws(() => nanosecondsOf('1 day'), TypeError);
});

void t.test('the writer grows, and is empty after it was taken from', async (t) => {
  const writer = new WireWriter(4);
  for (const value of [2 ** 53 - 1, 2 ** 32, 128, 127, 0]) writer.varint(value);
  writer.text('ä'.repeat(40));
  writer.text('short');
  writer.bytes(new Uint8Array(100));
  const reader = new WireReader(writer.take());
  t.equal(reader.bytes().length, 100);
  t.equal(reader.text(), 'short');
  t.equal(reader.text(), 'ä'.repeat(40));
  for (const value of [0, 127, 128, 2 ** 32, 2 ** 53 - 1]) t.equal(reader.varint(), value);
  t.equal(writer.length, 0);
});
