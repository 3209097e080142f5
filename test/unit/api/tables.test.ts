import t from 'tap';
import type { Pod } from '../../../api/generated/core-v1.js';
import type { KubernetesObject } from '../../../api/objects.js';
import * as resources from '../../../api/resources.js';
import type { ResourceDefinition } from '../../../api/resources.js';
import { decodeObject } from '../../../api/schema/decode.js';
import { loadSchema } from '../../../api/schema/load.js';
import { humanDuration } from '../../../api/tables/human-duration.js';
import { summarizePod } from '../../../api/tables/pod-summary.js';
import { tableFor } from '../../../api/tables/table.js';

const schema = loadSchema();
const now = Date.parse('2026-01-02T00:00:00Z');
const created = { name: 'x', creationTimestamp: '2026-01-01T23:55:00Z' };

/** Header to cell of the one row that the object makes. */
function printed(definition: ResourceDefinition, json: Record<string, unknown>): Record<string, unknown> {
  const withName = { ...json, metadata: { ...created, ...(json.metadata as object | undefined) } };
  const { object } = decodeObject<KubernetesObject>(schema, definition.schemaName, withName);
  const table = tableFor(definition, [object], { now });
  const cells = table.rows[0]?.cells ?? [];
  return Object.fromEntries(table.columnDefinitions.map(({ name }, index) => [name, cells[index]]));
}

const anyOf = (definition: unknown): ResourceDefinition => definition as ResourceDefinition;

void t.test('durations', async (t) => {
  const s = 1000;
  const m = 60 * s;
  const h = 60 * m;
  const d = 24 * h;
  const cases: [number, string][] = [
    [-5 * s, '<invalid>'],
    [-1 * s, '0s'],
    [0, '0s'],
    [119.9 * s, '119s'],
    [2 * m, '2m'],
    [2 * m + 5 * s, '2m5s'],
    [10 * m + 5 * s, '10m'],
    [179 * m, '179m'],
    [3 * h, '3h'],
    [3 * h + 7 * m, '3h7m'],
    [8 * h + 59 * m, '8h'],
    [47 * h, '47h'],
    [48 * h, '2d'],
    [50 * h, '2d2h'],
    [8 * d + 5 * h, '8d'],
    [729 * d, '729d'],
    [730 * d, '2y'],
    [740 * d, '2y10d'],
    [365 * 9 * d, '9y'],
  ];
  for (const [duration, text] of cases) t.equal(humanDuration(duration), text);
});

const running = { name: 'c', ready: true, restartCount: 0, started: true, state: { running: {} } };
const spec = { nodeName: 'n1', containers: [{ name: 'c' }] };
const initSpec = { ...spec, initContainers: [{ name: 'i' }, { name: 'j' }] };
const sidecarSpec = { ...spec, initContainers: [{ name: 's', restartPolicy: 'Always' }] };

interface PodCase {
  readonly name: string;
  readonly pod: object;
  readonly ready: string;
  readonly status: string;
  readonly restarts?: number;
}

const podCases: PodCase[] = [
  { name: 'pending', pod: { spec, status: { phase: 'Pending' } }, ready: '0/1', status: 'Pending' },
  {
    name: 'running',
    pod: { spec, status: { phase: 'Running', containerStatuses: [running] } },
    ready: '1/1',
    status: 'Running',
  },
  {
    name: 'waits for its image',
    pod: {
      spec,
      status: {
        phase: 'Pending',
        containerStatuses: [{ name: 'c', state: { waiting: { reason: 'ImagePullBackOff' } } }],
      },
    },
    ready: '0/1',
    status: 'ImagePullBackOff',
  },
  {
    name: 'in a crash loop',
    pod: {
      spec,
      status: {
        phase: 'Running',
        containerStatuses: [
          { name: 'c', restartCount: 4, state: { waiting: { reason: 'CrashLoopBackOff' } } },
        ],
      },
    },
    ready: '0/1',
    status: 'CrashLoopBackOff',
    restarts: 4,
  },
  {
    name: 'ended without a reason',
    pod: {
      spec,
      status: {
        phase: 'Failed',
        containerStatuses: [{ name: 'c', state: { terminated: { exitCode: 3 } } }],
      },
    },
    ready: '0/1',
    status: 'ExitCode:3',
  },
  {
    name: 'killed by a signal',
    pod: {
      spec,
      status: {
        phase: 'Failed',
        containerStatuses: [{ name: 'c', state: { terminated: { exitCode: 137, signal: 9 } } }],
      },
    },
    ready: '0/1',
    status: 'Signal:9',
  },
  {
    name: 'completed beside a container that still runs',
    pod: {
      spec: { containers: [{ name: 'c' }, { name: 'd' }] },
      status: {
        phase: 'Running',
        containerStatuses: [
          { name: 'a', state: { terminated: { exitCode: 0, reason: 'Completed' } } },
          running,
        ],
      },
    },
    ready: '1/2',
    status: 'NotReady',
  },
  {
    name: 'initializing',
    pod: {
      spec: initSpec,
      status: {
        phase: 'Pending',
        initContainerStatuses: [
          { name: 'i', state: { terminated: { exitCode: 0, reason: 'Completed' } } },
          { name: 'j', restartCount: 2, state: { waiting: { reason: 'PodInitializing' } } },
        ],
        containerStatuses: [{ name: 'c', state: { waiting: { reason: 'PodInitializing' } } }],
      },
    },
    ready: '0/1',
    status: 'Init:1/2',
    restarts: 2,
  },
  {
    name: 'failed to initialize',
    pod: {
      spec: initSpec,
      status: {
        phase: 'Pending',
        initContainerStatuses: [{ name: 'i', state: { terminated: { exitCode: 1, reason: 'Error' } } }],
      },
    },
    ready: '0/1',
    status: 'Init:Error',
  },
  {
    name: 'init container in a crash loop',
    pod: {
      spec: initSpec,
      status: {
        phase: 'Pending',
        initContainerStatuses: [{ name: 'i', state: { waiting: { reason: 'CrashLoopBackOff' } } }],
      },
    },
    ready: '0/1',
    status: 'Init:CrashLoopBackOff',
  },
  {
    name: 'with a sidecar',
    pod: {
      spec: sidecarSpec,
      status: {
        phase: 'Running',
        initContainerStatuses: [{ ...running, name: 's', restartCount: 1 }],
        containerStatuses: [running],
      },
    },
    ready: '2/2',
    status: 'Running',
    restarts: 1,
  },
  {
    name: 'being deleted',
    pod: {
      metadata: { deletionTimestamp: '2026-01-02T00:00:00Z' },
      spec,
      status: { phase: 'Running', containerStatuses: [running] },
    },
    ready: '1/1',
    status: 'Terminating',
  },
  {
    name: 'being deleted on a node that is lost',
    pod: {
      metadata: { deletionTimestamp: '2026-01-02T00:00:00Z' },
      spec,
      status: { phase: 'Running', reason: 'NodeLost' },
    },
    ready: '0/1',
    status: 'Unknown',
  },
  {
    name: 'evicted',
    pod: { spec, status: { phase: 'Failed', reason: 'Evicted' } },
    ready: '0/1',
    status: 'Evicted',
  },
  {
    name: 'gated',
    pod: {
      spec,
      status: {
        phase: 'Pending',
        conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }],
      },
    },
    ready: '0/1',
    status: 'SchedulingGated',
  },
];

void t.test('the summary of a pod', async (t) => {
  for (const { name, pod, ready, status, restarts = 0 } of podCases) {
    const { object } = decodeObject<Pod>(schema, 'core/v1.Pod', { metadata: {}, ...pod });
    const summary = summarizePod(object);
    t.equal(`${String(summary.readyContainers)}/${String(summary.totalContainers)}`, ready, name);
    t.equal(summary.status, status, name);
    t.equal(summary.restarts, restarts, name);
  }
});

void t.test('all columns of a pod', async (t) => {
  const row = printed(anyOf(resources.pods), {
    spec: { ...spec, readinessGates: [{ conditionType: 'a/b' }] },
    status: {
      phase: 'Running',
      podIP: '10.244.0.5',
      containerStatuses: [
        {
          ...running,
          restartCount: 2,
          lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T23:58:00Z' } },
        },
      ],
    },
  });
  t.strictSame(row, {
    Name: 'x',
    Ready: '1/1',
    Status: 'Running',
    Restarts: '2 (2m ago)',
    Age: '5m',
    IP: '10.244.0.5',
    Node: 'n1',
    'Nominated Node': '<none>',
    'Readiness Gates': '0/1',
  });
});

void t.test('services', async (t) => {
  const cases: [object, object][] = [
    [
      { type: 'ClusterIP', clusterIP: '10.96.0.9', ports: [{ port: 80 }], selector: { b: '2', a: '1' } },
      {
        Type: 'ClusterIP',
        'Cluster-IP': '10.96.0.9',
        'External-IP': '<none>',
        'Port(s)': '80/TCP',
        Selector: 'a=1,b=2',
      },
    ],
    [
      {
        type: 'NodePort',
        clusterIP: '10.96.0.9',
        ports: [
          { port: 80, nodePort: 30080 },
          { port: 53, protocol: 'UDP' },
        ],
      },
      { 'Port(s)': '80:30080/TCP,53/UDP', Selector: '<none>' },
    ],
    [
      { type: 'ExternalName', externalName: 'example.org' },
      { 'Cluster-IP': '<none>', 'External-IP': 'example.org', 'Port(s)': '<none>' },
    ],
    [{ type: 'LoadBalancer', clusterIP: '10.96.0.9' }, { 'External-IP': '<pending>' }],
    [{ type: 'ClusterIP', clusterIP: 'None' }, { 'Cluster-IP': 'None' }],
  ];
  for (const [serviceSpec, expected] of cases)
    t.match(printed(anyOf(resources.services), { spec: serviceSpec }), expected);
});

void t.test('the other kinds', async (t) => {
  const template = {
    spec: {
      containers: [
        { name: 'a', image: 'i:1' },
        { name: 'b', image: 'j:2' },
      ],
    },
  };
  const cases: [unknown, Record<string, unknown>, object][] = [
    [
      resources.deployments,
      {
        spec: { replicas: 3, selector: { matchLabels: { app: 'w' } }, template },
        status: { readyReplicas: 2, updatedReplicas: 1, availableReplicas: 2 },
      },
      {
        Ready: '2/3',
        'Up-to-date': 1,
        Available: 2,
        Containers: 'a,b',
        Images: 'i:1,j:2',
        Selector: 'app=w',
      },
    ],
    [
      resources.replicaSets,
      { spec: { replicas: 3, selector: { matchLabels: { app: 'w' } }, template }, status: { replicas: 2 } },
      { Desired: 3, Current: 2, Ready: 0, Age: '5m' },
    ],
    [
      resources.replicationControllers,
      { spec: { selector: { app: 'w' } } },
      { Desired: 1, Current: 0, Selector: 'app=w' },
    ],
    [
      resources.nodes,
      {
        metadata: { labels: { 'node-role.kubernetes.io/control-plane': '', 'kubernetes.io/role': 'worker' } },
        spec: { unschedulable: true },
        status: {
          conditions: [{ type: 'Ready', status: 'True' }],
          addresses: [{ type: 'InternalIP', address: '192.0.2.1' }],
          nodeInfo: { kubeletVersion: 'v1.35.0' },
        },
      },
      {
        Status: 'Ready,SchedulingDisabled',
        Roles: 'control-plane,worker',
        Version: 'v1.35.0',
        'Internal-IP': '192.0.2.1',
        'External-IP': '<none>',
        'OS-Image': '<unknown>',
      },
    ],
    [resources.nodes, {}, { Status: 'Unknown', Roles: '<none>', Version: '' }],
    [resources.namespaces, { status: { phase: 'Active' } }, { Status: 'Active' }],
    [resources.configMaps, { data: { a: '1' }, binaryData: { b: 'AA==' } }, { Data: 2 }],
    [resources.secrets, { type: 'Opaque', data: { a: 'AA==' } }, { Type: 'Opaque', Data: 1 }],
    [resources.serviceAccounts, {}, { Secrets: 0 }],
    [resources.leases, { spec: { holderIdentity: 'me' } }, { Holder: 'me' }],
    [
      resources.endpoints,
      {
        subsets: [
          {
            addresses: [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }],
            ports: [{ port: 80 }, { port: 81 }],
          },
        ],
      },
      { Endpoints: '10.0.0.1:80,10.0.0.2:80,10.0.0.1:81 + 1 more...' },
    ],
    [resources.endpoints, {}, { Endpoints: '<none>' }],
    [
      resources.endpointSlices,
      { addressType: 'IPv4', ports: [{ port: 80 }], endpoints: [{ addresses: ['10.0.0.1'] }] },
      { AddressType: 'IPv4', Ports: '80', Endpoints: '10.0.0.1' },
    ],
    [resources.endpointSlices, { addressType: 'IPv4' }, { Ports: '<unset>', Endpoints: '<unset>' }],
    [
      resources.events,
      {
        involvedObject: { kind: 'Pod', name: 'web', fieldPath: 'spec.containers{c}' },
        type: 'Normal',
        reason: 'Started',
        message: 'Started it\n',
        lastTimestamp: '2026-01-01T23:59:00Z',
        firstTimestamp: '2026-01-01T23:50:00Z',
        source: { component: 'kubelet', host: 'n1' },
      },
      {
        'Last Seen': '60s',
        Object: 'pod/web',
        Message: 'Started it',
        Source: 'kubelet, n1',
        'First Seen': '10m',
        Count: 1,
        Name: 'x',
      },
    ],
  ];
  for (const [definition, json, expected] of cases) t.match(printed(anyOf(definition), json), expected);
});

void t.test('a kind without columns of its own has a name and an age', async (t) => {
  const definition = { ...anyOf(resources.leases), schemaName: 'core/v1.Binding' };
  t.strictSame(printed(definition, {}), { Name: 'x', Age: '5m' });
});

void t.test('what else is in a table', async (t) => {
  const { object } = decodeObject<Pod>(schema, 'core/v1.Pod', {
    metadata: created,
    status: { phase: 'Succeeded' },
  });
  const table = tableFor(resources.pods, [object], { now, listMeta: { resourceVersion: '7' } });
  t.match(table, { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata: { resourceVersion: '7' } });
  t.match(table.rows[0], {
    conditions: [{ type: 'Completed', status: 'True', reason: 'Succeeded' }],
    object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'x' } },
  });
  t.strictSame(table.columnDefinitions[0]?.format, 'name');
  const old = tableFor(resources.pods, [object], {
    now,
    version: 'v1beta1',
    includeObject: 'Object',
    noHeaders: true,
  });
  t.equal(old.apiVersion, 'meta.k8s.io/v1beta1');
  t.strictSame(old.columnDefinitions, []);
  t.equal(old.rows[0]?.object, object);
  t.notOk(tableFor(resources.pods, [object], { now, includeObject: 'None' }).rows[0]?.object);
});
