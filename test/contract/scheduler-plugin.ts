/**
 * What every scheduler plugin keeps, whatever it decides. Give the suite a factory and it tries each extension point
 * that the plugin has, on Pods and nodes from the emptiest to the oddest.
 */
import type { Test } from 'tap';
import { CycleState } from '../../scheduler/framework/cycle-state.js';
import { extensionPointMethods, maxNodeScore } from '../../scheduler/framework/extension-points.js';
import type {
  PluginFactory,
  PluginHandle,
  QueuedPod,
  SchedulerPlugin,
} from '../../scheduler/framework/extension-points.js';
import { toNodeInfo } from '../../scheduler/framework/node-info.js';
import type { NodeInfo } from '../../scheduler/framework/node-info.js';
import { toPodInfo } from '../../scheduler/framework/pod-info.js';
import type { PodInfo } from '../../scheduler/framework/pod-info.js';
import { deepFreeze } from '../support/deep-freeze.js';
import { makeDevice, makeNode, makePod } from '../support/scheduling-objects.js';
import { MemoryStorage } from '../support/memory-storage.js';
import { makeClaim, makeClass, makeVolume } from '../support/storage-objects.js';
import type { PersistentVolumeAccessMode } from '../../api/generated/core-v1.js';
import type { StorageView } from '../../scheduler/framework/storage-view.js';

/** A handle that remembers what a plugin asked for. */
export interface RecordingHandle extends PluginHandle {
  readonly bound: readonly string[];
}

export function recordingHandle(): RecordingHandle {
  const bound: string[] = [];
  return {
    bound,
    bindPod: (pod, nodeName) => {
      bound.push(`${pod.key} -> ${nodeName}`);
      return Promise.resolve();
    },
    allowWaitingPod: () => undefined,
    storage: sampleStorage(),
  };
}

/** Runs the contract as subtests of `t`. */
export async function schedulerPluginContract(t: Test, create: PluginFactory): Promise<void> {
  const plugin = create(recordingHandle());
  await t.test(`${plugin.name} keeps the contract of a scheduler plugin`, async (t) => {
    checkShape(t, plugin);
    checkQueue(t, plugin);
    for (const pod of samplePods()) checkDecisions(t, plugin, pod);
    checkReservations(t, plugin);
    await checkBinding(t, create);
  });
}

function checkShape(t: Test, plugin: SchedulerPlugin): void {
  t.match(plugin.name, /^[A-Z][A-Za-z]+$/, 'the name is in PascalCase');
  const known = new Set<string>(['name', 'interests', ...extensionPointMethods]);
  const strange = Object.keys(plugin).filter((key) => !known.has(key));
  t.same(strange, [], 'all members are extension points: a misspelt one would never be called');
  const methods = extensionPointMethods.filter((method) => plugin[method] !== undefined);
  t.not(methods.length, 0, 'it takes part in something');
  const rejects = plugin.filter ?? plugin.preFilter ?? plugin.preEnqueue ?? plugin.reserve ?? plugin.permit;
  if (rejects !== undefined)
    t.ok(plugin.interests !== undefined, 'one that can reject names the events that may change its mind');
  t.equal(
    plugin.reserve === undefined,
    plugin.unreserve === undefined,
    'reserve and unreserve come together',
  );
  if (plugin.normalizeScores !== undefined) t.ok(plugin.score, 'there are scores to normalize');
}

function checkQueue(t: Test, plugin: SchedulerPlugin): void {
  if (plugin.compare === undefined) return;
  const queued: QueuedPod[] = samplePods().map((info, index) => ({ info, queuedAtMs: index % 3 }));
  for (const a of queued) {
    t.equal(plugin.compare(a, a), 0, 'a pod is equal to itself');
    for (const b of queued)
      t.equal(
        Math.sign(plugin.compare(a, b)),
        -Math.sign(plugin.compare(b, a)) + 0,
        'the order is antisymmetric',
      );
  }
}

/** Everything up to the choice of a node, twice: the answers must be the same and the inputs untouched. */
function checkDecisions(t: Test, plugin: SchedulerPlugin, pod: PodInfo): void {
  const first = decide(t, plugin, pod, sampleNodes());
  t.same(decide(t, plugin, pod, sampleNodes()), first, `${pod.key}: the same question has the same answer`);
  const reversed = decide(t, plugin, pod, [...sampleNodes()].reverse());
  t.same(reversed, first, `${pod.key}: the order of nodes does not matter`);
}

function decide(t: Test, plugin: SchedulerPlugin, pod: PodInfo, nodes: readonly NodeInfo[]): unknown {
  const state = new CycleState();
  const enqueued = plugin.preEnqueue?.(pod);
  checkReasons(t, enqueued);
  const prepared = plugin.preFilter?.(state, pod, nodes);
  checkReasons(t, prepared);
  const verdicts = new Map<string, unknown>();
  if (prepared?.kind !== 'skip' && prepared?.kind !== 'unschedulable') {
    for (const node of nodes) {
      const verdict = plugin.filter?.(state, pod, node);
      checkReasons(t, verdict);
      verdicts.set(node.name, verdict);
    }
  }
  return {
    enqueued,
    prepared,
    verdicts: sorted(verdicts),
    scores: sorted(scoreAll(t, plugin, state, pod, nodes)),
  };
}

function sorted(map: ReadonlyMap<string, unknown>): [string, unknown][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}

function checkReasons(t: Test, verdict: { kind: string; reasons?: readonly string[] } | undefined): void {
  if (verdict?.kind !== 'unschedulable') return;
  t.ok(verdict.reasons?.length, 'a rejection has a reason');
  for (const reason of verdict.reasons ?? []) t.match(reason, /\S/, 'the reason says something');
}

function scoreAll(
  t: Test,
  plugin: SchedulerPlugin,
  state: CycleState,
  pod: PodInfo,
  nodes: readonly NodeInfo[],
): ReadonlyMap<string, number> {
  if (plugin.score === undefined || plugin.preScore?.(state, pod, nodes).kind === 'skip') return new Map();
  const raw = new Map(nodes.map((node) => [node.name, plugin.score?.(state, pod, node) ?? NaN]));
  const scores = plugin.normalizeScores?.(state, pod, raw) ?? raw;
  t.equal(scores.size, nodes.length, 'every node has a score');
  for (const score of scores.values())
    t.ok(
      score >= 0 && score <= maxNodeScore,
      `score ${String(score)} lies between 0 and ${String(maxNodeScore)}`,
    );
  return scores;
}

function checkReservations(t: Test, plugin: SchedulerPlugin): void {
  const [pod] = samplePods();
  if (plugin.unreserve === undefined || pod === undefined) return;
  const state = new CycleState();
  plugin.unreserve(state, pod, 'small');
  checkReasons(t, plugin.reserve?.(state, pod, 'small'));
  plugin.unreserve(state, pod, 'small');
  plugin.unreserve(state, pod, 'small');
  t.pass('unreserve may come without reserve, and twice');
}

async function checkBinding(t: Test, create: PluginFactory): Promise<void> {
  const handle = recordingHandle();
  const plugin = create(handle);
  const [pod] = samplePods();
  if (plugin.bind === undefined || pod === undefined) return;
  const result = await plugin.bind(new CycleState(), pod, 'small', new AbortController().signal);
  const expected = result.kind === 'success' ? [`${pod.key} -> small`] : [];
  t.same(handle.bound, expected, 'it binds through the handle, or skips');
  if (result.kind === 'success') {
    const refusing = create({
      ...handle,
      bindPod: () => Promise.reject(new Error('the server said no')),
    });
    const { bind } = refusing;
    if (bind === undefined) throw new Error('the same factory made a plugin without bind');
    await t.rejects(
      async () => {
        await bind(new CycleState(), pod, 'small', new AbortController().signal);
      },
      /said no/,
      'a failure is not swallowed',
    );
  }
}

function sampleStorage(): StorageView {
  const bound = { 'pv.kubernetes.io/bind-completed': 'yes' };
  const nodeAffinity = {
    required: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'gpu', operator: 'In' as const, values: ['yes'] }] }],
    },
  };
  const accessModes: PersistentVolumeAccessMode[] = ['ReadWriteOncePod'];
  const objects = [
    makeVolume('there', { spec: { nodeAffinity } }),
    makeVolume('free', { spec: { storageClassName: 'later' } }),
    makeClaim('bound', { spec: { volumeName: 'there' }, annotations: bound }),
    makeClaim('alone', { spec: { volumeName: 'there', accessModes }, annotations: bound }),
    makeClaim('later', { spec: { storageClassName: 'later' } }),
    makeClaim('unbound'),
    makeClass('later', { volumeBindingMode: 'WaitForFirstConsumer' }),
  ];
  return new MemoryStorage(objects.map(deepFreeze));
}

function samplePods(): readonly PodInfo[] {
  const gpu = { key: 'gpu', operator: 'In' as const, values: ['yes'] };
  return [
    makePod({ name: 'plain' }),
    makePod({ name: 'sized', requests: { cpu: '500m', memory: '256Mi', 'ephemeral-storage': '1Gi' } }),
    makePod({ name: 'huge', requests: { cpu: '400', memory: '10Ti' } }),
    makePod({ name: 'extended', requests: { 'example.com/device': '2' } }),
    makePod({ name: 'ported', hostPorts: [8080, 53] }),
    makePod({ name: 'tolerant', spec: { tolerations: [{ operator: 'Exists' }] } }),
    makePod({ name: 'gated', spec: { schedulingGates: [{ name: 'example.com/wait' }] } }),
    makePod({ name: 'important', spec: { priority: 1000 } }),
    makePod({ name: 'critical', spec: { priority: 2_000_001_000 } }),
    makePod({ name: 'skipping', annotations: { 'startup.knarr.io/admission': 'skip' } }),
    makePod({ name: 'picky', spec: { nodeSelector: { gpu: 'yes' } } }),
    makePod({ name: 'named', spec: { nodeName: 'small' } }),
    ...['bound', 'alone', 'later', 'unbound', 'none'].map((claimName) =>
      makePod({
        name: `claims-${claimName}`,
        spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }] },
      }),
    ),
    makePod({
      name: 'affine',
      spec: {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [gpu] }],
            },
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 10, preference: { matchExpressions: [gpu] } },
            ],
          },
        },
      },
    }),
  ].map((pod) => toPodInfo(deepFreeze(pod)));
}

function sampleNodes(): readonly NodeInfo[] {
  const resident = toPodInfo(
    deepFreeze(makePod({ name: 'resident', requests: { cpu: '1', memory: '1Gi' }, hostPorts: [8080] })),
  );
  return [
    { node: makeNode({ name: 'bare', allocatable: {} }), pods: [] },
    { node: makeNode({ name: 'small' }), pods: [resident] },
    { node: makeNode({ name: 'large', allocatable: { cpu: '64', memory: '256Gi', pods: '250' } }), pods: [] },
    { node: makeNode({ name: 'gpu', labels: { gpu: 'yes' } }), pods: [] },
    { node: makeNode({ name: 'cordoned', unschedulable: true }), pods: [] },
    { node: makeNode({ name: 'tainted', taints: [{ key: 'k', effect: 'NoSchedule' }] }), pods: [] },
    { node: makeNode({ name: 'shunned', taints: [{ key: 'k', effect: 'PreferNoSchedule' }] }), pods: [] },
    { node: makeNode({ name: 'stocked', images: { 'localhost/web:1': 500_000_000 } }), pods: [] },
    { node: makeNode({ name: 'calm', startup: [makeDevice(8)] }), pods: [resident] },
    {
      node: makeNode({ name: 'busy', startup: [makeDevice(2, { saturation: 1, isSaturated: true })] }),
      pods: Array.from({ length: 20 }, (_, index) =>
        toPodInfo(deepFreeze(makePod({ name: `starting-${String(index)}` }))),
      ),
    },
  ].map(({ node, pods }) => toNodeInfo(deepFreeze(node), pods));
}
