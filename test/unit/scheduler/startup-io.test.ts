/** The plugin StartupIO: what it decides, as tables; and with the whole scheduler that a saturated node fills up bit by bit. */
import t from 'tap';
import type { Pod, PodStatus } from '../../../api/generated/core-v1.js';
import { CycleState } from '../../../scheduler/framework/cycle-state.js';
import { toNodeInfo } from '../../../scheduler/framework/node-info.js';
import { toPodInfo } from '../../../scheduler/framework/pod-info.js';
import { startupFacts, startupStage } from '../../../scheduler/framework/startup-load.js';
import { longestQueue, startupIO } from '../../../scheduler/plugins/startup-io.js';
import { startupDevicesAnnotation } from '../../../api/startup-report.js';
import { recordingHandle } from '../../contract/scheduler-plugin.js';
import { makeDevice, makeNode, makePod } from '../../support/scheduling-objects.js';
import type { NodeOptions, PodOptions } from '../../support/scheduling-objects.js';

const saturated = makeDevice(2, { saturation: 1, isSaturated: true });

function admitted(status: 'True' | 'False', reason: string): PodStatus {
  return { phase: 'Pending', conditions: [{ type: 'StartupAdmitted', status, reason }] };
}
const queued = admitted('False', 'WaitingForSlot');
const ready: PodStatus = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };

function many(count: number, status?: PodStatus): readonly Pod[] {
  return Array.from({ length: count }, (_, index) =>
    makePod({ name: `p${index}`, ...(status === undefined ? {} : { status }) }),
  );
}

function infoOf(node: Partial<NodeOptions>, pods: readonly Pod[] = []) {
  return toNodeInfo(
    makeNode({ name: 'n1', ...node }),
    pods.map((pod) => toPodInfo(pod)),
  );
}

/** The reasons of a refusal; empty where the plugin has nothing against it. */
function reasonsOf(candidate: Omit<PodOptions, 'name'>, node: ReturnType<typeof infoOf>): readonly string[] {
  const plugin = startupIO(recordingHandle());
  const [state, pod] = [new CycleState(), toPodInfo(makePod({ name: 'candidate', ...candidate }))];
  if (plugin.preFilter?.(state, pod, [node]).kind === 'skip') return [];
  const verdict = plugin.filter?.(state, pod, node);
  return verdict?.kind === 'unschedulable' ? verdict.reasons : [];
}

await t.test('where a pod stands on its way into a slot', (t) => {
  const skip = { 'startup.knarr.io/admission': 'skip' };
  for (const [stage, options] of [
    ['unseen', {}],
    ['unseen', { status: { phase: 'Running' } }],
    ['none', { annotations: skip }],
    ['none', { status: ready }],
    ['none', { status: { phase: 'Failed' } }],
    ['queued', { status: queued }],
    ['none', { status: admitted('True', 'Admitted') }],
    ['none', { status: admitted('False', 'WaitingForDependencies') }],
    ['none', { status: admitted('False', 'DependencyCycle') }],
  ] as const)
    t.equal(startupStage(makePod({ name: 'p', ...options })), stage, JSON.stringify(options));
  const leaving = makePod({ name: 'p', status: queued });
  leaving.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
  t.equal(startupStage(leaving), 'none');
  t.end();
});

await t.test('a saturated node gets a bounded number of pods ahead', (t) => {
  const refusal = ['node(s) had enough Pods waiting to start on a saturated disk'];
  for (const [about, node, pods, reasons] of [
    ['it says nothing', {}, many(100), []],
    ['it is calm, and a burst was bound just now', { startup: [makeDevice(2)] }, many(100), []],
    ['it is saturated, and there is room', { startup: [saturated] }, many(15), []],
    ['it is saturated, and there is none', { startup: [saturated] }, many(16), refusal],
    ['most of them run', { startup: [saturated] }, [...many(15), ...many(80, ready)], []],
    ['they were told to wait', { startup: [saturated] }, many(16, queued), refusal],
    ['a reboot: nothing is measured yet', { startup: [makeDevice(2)] }, many(16, queued), refusal],
    [
      'they wait for something that may come here',
      { startup: [saturated] },
      many(60, admitted('False', 'WaitingForDependencies')),
      [],
    ],
    ['it starts ten at once', { startup: [{ ...saturated, limit: 10 }] }, many(39), []],
    ['it starts ten at once', { startup: [{ ...saturated, limit: 10 }] }, many(40), refusal],
    ['the widest device counts', { startup: [saturated, makeDevice(10)] }, many(39), []],
  ] as const)
    t.same(reasonsOf({}, infoOf(node, pods)), reasons, `${about}, ${pods.length} pods`);
  t.equal(longestQueue(1), 16);
  t.equal(longestQueue(100), 400);
  t.end();
});

await t.test('pods that must not wait are let through', (t) => {
  const full = infoOf({ startup: [saturated] }, many(50));
  const owner = { apiVersion: 'apps/v1', name: 'o', uid: 'u', controller: true };
  const cases: readonly (readonly [boolean, Omit<PodOptions, 'name'>])[] = [
    [true, {}],
    [true, { spec: { priority: 1_000_000_000 } }],
    [true, { ownerReferences: [{ ...owner, kind: 'ReplicaSet' }] }],
    [false, { spec: { priority: 2_000_000_000 } }],
    [false, { ownerReferences: [{ ...owner, kind: 'DaemonSet' }] }],
    [false, { annotations: { 'startup.knarr.io/admission': 'skip' } }],
  ];
  for (const [isRefused, candidate] of cases)
    t.equal(reasonsOf(candidate, full).length > 0, isRefused, JSON.stringify(candidate));
  t.end();
});

await t.test('an annotation that cannot be read is none', (t) => {
  const node = makeNode({ name: 'n1' });
  node.metadata.annotations = { [startupDevicesAnnotation]: '[{"key":' };
  node.status.conditions = [{ type: 'StartupSaturated', status: 'True' }];
  t.same(
    reasonsOf(
      {},
      toNodeInfo(
        node,
        many(50).map((pod) => toPodInfo(pod)),
      ),
    ),
    [],
  );
  t.end();
});

await t.test('calm nodes with short queues are better', (t) => {
  const plugin = startupIO(recordingHandle());
  const state = new CycleState();
  const pod = toPodInfo(makePod({ name: 'candidate' }));
  const nodes = [
    infoOf({ name: 'silent' }, many(9)),
    infoOf({ name: 'idle', startup: [makeDevice(4)] }, many(9, ready)),
    infoOf({ name: 'half', startup: [makeDevice(4, { saturation: 0.5 })] }),
    infoOf({ name: 'queue', startup: [makeDevice(4)] }, many(4, queued)),
    infoOf({ name: 'bound', startup: [makeDevice(4)] }, many(12)),
    infoOf({ name: 'full', startup: [saturated] }, many(14)),
  ];
  t.equal(plugin.preScore?.(state, pod, nodes).kind, 'success');
  t.same(
    nodes.map((node) => plugin.score?.(state, pod, node)),
    [100, 100, 75, 75, 62, 6],
  );
  t.equal(plugin.preScore?.(state, pod, nodes.slice(0, 1)).kind, 'skip', 'nobody tells of starts');
  t.end();
});

await t.test('heartbeats with other counts wake nobody; limits and saturation do', (t) => {
  const facts = (device: ReturnType<typeof makeDevice>) =>
    JSON.stringify(startupFacts(makeNode({ name: 'n', startup: [device] })));
  t.equal(facts(makeDevice(4, { held: 1, queued: 9, saturation: 0.3 })), facts(makeDevice(4)));
  t.not(facts(makeDevice(5)), facts(makeDevice(4)));
  t.not(facts({ ...makeDevice(4), isSaturated: true }), facts(makeDevice(4)));
  t.end();
});
