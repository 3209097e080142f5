/** The kubelet's core decision, by table: what a Pod wants and what there is, to what is done next. */
import t from 'tap';
import type { Container, Pod, PodSpec } from '../../../api/generated/core-v1.js';
import { containerHash } from '../../../kubelet/containers/names.js';
import type {
  ContainerRuntimeState,
  PodRuntime,
  SandboxRuntime,
} from '../../../kubelet/runtime-state/pod-runtime.js';
import { computePodActions } from '../../../kubelet/sync/compute-pod-actions.js';
import type { PodActionsInput, ProbeVerdicts } from '../../../kubelet/sync/action-plan.js';
import type { PodActions } from '../../../kubelet/sync/pod-actions.js';
import { backoffKey, decideRestart } from '../../../kubelet/sync/restart-backoff.js';
import type { RestartBackoffEntry } from '../../../kubelet/sync/restart-backoff.js';

const nowMs = Date.UTC(2026, 0, 1, 12);
const main: Container = { name: 'main', image: 'app:1' };
const other: Container = { name: 'other', image: 'app:1' };

function pod(spec: Partial<PodSpec> = {}, status: Pod['status'] = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    spec: { containers: [main], restartPolicy: 'Always', terminationGracePeriodSeconds: 30, ...spec },
    status,
  };
}

function sandbox(state: SandboxRuntime['state'] = 'ready', attempt = 0): SandboxRuntime {
  return { id: `s${attempt}`, state, attempt, createdAtMs: attempt, ips: ['10.0.0.2'], network: 'POD' };
}

function container(
  of: Container,
  state: ContainerRuntimeState['state'],
  more: Partial<ContainerRuntimeState> = {},
): ContainerRuntimeState {
  return {
    id: `${of.name}-${more.attempt ?? 0}`,
    name: of.name,
    sandboxId: 's0',
    attempt: 0,
    state,
    createdAtMs: 0,
    startedAtMs: nowMs - 60_000,
    finishedAtMs: state === 'exited' ? nowMs - 1000 : 0,
    exitCode: 0,
    reason: '',
    message: '',
    image: 'app:1',
    imageRef: 'app:1',
    hash: containerHash(of),
    logPath: '',
    ...more,
  };
}

function runtime(
  sandboxes: readonly SandboxRuntime[],
  containers: readonly ContainerRuntimeState[],
): PodRuntime {
  return { uid: 'u', namespace: 'n', name: 'p', sandboxes, containers };
}

function decide(wanted: Pod, there: PodRuntime, more: Partial<PodActionsInput> = {}): PodActions {
  const probes: ProbeVerdicts = { liveness: () => 'unknown', startup: () => 'unknown' };
  const given = { nowMs, backoff: new Map(), probes, random: () => 0, actuated: {}, ...more };
  return computePodActions({ pod: wanted, runtime: there, ...given });
}

/** The decision in one line each. */
function summary(actions: PodActions): Record<string, unknown> {
  return {
    ...(actions.createSandbox === undefined ? {} : { sandbox: actions.createSandbox.attempt }),
    ...(actions.stopSandboxes.length === 0 ? {} : { stopSandboxes: actions.stopSandboxes }),
    ...(actions.stopContainers.length === 0
      ? {}
      : { stop: actions.stopContainers.map(({ containerName, reason }) => `${containerName} ${reason}`) }),
    ...(actions.startContainers.length === 0
      ? {}
      : {
          start: actions.startContainers.map(
            ({ container: one, restartCount, replaces }) =>
              `${one.name}#${restartCount}${replaces === undefined ? '' : ` for ${replaces}`}`,
          ),
        }),
    ...(actions.waiting.size === 0 ? {} : { waiting: [...actions.waiting.keys()] }),
    ...(actions.finished ? { finished: true } : {}),
  };
}

const always = { restartPolicy: 'Always' as const };
const onFailure = { restartPolicy: 'OnFailure' as const };
const never = { restartPolicy: 'Never' as const };
const init: Container = { name: 'init', image: 'app:1' };
const sidecar: Container = { name: 'sidecar', image: 'app:1', restartPolicy: 'Always' };

const debug: Container = { name: 'debug', image: 'tools:1' };
const ruled: Container = {
  ...main,
  ...never,
  restartPolicyRules: [
    { action: 'Restart', exitCodes: { operator: 'In', values: [41, 42] } },
    { action: 'Restart', exitCodes: { operator: 'NotIn', values: [0, 1, 2] } },
  ],
};

const cases: readonly [string, Pod, PodRuntime, Record<string, unknown>][] = [
  [
    'nothing is there',
    pod({ containers: [main, other] }),
    runtime([], []),
    { sandbox: 0, start: ['main#0', 'other#0'] },
  ],
  ['everything runs', pod(), runtime([sandbox()], [container(main, 'running')]), {}],
  ['the sandbox is there, the container not yet', pod(), runtime([sandbox()], []), { start: ['main#0'] }],
  [
    'one of two ended',
    pod({ containers: [main, other] }),
    runtime([sandbox()], [container(main, 'exited'), container(other, 'running')]),
    { start: ['main#1'] },
  ],
  [
    'made, but the kubelet was killed before it could start it: no restart',
    pod(),
    runtime([sandbox()], [container(main, 'created')]),
    { start: ['main#0 for main-0'] },
  ],
  [
    'ended well, restart always',
    pod(always),
    runtime([sandbox()], [container(main, 'exited')]),
    { start: ['main#1'] },
  ],
  [
    'ended well, restart on failure',
    pod(onFailure),
    runtime([sandbox()], [container(main, 'exited')]),
    { stopSandboxes: ['s0'], finished: true },
  ],
  [
    'failed, restart on failure',
    pod(onFailure),
    runtime([sandbox()], [container(main, 'exited', { exitCode: 1 })]),
    { start: ['main#1'] },
  ],
  [
    'failed, restart never',
    pod(never),
    runtime([sandbox()], [container(main, 'exited', { exitCode: 1 })]),
    { stopSandboxes: ['s0'], finished: true },
  ],
  [
    'the sandbox is lost',
    pod(),
    runtime([sandbox('not-ready')], [container(main, 'exited', { attempt: 2 })]),
    { sandbox: 1, stopSandboxes: ['s0'], start: ['main#3'] },
  ],
  [
    'the sandbox is lost, restart never',
    pod(never),
    runtime([sandbox('not-ready')], [container(main, 'exited', { exitCode: 255 })]),
    { finished: true },
  ],
  [
    'the sandbox is lost, all had succeeded',
    pod(onFailure),
    runtime([sandbox('not-ready')], [container(main, 'exited')]),
    { finished: true },
  ],
  [
    'the runtime forgot everything, the apiserver did not',
    pod(
      {},
      {
        containerStatuses: [
          { name: 'main', containerID: 'x://1', restartCount: 4, ready: true, image: '', imageID: '' },
        ],
      },
    ),
    runtime([], []),
    { sandbox: 0, start: ['main#5'] },
  ],
  [
    'the image changed',
    pod({ containers: [{ ...main, image: 'app:2' }] }),
    runtime([sandbox()], [container(main, 'running')]),
    { stop: ['main DefinitionChanged'], start: ['main#1'] },
  ],
  [
    'init containers come first',
    pod({ initContainers: [init, other] }),
    runtime([], []),
    { sandbox: 0, start: ['init#0'] },
  ],
  [
    'the first init container is done',
    pod({ initContainers: [init, other] }),
    runtime([sandbox()], [container(init, 'exited')]),
    { start: ['other#0'] },
  ],
  [
    'an init container runs',
    pod({ initContainers: [init] }),
    runtime([sandbox()], [container(init, 'running')]),
    {},
  ],
  [
    'an init container failed, restart never',
    pod({ ...never, initContainers: [init] }),
    runtime([sandbox()], [container(init, 'exited', { exitCode: 1 })]),
    { stopSandboxes: ['s0'], finished: true },
  ],
  [
    'an init container failed, restart always',
    pod({ initContainers: [init] }),
    runtime([sandbox()], [container(init, 'exited', { exitCode: 1 })]),
    { start: ['init#1'] },
  ],
  [
    'a new sandbox runs the init containers again',
    pod({ initContainers: [init] }),
    runtime([sandbox('not-ready')], [container(main, 'exited'), container(init, 'exited')]),
    { sandbox: 1, stopSandboxes: ['s0'], start: ['init#1'] },
  ],
  [
    'a sidecar that runs lets the others start',
    pod({ initContainers: [sidecar] }),
    runtime([sandbox()], [container(sidecar, 'running')]),
    { start: ['main#0'] },
  ],
  [
    'a sidecar that ended is started beside the others',
    pod({ initContainers: [sidecar] }),
    runtime([sandbox()], [container(main, 'running'), container(sidecar, 'exited')]),
    { start: ['sidecar#1'] },
  ],
  [
    'the containers ended, the sidecar follows',
    pod({ ...never, initContainers: [sidecar] }),
    runtime([sandbox()], [container(main, 'exited'), container(sidecar, 'running')]),
    { stop: ['sidecar PodFinished'], stopSandboxes: ['s0'], finished: true },
  ],
  [
    'a sidecar that crashes while an init container works comes back beside it',
    pod({ initContainers: [sidecar, init] }),
    runtime([sandbox()], [container(init, 'running'), container(sidecar, 'exited')]),
    { start: ['sidecar#1'] },
  ],
  [
    'a sidecar that crashes does not hold back what comes after the init container',
    pod({ initContainers: [sidecar, init] }),
    runtime([sandbox()], [container(init, 'exited'), container(sidecar, 'exited')]),
    { start: ['sidecar#1', 'main#0'] },
  ],
  [
    'a sidecar that never came up holds the others back',
    pod({ initContainers: [sidecar, init] }),
    runtime([sandbox()], [container(sidecar, 'exited')]),
    { start: ['sidecar#1'] },
  ],
  [
    'a container with a policy of its own, in a pod that never restarts',
    pod({ ...never, containers: [{ ...main, ...always }, other] }),
    runtime([sandbox()], [container(main, 'exited'), container(other, 'exited')]),
    { start: ['main#1'] },
  ],
  [
    'a container that never restarts, in a pod that always does',
    pod({ containers: [{ ...main, ...never }, other] }),
    runtime([sandbox()], [container(main, 'exited', { exitCode: 1 }), container(other, 'exited')]),
    { start: ['other#1'] },
  ],
  [
    'an exit code that a rule names',
    pod({ ...never, containers: [ruled] }),
    runtime([sandbox()], [container(main, 'exited', { exitCode: 42 })]),
    { start: ['main#1'] },
  ],
  [
    'an exit code that no rule names',
    pod({ ...always, containers: [ruled] }),
    runtime([sandbox()], [container(main, 'exited', { exitCode: 1 })]),
    { stopSandboxes: ['s0'], finished: true },
  ],
  [
    'an init container that may not fail, in a pod that restarts',
    pod({ initContainers: [{ ...init, ...never }] }),
    runtime([sandbox()], [container(init, 'exited', { exitCode: 1 })]),
    { stopSandboxes: ['s0'], finished: true },
  ],
  [
    'the sandbox of a pod that never restarts is lost, but one of its containers does',
    pod({ ...never, containers: [{ ...main, ...always }, other] }),
    runtime([sandbox('not-ready')], [container(main, 'exited'), container(other, 'exited')]),
    { sandbox: 1, stopSandboxes: ['s0'], start: ['main#1'] },
  ],
  [
    'an ephemeral container starts also before the others may',
    pod({ initContainers: [init], ephemeralContainers: [debug] }),
    runtime([sandbox()], [container(init, 'running')]),
    { start: ['debug#0'] },
  ],
  [
    'an ephemeral container that ended stays so',
    pod({ ephemeralContainers: [debug] }),
    runtime([sandbox()], [container(main, 'running'), container(debug, 'exited', { exitCode: 1 })]),
    {},
  ],
  [
    'an ephemeral container waits for the sandbox',
    pod({ ephemeralContainers: [debug] }),
    runtime([], []),
    { sandbox: 0, start: ['main#0'] },
  ],
  [
    'an ephemeral container waits for its target',
    pod({ ephemeralContainers: [{ ...debug, targetContainerName: 'main' }] }),
    runtime([sandbox()], []),
    { start: ['main#0'], waiting: ['debug'] },
  ],
  [
    'the pod has ended for good',
    pod({}, { phase: 'Failed' }),
    runtime([sandbox()], [container(main, 'running')]),
    { stop: ['main PodFinished'], stopSandboxes: ['s0'], finished: true },
  ],
  [
    'the deadline is over',
    pod({ activeDeadlineSeconds: 10 }, { startTime: new Date(nowMs - 10_000).toISOString() }),
    runtime([sandbox()], [container(main, 'running')]),
    { stop: ['main PodFinished'], stopSandboxes: ['s0'], finished: true },
  ],
];

for (const [name, wanted, there, expected] of cases) {
  void t.test(name, async (t) => {
    t.strictSame(summary(decide(wanted, there)), expected);
  });
}

void t.test('a failed liveness probe ends the container with the grace of the probe', async (t) => {
  const probed = { ...main, livenessProbe: { terminationGracePeriodSeconds: 3 } };
  const probes: ProbeVerdicts = { liveness: () => 'failure', startup: () => 'unknown' };
  const actions = decide(pod({ containers: [probed] }), runtime([sandbox()], [container(main, 'running')]), {
    probes,
  });
  t.match(actions.stopContainers, [
    { containerName: 'main', reason: 'LivenessProbe', gracePeriodSeconds: 3 },
  ]);
  t.strictSame(actions.startContainers, [], 'it is started once it has ended');
});

void t.test('an ephemeral container sees the processes of its target', async (t) => {
  const wanted = pod({ ephemeralContainers: [{ ...debug, targetContainerName: 'main' }] });
  const actions = decide(wanted, runtime([sandbox()], [container(main, 'running')]));
  t.match(actions.startContainers, [{ restartCount: 0, targetContainerId: 'main-0' }]);
});

void t.test('a sidecar with a startup probe holds the others back until it succeeds', async (t) => {
  const probed = { ...sidecar, startupProbe: { exec: { command: ['x'] } } };
  const there = runtime([sandbox()], [container(sidecar, 'running')]);
  t.strictSame(summary(decide(pod({ initContainers: [probed] }), there)), {});
  const probes: ProbeVerdicts = { liveness: () => 'unknown', startup: () => 'success' };
  t.strictSame(summary(decide(pod({ initContainers: [probed] }), there, { probes })), { start: ['main#0'] });
});

void t.test('a container in its backoff waits, and the pod is looked at again when it is over', async (t) => {
  const backoff = new Map([
    [backoffKey('main', containerHash(main)), { delayMs: 20_000, jitterMs: 3000, decidedAtMs: nowMs - 5000 }],
  ]);
  const ended = container(main, 'exited', { finishedAtMs: nowMs - 1000 });
  const actions = decide(pod(), runtime([sandbox()], [ended]), { backoff });
  t.strictSame(actions.startContainers, []);
  t.equal(actions.wakeAtMs, nowMs + 22_000, 'chance adds to it');
  t.strictSame(actions.waiting.get('main'), {
    reason: 'CrashLoopBackOff',
    message: 'back-off 20s restarting failed container=main pod=p_n(u)',
  });
});

void t.test('the backoff doubles up to five minutes and is forgotten after ten', async (t) => {
  let entry: RestartBackoffEntry | undefined;
  let now = 0;
  const delays: number[] = [];
  const noChance = (): number => 0;
  for (let round = 0; round < 8; round++) {
    const finishedAt = now;
    let decision = decideRestart(entry, finishedAt, now, noChance);
    if (decision.kind === 'wait') {
      delays.push(decision.untilMs - finishedAt);
      now = decision.untilMs;
      decision = decideRestart(entry, finishedAt, now, noChance);
    }
    t.equal(decision.kind, 'start');
    if (decision.kind === 'start') entry = decision.next;
    now += 1000;
  }
  t.strictSame(delays, [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
  const later = now + 600_001;
  t.match(decideRestart(entry, later, later, noChance), { kind: 'start', next: { delayMs: 10_000 } });
});

void t.test('chance makes a delay up to 30 % longer, never shorter, and does not add up', async (t) => {
  const after = (entry: RestartBackoffEntry | undefined, random: number): RestartBackoffEntry | undefined => {
    const decision = decideRestart(entry, nowMs, nowMs + 400_000, () => random);
    return decision.kind === 'start' ? decision.next : undefined;
  };
  t.match(after(undefined, 0), { delayMs: 10_000, jitterMs: 0 });
  t.match(after(undefined, 0.5), { delayMs: 10_000, jitterMs: 1500 });
  t.match(after(after(undefined, 1), 1), { delayMs: 20_000, jitterMs: 6000 });
  const entry = { delayMs: 10_000, jitterMs: 3000, decidedAtMs: nowMs };
  t.match(
    decideRestart(entry, nowMs, nowMs + 12_999, () => 0),
    { kind: 'wait', delayMs: 10_000 },
  );
  t.match(
    decideRestart(entry, nowMs, nowMs + 13_000, () => 0),
    { kind: 'start' },
  );
});
