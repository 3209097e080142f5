/**
 * One Pod's worker: the only one that acts for this Pod, one step at a time.
 *
 * Changes (a new version of the Pod, something in the runtime, a probe's verdict, a backoff that is over) only wake it;
 * however many come while it works, it looks once more. A deletion breaks off what it is doing and makes it end the
 * Pod. When the kubelet stops, the worker just leaves: containers run on, and the next kubelet finds them.
 */
import { rm } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Pod, PodStatus } from '../../api/generated/core-v1.js';
import { isSidecar } from '../../api/pod-helpers.js';
import { isStatusError } from '../../api/status-error.js';
import { KeyedBackoff } from '../../common/backoff.js';
import { sleep } from '../../common/clock.js';
import type { EndOrder } from '../admission/end-order.js';
import { readySandbox } from '../runtime-state/pod-runtime.js';
import type { PodRuntime } from '../runtime-state/pod-runtime.js';
import { StartupTurn } from '../startup/startup-turn.js';
import { computePodStatus } from '../status/compute-pod-status.js';
import { applyPodActions } from './apply-pod-actions.js';
import type { ApplyResult } from './apply-pod-actions.js';
import { computePodActions } from './compute-pod-actions.js';
import type { PodActions, StopAction, WaitingReason } from './pod-actions.js';
import { podFacts } from './pod-services.js';
import type { PodServices } from './pod-services.js';
import { removeDeadContainers } from './remove-dead-containers.js';
import type { RestartBackoffEntry } from './restart-backoff.js';
import { terminatePod } from './terminate-pod.js';

const retryBackoff = { initialMs: 1000, maxMs: 20_000, jitter: 0.3 };

export class PodWorker {
  /** Resolves when the Pod has ended and nothing of it is left, or when the kubelet stops. */
  readonly done: Promise<void>;
  readonly #services: PodServices;
  readonly #stopSignal: AbortSignal;
  readonly #backoff = new Map<string, RestartBackoffEntry>();
  readonly #retries = new KeyedBackoff(retryBackoff);
  #pod: Pod;
  /** The Pod is no longer in the apiserver. */
  #vanished = false;
  #poked = true;
  #wake: (() => void) | undefined;
  #cancelTimer: (() => void) | undefined;
  #wakeAtMs = Infinity;
  #step = new AbortController();
  #errors: ReadonlyMap<string, WaitingReason> = new Map();
  readonly #turn: StartupTurn;
  #payloadVersion = '';
  #volumesReleased = false;
  #waitingSinceMs: number | undefined;
  #order: EndOrder | undefined;
  readonly #orderDone: Promise<void>;
  #resolveOrder: () => void = () => undefined;
  /** Nothing is started before this time, because it failed a moment ago. */
  #holdUntilMs = 0;

  /** With an order the Pod ends before anything of it is started. `room` resolves when others have made room for it. */
  constructor(
    services: PodServices,
    pod: Pod,
    stopSignal: AbortSignal,
    order?: EndOrder,
    room?: Promise<void>,
  ) {
    this.#services = services;
    this.#pod = pod;
    this.#stopSignal = stopSignal;
    this.#order = order;
    this.#turn = new StartupTurn(services.gate, () => {
      this.poke();
    });
    this.#orderDone = new Promise((resolve) => {
      this.#resolveOrder = resolve;
    });
    this.done = this.#run(room);
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** A newer version of the same Pod. */
  update(pod: Pod): void {
    const wasEnding = this.#isEnding();
    const graceBefore = this.#graceSeconds();
    const before = this.#pod;
    this.#pod = pod;
    this.#services.statuses.observe(pod);
    if (this.#isEnding() && (!wasEnding || this.#graceSeconds() < graceBefore)) this.#step.abort();
    const isNewSpec = !isDeepStrictEqual(before.spec, pod.spec);
    // What failed for the old definition may work for the new one.
    if (isNewSpec) this.#holdUntilMs = 0;
    const { phase } = this.#services.statuses.current(pod);
    if (isNewSpec || isRelevantChange(before, pod, phase)) this.poke();
  }

  /** The Pod is gone from the apiserver: end it and clean up. */
  vanish(pod: Pod): void {
    this.#pod = pod;
    const first = !this.#vanished;
    this.#vanished = true;
    if (first) this.#step.abort();
    this.poke();
  }

  /** The node wants the Pod to end as Failed. Resolves when nothing of it runs, or when the kubelet stops. */
  async end(order: EndOrder): Promise<void> {
    if (this.#order === undefined) {
      this.#order = order;
      this.#step.abort();
      this.poke();
    }
    await this.#orderDone;
  }

  /** The node has told it to end. */
  get isEnded(): boolean {
    return this.#order !== undefined;
  }

  /** Look again. */
  poke(): void {
    this.#poked = true;
    this.#wake?.();
  }

  /** An object that the Pod refers to changed: its volumes are written anew at the next look. */
  pokeForObjects(): void {
    this.#payloadVersion = '';
    this.#holdUntilMs = 0;
    this.poke();
  }

  #isEnding(): boolean {
    return this.#vanished || this.#pod.metadata.deletionTimestamp !== undefined;
  }

  #graceSeconds(): number {
    const { deletionGracePeriodSeconds } = this.#pod.metadata;
    return deletionGracePeriodSeconds ?? this.#pod.spec.terminationGracePeriodSeconds ?? 30;
  }

  async #run(room: Promise<void> | undefined): Promise<void> {
    const onStop = (): void => {
      this.#step.abort();
      this.poke();
    };
    this.#stopSignal.addEventListener('abort', onStop, { once: true });
    try {
      await room;
      while (!isAborted(this.#stopSignal)) {
        if (await this.#look()) break;
        await this.#untilPoked();
      }
    } finally {
      this.#stopSignal.removeEventListener('abort', onStop);
      this.#cancelTimer?.();
      this.#turn.release('abandoned');
      this.#resolveOrder();
      this.#services.probes.forget(this.#pod.metadata.uid);
    }
  }

  /** One look at the Pod; true when nothing is left to do for ever. */
  async #look(): Promise<boolean> {
    this.#poked = false;
    this.#cancelTimer?.();
    this.#wakeAtMs = Infinity;
    this.#step = new AbortController();
    const step = this.#step.signal;
    const { clock, metrics } = this.#services;
    const [operation, beganMs] = [this.#isEnding() ? 'kill' : 'sync', clock.monotonicMs()] as const;
    try {
      if (this.#isEnding()) {
        await this.#terminate(step);
        return true;
      }
      await this.#sync(step);
      return false;
    } catch (error) {
      if (!step.aborted) this.#retryLater(error);
      // A step that was broken off is followed by the look that broke it off.
      else this.#poked = true;
      return false;
    } finally {
      metrics.podWorked(operation, (clock.monotonicMs() - beganMs) / 1000);
    }
  }

  #retryLater(error: unknown): void {
    const { log, clock } = this.#services;
    const delayMs = this.#retries.next('sync');
    log.warn('a pod could not be synchronized, will try again', { pod: this.#name(), delayMs, err: error });
    this.#wakeAt(clock.now() + delayMs);
  }

  async #sync(signal: AbortSignal): Promise<void> {
    const { runtimeState, clock } = this.#services;
    let runtime = await runtimeState.inspect(this.#known(), signal);
    let actions = this.#next(runtime);
    // Before anything is started: what is started may need the room.
    await this.#resize(runtime, actions, signal);
    let failure: ApplyResult | undefined;
    while (hasWork(actions)) {
      const result = await applyPodActions(this.#services, this.#pod, runtime, actions, signal);
      this.#rememberStarts(actions, result);
      // What woke the worker up to here (its own work, for the most part) is seen by this look.
      this.#poked = false;
      runtime = await runtimeState.inspect(this.#known(), signal);
      if (result.failed) this.#turn.fail();
      actions = this.#next(runtime, !result.failed);
      if (result.failed) {
        failure = result;
        break;
      }
    }
    await this.#resize(runtime, actions, signal);
    if (failure !== undefined) {
      this.#holdUntilMs = failure.retryAtMs ?? clock.now() + this.#retries.next('sync');
      this.#wakeAt(this.#holdUntilMs);
    } else if (clock.now() >= this.#holdUntilMs) this.#retries.reset('sync');
    if (actions.finished && failure === undefined && this.#order !== undefined)
      await this.#fulfilOrder(this.#order);
    if (actions.wakeAtMs !== undefined) this.#wakeAt(actions.wakeAtMs);
    if (!actions.finished) await this.#refreshVolumes(runtime, signal);
    else if (!hasWork(actions)) await this.#releaseVolumes();
    await removeDeadContainers(this.#services, this.#pod, runtime);
  }

  /** All of it has ended. What it wrote goes at once where the room is needed; its status stays. */
  async #fulfilOrder({ freesDisk = false }: EndOrder): Promise<void> {
    const { statuses, runtime, runtimeState, volumes, folders } = this.#services;
    const { uid } = this.#pod.metadata;
    if (freesDisk) {
      const left = await runtimeState.inspect(this.#known());
      // What is removed here may be the only source of a state that is not published yet.
      await statuses.flush(uid);
      await Promise.all(left.sandboxes.map(({ id }) => runtime.removePodSandbox(id)));
      await Promise.all(left.containers.map(({ id }) => runtime.removeContainer(id)));
      await volumes.tearDown(uid);
      await rm(folders.logs(this.#pod), { recursive: true, force: true });
    }
    this.#resolveOrder();
  }

  /** What runs gets the size that the node has promised; the rest of it comes with the containers' restart. */
  async #resize(runtime: PodRuntime, actions: PodActions, signal: AbortSignal): Promise<void> {
    if (actions.finished) return;
    const { resizes, statuses } = this.#services;
    const previous = statuses.current(this.#pod);
    const { changed, retryAtMs } = await resizes.actuate(this.#pod, runtime, previous, signal);
    if (changed) this.#publish(runtime, this.#decide(runtime));
    if (retryAtMs !== undefined) this.#wakeAt(retryAtMs);
  }

  /** What is to be done now, published as what the Pod waits for. */
  #next(runtime: PodRuntime, mayStart = true): PodActions {
    const wanted = this.#decide(runtime);
    const isHeldBack = this.#services.clock.now() < this.#holdUntilMs;
    if (isHeldBack) this.#wakeAt(this.#holdUntilMs);
    const pod = { ...this.#pod, status: this.#services.statuses.current(this.#pod) };
    const starts = mayStart && !isHeldBack && this.#turn.mayStart(pod, runtime, wanted);
    this.#publish(runtime, wanted);
    if (starts) return wanted;
    const rest = withoutStarts(wanted);
    // What runs is not stopped for a successor that must wait.
    const stays = ({ reason }: StopAction): boolean =>
      reason === 'Resized' || (!isHeldBack && reason === 'DefinitionChanged');
    return { ...rest, stopContainers: rest.stopContainers.filter((stop) => !stays(stop)) };
  }

  #decide(runtime: PodRuntime): PodActions {
    const { clock, probes, statuses, random, resizes } = this.#services;
    probes.track(this.#pod, runtime);
    return computePodActions({
      // The kubelet's own word on the status counts, also before the apiserver has it.
      pod: { ...this.#pod, status: statuses.current(this.#pod) },
      runtime,
      nowMs: clock.now(),
      backoff: this.#backoff,
      probes,
      random,
      actuated: resizes.actuated(this.#pod.metadata.uid),
      order: this.#order,
    });
  }

  #rememberStarts(actions: PodActions, result: ApplyResult): void {
    this.#errors = result.waiting;
    for (const { container, backoff } of actions.startContainers) {
      // What never ran needs no backoff of its own: the retry has one.
      if (backoff !== undefined && !isImageProblem(result.waiting.get(container.name)))
        this.#backoff.set(backoff.key, backoff.entry);
    }
  }

  /** Counts the way of a Pod that this kubelet saw waiting; one that it found running has no such way. */
  #countStart(phase: PodStatus['phase'], runtime: PodRuntime): void {
    const { clock, metrics, images } = this.#services;
    if (phase === 'Pending') this.#waitingSinceMs ??= clock.now();
    if (phase !== 'Running' || this.#waitingSinceMs === undefined) return;
    const { creationTimestamp, uid } = this.#pod.metadata;
    const totalMs = clock.now() - Date.parse(creationTimestamp);
    const notItsOwnMs = images.pullMs(uid) + initMs(this.#pod, runtime);
    metrics.podStarted(
      (clock.now() - this.#waitingSinceMs) / 1000,
      totalMs / 1000,
      Math.max(0, totalMs - notItsOwnMs) / 1000,
    );
    this.#waitingSinceMs = undefined;
  }

  #publish(runtime: PodRuntime, actions: PodActions): void {
    const { statuses, checkpoints, probes, clock, node, recorder, resizes } = this.#services;
    const waiting = new Map([...this.#errors, ...actions.waiting, ...this.#turn.waiting(actions)]);
    for (const [name, { reason }] of actions.waiting)
      if (reason === 'CrashLoopBackOff')
        recorder.event(this.#pod, 'Warning', 'BackOff', this.#backoffText(name));
    const status = computePodStatus({
      pod: this.#pod,
      runtime,
      previous: statuses.current(this.#pod),
      waiting,
      readiness: probes,
      nowMs: clock.now(),
      hostIp: node.ip,
      runtimeName: node.runtime.runtimeName,
      actuated: resizes.actuated(this.#pod.metadata.uid),
      resize: resizes.state(this.#pod.metadata.uid),
      ending: actions.finished,
      failure: actions.failure,
      startup: this.#turn.verdict,
    });
    statuses.publish(this.#pod, status);
    this.#countStart(status.phase, runtime);
    checkpoints.save({ ...this.#pod, status });
    this.#turn.observe({ ...this.#pod, status }, runtime, actions);
  }

  #backoffText(container: string): string {
    const { name, namespace, uid } = this.#pod.metadata;
    return `Back-off restarting failed container ${container} in pod ${name}_${namespace}(${uid})`;
  }

  /** Volumes made of API objects follow them, and the Pod's own labels and annotations. */
  async #refreshVolumes(runtime: PodRuntime, signal: AbortSignal): Promise<void> {
    const sandbox = readySandbox(runtime);
    if (sandbox === undefined) return;
    const { labels, annotations } = this.#pod.metadata;
    const version = `${sandbox.id} ${JSON.stringify([labels, annotations])}`;
    if (version === this.#payloadVersion) return;
    this.#payloadVersion = version;
    if ((this.#pod.spec.volumes ?? []).length === 0) return;
    await this.#services.volumes.refresh(this.#pod, podFacts(this.#services, sandbox.ips), signal);
  }

  /** A Pod that has ended keeps neither memory nor disks, though its object may stay for long. */
  async #releaseVolumes(): Promise<void> {
    if (this.#volumesReleased) return;
    await this.#services.volumes.release(this.#pod.metadata.uid);
    this.#volumesReleased = true;
  }

  async #terminate(signal: AbortSignal): Promise<void> {
    const { statuses, checkpoints, log, pods, clock } = this.#services;
    this.#turn.release('abandoned');
    this.#services.gate.seen(this.#pod.metadata.uid);
    if (this.#vanished) checkpoints.remove(this.#pod.metadata.uid);
    else checkpoints.save({ ...this.#pod, status: statuses.current(this.#pod) });
    await terminatePod(this.#services, this.#pod, {
      gracePeriodSeconds: this.#graceSeconds(),
      publish: !this.#vanished,
      errors: this.#errors,
      signal,
    });
    const { name, namespace, uid } = this.#pod.metadata;
    while (!this.#vanished && !isAborted(this.#stopSignal)) {
      try {
        await pods.delete({ namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } });
        break;
      } catch (error) {
        // It is gone, or another Pod has its name now.
        if (isStatusError(error, 'NotFound') || isStatusError(error, 'Conflict')) break;
        const delayMs = this.#retries.next('delete');
        log.warn('a pod that ended could not be deleted, will try again', { pod: this.#name(), err: error });
        await sleep(clock, delayMs, this.#stopSignal);
      }
    }
    statuses.forget(uid);
    checkpoints.remove(uid);
    await this.#services.resizes.forget(uid);
    this.#services.images.forgetPod(uid);
    this.#services.objects.release(uid);
    this.#services.tokens.forget(uid);
    this.#services.creationLimit.forget(uid);
  }

  #known(): { uid: string; namespace: string; name: string } {
    const { uid, namespace, name } = this.#pod.metadata;
    return { uid, namespace, name };
  }

  #name(): string {
    return `${this.#pod.metadata.namespace}/${this.#pod.metadata.name}`;
  }

  /** Looks again at this time, or at an earlier one that was set before. */
  #wakeAt(timeMs: number): void {
    const { clock } = this.#services;
    if (timeMs >= this.#wakeAtMs) return;
    this.#wakeAtMs = timeMs;
    this.#cancelTimer?.();
    this.#cancelTimer = clock.schedule(Math.max(0, timeMs - clock.now()), () => {
      this.poke();
    });
  }

  async #untilPoked(): Promise<void> {
    if (this.#poked) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }
}

function hasWork(actions: PodActions): boolean {
  const { stopContainers, stopSandboxes, startContainers, createSandbox } = actions;
  return (
    createSandbox !== undefined ||
    stopContainers.length + startContainers.length > 0 ||
    // A sandbox that is not ready may be stopped again and again: that alone is no work.
    (stopSandboxes.length > 0 && (actions.finished || actions.sandbox !== undefined))
  );
}

/** What must end ends, also while starts are held back. */
function withoutStarts(actions: PodActions): PodActions {
  return {
    ...actions,
    startContainers: [],
    createSandbox: undefined,
    stopSandboxes: actions.createSandbox === undefined ? actions.stopSandboxes : [],
  };
}

/** Its own status comes back to the kubelet with each write: that alone is nothing to act upon. */
function isRelevantChange(before: Pod, after: Pod, ownPhase: PodStatus['phase']): boolean {
  const essence = ({ metadata }: Pod): unknown[] => [
    metadata.labels,
    metadata.annotations,
    // The status tells which one the kubelet has seen.
    metadata.generation,
    metadata.deletionTimestamp,
    metadata.deletionGracePeriodSeconds,
  ];
  const hasGates = (after.spec.readinessGates ?? []).length > 0;
  return (
    hasGates ||
    (after.status.phase !== before.status.phase && after.status.phase !== ownPhase) ||
    !isDeepStrictEqual(essence(before), essence(after))
  );
}

/** How long its init containers ran, those that go on beside the others left out. */
function initMs({ spec }: Pod, { containers }: PodRuntime): number {
  const names = (spec.initContainers ?? []).filter((one) => !isSidecar(one)).map(({ name }) => name);
  return containers
    .filter(
      ({ name, startedAtMs, finishedAtMs }) => names.includes(name) && startedAtMs > 0 && finishedAtMs > 0,
    )
    .reduce((sum, { startedAtMs, finishedAtMs }) => sum + finishedAtMs - startedAtMs, 0);
}

function isImageProblem(waiting: WaitingReason | undefined): boolean {
  return waiting !== undefined && waiting.reason !== 'RunContainerError';
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
