import t from 'tap';
import type { Node, Pod, Taint, Toleration } from '../../../api/generated/core-v1.js';
import { leases, nodes, pods } from '../../../api/resources.js';
import {
  chooseNodeCidr,
  nodeCidrRange,
} from '../../../controller-manager/controllers/node-ipam/choose-node-cidr.js';
import { nodeIpam } from '../../../controller-manager/controllers/node-ipam/controller.js';
import {
  changedTaints,
  readinessOf,
  silentConditions,
} from '../../../controller-manager/controllers/node-lifecycle/assess-node.js';
import { nodeLifecycle } from '../../../controller-manager/controllers/node-lifecycle/controller.js';
import { planEviction } from '../../../controller-manager/controllers/node-lifecycle/plan-eviction.js';
import { createNode, createPod, managerRig, postReady } from './manager-rig.js';
import type { ManagerRig } from './manager-rig.js';

const now = '2026-01-01T00:00:00Z';
const nowMs = Date.parse(now);

void t.test('choosing a pod range', (t) => {
  const cases: [string, number, string[], string | undefined][] = [
    ['10.244.0.0/16', 24, [], '10.244.0.0/24'],
    ['10.244.0.0/16', 24, ['10.244.0.0/24', '10.244.2.0/24'], '10.244.1.0/24'],
    ['10.244.0.0/16', 24, ['10.244.0.0/23'], '10.244.2.0/24'],
    ['10.244.0.0/16', 24, ['192.168.0.0/16', 'nonsense'], '10.244.0.0/24'],
    ['10.244.0.0/16', 24, ['10.244.0.0/25'], '10.244.1.0/24'],
    ['10.244.0.0/23', 24, ['10.244.0.0/24', '10.244.1.0/24'], undefined],
    ['10.244.0.0/16', 16, [], '10.244.0.0/16'],
    ['fd00:10:244::/56', 64, ['fd00:10:244::/64'], 'fd00:10:244:1::/64'],
  ];
  for (const [cluster, mask, inUse, expected] of cases) {
    t.equal(
      chooseNodeCidr(nodeCidrRange(cluster, mask), inUse),
      expected,
      `${cluster} ${mask} ${inUse.join()}`,
    );
  }
  t.throws(() => nodeCidrRange('10.244.0.0/16', 8), /node-cidr-mask-size/);
  t.end();
});

void t.test('nodes get ranges of their own, a restart included', async (t) => {
  const rig = managerRig(t, [nodeIpam]);
  for (const name of ['n1', 'n2', 'n3']) await createNode(rig, name);
  await rig.settle();
  const ranges = async (): Promise<(string | undefined)[]> =>
    (await rig.list(nodes)).map(({ spec }) => spec.podCIDRs?.join());
  t.strictSame(await ranges(), ['10.244.0.0/24', '10.244.1.0/24', '10.244.2.0/24']);
  await rig.client.resource(nodes).delete({ name: 'n2' });
  await rig.stop();
  rig.start();
  await createNode(rig, 'n4');
  await createNode(rig, 'n5');
  await rig.settle();
  t.strictSame(await ranges(), ['10.244.0.0/24', '10.244.2.0/24', '10.244.1.0/24', '10.244.3.0/24']);
});

void t.test('a range that is used up is an Event, and the node waits', async (t) => {
  const rig = managerRig(t, [nodeIpam], { clusterCidr: '10.244.0.0/24' });
  await createNode(rig, 'n1');
  await createNode(rig, 'n2');
  const unserved = async (): Promise<Node | undefined> =>
    (await rig.list(nodes)).find(({ spec }) => spec.podCIDR === undefined);
  t.equal((await unserved())?.metadata.name, 'n2');
  await rig.client.resource(nodes).delete({ name: 'n1' });
  await rig.settle();
  t.equal(await unserved(), undefined);
});

function nodeWith(conditions: Record<string, string>, spec: Partial<Node['spec']> = {}): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: now },
    spec,
    status: { conditions: Object.entries(conditions).map(([type, status]) => ({ type, status })) },
  };
}

void t.test('taints that follow from conditions', (t) => {
  const names = (taints: readonly Taint[] | undefined): string[] | undefined =>
    taints?.map(({ key, effect }) => `${key.replace('node.kubernetes.io/', '')}:${effect}`);
  const custom: Taint = { key: 'gpu', effect: 'NoSchedule' };
  const notReady: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
  const cases: [string, Node, boolean, string[] | undefined][] = [
    ['ready', nodeWith({ Ready: 'True' }), true, undefined],
    ['ready again', nodeWith({ Ready: 'True' }, { taints: [notReady, custom] }), true, ['gpu:NoSchedule']],
    ['never reported', nodeWith({}), true, ['not-ready:NoSchedule', 'not-ready:NoExecute']],
    ['not ready', nodeWith({ Ready: 'False' }), true, ['not-ready:NoSchedule', 'not-ready:NoExecute']],
    ['not ready like all', nodeWith({ Ready: 'False' }), false, ['not-ready:NoSchedule']],
    ['known already', nodeWith({ Ready: 'False' }, { taints: [notReady] }), false, undefined],
    [
      'silent after not ready',
      nodeWith({ Ready: 'Unknown' }, { taints: [notReady, custom] }),
      true,
      ['gpu:NoSchedule', 'unreachable:NoSchedule', 'unreachable:NoExecute'],
    ],
    ['pressure', nodeWith({ Ready: 'True', MemoryPressure: 'True' }), true, ['memory-pressure:NoSchedule']],
    ['cordoned', nodeWith({ Ready: 'True' }, { unschedulable: true }), true, ['unschedulable:NoSchedule']],
  ];
  for (const [title, node, evict, expected] of cases)
    t.strictSame(names(changedTaints(node, evict, now)), expected, title);
  t.end();
});

void t.test('conditions of a silent node', (t) => {
  const conditions = silentConditions(nodeWith({ Ready: 'True', MemoryPressure: 'False' }), now);
  t.match(conditions, [
    { type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown', lastTransitionTime: now },
    { type: 'MemoryPressure', status: 'Unknown', reason: 'NodeStatusUnknown' },
    { type: 'DiskPressure', status: 'Unknown', reason: 'NodeStatusNeverUpdated' },
    { type: 'PIDPressure', status: 'Unknown', reason: 'NodeStatusNeverUpdated' },
  ]);
  const again = { ...nodeWith({}), status: { conditions: [...conditions] } };
  t.equal(silentConditions(again, now), again.status.conditions, 'nothing to write twice');
  t.end();
});

void t.test('when a taint drives a pod off', (t) => {
  const taint: Taint = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: now };
  const tolerate = (tolerationSeconds?: number): Toleration => ({
    key: taint.key,
    operator: 'Exists',
    effect: 'NoExecute',
    ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
  });
  const cases: [string, Toleration[], Taint[], number | undefined][] = [
    ['no taint', [], [], undefined],
    ['only NoSchedule', [], [{ ...taint, effect: 'NoSchedule' }], undefined],
    ['not tolerated', [], [taint], nowMs],
    ['tolerated for ever', [tolerate()], [taint], undefined],
    ['tolerated for a time', [tolerate(300)], [taint], nowMs + 300_000],
    ['the shortest time counts', [tolerate(300), tolerate(60)], [taint], nowMs + 60_000],
    ['a second taint is not tolerated', [tolerate(300)], [taint, { ...taint, key: 'other' }], nowMs],
    ['a negative time is none', [tolerate(-1)], [taint], nowMs],
  ];
  for (const [title, tolerations, taints, at] of cases) {
    const pod = { spec: { tolerations } } as unknown as Pod;
    t.strictSame(
      planEviction(pod, taints, nowMs),
      at === undefined ? { kind: 'stay' } : { kind: 'evict', at },
      title,
    );
  }
  t.end();
});

async function nodeNamed(rig: ManagerRig, name: string): Promise<Node> {
  return rig.client.resource(nodes).get({ name });
}

function taintsOf(node: Node): string[] {
  return (node.spec.taints ?? []).map(
    ({ key, effect }) => `${key.replace('node.kubernetes.io/', '')}:${effect}`,
  );
}

void t.test('a node that becomes ready loses its taint at once', async (t) => {
  const rig = managerRig(t, [nodeLifecycle]);
  const node = await createNode(rig, 'n1', false);
  t.strictSame(
    taintsOf(await nodeNamed(rig, 'n1')),
    ['not-ready:NoSchedule'],
    'and is no reason to drive pods off alone',
  );
  await postReady(rig, node);
  t.strictSame(taintsOf(await nodeNamed(rig, 'n1')), []);
});

void t.test(
  'a silent node becomes Unknown after the grace period, its pods not ready, then evicted',
  async (t) => {
    const rig = managerRig(t, [nodeLifecycle]);
    const n1 = await createNode(rig, 'n1');
    const n2 = await createNode(rig, 'n2');
    const tolerations: Toleration[] = [
      {
        key: 'node.kubernetes.io/unreachable',
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: 300,
      },
    ];
    await createPod(rig, 'patient', { node: 'n1', ready: true, spec: { tolerations } });
    await createPod(rig, 'hasty', { node: 'n1', ready: true });
    await createPod(rig, 'elsewhere', { node: 'n2', ready: true });
    await rig.advance(39_000);
    await postReady(rig, n2);
    t.equal(readinessOf(await nodeNamed(rig, 'n1')), 'ready');
    await rig.advance(1_500);
    t.equal(readinessOf(await nodeNamed(rig, 'n1')), 'unknown');
    t.equal(readinessOf(await nodeNamed(rig, 'n2')), 'ready', 'it has posted meanwhile');
    t.strictSame(taintsOf(await nodeNamed(rig, 'n1')), ['unreachable:NoSchedule', 'unreachable:NoExecute']);
    const state = async (): Promise<string[]> =>
      (await rig.list(pods)).map(({ metadata, status }) => {
        const ready = status.conditions?.find(({ type }) => type === 'Ready')?.status;
        return `${metadata.name} ${ready ?? ''}${metadata.deletionTimestamp === undefined ? '' : ' leaving'}`;
      });
    t.strictSame(await state(), ['elsewhere True', 'hasty False leaving', 'patient False']);
    for (let passed = 0; passed < 300; passed += 30) {
      await rig.advance(30_000);
      await postReady(rig, n2);
    }
    t.strictSame(await state(), ['elsewhere True', 'hasty False leaving', 'patient False leaving']);
    await postReady(rig, n1);
    t.strictSame(taintsOf(await nodeNamed(rig, 'n1')), [], 'it is back');
  },
);

void t.test('a renewed lease is a sign of life', async (t) => {
  const rig = managerRig(t, [nodeLifecycle]);
  await createNode(rig, 'n1');
  const lease = rig.client.resource(leases);
  const at = { namespace: 'kube-node-lease', name: 'n1' };
  await lease.create({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: at,
    spec: { renewTime: 'r0' },
  });
  for (let round = 1; round <= 10; round++) {
    await rig.advance(10_000);
    await lease.patch(at, 'merge', { spec: { renewTime: `r${round}` } });
    await rig.settle();
  }
  t.equal(readinessOf(await nodeNamed(rig, 'n1')), 'ready', 'after 100 s');
  await rig.advance(40_500);
  t.equal(readinessOf(await nodeNamed(rig, 'n1')), 'unknown');
});

void t.test('when all nodes are silent, nobody is driven off', async (t) => {
  const rig = managerRig(t, [nodeLifecycle]);
  await createNode(rig, 'n1');
  await createPod(rig, 'a', { node: 'n1', ready: true });
  await rig.advance(41_000);
  t.strictSame(taintsOf(await nodeNamed(rig, 'n1')), ['unreachable:NoSchedule']);
  const [pod] = await rig.list(pods);
  t.equal(pod?.metadata.deletionTimestamp, undefined);
});

void t.test('at rest one timer per node, and no writes', async (t) => {
  const rig = managerRig(t, [nodeLifecycle, nodeIpam]);
  await createNode(rig, 'n1');
  await rig.settle();
  const before = rig.writes();
  await rig.advance(30_000);
  t.equal(rig.writes(), before);
});
