import t from 'tap';
import { parseEnvFile } from '../../../kubelet/environment/parse-env-file.js';
import type { ConfigMap, Container, Pod, Secret, Service } from '../../../api/generated/core-v1.js';
import { expandVariables } from '../../../kubelet/environment/expand-variables.js';
import { ConfigurationError, resolveEnvironment } from '../../../kubelet/environment/resolve-environment.js';
import { serviceVariables } from '../../../kubelet/environment/service-variables.js';

const metadata = { namespace: 'shop', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
const facts = {
  podIps: ['10.244.0.7', 'fd00::7'],
  hostIp: '192.0.2.1',
  allocatable: { cpu: '2', memory: '1Gi' },
};

function service(name: string, namespace: string, clusterIP: string): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...metadata, name, namespace },
    spec: { clusterIP, ports: [{ name: 'http-web', port: 80 }] },
    status: {},
  };
}

function resolve(container: Partial<Container>, services: Service[] = []): Record<string, string> {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name: 'p', labels: { app: 'shop' } },
    spec: { containers: [], nodeName: 'node-1' },
    status: {},
  };
  const configMap: ConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { ...metadata, name: 'settings' },
    data: { color: 'red' },
  };
  const secret: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { ...metadata, name: 'keys' },
    data: { key: Buffer.from('s3cret').toString('base64') },
  };
  const variables = resolveEnvironment({
    pod,
    container: { name: 'main', ...container },
    facts,
    services,
    configMaps: new Map([['settings', configMap]]),
    secrets: new Map([['keys', secret]]),
    files: new Map([['work/settings.env', "SIZE='big'\n"]]),
  });
  return Object.fromEntries(variables);
}

void t.test('expansion', async (t) => {
  const variables = new Map([['A', 'x']]);
  for (const [text, expected] of [
    ['$(A)', 'x'],
    ['a $(A) b $(A)', 'a x b x'],
    ['$$(A)', '$(A)'],
    ['$(B)', '$(B)'],
    ['$A', '$A'],
    ['$$', '$'],
    ['$(A', '$(A'],
  ] as const)
    t.equal(expandVariables(text, variables), expected, text);
});

void t.test('sources of values', async (t) => {
  const env = resolve({
    resources: { limits: { cpu: '500m' }, requests: { memory: '10Mi' } },
    env: [
      { name: 'PLAIN', value: 'a' },
      { name: 'REFERS', value: '$(PLAIN)b$(UNKNOWN)' },
      { name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'color' } } },
      { name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'key' } } },
      { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
      { name: 'IPS', valueFrom: { fieldRef: { fieldPath: 'status.podIPs' } } },
      { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
      { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      { name: 'MILLICPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
      { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
      { name: 'OPTIONAL', valueFrom: { configMapKeyRef: { name: 'none', key: 'x', optional: true } } },
    ],
  });
  t.strictSame(env, {
    PLAIN: 'a',
    REFERS: 'ab$(UNKNOWN)',
    COLOR: 'red',
    KEY: 's3cret',
    NAME: 'p',
    APP: 'shop',
    IPS: '10.244.0.7,fd00::7',
    NODE: 'node-1',
    CPU: '1',
    MILLICPU: '500',
    MEMORY: '1024',
  });
});

void t.test('whole objects, services, and who wins', async (t) => {
  const env = resolve(
    {
      envFrom: [{ configMapRef: { name: 'settings' } }, { prefix: 'S_', secretRef: { name: 'keys' } }],
      env: [
        { name: 'color', value: 'blue' },
        { name: 'WEB_SERVICE_HOST', value: 'mine' },
        { name: 'URL', value: 'http://$(CART_SERVICE_HOST)' },
      ],
    },
    [
      service('web', 'shop', '10.96.0.9'),
      service('cart', 'shop', '10.96.0.8'),
      service('far', 'other', '10.96.0.7'),
    ],
  );
  t.match(env, { color: 'blue', S_key: 's3cret', WEB_SERVICE_HOST: 'mine', URL: 'http://10.96.0.8' });
  t.notOk('FAR_SERVICE_HOST' in env);
});

void t.test('what is missing is named', async (t) => {
  const cases: [Partial<Container>, RegExp][] = [
    [
      { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'none', key: 'x' } } }] },
      /^configmap "none" not found$/,
    ],
    [
      { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'keys', key: 'x' } } }] },
      /^couldn't find key x in Secret shop\/keys$/,
    ],
    [{ envFrom: [{ secretRef: { name: 'none' } }] }, /^secret "none" not found$/],
  ];
  for (const [container, message] of cases) {
    try {
      resolve(container);
      t.fail('should have thrown');
    } catch (error) {
      t.type(error, ConfigurationError);
      t.match((error as Error).message, message);
    }
  }
});

void t.test('variables of services', async (t) => {
  const all = [
    service('my-web', 'shop', '10.96.0.9'),
    service('none', 'shop', 'None'),
    service('kubernetes', 'default', '10.96.0.1'),
  ];
  t.strictSame(Object.fromEntries(serviceVariables([all[0] ?? service('', '', '')], 'shop', true)), {
    MY_WEB_SERVICE_HOST: '10.96.0.9',
    MY_WEB_SERVICE_PORT: '80',
    MY_WEB_SERVICE_PORT_HTTP_WEB: '80',
    MY_WEB_PORT: 'tcp://10.96.0.9:80',
    MY_WEB_PORT_80_TCP: 'tcp://10.96.0.9:80',
    MY_WEB_PORT_80_TCP_PROTO: 'tcp',
    MY_WEB_PORT_80_TCP_PORT: '80',
    MY_WEB_PORT_80_TCP_ADDR: '10.96.0.9',
  });
  const withoutLinks = serviceVariables(all, 'shop', false);
  t.equal(withoutLinks.get('KUBERNETES_SERVICE_HOST'), '10.96.0.1');
  t.notOk(withoutLinks.has('MY_WEB_SERVICE_HOST'));
});

void t.test('a file of variables', async (t) => {
  const text = "# first\n\n  A='one'  # why\nB='two\nlines'\nC=''\r\nD='$HOME \\n'";
  t.strictSame(
    [...parseEnvFile(text)],
    [
      ['A', 'one'],
      ['B', 'two\nlines'],
      ['C', ''],
      ['D', '$HOME \\n'],
    ],
  );
  for (const [wrong, line] of [
    ['A=one', 1],
    ["A='one'\nB = 'two'", 2],
    ["A='one' two", 1],
    ["\n\nA='one", 3],
    ['A="one"', 1],
  ] as const)
    t.throws(() => parseEnvFile(wrong), { message: `line ${line} is not of the form NAME='value'` }, wrong);
});

void t.test('a variable from a file', async (t) => {
  const from = (key: string, path = 'settings.env', optional = false) =>
    resolve({
      env: [{ name: 'SIZE', valueFrom: { fileKeyRef: { volumeName: 'work', path, key, optional } } }],
    })['SIZE'];
  t.equal(from('SIZE'), 'big');
  t.throws(() => from('COLOR'), { name: 'ConfigurationError', message: /key "COLOR" not found/ });
  t.throws(() => from('SIZE', 'none.env'), { name: 'ConfigurationError', message: /"none.env" of volume/ });
  t.equal(from('COLOR', 'settings.env', true), undefined);
  t.equal(from('SIZE', 'none.env', true), undefined);
});
