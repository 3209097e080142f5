import t from 'tap';
import { decodeObject, strictDecodingError } from '../../../api/schema/decode.js';
import { findDuplicateKeys } from '../../../api/schema/duplicate-keys.js';
import { loadSchema } from '../../../api/schema/load.js';
import { isStatusError } from '../../../api/status-error.js';

const schema = loadSchema();

function pod(spec: unknown): unknown {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec };
}

function refusal(name: string, json: unknown): string {
  try {
    decodeObject(schema, name, json);
  } catch (error) {
    if (isStatusError(error, 'BadRequest')) return error.message;
    throw error;
  }
  return 'accepted';
}

void t.test('fills what a Pod must have and canonicalises its values', async (t) => {
  const { object, unknownFields } = decodeObject(
    schema,
    'core/v1.Pod',
    pod({
      nodeName: null,
      containers: [
        {
          name: 'c',
          ports: [{ containerPort: 80 }, { containerPort: 81, protocol: '' }],
          resources: { requests: { cpu: 0.5, memory: '1.5Gi' } },
        },
      ],
    }),
  );
  t.strictSame(unknownFields, []);
  t.strictSame(object, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a' },
    spec: {
      containers: [
        {
          name: 'c',
          ports: [
            { containerPort: 80, protocol: 'TCP' },
            { containerPort: 81, protocol: 'TCP' },
          ],
          resources: { requests: { cpu: '500m', memory: '1536Mi' } },
        },
      ],
    },
    status: {},
  });
});

void t.test('fill: false reads the JSON as it stands', async (t) => {
  const json = { spec: { ports: [{ port: 1 }] } };
  t.strictSame(decodeObject(schema, 'core/v1.Service', json, { fill: false }).object, json);
});

void t.test(
  'fills zero values without omitempty, defaults of pointers, and structs inside of structs',
  async (t) => {
    const { object } = decodeObject(schema, 'apps/v1.Deployment', { spec: { template: { spec: {} } } });
    t.match(object, {
      metadata: {},
      spec: { template: { metadata: {}, spec: { containers: [] } } },
      status: {},
    });
    const rc = decodeObject(schema, 'core/v1.ReplicationController', {}).object;
    t.strictSame(rc, { metadata: {}, spec: { replicas: 1 }, status: { replicas: 0 } });
    const zero = decodeObject(schema, 'core/v1.ReplicationController', { spec: { replicas: 0 } }).object;
    t.match(zero, { spec: { replicas: 0 } });
  },
);

void t.test('leaves out zero values of fields with omitempty, and keeps those of pointers', async (t) => {
  const { object } = decodeObject(
    schema,
    'core/v1.Pod',
    pod({
      hostNetwork: false,
      enableServiceLinks: false,
      nodeSelector: {},
      tolerations: [],
      terminationGracePeriodSeconds: 0,
      securityContext: {},
      volumes: [{ name: 'a', emptyDir: {} }],
      containers: [{ name: 'c', workingDir: '', env: [{ name: 'A', value: '' }] }],
    }),
  );
  t.strictSame((object as { spec: unknown }).spec, {
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 0,
    securityContext: {},
    volumes: [{ name: 'a', emptyDir: {} }],
    containers: [{ name: 'c', env: [{ name: 'A' }] }],
  });
  const map = { metadata: { labels: {} }, data: { a: '' } };
  t.strictSame(decodeObject(schema, 'core/v1.ConfigMap', map).object, { metadata: {}, data: { a: '' } });
});

void t.test('prunes and reports unknown fields', async (t) => {
  const { object, unknownFields } = decodeObject(
    schema,
    'core/v1.Pod',
    pod({ foo: 1, containers: [{ name: 'c' }, { name: 'd', imagee: 'x' }] }),
  );
  t.strictSame(unknownFields, ['spec.foo', 'spec.containers[1].imagee']);
  t.match(object, { spec: { containers: [{ name: 'c' }, { name: 'd' }] } });
  t.notHas(object, { spec: { foo: 1 } });
  t.equal(
    strictDecodingError('Pod', 'v1', ['unknown field "spec.foo"', 'duplicate field "spec.a"']).message,
    'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.foo", duplicate field "spec.a"',
  );
});

void t.test('refuses wrong JSON types in the wording of Kubernetes', async (t) => {
  const cases: [string, unknown, string][] = [
    [
      'apps/v1.Deployment',
      { spec: { replicas: 'two' } },
      'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'core/v1.Pod',
      pod({ containers: [{ env: [{ name: 'A', value: 1 }] }] }),
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string',
    ],
    [
      'core/v1.Pod',
      pod({ containers: {} }),
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    [
      'core/v1.ConfigMap',
      { metadata: { labels: { a: true } } },
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    [
      'core/v1.Pod',
      pod({ priority: 1.5 }),
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number 1.5 into Go struct field PodSpec.spec.priority of type int32',
    ],
    [
      'core/v1.Pod',
      pod({ containers: [{ resources: { limits: { cpu: 'much' } } }] }),
      `Pod in version "v1" cannot be handled as a Pod: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`,
    ],
    [
      'core/v1.Pod',
      { metadata: { deletionTimestamp: 'soon' } },
      'Pod in version "v1" cannot be handled as a Pod: parsing time "soon" as "2006-01-02T15:04:05Z07:00": cannot parse "soon" as "2006"',
    ],
    [
      'core/v1.Secret',
      { data: { a: 'a*==' } },
      'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 1',
    ],
    [
      'core/v1.Pod',
      'text',
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal string into Go value of type v1.Pod',
    ],
  ];
  for (const [name, json, message] of cases) t.equal(refusal(name, json), message);
});

void t.test('times are brought to UTC with the precision of their type', async (t) => {
  const lease = (renewTime: string): unknown =>
    (
      decodeObject(schema, 'coordination/v1.Lease', { spec: { renewTime } }).object.spec as {
        renewTime: string;
      }
    ).renewTime;
  t.equal(lease('2026-01-01T02:00:00.123+02:00'), '2026-01-01T00:00:00.123000Z');
  t.equal(lease('2026-01-01T00:00:00Z'), '2026-01-01T00:00:00.000000Z');
  const { object } = decodeObject(schema, 'core/v1.Pod', {
    metadata: { creationTimestamp: '2026-01-01T00:00:00.9Z' },
  });
  t.match(object, { metadata: { creationTimestamp: '2026-01-01T00:00:00Z' } });
});

void t.test('nulls count as zero values inside of lists and maps, and hostile keys stay keys', async (t) => {
  const { object } = decodeObject(
    schema,
    'core/v1.ConfigMap',
    JSON.parse('{"data":{"a":null,"__proto__":"x"},"metadata":{"finalizers":[null]}}'),
  );
  t.equal(JSON.stringify(object), '{"data":{"a":"","__proto__":"x"},"metadata":{"finalizers":[""]}}');
});

void t.test('finds duplicate keys', async (t) => {
  const cases: [string, string[]][] = [
    ['{"a":1,"b":2}', []],
    ['{"a":1,"a":2,"a":3}', ['a']],
    ['{"spec":{"c":[{"n":1},{"n":1,"x":"a\\"b,{","n":2}]}}', ['spec.c[1].n']],
    ['{"a":{"b":1},"c":{"b":1}}', []],
    ['{"a":["a","a"],"\\u0061":1}', ['a']],
    ['[]', []],
  ];
  for (const [text, expected] of cases) t.strictSame(findDuplicateKeys(text), expected, text);
});
