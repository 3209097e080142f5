/** Collects what is to be done for one Pod while the rules are gone through; the rules are in the files beside it. */
import type { Container, EphemeralContainer, Pod } from '../../api/generated/core-v1.js';
import type { EndOrder } from '../admission/end-order.js';
import { containerHash } from '../containers/names.js';
import { changedResources, needsRestart } from '../resize/allocated-pod.js';
import type { Sizes } from '../resize/allocated-pod.js';
import type { ContainerRuntimeState, PodRuntime } from '../runtime-state/pod-runtime.js';
import type { PodActions, StartAction, StopAction, WaitingReason } from './pod-actions.js';
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
  /** From 0 to 1: spreads restarts. */
  readonly random: () => number;
  /** What size each container was last given. */
  readonly actuated: Sizes;
  /** The node wants the Pod to end. */
  readonly order?: EndOrder | undefined;
}

/** The newest container of a name in the sandbox that the Pod goes on with. */
export type CurrentContainer = (name: string) => ContainerRuntimeState | undefined;

export class ActionPlan {
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

  /** A running container may have to end: its definition changed, a probe says so, or it cannot be resized otherwise. */
  checkRunning(container: Container, now: ContainerRuntimeState): void {
    const { probes, actuated } = this.#input;
    const size = actuated[container.name];
    if (now.hash !== containerHash(container)) {
      const message = `Container ${container.name} definition changed, will be restarted`;
      this.stop(now, 'DefinitionChanged', message);
      this.start(container, { ...now, state: 'exited' }, true);
    } else if (probes.liveness(now.id) === 'failure') {
      const message = `Container ${container.name} failed liveness probe, will be restarted`;
      this.stop(now, 'LivenessProbe', message, container.livenessProbe?.terminationGracePeriodSeconds);
    } else if (probes.startup(now.id) === 'failure') {
      const message = `Container ${container.name} failed startup probe, will be restarted`;
      this.stop(now, 'StartupProbe', message, container.startupProbe?.terminationGracePeriodSeconds);
    } else if (
      size !== undefined &&
      needsRestart(container, changedResources(size, container.resources ?? {}))
    ) {
      this.stop(now, 'Resized', `Container ${container.name} resize requires restart`);
      this.start(container, { ...now, state: 'exited' }, true);
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
  start(container: Container, last: ContainerRuntimeState | undefined, withoutBackoff = false): void {
    const { nowMs, backoff, pod, random } = this.#input;
    // It was made and nobody got to start it, since the kubelet was killed between: this is still its first start.
    if (last?.state === 'created') {
      this.#starts.push({ container, restartCount: last.attempt, backoff: undefined, replaces: last.id });
      return;
    }
    const restartCount = nextRestartCount(pod, container.name, last);
    const key = backoffKey(container.name, containerHash(container));
    if (last?.state !== 'exited' || withoutBackoff) {
      this.#starts.push({ container, restartCount, backoff: undefined });
      return;
    }
    const decision = decideRestart(backoff.get(key), last.finishedAtMs, nowMs, random);
    if (decision.kind === 'start') {
      this.#starts.push({ container, restartCount, backoff: { key, entry: decision.next } });
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

  /** An ephemeral container is started once, whatever becomes of it. */
  startEphemeral(container: EphemeralContainer, targetContainerId: string | undefined): void {
    this.#starts.push({
      container,
      restartCount: 0,
      backoff: undefined,
      ...(targetContainerId === undefined ? {} : { targetContainerId }),
    });
  }

  wait(container: string, why: WaitingReason): void {
    this.#waiting.set(container, why);
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
