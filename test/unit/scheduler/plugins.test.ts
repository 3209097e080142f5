/** What each plugin decides, as tables. That they keep the contract is tested in test/contract. */
import t from 'tap';
import type { Taint, Toleration } from '../../../api/generated/core-v1.js';
import { CycleState } from '../../../scheduler/framework/cycle-state.js';
import type { PluginFactory } from '../../../scheduler/framework/extension-points.js';
import { toNodeInfo } from '../../../scheduler/framework/node-info.js';
import { toPodInfo } from '../../../scheduler/framework/pod-info.js';
import { imageLocality } from '../../../scheduler/plugins/image-locality.js';
import { nodeAffinity } from '../../../scheduler/plugins/node-affinity.js';
import { nodeName } from '../../../scheduler/plugins/node-name.js';
import { nodePorts } from '../../../scheduler/plugins/node-ports.js';
import { nodeResourcesBalancedAllocation } from '../../../scheduler/plugins/node-resources-balanced-allocation.js';
import { nodeResourcesFit } from '../../../scheduler/plugins/node-resources-fit.js';
import { nodeUnschedulable } from '../../../scheduler/plugins/node-unschedulable.js';
import { prioritySort } from '../../../scheduler/plugins/priority-sort.js';
import { schedulingGates } from '../../../scheduler/plugins/scheduling-gates.js';
import { taintToleration } from '../../../scheduler/plugins/taint-toleration.js';
import { recordingHandle } from '../../contract/scheduler-plugin.js';
import { makeNode, makePod } from '../../support/scheduling-objects.js';
import type { NodeOptions, PodOptions } from '../../support/scheduling-objects.js';

type PodCase = Omit<PodOptions, 'name'>;
type NodeCase = Omit<NodeOptions, 'name'> & { readonly name?: string; readonly pods?: readonly PodCase[] };

/** The reasons of a rejection, empty when the plugin lets the Pod pass. */
function reasonsOf(create: PluginFactory, pod: PodCase, node: NodeCase): readonly string[] {
  const plugin = create(recordingHandle());
  const state = new CycleState();
  const podInfo = toPodInfo(makePod({ name: 'candidate', ...pod }));
  const nodeInfo = infoOf(node);
  const prepared = plugin.preFilter?.(state, podInfo, [nodeInfo]);
  if (prepared?.kind === 'unschedulable') return prepared.reasons;
  if (prepared?.kind === 'skip') return [];
  const verdict = plugin.filter?.(state, podInfo, nodeInfo);
  return verdict?.kind === 'unschedulable' ? verdict.reasons : [];
}

function infoOf({ pods = [], ...node }: NodeCase) {
  const residents = pods.map((pod, index) => toPodInfo(makePod({ name: `p${String(index)}`, ...pod })));
  return toNodeInfo(makeNode({ name: 'n1', ...node }), residents);
}

function scoresOf(create: PluginFactory, pod: PodCase, nodes: readonly NodeCase[]): readonly number[] {
  const plugin = create(recordingHandle());
  const state = new CycleState();
  const podInfo = toPodInfo(makePod({ name: 'candidate', ...pod }));
  const infos = nodes.map((node, index) => infoOf({ name: `n${String(index)}`, ...node }));
  if (plugin.preScore?.(state, podInfo, infos).kind === 'skip') return [];
  const raw = new Map(infos.map((info) => [info.name, plugin.score?.(state, podInfo, info) ?? NaN]));
  return [...(plugin.normalizeScores?.(state, podInfo, raw) ?? raw).values()];
}

const noSchedule: Taint = { key: 'dedicated', value: 'db', effect: 'NoSchedule' };
const tolerate = (toleration: Toleration): PodCase => ({ spec: { tolerations: [toleration] } });
const affinity = (
  key: string,
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt',
  values: string[] = [],
): PodCase => ({
  spec: {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key, operator, values }] }],
        },
      },
    },
  },
});
const taint = ['node(s) had untolerated taint(s)'];
const ports = ["node(s) didn't have free ports for the requested pod ports"];
const noMatch = ["node(s) didn't match Pod's node affinity/selector"];

const filterCases: readonly (readonly [string, PluginFactory, PodCase, NodeCase, readonly string[]])[] = [
  ['no node named', nodeName, {}, {}, []],
  ['this node named', nodeName, { spec: { nodeName: 'n1' } }, {}, []],
  [
    'another node named',
    nodeName,
    { spec: { nodeName: 'n2' } },
    {},
    ["node(s) didn't match the requested node name"],
  ],
  ['cordoned', nodeUnschedulable, {}, { unschedulable: true }, ['node(s) were unschedulable']],
  [
    'cordoned and tolerated',
    nodeUnschedulable,
    tolerate({ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' }),
    { unschedulable: true },
    [],
  ],
  ['taint', taintToleration, {}, { taints: [noSchedule] }, taint],
  [
    'taint, equal',
    taintToleration,
    tolerate({ key: 'dedicated', value: 'db' }),
    { taints: [noSchedule] },
    [],
  ],
  [
    'taint, other value',
    taintToleration,
    tolerate({ key: 'dedicated', value: 'web' }),
    { taints: [noSchedule] },
    taint,
  ],
  [
    'taint, other effect',
    taintToleration,
    tolerate({ key: 'dedicated', operator: 'Exists', effect: 'NoExecute' }),
    { taints: [noSchedule] },
    taint,
  ],
  [
    'taint, everything tolerated',
    taintToleration,
    tolerate({ operator: 'Exists' }),
    { taints: [noSchedule] },
    [],
  ],
  ['NoExecute counts, too', taintToleration, {}, { taints: [{ key: 'k', effect: 'NoExecute' }] }, taint],
  [
    'a soft taint rejects nobody',
    taintToleration,
    {},
    { taints: [{ key: 'k', effect: 'PreferNoSchedule' }] },
    [],
  ],
  ['port free', nodePorts, { hostPorts: [80] }, { pods: [{ hostPorts: [81] }] }, []],
  ['port taken', nodePorts, { hostPorts: [80] }, { pods: [{ hostPorts: [80] }] }, ports],
  ['fits', nodeResourcesFit, { requests: { cpu: '1' } }, {}, []],
  [
    'just fits',
    nodeResourcesFit,
    { requests: { cpu: '1500m' } },
    { pods: [{ requests: { cpu: '0.5' } }] },
    [],
  ],
  [
    'too much cpu',
    nodeResourcesFit,
    { requests: { cpu: '1501m' } },
    { pods: [{ requests: { cpu: '0.5' } }] },
    ['Insufficient cpu'],
  ],
  [
    'too much of everything',
    nodeResourcesFit,
    { requests: { cpu: '9', memory: '9Gi', 'ephemeral-storage': '1Ti', 'example.com/gpu': '1' } },
    {},
    [
      'Insufficient cpu',
      'Insufficient memory',
      'Insufficient ephemeral-storage',
      'Insufficient example.com/gpu',
    ],
  ],
  [
    'requests nothing on a full node',
    nodeResourcesFit,
    {},
    { pods: [{ requests: { cpu: '2', memory: '4Gi' } }] },
    [],
  ],
  [
    'too many pods',
    nodeResourcesFit,
    {},
    { allocatable: { cpu: '2', memory: '4Gi', pods: '1' }, pods: [{}] },
    ['Too many pods'],
  ],
  [
    'selector matches',
    nodeAffinity,
    { spec: { nodeSelector: { disk: 'ssd' } } },
    { labels: { disk: 'ssd' } },
    [],
  ],
  [
    'selector does not match',
    nodeAffinity,
    { spec: { nodeSelector: { disk: 'ssd' } } },
    { labels: { disk: 'hdd' } },
    noMatch,
  ],
  ['In', nodeAffinity, affinity('disk', 'In', ['ssd', 'nvme']), { labels: { disk: 'nvme' } }, []],
  ['NotIn with the label absent', nodeAffinity, affinity('disk', 'NotIn', ['ssd']), {}, []],
  ['Exists', nodeAffinity, affinity('disk', 'Exists'), {}, noMatch],
  ['DoesNotExist', nodeAffinity, affinity('disk', 'DoesNotExist'), { labels: { disk: '' } }, noMatch],
  ['Gt', nodeAffinity, affinity('cores', 'Gt', ['9']), { labels: { cores: '10' } }, []],
  ['Lt of a text', nodeAffinity, affinity('cores', 'Lt', ['9']), { labels: { cores: 'few' } }, noMatch],
];

void t.test('filters', (t) => {
  for (const [name, plugin, pod, node, reasons] of filterCases)
    t.same(reasonsOf(plugin, pod, node), reasons, name);
  t.end();
});

void t.test('host ports: protocol and address tell them apart', (t) => {
  const onNode = (hostIP: string | undefined, protocol: 'TCP' | 'UDP'): PodCase => ({
    spec: {
      containers: [
        {
          name: 'c',
          ports: [{ containerPort: 1, hostPort: 80, protocol, ...(hostIP === undefined ? {} : { hostIP }) }],
        },
      ],
    },
  });
  const taken = (a: PodCase, b: PodCase): boolean => reasonsOf(nodePorts, a, { pods: [b] }).length > 0;
  t.ok(taken(onNode(undefined, 'TCP'), onNode('10.0.0.1', 'TCP')), 'all addresses against one');
  t.notOk(taken(onNode('10.0.0.2', 'TCP'), onNode('10.0.0.1', 'TCP')), 'two addresses');
  t.notOk(taken(onNode(undefined, 'UDP'), onNode(undefined, 'TCP')), 'two protocols');
  t.ok(
    taken(
      { spec: { hostNetwork: true, containers: [{ name: 'c', ports: [{ containerPort: 80 }] }] } },
      onNode(undefined, 'TCP'),
    ),
    'the host network has its container ports there',
  );
  t.end();
});

void t.test('affinity by node name narrows the nodes down', (t) => {
  const plugin = nodeAffinity(recordingHandle());
  const byName = (...names: string[][]) =>
    toPodInfo(
      makePod({
        name: 'p',
        spec: {
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [
                  { matchFields: names.map((values) => ({ key: 'metadata.name', operator: 'In', values })) },
                ],
              },
            },
          },
        },
      }),
    );
  t.same(plugin.preFilter?.(new CycleState(), byName(['n1', 'n2']), []), {
    kind: 'success',
    onlyNodes: new Set(['n1', 'n2']),
  });
  t.match(
    plugin.preFilter?.(new CycleState(), byName(['n1'], ['n2']), []),
    { kind: 'unschedulable' },
    'contradiction',
  );
  t.end();
});

void t.test('scores', (t) => {
  const half = { pods: [{ requests: { cpu: '1', memory: '2Gi' } }] };
  const [empty = 0, used = 0] = scoresOf(nodeResourcesFit, { requests: { cpu: '500m', memory: '1Gi' } }, [
    {},
    half,
  ]);
  t.equal(empty, 75, 'a quarter of the node would be used');
  t.equal(used, 25);
  const lopsided = { pods: [{ requests: { cpu: '1' } }] };
  const pod = { requests: { cpu: '500m', memory: '1Gi' } };
  t.same(scoresOf(nodeResourcesBalancedAllocation, pod, [{}, lopsided]), [100, 75]);
  t.same(scoresOf(nodeResourcesBalancedAllocation, {}, [{}, lopsided]), [], 'requests nothing: no score');
  const soft: Taint = { key: 'k', effect: 'PreferNoSchedule' };
  t.same(
    scoresOf(taintToleration, {}, [{}, { taints: [soft] }, { taints: [soft, { ...soft, key: 'l' }] }]),
    [100, 50, 0],
  );
  const preferring: PodCase = {
    spec: {
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 30, preference: { matchExpressions: [{ key: 'ssd', operator: 'Exists' }] } },
            { weight: 10, preference: { matchExpressions: [{ key: 'big', operator: 'Exists' }] } },
          ],
        },
      },
    },
  };
  t.same(
    scoresOf(nodeAffinity, preferring, [{}, { labels: { ssd: '' } }, { labels: { ssd: '', big: '' } }]),
    [0, 75, 100],
  );
  const images = { 'localhost/web:1': 900_000_000 };
  const [without = -1, having = 0] = scoresOf(imageLocality, {}, [{}, { images }]);
  t.equal(without, 0);
  t.ok(having > 30 && having < 50, 'on one node of two: half of its size counts');
  t.end();
});

void t.test('queue', (t) => {
  const queued = (priority: number, queuedAtMs: number) => ({
    info: toPodInfo(makePod({ name: 'p', spec: { priority } })),
    queuedAtMs,
  });
  const plugin = prioritySort(recordingHandle());
  t.ok((plugin.compare?.(queued(10, 5), queued(1, 1)) ?? 0) < 0, 'priority first');
  t.ok((plugin.compare?.(queued(1, 1), queued(1, 5)) ?? 0) < 0, 'then the order of arrival');
  const gated = toPodInfo(makePod({ name: 'p', spec: { schedulingGates: [{ name: 'example.com/a' }] } }));
  t.match(schedulingGates(recordingHandle()).preEnqueue?.(gated), { kind: 'unschedulable' });
  t.end();
});
