import t from 'tap';
import type { Container, Pod, PodSpec, PodStatus } from '../../../api/generated/core-v1.js';
import type { ContainerRuntimeState, PodRuntime } from '../../../kubelet/runtime-state/pod-runtime.js';
import { buildStatusPatch } from '../../../kubelet/status/build-status-patch.js';
import { computePodStatus } from '../../../kubelet/status/compute-pod-status.js';
import type { PodStatusInput } from '../../../kubelet/status/pod-status-input.js';

const nowMs = Date.UTC(2026, 0, 1, 12);
const now = '2026-01-01T12:00:00Z';

function pod(spec: Partial<PodSpec> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'p',
      namespace: 'n',
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: '',
      generation: 2,
    },
    spec: { containers: [{ name: 'main', image: 'app:1' }], ...spec },
    status: {},
  };
}

function runtime(...containers: Partial<ContainerRuntimeState>[]): PodRuntime {
  return {
    uid: 'u',
    namespace: 'n',
    name: 'p',
    sandboxes: [{ id: 's', state: 'ready', attempt: 0, createdAtMs: 0, ips: ['10.244.0.7'], network: 'POD' }],
    containers: containers.map((container, index) => ({
      id: `c${index}`,
      name: 'main',
      sandboxId: 's',
      attempt: 0,
      state: 'running',
      createdAtMs: 0,
      startedAtMs: nowMs - 5000,
      finishedAtMs: 0,
      exitCode: 0,
      reason: '',
      message: '',
      image: 'app:1',
      imageRef: 'app@sha256:1',
      hash: '',
      logPath: '',
      ...container,
    })),
  };
}

function status(there: PodRuntime, more: Partial<PodStatusInput> = {}): PodStatus {
  return computePodStatus({
    pod: pod(),
    runtime: there,
    previous: {},
    waiting: new Map(),
    readiness: { isStarted: () => true, isReady: () => true },
    nowMs,
    hostIp: '192.0.2.1',
    runtimeName: 'containerd',
    actuated: {},
    resize: {},
    ending: false,
    failure: undefined,
    ...more,
  });
}

const condition = (of: PodStatus, type: string): unknown => of.conditions?.find((one) => one.type === type);

void t.test('a pod that runs', async (t) => {
  const result = status(runtime({}));
  t.match(result, {
    phase: 'Running',
    hostIP: '192.0.2.1',
    podIP: '10.244.0.7',
    podIPs: [{ ip: '10.244.0.7' }],
    startTime: now,
    qosClass: 'BestEffort',
    observedGeneration: 2,
    containerStatuses: [
      {
        name: 'main',
        ready: true,
        started: true,
        restartCount: 0,
        imageID: 'app@sha256:1',
        containerID: 'containerd://c0',
        state: { running: { startedAt: '2026-01-01T11:59:55Z' } },
      },
    ],
  });
  for (const type of ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'])
    t.match(condition(result, type), { status: 'True', lastTransitionTime: now });
});

void t.test('phases', async (t) => {
  const ended = { state: 'exited', finishedAtMs: nowMs } as const;
  const never = pod({ restartPolicy: 'Never' });
  const onFailure = pod({ restartPolicy: 'OnFailure' });
  const late = { reason: 'DeadlineExceeded', message: 'late' };
  const sidecarPod = pod({
    restartPolicy: 'Never',
    initContainers: [{ name: 'sidecar', restartPolicy: 'Always' }],
  });
  const withSidecar = runtime(ended, { name: 'sidecar' });
  const exitCodes = { operator: 'In', values: [42] };
  const restartPolicyRules = [{ action: 'Restart', exitCodes }];
  const ruledPod = pod({
    containers: [{ name: 'main', restartPolicy: 'Never', restartPolicyRules }],
    restartPolicy: 'Never',
  });
  const phases: [string, PodStatus, string][] = [
    ['nothing yet', status(runtime()), 'Pending'],
    ['ended, restarts', status(runtime(ended)), 'Running'],
    ['succeeded', status(runtime(ended), { pod: never, ending: true }), 'Succeeded'],
    ['failed', status(runtime({ ...ended, exitCode: 1 }), { pod: never, ending: true }), 'Failed'],
    ['failed, tries again', status(runtime({ ...ended, exitCode: 1 }), { pod: onFailure }), 'Running'],
    ['an end is final', status(runtime({}), { previous: { phase: 'Failed' } }), 'Failed'],
    ['the deadline, still running', status(runtime({}), { failure: late }), 'Running'],
    ['the deadline', status(runtime(ended), { failure: late }), 'Failed'],
    ['done, while the sidecar still runs', status(withSidecar, { pod: sidecarPod, ending: true }), 'Running'],
    [
      'failed, a rule of its own restarts it',
      status(runtime({ ...ended, exitCode: 42 }), { pod: ruledPod }),
      'Running',
    ],
    [
      'failed, no rule restarts it',
      status(runtime({ ...ended, exitCode: 1 }), { pod: ruledPod, ending: true }),
      'Failed',
    ],
  ];
  for (const [name, result, phase] of phases) t.equal(result.phase, phase, name);
});

void t.test('a container that crashed waits and tells how it ended', async (t) => {
  const waiting = new Map([['main', { reason: 'CrashLoopBackOff', message: 'back-off 10s' }]]);
  const crashed = {
    state: 'exited',
    exitCode: 2,
    reason: 'OOMKilled',
    finishedAtMs: nowMs,
    attempt: 3,
  } as const;
  const result = status(runtime(crashed), { waiting });
  t.match(result.containerStatuses?.[0], {
    ready: false,
    restartCount: 3,
    state: { waiting: { reason: 'CrashLoopBackOff' } },
    lastState: { terminated: { exitCode: 2, reason: 'OOMKilled', containerID: 'containerd://c0' } },
  });
  t.match(condition(result, 'Ready'), {
    status: 'False',
    reason: 'ContainersNotReady',
    message: 'containers with unready status: [main]',
  });
});

void t.test('init containers that have not ended', async (t) => {
  const withInit = pod({ initContainers: [{ name: 'init', image: 'app:1' }] });
  const result = status(runtime({ name: 'init' }), { pod: withInit });
  t.equal(result.phase, 'Pending');
  t.match(result.containerStatuses?.[0]?.state, { waiting: { reason: 'PodInitializing' } });
  t.match(condition(result, 'Initialized'), { status: 'False', reason: 'ContainersNotInitialized' });
});

void t.test('when an init container is ready', async (t) => {
  const ended = { name: 'init', state: 'exited', finishedAtMs: nowMs } as const;
  const once = { name: 'init', image: 'app:1' };
  const sidecar = { ...once, restartPolicy: 'Always' };
  const cases: [string, Container, Partial<ContainerRuntimeState>, boolean][] = [
    ['running', once, { name: 'init' }, false],
    ['ended well', once, ended, true],
    ['failed', once, { ...ended, exitCode: 1 }, false],
    ['a running sidecar', sidecar, { name: 'init' }, true],
    ['an ended sidecar', sidecar, ended, false],
  ];
  for (const [name, container, now, ready] of cases) {
    const result = status(runtime(now), { pod: pod({ initContainers: [container] }) });
    t.equal(result.initContainerStatuses?.[0]?.ready, ready, name);
  }
});

void t.test('whether a mount is read-only all the way down is the word of the runtime', async (t) => {
  const volumeMounts = [
    { name: 'a', mountPath: '/a', readOnly: true, recursiveReadOnly: 'Enabled' as const },
    { name: 'b', mountPath: 'b', readOnly: true },
    { name: 'c', mountPath: '/c' },
  ];
  const wanted = pod({ containers: [{ name: 'main', image: 'app:1', volumeMounts }] });
  const modes = (recursiveReadOnlyPaths: readonly string[]): unknown =>
    status(runtime({ recursiveReadOnlyPaths }), { pod: wanted }).containerStatuses?.[0]?.volumeMounts?.map(
      ({ recursiveReadOnly }) => recursiveReadOnly,
    );
  t.strictSame(modes([]), ['Disabled', 'Disabled', undefined]);
  t.strictSame(modes(['/a', '/b']), ['Enabled', 'Enabled', undefined]);
});

void t.test('what the runtime has forgotten is taken from what was published', async (t) => {
  const before = status(runtime({ attempt: 1 }));
  const result = status({ ...runtime(), sandboxes: [] }, { previous: before });
  t.match(result.containerStatuses?.[0], {
    restartCount: 1,
    state: { waiting: { reason: 'ContainerCreating' } },
    lastState: { terminated: { reason: 'ContainerStatusUnknown', exitCode: 137 } },
  });
  t.notOk(result.podIP);
});

void t.test('what the startup gate says is a condition beside those of others', async (t) => {
  const foreign = { type: 'Other', status: 'True', lastTransitionTime: now };
  const waits = { isAdmitted: false, reason: 'WaitingForSlot', message: 'place 1 of 2' } as const;
  const none = { ...runtime(), sandboxes: [] };
  const waiting = status(none, { startup: waits, previous: { conditions: [foreign] } });
  t.strictSame(
    waiting.conditions?.slice(0, 3).map(({ type }) => type),
    ['Other', 'StartupAdmitted', 'PodReadyToStartContainers'],
  );
  t.match(condition(waiting, 'StartupAdmitted'), { status: 'False', reason: 'WaitingForSlot' });
  const laterMs = nowMs + 60_000;
  const moved = { ...waits, message: 'place 1 of 1' };
  const next = status(none, { startup: moved, previous: waiting, nowMs: laterMs });
  t.match(condition(next, 'StartupAdmitted'), { message: 'place 1 of 1', lastTransitionTime: now });
  t.match(buildStatusPatch(waiting, next), { conditions: [{ type: 'StartupAdmitted' }] });
  t.match(buildStatusPatch(waiting, next), { conditions: { length: 1 } }, 'nothing else is written');
  const said = { isAdmitted: true, reason: 'Admitted', message: 'started at once' } as const;
  const admitted = status(none, { startup: said, previous: next, nowMs: laterMs });
  t.match(condition(admitted, 'StartupAdmitted'), {
    status: 'True',
    lastTransitionTime: '2026-01-01T12:01:00Z',
  });
  const running = status(runtime({}), { previous: admitted });
  t.match(
    condition(running, 'StartupAdmitted'),
    { reason: 'Admitted', message: 'started at once' },
    'it stays',
  );
  t.equal(condition(status(runtime({})), 'StartupAdmitted'), undefined, 'with the gate off there is none');
});

void t.test('a readiness gate of somebody else', async (t) => {
  const gated = pod({ readinessGates: [{ conditionType: 'example.com/ok' }] });
  t.match(condition(status(runtime({}), { pod: gated }), 'Ready'), {
    status: 'False',
    reason: 'ReadinessGatesNotReady',
  });
  const previous = { conditions: [{ type: 'example.com/ok', status: 'True' }] };
  t.match(condition(status(runtime({}), { pod: gated, previous }), 'Ready'), { status: 'True' });
});

void t.test('a patch holds what changed and nothing else', async (t) => {
  const before = status(runtime({}));
  t.equal(buildStatusPatch(before, status(runtime({}), { previous: before })), undefined);
  const unready = status(runtime({}), {
    previous: before,
    readiness: { isStarted: () => true, isReady: () => false },
  });
  const patch = buildStatusPatch(before, unready);
  t.strictSame(Object.keys(patch ?? {}).sort(), ['conditions', 'containerStatuses']);
  t.strictSame(
    (patch?.['conditions'] as { type: string }[]).map(({ type }) => type),
    ['Ready', 'ContainersReady'],
  );
  const readyAgain = buildStatusPatch(unready, status(runtime({}), { previous: unready }));
  t.match(readyAgain?.['conditions'], [{ type: 'Ready', status: 'True', reason: null, message: null }, {}]);
  const scheduled = { conditions: [{ type: 'PodScheduled', status: 'True' }] };
  const first = buildStatusPatch(scheduled, status(runtime({}), { previous: scheduled }));
  t.strictSame(
    first?.['$setElementOrder/conditions'],
    [...['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled']].map(
      (type) => ({ type }),
    ),
    'the condition that the scheduler wrote comes last',
  );
  const moved = buildStatusPatch(
    { podIP: 'a', podIPs: [{ ip: 'a' }] },
    { podIP: 'b', podIPs: [{ ip: 'b' }] },
  );
  t.strictSame(moved, { podIP: 'b', podIPs: [{ ip: 'a', $patch: 'delete' }, { ip: 'b' }] });
});

void t.test('messages of containers share 12 KiB', async (t) => {
  const containers = Array.from({ length: 6 }, (_, index) => ({ name: index === 0 ? 'main' : `c${index}` }));
  const ended = { state: 'exited', exitCode: 1, message: 'x'.repeat(4096) } as const;
  const result = status(runtime(ended), { pod: pod({ containers, restartPolicy: 'Never' }) });
  t.equal(result.containerStatuses?.[0]?.state?.terminated?.message?.length, 2048);
});

void t.test('an ephemeral container is told of, and never ready', async (t) => {
  const ephemeralContainers = [{ name: 'debugger', image: 'tools:1' }];
  const result = status(runtime({}, { name: 'debugger' }), { pod: pod({ ephemeralContainers }) });
  t.match(result.ephemeralContainerStatuses, [
    { name: 'debugger', ready: false, state: { running: { startedAt: '2026-01-01T11:59:55Z' } } },
  ]);
  const lost = status(runtime({}), { pod: pod({ ephemeralContainers }), previous: result });
  t.match(lost.ephemeralContainerStatuses, [{ state: { terminated: { reason: 'ContainerStatusUnknown' } } }]);
  t.match(condition(result, 'Ready'), { status: 'True' });
});
