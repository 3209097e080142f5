/** The deciding parts of priority and fairness: who belongs where, hands of queues, seats. */
import tap from 'tap';
import type { FlowSchema, PriorityLevelConfiguration } from '../../../api/generated/flowcontrol-v1.js';
import type { RequestAttributes } from '../../../apiserver/filters/authorization.js';
import {
  defaultFlowSchemas,
  defaultPriorityLevels,
} from '../../../apiserver/flow-control/default-objects.js';
import { DemandMeter } from '../../../apiserver/flow-control/demand-meter.js';
import { maxSeatsPerRequest, seatsOfList } from '../../../apiserver/flow-control/estimate-work.js';
import {
  comparePrecedence,
  flowDistinguisher,
  flowSchemaMatcher,
} from '../../../apiserver/flow-control/match-flow-schema.js';
import { seatLimits, shareSeats, smoothDemand } from '../../../apiserver/flow-control/share-seats.js';
import { dealHand, hashFlow } from '../../../apiserver/flow-control/shuffle-shard.js';

const schemas = defaultFlowSchemas
  .map(({ name, spec }) => ({ metadata: { name, uid: name }, spec }) as unknown as FlowSchema)
  .toSorted(comparePrecedence);
const levels = defaultPriorityLevels.map(
  ({ name, spec }) => ({ metadata: { name, uid: name }, spec }) as unknown as PriorityLevelConfiguration,
);

interface Asked {
  readonly user: string;
  readonly groups?: readonly string[];
  readonly verb?: string;
  readonly path?: string;
  readonly resource?: string;
  readonly namespace?: string;
}

function attributes({ user, groups = [], verb = 'get', path = '', ...rest }: Asked): RequestAttributes {
  const [full = '', group = ''] = (rest.resource ?? '').split('@');
  const [resource = '', subresource = ''] = full.split('/');
  const base = { user: { name: user, groups: [...groups, 'system:authenticated'] }, verb, path };
  return rest.resource === undefined
    ? base
    : {
        ...base,
        resource: {
          group,
          version: 'v1',
          namespace: rest.namespace ?? '',
          resource,
          name: '',
          subresource,
        },
      };
}

const account = (namespace: string, name: string): Asked => ({
  user: `system:serviceaccount:${namespace}:${name}`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
});
const node: Asked = { user: 'system:node:n1', groups: ['system:nodes'] };
const leases = { resource: 'leases@coordination.k8s.io', namespace: 'kube-system', verb: 'update' };

const cases: readonly (readonly [what: string, asked: Asked, schema: string, flow: string])[] = [
  ['the administrator', { user: 'root', groups: ['system:masters'], resource: 'pods' }, 'exempt', ''],
  ['a probe', { user: 'x', path: '/readyz' }, 'probes', ''],
  ['a single check', { user: 'x', path: '/readyz/store' }, 'global-default', 'x'],
  [
    'the election of a scheduler',
    { user: 'system:kube-scheduler', ...leases },
    'system-leader-election',
    'system:kube-scheduler',
  ],
  [
    'the election of a controller in kube-system',
    { ...account('kube-system', 'my-controller'), ...leases },
    'system-leader-election',
    'system:serviceaccount:kube-system:my-controller',
  ],
  [
    'the election of another controller',
    { ...account('shop', 'operator'), ...leases },
    'service-accounts',
    'system:serviceaccount:shop:operator',
  ],
  [
    'endpoints from their controller',
    { user: 'system:kube-controller-manager', resource: 'endpoints', namespace: 'a', verb: 'update' },
    'endpoint-controller',
    'system:kube-controller-manager',
  ],
  [
    'other writes of the controllers',
    { user: 'system:kube-controller-manager', resource: 'pods', namespace: 'a', verb: 'create' },
    'kube-controller-manager',
    'a',
  ],
  [
    'the status of a node',
    { ...node, resource: 'nodes/status', verb: 'patch' },
    'system-node-high',
    node.user,
  ],
  ['another subresource of a node', { ...node, resource: 'nodes/proxy' }, 'system-nodes', node.user],
  [
    'the lease of a node',
    { ...node, ...leases, namespace: 'kube-node-lease' },
    'system-node-high',
    node.user,
  ],
  ['the pods of a node', { ...node, resource: 'pods', verb: 'list' }, 'system-nodes', node.user],
  [
    'an account of kube-system',
    { ...account('kube-system', 'dns'), resource: 'services', namespace: 'b', verb: 'list' },
    'kube-system-service-accounts',
    'b',
  ],
  ['anybody', { user: 'jane', resource: 'pods', namespace: 'a' }, 'global-default', 'jane'],
];

await tap.test('classification by the default FlowSchemas', async (t) => {
  for (const [what, asked, schema, flow] of cases) {
    const request = attributes(asked);
    const found = schemas.find((one) => flowSchemaMatcher(one)(request));
    t.equal(found?.metadata.name, schema, what);
    if (found !== undefined) t.equal(flowDistinguisher(found)(request), flow, `${what}: its flow`);
  }
});

await tap.test('rules of a FlowSchema', async (t) => {
  const matches = (rule: object, asked: Asked): boolean =>
    flowSchemaMatcher({
      metadata: { name: 'x' },
      spec: {
        priorityLevelConfiguration: { name: 'x' },
        rules: [{ subjects: [{ kind: 'User', user: { name: '*' } }], ...rule }],
      },
    } as unknown as FlowSchema)(attributes(asked));
  const inNamespace = {
    resourceRules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], namespaces: ['a'] }],
  };
  const clusterOnly = {
    resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true }],
  };
  const urls = { nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/debug/*', '/version'] }] };
  const table: readonly (readonly [object, Asked, boolean])[] = [
    [inNamespace, { user: 'u', resource: 'pods', namespace: 'a' }, true],
    [inNamespace, { user: 'u', resource: 'pods', namespace: 'b' }, false],
    [inNamespace, { user: 'u', resource: 'pods' }, false],
    [inNamespace, { user: 'u', resource: 'pods', namespace: 'a', verb: 'list' }, false],
    [inNamespace, { user: 'u', resource: 'pods/log', namespace: 'a' }, false],
    [inNamespace, { user: 'u', resource: 'pods@apps', namespace: 'a' }, false],
    [inNamespace, { user: 'u', path: '/version' }, false],
    [clusterOnly, { user: 'u', resource: 'nodes' }, true],
    [clusterOnly, { user: 'u', resource: 'pods', namespace: 'a' }, false],
    [urls, { user: 'u', path: '/debug/x/y' }, true],
    [urls, { user: 'u', path: '/version' }, true],
    [urls, { user: 'u', path: '/version/x' }, false],
    [urls, { user: 'u', path: '/version', verb: 'post' }, false],
  ];
  for (const [rule, asked, expected] of table) t.equal(matches(rule, asked), expected, JSON.stringify(asked));
});

await tap.test('hands of queues', async (t) => {
  t.same(dealHand(0n, 8, 3), [0, 1, 2], 'the lowest cards that are left');
  t.same(dealHand(8n * 7n - 1n, 8, 2), [7, 6], 'the highest');
  t.throws(() => dealHand(1n, 3, 4), RangeError);
  const counts = new Array<number>(64).fill(0);
  const flows = 2_000;
  for (let i = 0; i < flows; i++) {
    const hand = dealHand(hashFlow('global-default', `user-${i}`), 64, 6);
    if (new Set(hand).size !== 6) t.fail(`a queue twice: ${hand.join(' ')}`);
    for (const queue of hand) counts[queue] = (counts[queue] ?? 0) + 1;
  }
  const expected = (flows * 6) / 64;
  t.ok(Math.min(...counts) > expected * 0.7 && Math.max(...counts) < expected * 1.3, 'evenly dealt');
  t.not(hashFlow('a', 'bc'), hashFlow('ab', 'c'));
});

await tap.test('seats by shares, as Kubernetes has them with 600', async (t) => {
  const limits = seatLimits(levels, 600);
  t.same(Object.fromEntries(limits), {
    exempt: { nominal: 0, min: 0, max: 600 },
    'catch-all': { nominal: 13, min: 13, max: 600 },
    system: { nominal: 74, min: 50, max: 600 },
    'node-high': { nominal: 98, min: 73, max: 600 },
    'leader-election': { nominal: 25, min: 25, max: 600 },
    'workload-high': { nominal: 98, min: 49, max: 600 },
    'workload-low': { nominal: 245, min: 24, max: 600 },
    'global-default': { nominal: 49, min: 24, max: 600 },
  });
});

await tap.test('lending and borrowing', async (t) => {
  const limits = (nominal: number, min: number, max: number) => ({ nominal, min, max });
  const table: readonly (readonly [
    what: string,
    claims: Parameters<typeof shareSeats>[0],
    expected: Readonly<Record<string, number>>,
  ])[] = [
    [
      'a busy level gets what an idle one lends',
      [
        { name: 'idle', limits: limits(50, 20, 100), highest: 0, smoothed: 0 },
        { name: 'busy', limits: limits(50, 20, 100), highest: 90, smoothed: 80 },
      ],
      { idle: 20, busy: 80 },
    ],
    [
      'and no more than it may borrow',
      [
        { name: 'idle', limits: limits(50, 0, 100), highest: 0, smoothed: 0 },
        { name: 'busy', limits: limits(50, 50, 60), highest: 90, smoothed: 80 },
      ],
      { idle: 40, busy: 60 },
    ],
    [
      'who is busy again has its nominal seats at once',
      [
        { name: 'back', limits: limits(50, 0, 100), highest: 50, smoothed: 5 },
        { name: 'busy', limits: limits(50, 50, 100), highest: 90, smoothed: 90 },
      ],
      { back: 50, busy: 50 },
    ],
    [
      'equal needs, equal seats',
      [
        { name: 'a', limits: limits(30, 10, 100), highest: 100, smoothed: 100 },
        { name: 'b', limits: limits(30, 10, 100), highest: 100, smoothed: 100 },
      ],
      { a: 50, b: 50 },
    ],
  ];
  for (const [what, claims, expected] of table)
    t.same(Object.fromEntries(shareSeats(claims, 100).seats), expected, what);
});

await tap.test('demand rises at once and falls slowly', async (t) => {
  const rising = smoothDemand({ average: 20, standardDeviation: 5, highest: 30, smoothed: 3 });
  t.equal(rising, 25);
  const falling = smoothDemand({ average: 0, standardDeviation: 0, highest: 0, smoothed: rising });
  t.ok(falling < rising && falling > 0.97 * rising, String(falling));
});

await tap.test('a demand meter weighs by time', async (t) => {
  const meter = new DemandMeter(0);
  meter.set(10, 100);
  meter.set(0, 200);
  t.same(meter.take(400), { average: 2.5, standardDeviation: Math.sqrt(18.75), highest: 10 });
  meter.set(3, 400);
  t.same(meter.take(500), { average: 3, standardDeviation: 0, highest: 3 });
});

await tap.test('seats of a list', async (t) => {
  const table: readonly (readonly [
    stored: number,
    limit: number | undefined,
    selective: boolean,
    seats: number,
  ])[] = [
    [0, undefined, false, 1],
    [100, undefined, false, 1],
    [101, undefined, false, 2],
    [10_000, undefined, false, 10],
    [10_000, 500, false, 5],
    [10_000, 500, true, 10],
    [300, 500, false, 3],
  ];
  for (const [stored, limit, selective, seats] of table)
    t.equal(seatsOfList({ stored, limit, selective }), seats, `${stored} of ${limit ?? 'all'}`);
  t.same([0, 1, 49, 245].map(maxSeatsPerRequest), [1, 1, 8, 10]);
});
