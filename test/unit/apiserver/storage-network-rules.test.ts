/** What is refused, with its path and wording: storage, networking, runtime classes, devices. */
import t from 'tap';
import { KeyLayout } from '../../../apiserver/storage/key-layout.js';
import { ingresses, ipAddresses, roles } from '../../../api/resources.js';
import { defaulted, problemsOf, updateProblemsOf } from '../../support/validate-object.js';

const backend = { service: { name: 's', port: { number: 80 } } };
const paths = [{ path: '/', pathType: 'Prefix', backend }];
const request = { name: 'gpu', exactly: { deviceClassName: 'gpus' } };
const pool = { name: 'p', generation: 1, resourceSliceCount: 1 };
const cidr = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

interface Case {
  readonly kind: string;
  readonly what: string;
  readonly fields: object;
  readonly name?: string;
  readonly problems: readonly string[];
}

const cases: readonly Case[] = [
  {
    kind: 'StorageClass',
    what: 'policies that do not exist',
    fields: { provisioner: '', reclaimPolicy: 'Recycle', volumeBindingMode: 'Soon', parameters: { '': 'x' } },
    problems: [
      'provisioner: Required value',
      'parameters: Invalid value: "": field can not be empty.',
      'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"',
      'volumeBindingMode: Unsupported value: "Soon": supported values: "Immediate", "WaitForFirstConsumer"',
    ],
  },
  {
    kind: 'StorageClass',
    what: 'a zone twice',
    fields: {
      provisioner: 'p',
      allowedTopologies: [
        {
          matchLabelExpressions: [
            { key: 'zone', values: ['a', 'a'] },
            { key: 'zone', values: [] },
          ],
        },
      ],
    },
    problems: [
      'allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "a"',
      'allowedTopologies[0].matchLabelExpressions[1].values: Required value',
      'allowedTopologies[0].matchLabelExpressions[1].key: Duplicate value: "zone"',
    ],
  },
  {
    kind: 'VolumeAttachment',
    what: 'nothing',
    fields: {},
    problems: [
      'spec.attacher: Required value',
      'spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName',
      'spec.nodeName: Required value',
    ],
  },
  {
    kind: 'CSIDriver',
    what: 'tokens too short and too many',
    name: 'd',
    fields: {
      spec: {
        fsGroupPolicy: 'Never',
        volumeLifecycleModes: ['Eternal'],
        nodeAllocatableUpdatePeriodSeconds: 1,
        tokenRequests: [{ audience: 'a', expirationSeconds: 1 }, { audience: 'a' }],
      },
    },
    problems: [
      'spec.fsGroupPolicy: Unsupported value: "Never": supported values: "File", "None", "ReadWriteOnceWithFSType"',
      'spec.volumeLifecycleModes: Unsupported value: "Eternal": supported values: "Ephemeral", "Persistent"',
      'spec.tokenRequests[1].audience: Duplicate value: "a"',
      'spec.tokenRequests[0].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes',
      'spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 1: must be greater than or equal to 10 seconds',
    ],
  },
  {
    kind: 'CSINode',
    what: 'a driver twice',
    fields: {
      spec: {
        drivers: [
          { name: 'd', nodeID: '' },
          { name: 'd', nodeID: 'n', topologyKeys: ['a b'], allocatable: { count: -1 } },
        ],
      },
    },
    problems: [
      'spec.drivers[0].nodeID: Required value',
      'spec.drivers[1].allocatable.count: Invalid value: -1: must be greater than or equal to 0',
      "spec.drivers[1].topologyKeys: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
      'spec.drivers[1].name: Duplicate value: "d"',
    ],
  },
  {
    kind: 'CSIStorageCapacity',
    what: 'less than nothing',
    fields: { storageClassName: 'c', capacity: '-1' },
    problems: ['capacity: Invalid value: "-1": must be greater than or equal to 0'],
  },
  {
    kind: 'VolumeAttributesClass',
    what: 'no attributes',
    fields: { driverName: '' },
    problems: [
      'driverName: Required value',
      'parameters: Required value: must contain at least one key/value pair',
    ],
  },
  {
    kind: 'Ingress',
    what: 'a wildcard host',
    fields: { spec: { rules: [{ host: '*.a.example', http: { paths } }] } },
    problems: [],
  },
  {
    kind: 'Ingress',
    what: 'nothing',
    fields: { spec: {} },
    problems: ['spec: Invalid value: {}: either `defaultBackend` or `rules` must be specified'],
  },
  {
    kind: 'Ingress',
    what: 'hosts, paths and backends that are none',
    fields: {
      spec: {
        defaultBackend: {},
        tls: [{ hosts: ['10.0.0.1:1'] }],
        rules: [
          { host: '10.0.0.1', http: { paths: [] } },
          {
            http: {
              paths: [
                { path: 'x', pathType: 'Exact', backend: { service: { name: 's' } } },
                {
                  path: '/a//b/..',
                  pathType: 'Prefix',
                  backend: { service: { name: '', port: { name: 'a', number: 1 } } },
                },
                { path: '/', backend: { service: { name: 's', port: { number: 70000 } } } },
                {
                  path: '',
                  pathType: 'ImplementationSpecific',
                  backend: { resource: { kind: '', name: 'r' } },
                },
              ],
            },
          },
        ],
      },
    },
    problems: [
      'spec.defaultBackend: Invalid value: "": resource or service backend is required',
      'spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address',
      'spec.rules[0].http.paths: Required value',
      'spec.rules[1].http.paths[0].path: Invalid value: "x": must be an absolute path',
      'spec.rules[1].http.paths[0].backend: Required value: port name or number is required',
      'spec.rules[1].http.paths[1].path: Invalid value: "/a//b/..": must not contain \'//\'',
      'spec.rules[1].http.paths[1].path: Invalid value: "/a//b/..": cannot end with \'/..\'',
      'spec.rules[1].http.paths[1].backend.service.name: Required value',
      'spec.rules[1].http.paths[1].backend: Invalid value: "": cannot set both port name & port number',
      'spec.rules[1].http.paths[2].pathType: Required value: pathType must be specified',
      'spec.rules[1].http.paths[2].backend.service.port.number: Invalid value: 70000: must be between 1 and 65535, inclusive',
      'spec.rules[1].http.paths[3].backend.resource.kind: Required value',
      "spec.tls[0].hosts[0]: Invalid value: \"10.0.0.1:1\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ],
  },
  {
    kind: 'Ingress',
    what: 'its class twice',
    fields: {
      metadata: { name: 'a', annotations: { 'kubernetes.io/ingress.class': 'x' } },
      spec: { ingressClassName: 'y', defaultBackend: backend },
    },
    problems: [
      'annotations.kubernetes.io/ingress.class: Invalid value: "x": can not be set when the class field is also set',
    ],
  },
  {
    kind: 'IngressClass',
    what: 'parameters of nowhere',
    fields: { spec: { controller: 'me', parameters: { kind: 'K', name: 'n', scope: 'Namespace' } } },
    problems: [
      'spec.controller: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")',
      "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
    ],
  },
  {
    kind: 'NetworkPolicy',
    what: 'ports and peers',
    fields: {
      spec: {
        podSelector: {},
        ingress: [
          {
            ports: [{ port: 0 }, { port: 'http', endPort: 90 }, { port: 80, endPort: 79 }, { endPort: 1 }],
            from: [
              {},
              {
                podSelector: {},
                ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16', '11.0.0.0/16', '10.0.0.0/8', 'x'] },
              },
            ],
          },
        ],
        policyTypes: ['Ingress', 'Sideways'],
      },
    },
    problems: [
      'spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      'spec.ingress[0].ports[1].endPort: Invalid value: 90: may not be specified when `port` is non-numeric',
      'spec.ingress[0].ports[2].endPort: Invalid value: 79: must be greater than or equal to `port`',
      'spec.ingress[0].ports[3].endPort: Invalid value: 1: may not be specified when `port` is not specified',
      'spec.ingress[0].from[0]: Required value: must specify a peer',
      'spec.ingress[0].from[1].ipBlock.except[1]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
      'spec.ingress[0].from[1].ipBlock.except[2]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
      `spec.ingress[0].from[1].ipBlock.except[3]: Invalid value: "x": ${cidr}`,
      'spec.ingress[0].from[1]: Forbidden: may not specify both ipBlock and another peer',
      'spec.policyTypes[1]: Unsupported value: "Sideways": supported values: "Egress", "Ingress"',
    ],
  },
  {
    kind: 'IPAddress',
    what: 'a spelling of its own',
    name: '2001:DB8::0:1',
    fields: { spec: { parentRef: { resource: 'services', name: '' } } },
    problems: [
      'metadata.name: Invalid value: "2001:DB8::0:1": must be in canonical form ("2001:db8::1")',
      'spec.parentRef.name: Required value',
    ],
  },
  {
    kind: 'ServiceCIDR',
    what: 'two of one family',
    fields: { spec: { cidrs: ['10.0.0.0/16', '10.1.0.0/16'] } },
    problems: [
      'spec.cidrs: Invalid value: ["10.0.0.0/16","10.1.0.0/16"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96',
    ],
  },
  {
    kind: 'ServiceCIDR',
    what: 'no range',
    fields: { spec: { cidrs: ['10.0.0.0/33'] } },
    problems: [`spec.cidrs[0]: Invalid value: "10.0.0.0/33": ${cidr}`],
  },
  {
    kind: 'RuntimeClass',
    what: 'a negative overhead',
    fields: { handler: 'runc', overhead: { podFixed: { cpu: '-1' } } },
    problems: ['overhead.podFixed[cpu]: Invalid value: "-1": must be greater than or equal to 0'],
  },
  {
    kind: 'DeviceClass',
    what: 'a selector of nothing',
    fields: { spec: { selectors: [{}], config: [{}] } },
    problems: ['spec.selectors[0].cel: Required value', 'spec.config[0].opaque: Required value'],
  },
  {
    kind: 'ResourceClaim',
    what: 'requests that contradict themselves',
    fields: {
      spec: {
        devices: {
          requests: [
            request,
            { ...request, firstAvailable: [{ name: 'x', deviceClassName: 'y' }] },
            { name: 'any', exactly: { deviceClassName: 'c', allocationMode: 'All', count: 2 } },
          ],
          constraints: [{ requests: ['gpu', 'cpu'] }],
        },
      },
    },
    problems: [
      'spec.devices.requests[1]: Invalid value: {"name":"gpu","exactly":{"deviceClassName":"gpus","allocationMode":"ExactCount","count":1},"firstAvailable":[{"name":"x","deviceClassName":"y","allocationMode":"ExactCount","count":1}]}: exactly one of `exactly` or `firstAvailable` is allowed',
      "spec.devices.requests[2].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'",
      'spec.devices.requests[1].name: Duplicate value: "gpu"',
      'spec.devices.constraints[0].requests[1]: Invalid value: "cpu": must be the name of a request in the claim or the name of a request and a subrequest separated by \'/\'',
      'spec.devices.constraints[0]: Required value: exactly one of `matchAttribute` or `distinctAttribute` is required',
    ],
  },
  {
    kind: 'ResourceSlice',
    what: 'devices nowhere',
    fields: {
      spec: {
        driver: 'd',
        pool: { ...pool, resourceSliceCount: 0 },
        devices: [
          { name: 'a', attributes: { size: {}, v: { version: '1' } } },
          { name: 'a', taints: [{ key: 'k', effect: 'Never' }] },
        ],
      },
    },
    problems: [
      'spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero',
      'spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required',
      'spec.devices[0].attributes[size]: Required value: exactly one value must be specified',
      'spec.devices[0].attributes[v].version: Invalid value: "1": must be a string compatible with semver.org spec 2.0.0',
      'spec.devices[1].taints[0].effect: Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "None"',
      'spec.devices[1].name: Duplicate value: "a"',
    ],
  },
];

for (const { kind, what, fields, name, problems } of cases)
  void t.test(`${kind}: ${what}`, async (t) => {
    t.strictSame(await problemsOf(kind, fields, name), problems);
  });

interface Change {
  readonly kind: string;
  readonly before: object;
  readonly after: object;
  readonly problems: readonly RegExp[];
}

const attachment = (attacher: string): object => ({
  spec: { attacher, nodeName: 'n', source: { persistentVolumeName: 'v' } },
});
const csiNode = (nodeID: string, count: number): object => ({
  spec: { drivers: [{ name: 'd', nodeID, allocatable: { count } }] },
});

const changes: readonly Change[] = [
  {
    kind: 'StorageClass',
    before: { provisioner: 'a' },
    after: { provisioner: 'b', reclaimPolicy: 'Retain', volumeBindingMode: 'WaitForFirstConsumer' },
    problems: [
      /^provisioner: Forbidden: updates to provisioner are forbidden\.$/,
      /^reclaimPolicy: Forbidden/,
      /^volumeBindingMode: .*field is immutable$/,
    ],
  },
  {
    kind: 'VolumeAttachment',
    before: attachment('a'),
    after: attachment('b'),
    problems: [/^spec: .*field is immutable$/],
  },
  { kind: 'CSINode', before: csiNode('a', 1), after: csiNode('a', 2), problems: [] },
  {
    kind: 'CSINode',
    before: csiNode('a', 1),
    after: csiNode('b', 1),
    problems: [/^CSINodeDriver: .*field is immutable$/],
  },
  {
    kind: 'RuntimeClass',
    before: { handler: 'a' },
    after: { handler: 'b' },
    problems: [/^handler: Invalid value: "b": field is immutable$/],
  },
  {
    kind: 'ServiceCIDR',
    before: { spec: { cidrs: ['10.0.0.0/16'] } },
    after: { spec: { cidrs: ['10.0.0.0/16', 'fd00::/96'] } },
    problems: [],
  },
  {
    kind: 'ServiceCIDR',
    before: { spec: { cidrs: ['10.0.0.0/16'] } },
    after: { spec: { cidrs: ['10.1.0.0/16'] } },
    problems: [/^spec\.cidrs\[0\]: .*field is immutable$/],
  },
  {
    kind: 'ResourceClaim',
    before: { spec: { devices: { requests: [request] } } },
    after: { spec: {} },
    problems: [/^spec: .*field is immutable$/],
  },
  {
    kind: 'ResourceSlice',
    before: { spec: { driver: 'd', nodeName: 'a', pool } },
    after: { spec: { driver: 'd', nodeName: 'b', pool } },
    problems: [/^spec\.nodeName: .*field is immutable$/],
  },
];

for (const { kind, before, after, problems } of changes)
  void t.test(`${kind}: what changes of ${JSON.stringify(before)}`, async (t) => {
    const found = await updateProblemsOf(kind, before, after);
    t.equal(found.length, problems.length, found.join('\n'));
    t.match(found, problems);
  });

void t.test('defaults', async (t) => {
  const policy = { spec: { podSelector: {}, egress: [{ ports: [{ port: 53 }] }] } };
  t.match(await defaulted('NetworkPolicy', policy), {
    spec: { policyTypes: ['Ingress', 'Egress'], egress: [{ ports: [{ protocol: 'TCP' }] }] },
  });
  t.match(await defaulted('IngressClass', { spec: { parameters: { kind: 'K', name: 'n' } } }), {
    spec: { parameters: { scope: 'Cluster' } },
  });
});

void t.test('keys in the store are those of Kubernetes', async (t) => {
  t.equal(new KeyLayout(ingresses).key('default', 'a'), '/registry/ingress/default/a');
  t.equal(new KeyLayout(roles).key('default', 'a'), '/registry/roles/default/a');
  t.equal(new KeyLayout(ipAddresses).key('', '10.0.0.1'), '/registry/ipaddresses/10.0.0.1');
});
