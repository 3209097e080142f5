/**
 * The kubelet's core decision, pure: given what a Pod wants, what the runtime has, the time and the restart history,
 * what is to be done next?
 *
 * It is asked again after every step and after every change, and answers the same for the same input, so a kubelet
 * that was killed in between goes on where it was. It follows Kubernetes' rules: init containers one after the
 * other, sidecars (init containers that restart always) before the rest, restarts by policy with backoff, a lost
 * sandbox means a new one for everything.
 */
import type { Container, Pod } from '../../api/generated/core-v1.js';
import { isSidecar } from '../../api/pod-helpers.js';
import { containerHash } from '../containers/names.js';
import { latestContainer } from '../runtime-state/pod-runtime.js';
import type { ContainerRuntimeState, PodRuntime, SandboxRuntime } from '../runtime-state/pod-runtime.js';
import { backoffKey, decideRestart } from './restart-backoff.js';
import type { RestartBackoffEntry } from './restart-backoff.js';

/** What the probes found about a container; `unknown` until the first verdict. */
export interface ProbeVerdicts {
  liveness(containerId: string): 'success' | 'failure' | 'unknown';
  startup(containerId: string): 'success' | 'failure' | 'unknown';
}

export interface PodActionsInput {
  readonly pod: Pod;
  readonly runtime: PodRuntime;
  readonly nowMs: number;
  /** By {@link backoffKey}. */
  readonly backoff: ReadonlyMap<string, RestartBackoffEntry>;
  readonly probes: ProbeVerdicts;
}

export interface StopAction {
  readonly containerId: string;
  readonly containerName: string;
  /** For the Event: why. */
  readonly reason: 'LivenessProbe' | 'StartupProbe' | 'DefinitionChanged' | 'SandboxLost' | 'PodFinished';
  readonly message: string;
  readonly gracePeriodSeconds: number;
}

export interface StartAction {
  readonly container: Container;
  readonly isInit: boolean;
  /** 0 at the first start; also the number of its log file. */
  readonly restartCount: number;
  /** To be remembered under `backoffKey` when the start is tried. */
  readonly backoff: { readonly key: string; readonly entry: RestartBackoffEntry } | undefined;
}

export interface WaitingReason {
  readonly reason: string;
  readonly message: string;
}

export interface PodActions {
  /** Sandboxes that must end, with all containers in them. */
  readonly stopSandboxes: readonly string[];
  readonly createSandbox: { readonly attempt: number } | undefined;
  /** The sandbox to go on with, unless one is created. */
  readonly sandbox: SandboxRuntime | undefined;
  readonly stopContainers: readonly StopAction[];
  /** In this order. */
  readonly startContainers: readonly StartAction[];
  /** Containers that wait for their time, by name. */
  readonly waiting: ReadonlyMap<string, WaitingReason>;
  /** Ask again at this time even if nothing happens. */
  readonly wakeAtMs: number | undefined;
  /** Nothing will ever be started again. */
  readonly finished: boolean;
  /** The Pod as a whole failed. */
  readonly failure: WaitingReason | undefined;
}

export function computePodActions(input: PodActionsInput): PodActions {
  const { pod } = input;
  const deadline = deadlineOf(pod);
  if (pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed') return finish(input, undefined);
  if (deadline !== undefined && input.nowMs >= deadline) {
    return finish(input, {
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    });
  }
  const plan = new Plan(input);
  plan.wakeAt(deadline);
  const sandbox = usableSandbox(input);
  if (sandbox === undefined) return planNewSandbox(input, plan);
  const current = (name: string): ContainerRuntimeState | undefined =>
    input.runtime.containers.find(
      (container) => container.name === name && container.sandboxId === sandbox.id,
    );
  const outcome = planContainers(input, plan, current);
  if (outcome === 'finished') return finish(input, undefined);
  return plan.build({ sandbox, createSandbox: undefined, stopSandboxes: oldSandboxes(input, sandbox.id) });
}

/** A sandbox that is ready and has the network that the Pod asks for. */
function usableSandbox({ pod, runtime }: PodActionsInput): SandboxRuntime | undefined {
  const newest = runtime.sandboxes[0];
  if (newest?.state !== 'ready') return undefined;
  const hostNetwork = pod.spec.hostNetwork === true;
  if (hostNetwork !== (newest.network === 'NODE')) return undefined;
  return hostNetwork || newest.ips.length > 0 ? newest : undefined;
}

function oldSandboxes({ runtime }: PodActionsInput, keep: string): string[] {
  return runtime.sandboxes
    .filter((sandbox) => sandbox.id !== keep && sandbox.state === 'ready')
    .map((sandbox) => sandbox.id);
}

function planNewSandbox(input: PodActionsInput, plan: Plan): PodActions {
  const { pod, runtime } = input;
  const ended = (container: Container): ContainerRuntimeState | undefined =>
    latestContainer(runtime, container.name);
  // Containers that will not be started again do not need a sandbox.
  const mayStart = pod.spec.containers.filter((container) => {
    const last = ended(container);
    return last === undefined || mayRestart(pod, container, last);
  });
  const everStarted = runtime.containers.length > 0;
  if (mayStart.length === 0 || (pod.spec.restartPolicy === 'Never' && everStarted)) {
    return finish(input, undefined);
  }
  for (const container of runtime.containers) {
    if (container.state === 'running') plan.stop(container, 'SandboxLost', 'Pod sandbox changed.');
  }
  planContainers(input, plan, () => undefined, mayStart);
  return plan.build({
    sandbox: undefined,
    createSandbox: {
      attempt: Math.max(-1, ...runtime.sandboxes.map((sandbox) => sandbox.attempt)) + 1,
    },
    stopSandboxes: runtime.sandboxes.map((sandbox) => sandbox.id),
  });
}

type Lookup = (name: string) => ContainerRuntimeState | undefined;

function planContainers(
  input: PodActionsInput,
  plan: Plan,
  current: Lookup,
  regular: readonly Container[] = input.pod.spec.containers,
): 'finished' | 'going-on' {
  const initialized = input.pod.spec.containers.some((container) => current(container.name) !== undefined);
  const init = planInitContainers(input, plan, current, initialized);
  if (init === 'failed') return 'finished';
  if (init === 'busy' && !initialized) return 'going-on';
  let unfinished = 0;
  for (const container of regular) {
    if (planRegularContainer(input, plan, container, current(container.name))) unfinished++;
  }
  return unfinished === 0 ? 'finished' : 'going-on';
}

/** `busy`: the containers after these must wait. */
function planInitContainers(
  input: PodActionsInput,
  plan: Plan,
  current: Lookup,
  initialized: boolean,
): 'done' | 'busy' | 'failed' {
  for (const container of input.pod.spec.initContainers ?? []) {
    const now = current(container.name);
    if (isSidecar(container)) {
      if (now?.state === 'running') {
        plan.checkRunning(container, now);
        const started =
          container.startupProbe === undefined || input.probes.startup(now.id) === 'success' || initialized;
        if (!started) return 'busy';
      } else {
        plan.start(container, true, latestContainer(input.runtime, container.name));
        if (!initialized) return 'busy';
      }
      continue;
    }
    if (initialized) continue;
    if (now === undefined) {
      plan.start(container, true, latestContainer(input.runtime, container.name));
      return 'busy';
    }
    if (now.state === 'running') return 'busy';
    if (now.state === 'exited' && now.exitCode === 0) continue;
    if (now.state === 'exited' && input.pod.spec.restartPolicy === 'Never') return 'failed';
    plan.start(container, true, now);
    return 'busy';
  }
  return 'done';
}

/** Plans for one container; true while it runs or will run again. */
function planRegularContainer(
  input: PodActionsInput,
  plan: Plan,
  container: Container,
  now: ContainerRuntimeState | undefined,
): boolean {
  if (now === undefined) {
    plan.start(container, false, latestContainer(input.runtime, container.name));
    return true;
  }
  if (now.state === 'running') {
    plan.checkRunning(container, now);
    return true;
  }
  if (now.state === 'exited' && !mayRestart(input.pod, container, now)) return false;
  plan.start(container, false, now);
  return true;
}

function mayRestart(pod: Pod, container: Container, last: ContainerRuntimeState): boolean {
  if (last.state !== 'exited') return true;
  // A changed image is a new container, whatever the policy says of the old one.
  if (last.hash !== containerHash(container)) return true;
  const policy = container.restartPolicy ?? pod.spec.restartPolicy ?? 'Always';
  return policy === 'Always' || (policy === 'OnFailure' && last.exitCode !== 0);
}

/** All ends: containers that still run, then the sandbox. The containers themselves stay for their logs. */
function finish(input: PodActionsInput, failure: WaitingReason | undefined): PodActions {
  const plan = new Plan(input);
  for (const container of input.runtime.containers) {
    if (container.state === 'running') plan.stop(container, 'PodFinished', 'Pod has finished.');
  }
  const stopSandboxes = input.runtime.sandboxes
    .filter((sandbox) => sandbox.state === 'ready')
    .map((sandbox) => sandbox.id);
  const built = plan.build({ sandbox: undefined, createSandbox: undefined, stopSandboxes });
  return { ...built, finished: true, failure };
}

function deadlineOf(pod: Pod): number | undefined {
  const { activeDeadlineSeconds } = pod.spec;
  const start = pod.status.startTime;
  if (activeDeadlineSeconds === undefined || start === undefined) return undefined;
  return Date.parse(start) + activeDeadlineSeconds * 1000;
}

/** Collects decisions; the rules are in the functions above. */
class Plan {
  readonly #input: PodActionsInput;
  readonly #stops: StopAction[] = [];
  readonly #starts: StartAction[] = [];
  readonly #waiting = new Map<string, WaitingReason>();
  #wakeAtMs: number | undefined;

  constructor(input: PodActionsInput) {
    this.#input = input;
  }

  wakeAt(timeMs: number | undefined): void {
    if (timeMs !== undefined) this.#wakeAtMs = Math.min(timeMs, this.#wakeAtMs ?? timeMs);
  }

  /** A running container may have to end: its definition changed or a probe says so. */
  checkRunning(container: Container, now: ContainerRuntimeState): void {
    const { probes } = this.#input;
    if (now.hash !== containerHash(container)) {
      const message = `Container ${container.name} definition changed, will be restarted`;
      this.stop(now, 'DefinitionChanged', message);
      this.start(container, false, { ...now, state: 'exited' }, true);
    } else if (probes.liveness(now.id) === 'failure') {
      const message = `Container ${container.name} failed liveness probe, will be restarted`;
      this.stop(now, 'LivenessProbe', message, container.livenessProbe?.terminationGracePeriodSeconds);
    } else if (probes.startup(now.id) === 'failure') {
      const message = `Container ${container.name} failed startup probe, will be restarted`;
      this.stop(now, 'StartupProbe', message, container.startupProbe?.terminationGracePeriodSeconds);
    }
  }

  stop(
    now: ContainerRuntimeState,
    reason: StopAction['reason'],
    message: string,
    graceSeconds?: number,
  ): void {
    const ofPod = this.#input.pod.spec.terminationGracePeriodSeconds ?? 30;
    this.#stops.push({
      containerId: now.id,
      containerName: now.name,
      reason,
      message,
      gracePeriodSeconds: graceSeconds ?? ofPod,
    });
  }

  /** Starts now, or notes that it must wait for its backoff. */
  start(
    container: Container,
    isInit: boolean,
    last: ContainerRuntimeState | undefined,
    withoutBackoff = false,
  ): void {
    const { nowMs, backoff, pod } = this.#input;
    const restartCount = nextRestartCount(pod, container.name, last);
    const key = backoffKey(container.name, containerHash(container));
    if (last?.state !== 'exited' || withoutBackoff) {
      this.#starts.push({ container, isInit, restartCount, backoff: undefined });
      return;
    }
    const decision = decideRestart(backoff.get(key), last.finishedAtMs, nowMs);
    if (decision.kind === 'start') {
      this.#starts.push({ container, isInit, restartCount, backoff: { key, entry: decision.next } });
      return;
    }
    this.wakeAt(decision.untilMs);
    const { name, namespace, uid } = pod.metadata;
    this.#waiting.set(container.name, {
      reason: 'CrashLoopBackOff',
      message:
        `back-off ${formatDelay(decision.delayMs)} restarting failed ` +
        `container=${container.name} pod=${name}_${namespace}(${uid})`,
    });
  }

  build(sandboxes: Pick<PodActions, 'sandbox' | 'createSandbox' | 'stopSandboxes'>): PodActions {
    return {
      ...sandboxes,
      stopContainers: this.#stops,
      startContainers: this.#starts,
      waiting: this.#waiting,
      wakeAtMs: this.#wakeAtMs,
      finished: false,
      failure: undefined,
    };
  }
}

/** One more than the runtime remembers, or than the API does where the runtime has forgotten. */
function nextRestartCount(pod: Pod, name: string, last: ContainerRuntimeState | undefined): number {
  const statuses = [...(pod.status.initContainerStatuses ?? []), ...(pod.status.containerStatuses ?? [])];
  const published = statuses.find((status) => status.name === name);
  const fromApi =
    published?.containerID === undefined || published.containerID === '' ? -1 : published.restartCount;
  return Math.max(last?.attempt ?? -1, fromApi) + 1;
}

/** As Go prints durations: 10s, 1m20s, 5m0s. */
function formatDelay(delayMs: number): string {
  const seconds = Math.round(delayMs / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
