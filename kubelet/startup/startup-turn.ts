/**
 * One Pod's dealings with the startup gate: when it needs a permit, and when its permit ends. Belongs to its worker.
 *
 * A permit is for one attempt. A container that ended and is to be started again needs a new one, so that what crashes or
 * is killed in a storm goes back into the queue. A debug container does not: a person waits for it.
 */
import type { Pod } from '../../api/generated/core-v1.js';
import { findCondition, isSidecar } from '../../api/pod-helpers.js';
import { startupAdmittedCondition } from '../../api/startup-report.js';
import { latestContainer, readySandbox } from '../runtime-state/pod-runtime.js';
import type { PodRuntime } from '../runtime-state/pod-runtime.js';
import type { PodActions, StartAction, WaitingReason } from '../sync/pod-actions.js';
import type { StartupGate, StartupOutcome, StartupPermit, StartupVerdict } from './gate.js';

export class StartupTurn {
  readonly #gate: StartupGate;
  readonly #onChange: () => void;
  #permit: StartupPermit | undefined;
  /** Containers that had ended when the permit was given: their end is not the end of this attempt. */
  #endedBefore: ReadonlySet<string> = new Set();
  #wasAdmitted = false;
  #wasKilled = false;
  #isFirstLook = true;

  constructor(gate: StartupGate, onChange: () => void) {
    this.#gate = gate;
    this.#onChange = onChange;
  }

  /** What the condition says while the Pod has or wants a permit. */
  get verdict(): StartupVerdict | undefined {
    return this.#permit?.verdict;
  }

  /** Whether what `actions` would start may be started now. Asks the gate where that is needed. */
  mayStart(pod: Pod, runtime: PodRuntime, actions: PodActions): boolean {
    const isFirstLook = this.#isFirstLook;
    this.#isFirstLook = false;
    const mayStart = this.#mayStart(pod, runtime, actions, isFirstLook);
    if (!isFirstLook) return mayStart;
    this.#gate.seen(pod.metadata.uid);
    return this.#permit?.isAdmitted ?? mayStart;
  }

  #mayStart(pod: Pod, runtime: PodRuntime, actions: PodActions, isFirstLook: boolean): boolean {
    if (actions.stopContainers.some(({ reason }) => reason === 'LivenessProbe' || reason === 'StartupProbe'))
      this.#wasKilled = true;
    if (actions.finished) return true;
    const starts = actions.startContainers.filter((start) => !isDebugContainer(pod, start));
    const startsSomething = starts.length > 0 || actions.createSandbox !== undefined;
    if (this.#wasAdmitted && this.#hasEnded(starts, runtime)) this.fail();
    const underWaySinceMs = isFirstLook ? halfStartedSince(pod, runtime) : undefined;
    if (!startsSomething && underWaySinceMs === undefined) return true;
    if (this.#permit === undefined)
      this.#permit = this.#gate.enter({ pod, underWaySinceMs, onChange: this.#onChange });
    else if (!this.#wasAdmitted) this.#permit.observe(pod, undefined);
    if (this.#permit.isAdmitted && !this.#wasAdmitted) {
      this.#endedBefore = endedContainers(runtime);
      this.#wasKilled = false;
      this.#wasAdmitted = true;
    }
    return this.#wasAdmitted;
  }

  /** Why the containers of a Pod that waits for its turn wait, by name. */
  waiting(actions: PodActions): ReadonlyMap<string, WaitingReason> {
    const { verdict } = this;
    if (verdict === undefined || verdict.isAdmitted) return new Map();
    const { reason, message } = verdict;
    return new Map(actions.startContainers.map(({ container }) => [container.name, { reason, message }]));
  }

  /** The Pod as its status says it is now. Ends the permit of one that is ready, has finished, or waits for its backoff. */
  observe(pod: Pod, runtime: PodRuntime, actions: PodActions): void {
    if (actions.finished) this.release('abandoned');
    if (this.#permit === undefined || !this.#wasAdmitted) return;
    // A readiness gate waits for others; what loads the disk is over when the containers are ready.
    if (findCondition(pod.status.conditions, 'ContainersReady')?.status === 'True') {
      this.release('ready');
      return;
    }
    const runningSinceMs = runningSince(pod, runtime);
    const startsNothing = actions.startContainers.length === 0 && runningSinceMs === undefined;
    if (startsNothing && actions.waiting.size > 0) this.fail();
    else this.#permit.observe(pod, runningSinceMs);
  }

  /** The attempt is over: a container ended, or could not be made. One that still waits for its turn goes on waiting. */
  fail(): void {
    if (this.#wasAdmitted) this.release(this.#wasKilled ? 'killed' : 'failed');
  }

  release(outcome: StartupOutcome): void {
    this.#permit?.release(outcome);
    this.#permit = undefined;
    this.#wasAdmitted = false;
  }

  /** One of the containers to be started has ended since the permit was given. */
  #hasEnded(starts: readonly StartAction[], runtime: PodRuntime): boolean {
    return starts.some(({ container }) => {
      const last = latestContainer(runtime, container.name);
      return last?.state === 'exited' && !this.#endedBefore.has(last.id);
    });
  }
}

function isDebugContainer({ spec }: Pod, { container }: StartAction): boolean {
  return spec.ephemeralContainers?.some(({ name }) => name === container.name) === true;
}

function endedContainers({ containers }: PodRuntime): ReadonlySet<string> {
  return new Set(containers.filter(({ state }) => state === 'exited').map(({ id }) => id));
}

/** Since when a Pod starts that a kubelet before this one began and that is not ready; undefined: there is none. */
function halfStartedSince(pod: Pod, runtime: PodRuntime): number | undefined {
  const isReady = findCondition(pod.status.conditions, 'ContainersReady')?.status === 'True';
  const sandbox = readySandbox(runtime);
  if (isReady || sandbox === undefined) return undefined;
  const condition = findCondition(pod.status.conditions, startupAdmittedCondition);
  // It had a sandbox and waited for its turn to restart a container: it still does.
  if (condition?.status === 'False') return undefined;
  const admittedMs = Date.parse(condition?.lastTransitionTime ?? '');
  return Number.isNaN(admittedMs) ? sandbox.createdAtMs : Math.max(admittedMs, sandbox.createdAtMs);
}

/** The start of the container that runs longest of those that the Pod still waits for. */
function runningSince(pod: Pod, runtime: PodRuntime): number | undefined {
  const statuses = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])];
  const waitedFor = [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(isSidecar)]
    .filter(({ name }) => statuses.find((status) => status.name === name)?.ready !== true)
    .flatMap(({ name }) => latestContainer(runtime, name) ?? [])
    .filter(({ state }) => state === 'running');
  return waitedFor.length === 0 ? undefined : Math.min(...waitedFor.map(({ startedAtMs }) => startedAtMs));
}
