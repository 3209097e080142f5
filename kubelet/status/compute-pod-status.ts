/**
 * A Pod's status from what the runtime has, pure: phase, conditions and the state of each container.
 *
 * `previous` is the status published last; what the runtime has forgotten (after a reboot, or once old containers
 * were removed) is taken from there, so that restart counts and last states survive.
 */
import type {
  Container,
  ContainerState,
  ContainerStateTerminated,
  ContainerStatus,
  Pod,
  PodCondition,
  PodStatus,
} from '../../api/generated/core-v1.js';
import { findCondition, isSidecar, podQosClass, withCondition } from '../../api/pod-helpers.js';
import { readySandbox } from '../runtime-state/pod-runtime.js';
import type { ContainerRuntimeState, PodRuntime } from '../runtime-state/pod-runtime.js';
import type { WaitingReason } from '../sync/compute-pod-actions.js';
import { computePhase } from './compute-phase.js';

export interface ContainerReadiness {
  /** The startup probe succeeded, or there is none. */
  isStarted(container: Container, containerId: string): boolean;
  /** The readiness probe succeeded, or there is none. */
  isReady(container: Container, containerId: string): boolean;
}

export interface PodStatusInput {
  readonly pod: Pod;
  readonly runtime: PodRuntime;
  readonly previous: PodStatus;
  /** Why containers wait, by name: backoff, image errors, configuration errors. */
  readonly waiting: ReadonlyMap<string, WaitingReason>;
  readonly readiness: ContainerReadiness;
  readonly nowMs: number;
  readonly hostIp: string;
  /** `containerd`: the scheme of container IDs. */
  readonly runtimeName: string;
  /** Nothing will be started any more: the Pod is being deleted, or has ended. */
  readonly ending: boolean;
  /** The Pod as a whole failed, whatever its containers say. */
  readonly failure: WaitingReason | undefined;
}

export function computePodStatus(input: PodStatusInput): PodStatus {
  const { pod, previous, hostIp } = input;
  const now = new Date(input.nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const initDone = isInitialized(input);
  const initContainerStatuses = (pod.spec.initContainers ?? []).map((container) =>
    computeContainerStatus(input, container, 'PodInitializing'),
  );
  const waitingReason = initDone ? 'ContainerCreating' : 'PodInitializing';
  const containerStatuses = pod.spec.containers.map((container) =>
    computeContainerStatus(input, container, waitingReason),
  );
  const failed = input.failure !== undefined || previous.phase === 'Failed';
  const phase = failed
    ? 'Failed'
    : computePhase({
        restartPolicy: pod.spec.restartPolicy ?? 'Always',
        init: withSpecs(pod.spec.initContainers ?? [], initContainerStatuses),
        regular: withSpecs(pod.spec.containers, containerStatuses),
        ending: input.ending,
        previous: previous.phase,
      });
  const ips = podIps(input);
  const reason = input.failure?.reason ?? previous.reason;
  const message = input.failure?.message ?? previous.message;
  const draft: PodStatus = {
    phase,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    ...(ips[0] === undefined ? {} : { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) }),
    startTime: previous.startTime ?? now,
    ...(initContainerStatuses.length === 0 ? {} : { initContainerStatuses }),
    containerStatuses,
    qosClass: previous.qosClass ?? podQosClass(pod.spec),
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
  };
  return { ...draft, conditions: computeConditions(input, draft, initDone, now) };
}

function withSpecs(
  containers: readonly Container[],
  statuses: readonly ContainerStatus[],
): { container: Container; status: ContainerStatus }[] {
  return containers.flatMap((container, index) => {
    const status = statuses[index];
    return status === undefined ? [] : [{ container, status }];
  });
}

function podIps({ pod, runtime, hostIp, previous, ending }: PodStatusInput): readonly string[] {
  const sandbox = readySandbox(runtime);
  if (pod.spec.hostNetwork === true)
    return sandbox !== undefined || previous.podIP !== undefined ? [hostIp] : [];
  if (sandbox !== undefined && sandbox.ips.length > 0) return sandbox.ips;
  // A Pod that has ended keeps the address that it had; one that is to get a new sandbox has none.
  return ending ? (previous.podIPs ?? []).map(({ ip }) => ip) : [];
}

/** All init containers have ended well and all sidecars have started. */
function isInitialized({ pod, runtime, readiness, previous }: PodStatusInput): boolean {
  const init = pod.spec.initContainers ?? [];
  if (init.length === 0) return true;
  const sandbox = readySandbox(runtime);
  const created = pod.spec.containers.some((container) =>
    runtime.containers.some((one) => one.name === container.name && one.sandboxId === sandbox?.id),
  );
  if (created) return true;
  if (sandbox === undefined && runtime.containers.length === 0)
    return findCondition(previous.conditions, 'Initialized')?.status === 'True' && isOver(previous);
  return init.every((container) => {
    const now = runtime.containers.find(
      (one) => one.name === container.name && (sandbox === undefined || one.sandboxId === sandbox.id),
    );
    if (now === undefined) return false;
    return isSidecar(container)
      ? now.state === 'running' && readiness.isStarted(container, now.id)
      : now.state === 'exited' && now.exitCode === 0;
  });
}

function isOver(status: PodStatus): boolean {
  return status.phase === 'Succeeded' || status.phase === 'Failed';
}

function computeContainerStatus(
  input: PodStatusInput,
  container: Container,
  defaultWaiting: string,
): ContainerStatus {
  const history = input.runtime.containers.filter((one) => one.name === container.name);
  const [now, before] = history;
  const published = publishedStatus(input.previous, container.name);
  if (now === undefined) return statusWithoutContainer(input, container, published, defaultWaiting);
  const waiting = input.waiting.get(container.name);
  const id = containerId(input, now);
  const isWaiting = now.state !== 'running' && (waiting !== undefined || now.state !== 'exited');
  const state: ContainerState = isWaiting
    ? { waiting: waiting === undefined ? { reason: defaultWaiting } : { ...waiting } }
    : runningOrTerminated(input, now);
  const ended = now.state === 'exited' && isWaiting ? now : before?.state === 'exited' ? before : undefined;
  const lastState: ContainerState =
    ended === undefined
      ? restartedSince(published, now.attempt, id)
      : { terminated: terminated(input, ended) };
  const started = now.state === 'running' && input.readiness.isStarted(container, now.id);
  // An init container is ready when it has ended well; only a sidecar can be ready while it runs.
  const ready =
    (input.pod.spec.initContainers ?? []).includes(container) && !isSidecar(container)
      ? now.state === 'exited' && now.exitCode === 0
      : started && input.readiness.isReady(container, now.id);
  return {
    name: container.name,
    state,
    lastState,
    ready,
    restartCount: now.attempt,
    image: now.image === '' ? (container.image ?? '') : now.image,
    imageID: now.imageRef,
    containerID: id,
    started,
  };
}

function publishedStatus(previous: PodStatus, name: string): ContainerStatus | undefined {
  return [...(previous.initContainerStatuses ?? []), ...(previous.containerStatuses ?? [])].find(
    (status) => status.name === name,
  );
}

/** The last state as published, when the runtime has no older container to tell of. */
function restartedSince(published: ContainerStatus | undefined, attempt: number, id: string): ContainerState {
  if (published === undefined || attempt === 0) return {};
  if (published.containerID === id) return published.lastState ?? {};
  if (published.state?.terminated !== undefined) return { terminated: published.state.terminated };
  return published.lastState ?? {};
}

function statusWithoutContainer(
  input: PodStatusInput,
  container: Container,
  published: ContainerStatus | undefined,
  defaultWaiting: string,
): ContainerStatus {
  const waiting = input.waiting.get(container.name) ?? { reason: defaultWaiting, message: '' };
  const blank: ContainerStatus = {
    name: container.name,
    state: { waiting: waiting.message === '' ? { reason: waiting.reason } : { ...waiting } },
    lastState: {},
    ready: false,
    restartCount: published?.restartCount ?? 0,
    image: container.image ?? '',
    imageID: '',
    started: false,
  };
  if (published?.containerID === undefined || published.containerID === '') return blank;
  const lost: ContainerStateTerminated = published.state?.terminated ?? {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was terminated',
  };
  if (input.ending) return { ...published, state: { terminated: lost }, ready: false, started: false };
  return {
    ...blank,
    containerID: published.containerID,
    imageID: published.imageID,
    lastState: published.state?.waiting !== undefined ? (published.lastState ?? {}) : { terminated: lost },
  };
}

function runningOrTerminated(input: PodStatusInput, now: ContainerRuntimeState): ContainerState {
  return now.state === 'running'
    ? { running: { startedAt: toTime(now.startedAtMs) } }
    : { terminated: terminated(input, now) };
}

function terminated(input: PodStatusInput, ended: ContainerRuntimeState): ContainerStateTerminated {
  return {
    exitCode: ended.exitCode,
    reason: ended.reason === '' ? (ended.exitCode === 0 ? 'Completed' : 'Error') : ended.reason,
    ...(ended.message === '' ? {} : { message: ended.message }),
    startedAt: toTime(ended.startedAtMs),
    finishedAt: toTime(ended.finishedAtMs),
    containerID: containerId(input, ended),
  };
}

function containerId(input: PodStatusInput, container: ContainerRuntimeState): string {
  return `${input.runtimeName}://${container.id}`;
}

/** RFC 3339 in whole seconds, as metav1.Time is written. */
function toTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/\.\d+Z$/, 'Z');
}

function computeConditions(
  input: PodStatusInput,
  status: PodStatus,
  initialized: boolean,
  now: string,
): PodCondition[] {
  const { pod, runtime } = input;
  const over = isOver(status);
  const sandbox = readySandbox(runtime);
  const containers = status.containerStatuses ?? [];
  const needed = [
    ...containers,
    ...(status.initContainerStatuses ?? []).filter((one) =>
      (pod.spec.initContainers ?? []).some(
        (container) => container.name === one.name && isSidecar(container),
      ),
    ),
  ];
  const unready = needed.filter((container) => !container.ready).map(({ name }) => name);
  const pendingInit = (status.initContainerStatuses ?? [])
    .filter((one) => !one.ready)
    .map(({ name }) => name);
  const containersReady: Verdict =
    status.phase === 'Succeeded'
      ? no('PodCompleted')
      : status.phase === 'Failed'
        ? no('PodFailed')
        : unready.length > 0
          ? no('ContainersNotReady', `containers with unready status: [${unready.join(' ')}]`)
          : yes;
  const verdicts: [string, Verdict][] = [
    ['PodReadyToStartContainers', sandbox !== undefined && !over ? yes : no()],
    [
      'Initialized',
      initialized || status.phase === 'Succeeded'
        ? status.phase === 'Succeeded'
          ? { status: 'True', reason: 'PodCompleted' }
          : yes
        : no('ContainersNotInitialized', `containers with incomplete status: [${pendingInit.join(' ')}]`),
    ],
    ['Ready', withReadinessGates(pod, input.previous, containersReady)],
    ['ContainersReady', containersReady],
    ['PodScheduled', yes],
  ];
  let conditions: readonly PodCondition[] = input.previous.conditions ?? [];
  for (const [type, verdict] of verdicts) {
    const generation = pod.metadata.generation;
    const condition: PodCondition = {
      type,
      ...verdict,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    };
    const before = findCondition(conditions, type);
    // A reason of the past must not stay on.
    const bare =
      before === undefined ? conditions : conditions.map((one) => (one === before ? stripped(one) : one));
    conditions = withCondition(bare, condition, now);
  }
  // Those of others stay first, as with Kubernetes; the rest stands in the order of a pod's life.
  const types = verdicts.map(([type]) => type);
  return [...conditions].sort((a, b) => types.indexOf(a.type) - types.indexOf(b.type));
}

interface Verdict {
  readonly status: 'True' | 'False';
  readonly reason?: string;
  readonly message?: string;
}

const yes: Verdict = { status: 'True' };

function no(reason?: string, message?: string): Verdict {
  return {
    status: 'False',
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  };
}

function stripped({ type, status, lastTransitionTime }: PodCondition): PodCondition {
  return { type, status, ...(lastTransitionTime === undefined ? {} : { lastTransitionTime }) };
}

function withReadinessGates(pod: Pod, previous: PodStatus, containersReady: Verdict): Verdict {
  if (containersReady.status === 'False') return containersReady;
  const missing = (pod.spec.readinessGates ?? [])
    .map((gate) => gate.conditionType)
    .filter((type) => findCondition(previous.conditions, type)?.status !== 'True');
  if (missing.length === 0) return yes;
  const texts = missing.map(
    (type) => `corresponding condition of pod readiness gate "${type}" does not exist.`,
  );
  return no('ReadinessGatesNotReady', texts.join(', '));
}
