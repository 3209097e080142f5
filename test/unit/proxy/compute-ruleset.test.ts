import t from 'tap';
import type { ServiceSpec } from '../../../api/generated/core-v1.js';
import type { Endpoint } from '../../../api/generated/discovery-v1.js';
import { computeServiceRules } from '../../../proxy/compute-ruleset.js';
import { serviceObject, sliceObject } from '../../support/service-objects.js';

const options = { nodeName: 'here', clusterCidr: '10.244.0.0/16' };
const mark = 'ip saddr != 10.244.0.0/16 meta mark set meta mark | 0x4000';
const a = { addresses: ['10.244.0.5'], nodeName: 'here' };
const b = { addresses: ['10.244.1.6'], nodeName: 'there' };
const terminating = { ready: false, serving: true, terminating: true };

interface Case {
  readonly what: string;
  readonly spec: Partial<ServiceSpec>;
  readonly endpoints: readonly (string | Endpoint)[];
  /** Rules by chain. */
  readonly chains: Readonly<Record<string, readonly string[]>>;
  /** `collection key → value`, without self-connections. */
  readonly elements: readonly string[];
}

const web = { clusterIP: '10.96.0.20' };
const nodePort: Partial<ServiceSpec> = { ...web, type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] };
const chain = 'default/web/tcp/80';
const clusterIpTo = (to: string): string => `service-addresses 10.96.0.20 . tcp . 80 → goto ${to}/${chain}`;
const nodePortTo = (to: string): string => `node-ports tcp . 30080 → goto ${to}/${chain}`;
const toBoth =
  'meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.244.0.5 . 8080, 1 : 10.244.1.6 . 8080 }';
const toA = 'meta l4proto tcp dnat ip to 10.244.0.5:8080';

const cases: readonly Case[] = [
  {
    what: 'one endpoint needs no choice',
    spec: web,
    endpoints: ['10.244.0.5'],
    chains: { [`cluster/${chain}`]: [mark, toA] },
    elements: [clusterIpTo('cluster')],
  },
  {
    what: 'endpoints are chosen at random',
    spec: nodePort,
    endpoints: [b, a],
    chains: { [`cluster/${chain}`]: [mark, toBoth] },
    elements: [clusterIpTo('cluster'), nodePortTo('cluster')],
  },
  {
    what: 'an endpoint in two places counts once',
    spec: web,
    endpoints: [a, { ...a, conditions: { ready: false } }],
    chains: { [`cluster/${chain}`]: [mark, toA] },
    elements: [clusterIpTo('cluster')],
  },
  {
    what: 'without endpoints every way in is refused',
    spec: { ...nodePort, externalIPs: ['203.0.113.7'] },
    endpoints: [],
    chains: {},
    elements: [
      'refused-addresses 10.96.0.20 . tcp . 80',
      'refused-addresses 203.0.113.7 . tcp . 80',
      'refused-node-ports tcp . 30080',
    ],
  },
  {
    what: 'endpoints that are not ready do not count',
    spec: web,
    endpoints: [a, { ...b, conditions: { ready: false, serving: false } }],
    chains: { [`cluster/${chain}`]: [mark, toA] },
    elements: [clusterIpTo('cluster')],
  },
  {
    what: 'terminating endpoints serve when there is nobody else',
    spec: web,
    endpoints: [{ ...a, conditions: terminating }],
    chains: { [`cluster/${chain}`]: [mark, toA] },
    elements: [clusterIpTo('cluster')],
  },
  {
    what: 'terminating endpoints give way to ready ones',
    spec: web,
    endpoints: [a, { ...b, conditions: terminating }],
    chains: { [`cluster/${chain}`]: [mark, toA] },
    elements: [clusterIpTo('cluster')],
  },
  {
    what: 'external policy Local tells outside from inside',
    spec: { ...nodePort, externalTrafficPolicy: 'Local' },
    endpoints: [a, b],
    chains: {
      [`external/${chain}`]: [
        `ip saddr 10.244.0.0/16 goto cluster/${chain}`,
        `fib saddr type local goto cluster/${chain}`,
        `goto local/${chain}`,
      ],
      [`cluster/${chain}`]: [mark, toBoth],
      [`local/${chain}`]: [mark, toA],
    },
    elements: [clusterIpTo('cluster'), nodePortTo('external')],
  },
  {
    what: 'external policy Local without an endpoint here drops',
    spec: { ...nodePort, externalTrafficPolicy: 'Local' },
    endpoints: [b],
    chains: {
      [`external/${chain}`]: [
        `ip saddr 10.244.0.0/16 goto cluster/${chain}`,
        `fib saddr type local goto cluster/${chain}`,
        `goto local/${chain}`,
      ],
      [`cluster/${chain}`]: [mark, 'meta l4proto tcp dnat ip to 10.244.1.6:8080'],
      [`local/${chain}`]: ['drop'],
    },
    elements: [clusterIpTo('cluster'), nodePortTo('external')],
  },
  {
    what: 'internal policy Local keeps the cluster IP on this node',
    spec: { ...web, internalTrafficPolicy: 'Local' },
    endpoints: [a, b],
    chains: { [`local/${chain}`]: [mark, toA] },
    elements: [clusterIpTo('local')],
  },
  {
    what: 'session affinity has a chain and a set for each endpoint',
    spec: {
      ...web,
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
    },
    endpoints: [a],
    chains: {
      [`endpoint/cluster/${chain}/10.244.0.5/8080`]: [
        `update @clients/60/cluster/${chain}/10.244.0.5/8080 { ip saddr }`,
        toA,
      ],
      [`cluster/${chain}`]: [
        mark,
        `ip saddr @clients/60/cluster/${chain}/10.244.0.5/8080 goto endpoint/cluster/${chain}/10.244.0.5/8080`,
        `numgen random mod 1 vmap { 0 : goto endpoint/cluster/${chain}/10.244.0.5/8080 }`,
      ],
    },
    elements: [clusterIpTo('cluster')],
  },
];

for (const { what, spec, endpoints, chains, elements } of cases) {
  void t.test(what, async (t) => {
    const rules = computeServiceRules(serviceObject('web', spec), [sliceObject('web', endpoints)], options);
    t.strictSame(Object.fromEntries(rules?.chains ?? []), chains);
    t.strictSame(
      (rules?.elements ?? [])
        .filter(({ collection }) => collection !== 'self-connections')
        .map(
          ({ collection, key, value }) => `${collection} ${key}${value === undefined ? '' : ` → ${value}`}`,
        ),
      elements,
    );
  });
}

void t.test('Services that no proxy serves', async (t) => {
  const slices = [sliceObject('web', [a])];
  const ignored: Partial<ServiceSpec>[] = [
    { type: 'ExternalName', externalName: 'example.com' },
    { clusterIP: 'None' },
    { clusterIP: '' },
    { clusterIP: 'fd00::1' },
  ];
  for (const spec of ignored)
    t.equal(computeServiceRules(serviceObject('web', spec), slices, options), undefined);
  const other = serviceObject('web', web);
  other.metadata.labels = { 'service.kubernetes.io/service-proxy-name': 'mesh' };
  t.equal(computeServiceRules(other, slices, options), undefined);
});

void t.test('named ports and protocols find their own numbers', async (t) => {
  const service = serviceObject('dns', {
    clusterIP: '10.96.0.10',
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
    ],
  });
  const one = sliceObject(
    'dns',
    [a],
    [
      { name: 'dns', port: 5353, protocol: 'UDP' },
      { name: 'dns-tcp', port: 5354, protocol: 'TCP' },
    ],
  );
  const two = sliceObject('dns', [b], [{ name: 'dns', port: 6353, protocol: 'UDP' }]);
  const rules = computeServiceRules(service, [one, two], options);
  t.match(
    rules?.chains.get('cluster/default/dns/udp/53')?.[1],
    /10\.244\.0\.5 \. 5353, 1 : 10\.244\.1\.6 \. 6353/,
  );
  t.match(rules?.chains.get('cluster/default/dns/tcp/53')?.[1], /tcp dnat ip to 10\.244\.0\.5:5354$/);
  t.strictSame(rules?.udpPorts, [
    {
      addresses: ['10.96.0.10'],
      port: 53,
      nodePort: undefined,
      targets: [
        { address: '10.244.0.5', port: 5353 },
        { address: '10.244.1.6', port: 6353 },
      ],
    },
  ]);
});

void t.test('each endpoint may connect to itself', async (t) => {
  const rules = computeServiceRules(serviceObject('web', web), [sliceObject('web', [a, b])], options);
  t.strictSame(
    rules?.elements.filter(({ collection }) => collection === 'self-connections').map(({ key }) => key),
    ['10.244.0.5 . 10.244.0.5', '10.244.1.6 . 10.244.1.6'],
  );
});
