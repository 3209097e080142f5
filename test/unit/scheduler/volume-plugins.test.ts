/** Where Pods with claims may go, what is bound for them, and what becomes of a promise. */
import { setImmediate as untilIdle } from 'node:timers/promises';
import t from 'tap';
import type { PersistentVolume, PersistentVolumeClaim } from '../../../api/generated/core-v1.js';
import type { StorageClass } from '../../../api/generated/storage-v1.js';
import { CycleState } from '../../../scheduler/framework/cycle-state.js';
import type { SchedulerPlugin } from '../../../scheduler/framework/extension-points.js';
import { toNodeInfo } from '../../../scheduler/framework/node-info.js';
import { toPodInfo } from '../../../scheduler/framework/pod-info.js';
import type { PodInfo } from '../../../scheduler/framework/pod-info.js';
import { volumeBinding } from '../../../scheduler/plugins/volume-binding.js';
import { volumeRestrictions } from '../../../scheduler/plugins/volume-restrictions.js';
import { recordingHandle } from '../../contract/scheduler-plugin.js';
import { MemoryStorage } from '../../support/memory-storage.js';
import { makeNode, makePod } from '../../support/scheduling-objects.js';
import { makeClaim, makeClass, makeVolume } from '../../support/storage-objects.js';
import type { ClaimOptions, VolumeOptions } from '../../support/storage-objects.js';

type StorageObject = PersistentVolume | PersistentVolumeClaim | StorageClass;

const complete = { 'pv.kubernetes.io/bind-completed': 'yes' };
const selectedNode = 'volume.kubernetes.io/selected-node';
const later = makeClass('later', { volumeBindingMode: 'WaitForFirstConsumer' });
const driver = makeClass('driver', {
  volumeBindingMode: 'WaitForFirstConsumer',
  provisioner: 'disk.example.com',
});
const nodes = [
  makeNode({ name: 'a', labels: { zone: 'a' } }),
  makeNode({ name: 'b', labels: { zone: 'b' } }),
].map((node) => toNodeInfo(node, []));

function onZone(zone: string, spec: VolumeOptions['spec'] = {}): VolumeOptions {
  const terms = [{ matchExpressions: [{ key: 'zone', operator: 'In' as const, values: [zone] }] }];
  return { spec: { ...spec, nodeAffinity: { required: { nodeSelectorTerms: terms } } } };
}

function podWith(...claimNames: string[]): PodInfo {
  const volumes = claimNames.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } }));
  return toPodInfo(makePod({ name: 'p', spec: { volumes } }));
}

function bindingOn(
  storage: MemoryStorage,
): Required<Pick<SchedulerPlugin, 'preFilter' | 'filter' | 'reserve' | 'unreserve' | 'preBind'>> {
  const { preFilter, filter, reserve, unreserve, preBind } = volumeBinding({ ...recordingHandle(), storage });
  if (!preFilter || !filter || !reserve || !unreserve || !preBind) throw new Error('a method is missing');
  return { preFilter, filter, reserve, unreserve, preBind };
}

/** What the plugin says of the nodes a and b, or of the Pod as a whole. */
function verdicts(objects: readonly StorageObject[], pod: PodInfo): readonly string[] {
  const plugin = bindingOn(new MemoryStorage(objects));
  const state = new CycleState();
  const prepared = plugin.preFilter(state, pod, nodes);
  if (prepared.kind === 'unschedulable') return prepared.reasons;
  if (prepared.kind === 'skip') return ['skip'];
  return nodes.map((node) => {
    const verdict = plugin.filter(state, pod, node);
    return verdict.kind === 'unschedulable' ? verdict.reasons.join() : 'fits';
  });
}

void t.test('where a pod with claims may go', async (t) => {
  const bound = (volumeName: string): ClaimOptions => ({ spec: { volumeName }, annotations: complete });
  const ofClass = (storageClassName: string, annotations = {}): ClaimOptions => ({
    spec: { storageClassName },
    annotations,
  });
  const lateVolume = onZone('b', { storageClassName: 'later' });
  const noneFree = "node(s) didn't find available persistent volumes to bind";
  const table: [string, StorageObject[], readonly string[]][] = [
    ['no such claim', [], ['persistentvolumeclaim "c" not found']],
    ['unbound', [makeClaim('c')], ['pod has unbound immediate PersistentVolumeClaims']],
    [
      'lost',
      [makeClaim('c', { ...bound('v'), phase: 'Lost' })],
      ['persistentvolumeclaim "c" bound to non-existent persistentvolume "v"'],
    ],
    ['bound, anywhere', [makeClaim('c', bound('v')), makeVolume('v')], ['fits', 'fits']],
    [
      'bound to a disk of b',
      [makeClaim('c', bound('v')), makeVolume('v', onZone('b'))],
      ["node(s) didn't match PersistentVolume's node affinity", 'fits'],
    ],
    [
      'its volume is gone',
      [makeClaim('c', bound('v'))],
      Array(2).fill('node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)') as string[],
    ],
    [
      'waits, a disk on b is free',
      [later, makeClaim('c', ofClass('later')), makeVolume('v', lateVolume)],
      [noneFree, 'fits'],
    ],
    ['waits, nothing is free', [later, makeClaim('c', ofClass('later'))], [noneFree, noneFree]],
    ['can be made', [driver, makeClaim('c', ofClass('driver'))], ['fits', 'fits']],
    [
      'can be made in zone a',
      [
        { ...driver, allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: ['a'] }] }] },
        makeClaim('c', ofClass('driver')),
      ],
      ['fits', noneFree],
    ],
    [
      'is being made on b',
      [driver, makeClaim('c', ofClass('driver', { [selectedNode]: 'b' }))],
      [noneFree, 'fits'],
    ],
  ];
  for (const [what, objects, expected] of table)
    t.strictSame(verdicts(objects, podWith('c')), expected, what);
  t.strictSame(verdicts([], podWith()), ['skip']);
  const ephemeral = toPodInfo(makePod({ name: 'p', spec: { volumes: [{ name: 'x', ephemeral: {} }] } }));
  t.match(verdicts([], ephemeral), [/waiting for ephemeral volume controller to create .* "p-x"/]);
  const claims = [makeClaim('c', ofClass('later')), makeClaim('d', ofClass('later'))];
  const two = podWith('c', 'd');
  t.strictSame(
    verdicts([later, ...claims, makeVolume('v', lateVolume)], two),
    [noneFree, noneFree],
    'one for two',
  );
  t.strictSame(verdicts([later, ...claims, makeVolume('v', lateVolume), makeVolume('w', lateVolume)], two), [
    noneFree,
    'fits',
  ]);
});

void t.test('a volume is promised to one pod, kept for its claim, and given back', async (t) => {
  const ofLater = { spec: { storageClassName: 'later' } };
  const storage = new MemoryStorage([
    later,
    makeClaim('c', ofLater),
    makeClaim('d', ofLater),
    makeVolume('v', ofLater),
  ]);
  const plugin = bindingOn(storage);
  const [one, other] = [podWith('c'), podWith('d')];
  const fits = (pod: PodInfo): CycleState | undefined => {
    const state = new CycleState();
    plugin.preFilter(state, pod, nodes);
    const [node] = nodes;
    return node !== undefined && plugin.filter(state, pod, node).kind === 'success' ? state : undefined;
  };
  const state = fits(one);
  if (state === undefined) throw new Error('the first pod has no place');
  plugin.reserve(state, one, 'a');
  t.notOk(fits(other), 'it is promised');
  plugin.unreserve(state, one, 'a');
  t.ok(fits(other), 'it is free again');
  plugin.reserve(state, one, 'a');
  const signal = new AbortController().signal;
  const bound = plugin.preBind(state, one, 'a', signal);
  t.match(storage.volume('v'), { spec: { claimRef: { namespace: 'default', name: 'c', uid: 'uid-c' } } });
  storage.put(makeClaim('c', { spec: { ...ofLater.spec, volumeName: 'v' }, annotations: complete }));
  t.strictSame(await bound, { kind: 'success' });
  t.notOk(fits(other), 'now it is taken');
});

void t.test('a provisioner is told the node, and may refuse it', async (t) => {
  const claim = makeClaim('c', { spec: { storageClassName: 'driver' } });
  const storage = new MemoryStorage([driver, claim]);
  const plugin = bindingOn(storage);
  const pod = podWith('c');
  const state = new CycleState();
  plugin.preFilter(state, pod, nodes);
  for (const node of nodes) plugin.filter(state, pod, node);
  plugin.reserve(state, pod, 'b');
  const refused = plugin.preBind(state, pod, 'b', new AbortController().signal);
  t.equal(storage.claim('default/c')?.metadata.annotations?.[selectedNode], 'b');
  await untilIdle();
  storage.put(claim);
  t.match(await refused, { kind: 'unschedulable', reasons: [/selectedNode annotation/] });
  const stop = new AbortController();
  const broken = plugin.preBind(state, pod, 'b', stop.signal);
  stop.abort();
  await t.rejects(broken, 'the scheduler stops');
});

void t.test('a claim for one pod', async (t) => {
  const storage = new MemoryStorage([
    makeClaim('alone', { spec: { accessModes: ['ReadWriteOncePod'] } }),
    makeClaim('shared'),
  ]);
  const plugin = volumeRestrictions({ ...recordingHandle(), storage });
  const ask = (pod: PodInfo, residents: readonly PodInfo[]): unknown =>
    plugin.preFilter?.(new CycleState(), pod, [toNodeInfo(makeNode({ name: 'a' }), residents)]).kind;
  t.equal(ask(podWith('shared'), [podWith('shared')]), 'skip');
  t.equal(ask(podWith('alone'), [podWith('shared')]), 'success');
  t.equal(ask(podWith('alone'), [podWith('alone')]), 'unschedulable');
  const same = podWith('alone');
  t.equal(ask(same, [same]), 'success', 'it does not stand in its own way');
});
