/** Resize in place: the decisions, by tables. */
import t from 'tap';
import type { Container, Pod, PodSpec, ResourceRequirements } from '../../../api/generated/core-v1.js';
import type { ContainerState } from '../../../kubelet/cri/runtime.js';
import {
  changedResources,
  haveSameSizes,
  needsRestart,
  sizesOf,
  withSizes,
} from '../../../kubelet/resize/allocated-pod.js';
import { decideResize, orderDeferred } from '../../../kubelet/resize/decide-resize.js';
import {
  greaterLimits,
  memoryObjection,
  memoryShrinking,
  planContainers,
} from '../../../kubelet/resize/plan-resize.js';
import { resizeMessage } from '../../../kubelet/resize/resize-message.js';
import { resizeConditions } from '../../../kubelet/resize/resize-state.js';
import type { PodRuntime } from '../../../kubelet/runtime-state/pod-runtime.js';

const mebibyte = 1024 * 1024;

function size(cpu?: string, memory?: string, limits?: Record<string, string>): ResourceRequirements {
  const requests = { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) };
  return { requests, ...(limits === undefined ? {} : { limits }) };
}

function pod(
  containers: readonly (readonly [
    name: string,
    resources: ResourceRequirements,
    more?: Partial<Container>,
  ])[],
  spec: Partial<PodSpec> = {},
  uid = 'u',
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: uid, namespace: 'd', uid, resourceVersion: '1', creationTimestamp: '' },
    spec: {
      containers: containers.map(([name, resources, more]) => ({ name, resources, ...more })),
      ...spec,
    },
    status: {},
  };
}

function runtime(states: Readonly<Record<string, ContainerState>>): PodRuntime {
  const containers = Object.entries(states).map(([name, state]) => ({
    ...{ id: `${name}-0`, name, sandboxId: 's', attempt: 0, state, createdAtMs: 0, startedAtMs: 0 },
    ...{ finishedAtMs: 0, exitCode: 0, reason: '', message: '', image: '', imageRef: '', hash: '' },
    logPath: '',
  }));
  return { uid: 'u', namespace: 'd', name: 'u', sandboxes: [], containers };
}

void t.test('sizes: what counts as another one', async (t) => {
  const table: [what: string, a: ResourceRequirements, b: ResourceRequirements, changed: string[]][] = [
    ['the same', size('1', '1Gi'), size('1', '1Gi'), []],
    ['written otherwise', size('0.1', '1Gi'), size('100m', '1024Mi'), []],
    ['a request', size('1', '1Gi'), size('2', '1Gi'), ['cpu']],
    ['a limit', size('1', '1Gi', { memory: '1Gi' }), size('1', '1Gi', { memory: '2Gi' }), ['memory']],
    ['a limit where there was none', size('1'), size('1', undefined, { cpu: '2' }), ['cpu']],
    ['both', size('1', '1Gi'), size('2', '2Gi'), ['cpu', 'memory']],
    ['what cannot change', { requests: { 'example.com/a': '1' } }, {}, []],
  ];
  for (const [what, a, b, changed] of table) t.strictSame(changedResources(a, b), changed, what);
  const container: Container = {
    name: 'a',
    resizePolicy: [
      { resourceName: 'cpu', restartPolicy: 'NotRequired' },
      { resourceName: 'memory', restartPolicy: 'RestartContainer' },
    ],
  };
  t.equal(needsRestart(container, ['cpu']), false);
  t.equal(needsRestart(container, ['cpu', 'memory']), true);
  t.equal(needsRestart({ name: 'b' }, ['cpu', 'memory']), false, 'without a policy');
});

void t.test('a pod has the sizes that it was promised; init containers that end keep theirs', async (t) => {
  const initContainers: Container[] = [
    { name: 'init', resources: size('1') },
    { name: 'sidecar', restartPolicy: 'Always', resources: size('1') },
  ];
  const wanted = pod([['main', size('2')]], { initContainers });
  t.strictSame(sizesOf(wanted), { sidecar: size('1'), main: size('2') });
  t.equal(withSizes(wanted, sizesOf(wanted)), wanted, 'the same object when nothing differs');
  const allocated = withSizes(wanted, { init: size('9'), sidecar: size('3'), main: size('1') });
  t.strictSame(
    allocated.spec.initContainers?.map(({ resources }) => resources),
    [size('1'), size('3')],
  );
  t.strictSame(allocated.spec.containers[0]?.resources, size('1'));
  t.ok(haveSameSizes(sizesOf(allocated), { sidecar: size('3'), main: size('1'), other: size('7') }));
});

void t.test('whether there is room', async (t) => {
  const allocatable = { cpu: '4', memory: '8Gi', pods: '110', 'ephemeral-storage': '10Gi' };
  const other = pod([['a', size('2', '4Gi')]], {}, 'other');
  const now = pod([['a', size('1', '1Gi')]]);
  const statically = pod([['a', size('2', '1Gi')]]);
  statically.metadata.annotations = { 'kubernetes.io/config.source': 'file' };
  const table: [what: string, wanted: Pod, others: Pod[], expected: object][] = [
    ['room', pod([['a', size('2', '4Gi')]]), [other], { kind: 'granted' }],
    [
      'more CPU than the others leave',
      pod([['a', size('2500m', '1Gi')]]),
      [other],
      {
        reason: 'Deferred',
        message: "Node didn't have enough resource: cpu, requested: 2500, used: 2000, capacity: 4000",
      },
    ],
    [
      'more memory than the others leave',
      pod([['a', size('1', '5Gi')]]),
      [other],
      { reason: 'Deferred', message: /enough resource: memory, requested: 5368709120, used: 4294967296/ },
    ],
    [
      'more CPU than there is',
      pod([['a', size('5', '1Gi')]]),
      [],
      {
        reason: 'Infeasible',
        message: "Node didn't have enough capacity: cpu, requested: 5000, capacity: 4000",
        detail: 'insufficient_node_allocatable',
      },
    ],
    [
      'too much of both: memory is told',
      pod([['a', size('5', '9Gi')]]),
      [],
      {
        reason: 'Infeasible',
        message: /enough capacity: memory, requested: 9663676416, capacity: 8589934592/,
      },
    ],
    [
      'less, on a node that has promised too much',
      pod([['a', size('500m', '1Gi')]]),
      [pod([['b', size('4', '8Gi')]], {}, 'greedy')],
      { kind: 'granted' },
    ],
    [
      'more memory and less CPU, of which there is none',
      pod([['a', size('500m', '2Gi')]]),
      [pod([['b', size('4', '1Gi')]], {}, 'greedy')],
      { kind: 'granted' },
    ],
    ['a static pod', statically, [], { reason: 'Infeasible', detail: 'static_pod' }],
  ];
  for (const [what, wanted, others, expected] of table)
    t.match(decideResize({ wanted, allocated: now, others, allocatable }), expected, what);
});

void t.test('who is asked first when there is room again', async (t) => {
  const one = (
    uid: string,
    from: string,
    to: string,
    sinceMs: number,
    more: { priority?: number; guaranteed?: boolean } = {},
  ): Parameters<typeof orderDeferred>[0][number] => {
    const limits = more.guaranteed === true ? { cpu: to, memory: '1Gi' } : undefined;
    const spec = more.priority === undefined ? {} : { priority: more.priority };
    return {
      wanted: pod([['a', size(to, '1Gi', limits)]], spec, uid),
      allocated: pod([['a', size(from, '1Gi')]], spec, uid),
      sinceMs,
    };
  };
  const ordered = orderDeferred([
    one('young', '1', '2', 200),
    one('old', '1', '2', 100),
    one('guaranteed', '1', '2', 300, { guaranteed: true }),
    one('important', '1', '2', 400, { priority: 1000 }),
    one('shrinking', '2', '1', 500),
    one('unimportant', '1', '2', 0, { priority: -1 }),
  ]);
  t.strictSame(
    ordered.map(({ wanted }) => wanted.metadata.uid),
    ['shrinking', 'important', 'guaranteed', 'old', 'young', 'unimportant'],
  );
});

void t.test('which containers change, and how', async (t) => {
  const restart = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }] as const;
  const wanted = pod([
    ['same', size('1', '1Gi')],
    ['grows', size('1', '1Gi', { memory: '2Gi' })],
    ['shrinks', size('1', '1Gi', { memory: '1Gi' })],
    ['restarts', size('1', '2Gi'), { resizePolicy: [...restart] }],
    ['cpu-only', size('2', '1Gi'), { resizePolicy: [...restart] }],
    ['ended', size('2', '1Gi')],
    ['unknown', size('2', '1Gi')],
  ]);
  const actuated = {
    same: size('1', '1Gi'),
    grows: size('1', '1Gi', { memory: '1Gi' }),
    shrinks: size('1', '1Gi', { memory: '3Gi' }),
    restarts: size('1', '1Gi'),
    'cpu-only': size('1', '1Gi'),
    ended: size('1', '1Gi'),
  };
  const there = runtime({
    ...{ same: 'running', grows: 'running', shrinks: 'running', restarts: 'running' },
    ...{ 'cpu-only': 'running', ended: 'exited', unknown: 'running' },
  });
  const plan = planContainers(wanted, there, actuated);
  t.strictSame(
    plan.inPlace.map(({ containerId }) => containerId),
    ['shrinks-0', 'cpu-only-0', 'grows-0'],
    'who gives memory back comes first',
  );
  t.strictSame(plan.awaitingRestart, ['restarts']);
});

void t.test('the limits of a pod on their way', async (t) => {
  const limits = (cpuQuota: number, memoryLimitBytes: number): Parameters<typeof greaterLimits>[0] => ({
    cpuQuota,
    memoryLimitBytes,
  });
  t.strictSame(greaterLimits(limits(1, 9), limits(2, 8)), limits(2, 9));
  t.strictSame(greaterLimits(limits(0, 9), limits(2, 0)), limits(0, 0), 'none is more than any');
});

void t.test('no memory limit comes down on what is used', async (t) => {
  const wanted = pod([['a', size('1', '1Mi', { memory: '8Mi' })]]);
  const plan = planContainers(wanted, runtime({ a: 'running' }), {
    a: size('1', '1Mi', { memory: '16Mi' }),
  });
  const before = { cpuQuota: 0, memoryLimitBytes: 16 * mebibyte };
  const after = { cpuQuota: 0, memoryLimitBytes: 8 * mebibyte };
  const shrinking = memoryShrinking(before, after, plan.inPlace);
  const inUse = (podMebibytes?: number, containerMebibytes?: number): string | undefined =>
    memoryObjection(shrinking, podMebibytes === undefined ? undefined : podMebibytes * mebibyte, () =>
      containerMebibytes === undefined ? undefined : containerMebibytes * mebibyte,
    );
  t.equal(inUse(4, 3), undefined);
  t.equal(inUse(), undefined, 'nobody knows');
  t.equal(
    inUse(8, 3),
    'cannot decrease memory limits: attempting to set pod memory limit (8388608) below current usage (8388608)',
  );
  t.equal(
    inUse(10, 9),
    'cannot decrease memory limits: [attempting to set pod memory limit (8388608) below current usage (10485760), ' +
      'attempting to set container "a" memory limit (8388608) below current usage (9437184)]',
  );
  t.strictSame(
    memoryShrinking(after, before, []),
    { podLimitBytes: undefined, containers: [] },
    'nothing comes down',
  );
  t.equal(
    memoryShrinking({ cpuQuota: 0, memoryLimitBytes: 0 }, after, []).podLimitBytes,
    8 * mebibyte,
    'a limit where there was none',
  );
});

void t.test('what is told of it', async (t) => {
  const wanted = pod([['a', { requests: { memory: '1Mi', cpu: '1' }, limits: { cpu: '2' } }]]);
  t.equal(
    resizeMessage('started', wanted, 3),
    'Pod resize started: {"containers":[{"name":"a","resources":{"limits":{"cpu":"2"},' +
      '"requests":{"cpu":"1","memory":"1Mi"}}}],"generation":3}',
  );
  t.match(resizeMessage('Deferred', wanted, 3, 'no room'), /^Pod resize Deferred: .*,"error":"no room"}$/);
  t.strictSame(resizeConditions({}), []);
  t.strictSame(
    resizeConditions({
      pending: { reason: 'Deferred', message: 'no room', generation: 3 },
      inProgress: { generation: 2 },
    }),
    [
      {
        ...{ type: 'PodResizePending', status: 'True', reason: 'Deferred', message: 'no room' },
        observedGeneration: 3,
      },
      { type: 'PodResizeInProgress', status: 'True', observedGeneration: 2 },
    ],
  );
  t.match(resizeConditions({ inProgress: { generation: 2, error: 'EBUSY' } }), [
    { type: 'PodResizeInProgress', reason: 'Error', message: 'EBUSY' },
  ]);
});
