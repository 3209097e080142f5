import t from 'tap';
import type { Pod } from '../../../api/generated/core-v1.js';
import type { DeleteOptions } from '../../../api/generated/meta-v1.js';
import type { KubernetesObject } from '../../../api/objects.js';
import { decideDeletion, endsByUpdate } from '../../../apiserver/handlers/deletion.js';
import { configMapStrategy } from '../../../apiserver/resources/config-map/strategy.js';
import { namespaceStrategy } from '../../../apiserver/resources/namespace/strategy.js';
import { podStrategy } from '../../../apiserver/resources/pod/strategy.js';
import { replicationControllerStrategy } from '../../../apiserver/resources/replication-controller/strategy.js';
import type { Strategy } from '../../../apiserver/resources/strategy.js';

const now = Date.UTC(2026, 0, 1);

function pod(
  metadata: Partial<Pod['metadata']> = {},
  spec: Partial<Pod['spec']> = { nodeName: 'n1' },
  phase: Pod['status']['phase'] = 'Running',
): Pod {
  return {
    metadata: { name: 'a', namespace: 'default', generation: 1, ...metadata },
    spec: { containers: [], terminationGracePeriodSeconds: 30, ...spec },
    status: { phase },
  } as unknown as Pod;
}

interface Case {
  readonly name: string;
  readonly strategy?: Strategy;
  readonly object: unknown;
  readonly options?: Partial<DeleteOptions>;
  readonly kind: 'delete' | 'write' | 'pending';
  readonly deletionTimestamp?: string;
  readonly seconds?: number;
  readonly finalizers?: readonly string[];
}

const running = { deletionTimestamp: '2026-01-01T00:00:20Z', deletionGracePeriodSeconds: 30 };
const named = { metadata: { name: 'a' } };

const cases: readonly Case[] = [
  {
    name: 'a running pod gets its time',
    object: pod(),
    kind: 'write',
    deletionTimestamp: '2026-01-01T00:00:30Z',
    seconds: 30,
  },
  {
    name: 'the time that the client gives',
    object: pod(),
    options: { gracePeriodSeconds: 5 },
    kind: 'write',
    deletionTimestamp: '2026-01-01T00:00:05Z',
    seconds: 5,
  },
  {
    name: 'a negative time is the shortest',
    object: pod({}, { nodeName: 'n1', terminationGracePeriodSeconds: -1 }),
    kind: 'write',
    deletionTimestamp: '2026-01-01T00:00:01Z',
    seconds: 1,
  },
  { name: 'by force', object: pod(), options: { gracePeriodSeconds: 0 }, kind: 'delete' },
  { name: 'a pod without a node', object: pod({}, {}), kind: 'delete' },
  { name: 'a pod that has ended', object: pod({}, { nodeName: 'n1' }, 'Succeeded'), kind: 'delete' },
  { name: 'again', object: pod(running), kind: 'pending' },
  {
    name: 'again with more time',
    object: pod(running),
    options: { gracePeriodSeconds: 60 },
    kind: 'pending',
  },
  {
    name: 'again with less time, counted from the first request',
    object: pod(running),
    options: { gracePeriodSeconds: 10 },
    kind: 'write',
    deletionTimestamp: '2026-01-01T00:00:00Z',
    seconds: 10,
  },
  { name: 'again by force', object: pod(running), options: { gracePeriodSeconds: 0 }, kind: 'delete' },
  {
    name: 'by force, but with a finalizer',
    object: pod({ finalizers: ['example.com/keep'] }),
    options: { gracePeriodSeconds: 0 },
    kind: 'write',
    deletionTimestamp: '2026-01-01T00:00:00Z',
    seconds: 0,
    finalizers: ['example.com/keep'],
  },
  {
    name: 'a plain object',
    strategy: configMapStrategy as unknown as Strategy,
    object: named,
    kind: 'delete',
  },
  {
    name: 'orphaning dependents',
    strategy: configMapStrategy as unknown as Strategy,
    object: named,
    options: { propagationPolicy: 'Orphan' },
    kind: 'write',
    deletionTimestamp: '2026-01-01T00:00:00Z',
    seconds: 0,
    finalizers: ['orphan'],
  },
  {
    name: 'dependents first',
    strategy: configMapStrategy as unknown as Strategy,
    object: named,
    options: { propagationPolicy: 'Foreground' },
    kind: 'write',
    deletionTimestamp: '2026-01-01T00:00:00Z',
    seconds: 0,
    finalizers: ['foregroundDeletion'],
  },
  {
    name: 'a change of mind: background after orphan',
    strategy: configMapStrategy as unknown as Strategy,
    object: { metadata: { name: 'a', finalizers: ['orphan'] } },
    options: { propagationPolicy: 'Background' },
    kind: 'delete',
  },
  {
    name: 'a ReplicationController orphans unless told',
    strategy: replicationControllerStrategy as unknown as Strategy,
    object: { ...named, spec: {} },
    kind: 'write',
    deletionTimestamp: '2026-01-01T00:00:00Z',
    seconds: 0,
    finalizers: ['orphan'],
  },
  {
    name: 'a namespace stays until it is empty',
    strategy: namespaceStrategy as unknown as Strategy,
    object: { ...named, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } },
    kind: 'write',
    deletionTimestamp: '2026-01-01T00:00:00Z',
    seconds: 0,
  },
];

for (const {
  name,
  strategy = podStrategy as unknown as Strategy,
  object,
  options = {},
  ...expected
} of cases) {
  void t.test(name, async (t) => {
    const step = decideDeletion(strategy, structuredClone(object) as KubernetesObject, options, now);
    t.equal(step.kind, expected.kind);
    if (step.kind !== 'write') return;
    const { metadata } = step.object;
    t.equal(metadata.deletionTimestamp, expected.deletionTimestamp);
    t.equal(metadata.deletionGracePeriodSeconds, expected.seconds);
    t.strictSame(metadata.finalizers, expected.finalizers);
  });
}

void t.test('the first mark counts as a change of the object, later ones do not', async (t) => {
  const strategy = podStrategy as unknown as Strategy;
  const first = decideDeletion(strategy, pod(), {}, now);
  t.equal(first.kind === 'write' && first.object.metadata.generation, 2);
  const second = decideDeletion(strategy, pod({ ...running, generation: 2 }), { gracePeriodSeconds: 1 }, now);
  t.equal(second.kind === 'write' && second.object.metadata.generation, 2);
});

void t.test('an update ends an object whose last finalizer goes', async (t) => {
  const strategy = podStrategy as unknown as Strategy;
  const marked = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 };
  t.equal(endsByUpdate(strategy, pod(marked), pod({ ...marked, finalizers: ['a/b'] })), true);
  t.equal(endsByUpdate(strategy, pod({ ...marked, finalizers: ['a/b'] }), pod(marked)), false);
  t.equal(endsByUpdate(strategy, pod(), pod()), false, 'not when nobody has deleted it');
  t.equal(endsByUpdate(strategy, pod(running), pod(running)), false, 'not while the kubelet has time');
});
