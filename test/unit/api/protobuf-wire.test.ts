/** Protobuf from hand-made bytes, as Go clients write it and as nobody should. */
import t from 'tap';
import { decodeProtobuf } from '../../../api/protobuf/envelope.js';
import { loadSchema } from '../../../api/schema/load.js';
import { StatusError } from '../../../api/status-error.js';

const schema = loadSchema();

function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}
const number = (field: number, value: number | bigint): Buffer =>
  Buffer.concat([varint(field << 3), varint(value)]);
const bytes = (field: number, ...parts: readonly (Buffer | string)[]): Buffer => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([varint((field << 3) | 2), varint(body.length), body]);
};
const envelope = (apiVersion: string, kind: string, ...fields: readonly Buffer[]): Buffer =>
  Buffer.concat([Buffer.from('k8s\0'), bytes(1, bytes(1, apiVersion), bytes(2, kind)), bytes(2, ...fields)]);

void t.test('a pod, as kubectl writes it', async (t) => {
  const meta = bytes(
    1,
    bytes(1, 'web'),
    bytes(2, ''),
    number(7, 0),
    bytes(8),
    bytes(11, bytes(1, 'app'), bytes(2, 'web')),
    bytes(11, bytes(1, 'empty'), bytes(2, '')),
  );
  const container = bytes(
    2,
    bytes(1, 'c'),
    bytes(2, 'image'),
    bytes(3, 'sh'),
    bytes(3, '-c'),
    bytes(6, bytes(1, ''), number(2, 0), number(3, 80), bytes(4, 'TCP')),
    bytes(8, bytes(1, bytes(1, 'cpu'), bytes(2, bytes(1, '100m')))),
    bytes(
      10,
      bytes(1, bytes(2, bytes(1, '/'), bytes(2, number(1, 1), number(2, 0), bytes(3, 'http')))),
      number(2, 5),
    ),
    number(16, 0),
  );
  const volume = bytes(1, bytes(1, 'v'), bytes(2, bytes(2, bytes(1, ''))));
  const spec = bytes(2, volume, container, number(4, 0), number(11, 0), number(30, 0));
  t.strictSame(decodeProtobuf(schema, envelope('v1', 'Pod', meta, spec)), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', labels: { app: 'web', empty: '' } },
    spec: {
      volumes: [{ name: 'v', emptyDir: {} }],
      containers: [
        {
          name: 'c',
          image: 'image',
          command: ['sh', '-c'],
          ports: [{ containerPort: 80, protocol: 'TCP' }],
          resources: { limits: { cpu: '100m' } },
          livenessProbe: { httpGet: { path: '/', port: 'http' }, initialDelaySeconds: 5 },
        },
      ],
      terminationGracePeriodSeconds: 0,
      enableServiceLinks: false,
    },
  });
});

void t.test('times, bytes, negative and packed numbers', async (t) => {
  const secret = envelope(
    'v1',
    'Secret',
    bytes(1, bytes(8, number(1, 1_767_225_600), number(2, 0))),
    bytes(2, bytes(1, 'k'), bytes(2, Buffer.from([0, 255]))),
  );
  t.match(decodeProtobuf(schema, secret), {
    metadata: { creationTimestamp: '2026-01-01T00:00:00Z' },
    data: { k: 'AP8=' },
  });
  const lease = envelope(
    'coordination.k8s.io/v1',
    'Lease',
    bytes(2, bytes(4, number(1, 1_767_225_600), number(2, 123_456_000))),
  );
  t.match(decodeProtobuf(schema, lease), { spec: { renewTime: '2026-01-01T00:00:00.123456Z' } });
  const security = bytes(14, number(2, -1n), bytes(4, varint(1), varint(300)));
  t.match(decodeProtobuf(schema, envelope('v1', 'Pod', bytes(2, security))), {
    spec: { securityContext: { runAsUser: -1, supplementalGroups: [1, 300] } },
  });
});

void t.test('options come under any group: the caller knows what they are', async (t) => {
  const options = envelope('apps/v1', 'DeleteOptions', number(1, 0), bytes(4, 'Background'));
  t.match(decodeProtobuf(schema, options, 'meta/v1.DeleteOptions'), {
    gracePeriodSeconds: 0,
    propagationPolicy: 'Background',
  });
});

void t.test('what is no message', async (t) => {
  const pod = envelope('v1', 'Pod', bytes(1, bytes(1, 'web')));
  const cases: Readonly<Record<string, Buffer>> = {
    'no magic': Buffer.from('{}'),
    'an unknown kind': envelope('v1', 'Nothing'),
    'cut off': pod.subarray(0, pod.length - 1),
    'an endless number': Buffer.concat([Buffer.from('k8s\0'), Buffer.alloc(12, 0xff)]),
    'a group': Buffer.concat([Buffer.from('k8s\0'), Buffer.from([0x0b])]),
  };
  for (const [name, body] of Object.entries(cases))
    t.throws(() => decodeProtobuf(schema, body), StatusError, name);
});
