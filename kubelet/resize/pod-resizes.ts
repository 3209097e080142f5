/**
 * Resize in place: what each Pod of this node is promised, which wishes wait, and the way from a promise to the cgroups.
 *
 * The workers tell of every wish (`want`) and have the waiting ones decided when something changed (`settle`); each
 * worker brings its own Pod to the size that it was promised (`actuate`), at every look, also after a kubelet that was
 * killed in between. All methods but `actuate` and the saving ones are synchronous, so that two decisions never see the
 * same room. `actuate` runs once at a time for each Pod.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Pod, PodStatus, ResourceRequirements } from '../../api/generated/core-v1.js';
import { findCondition, isPodTerminal } from '../../api/pod-helpers.js';
import type { EventRecorder } from '../../client/types.js';
import { KeyedBackoff } from '../../common/backoff.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { CgroupManager } from '../containers/cgroups.js';
import { containerResources, podCgroupLimits } from '../containers/resources.js';
import type { CgroupLimits, ResourcePolicy } from '../containers/resources.js';
import { labels } from '../containers/names.js';
import type { ContainerRuntime } from '../cri/runtime.js';
import { readySandbox } from '../runtime-state/pod-runtime.js';
import type { PodRuntime } from '../runtime-state/pod-runtime.js';
import { haveSameSizes, sizesOf, withSizes } from './allocated-pod.js';
import type { Sizes } from './allocated-pod.js';
import type { Allocations } from './allocations.js';
import { decideResize, orderDeferred } from './decide-resize.js';
import { greaterLimits, memoryObjection, memoryShrinking, planContainers } from './plan-resize.js';
import type { ContainerPlan, MemoryShrinking, PodLimits } from './plan-resize.js';
import { resizeMessage } from './resize-message.js';
import type { ResizeMetrics, RetryTrigger } from './resize-metrics.js';
import type { ResizeState } from './resize-state.js';

export interface PodResizesOptions {
  readonly allocations: Allocations;
  readonly allocatable: Readonly<Record<string, string>>;
  readonly policy: ResourcePolicy;
  readonly cgroups: Pick<CgroupManager, 'limits' | 'ensure' | 'usage'>;
  readonly runtime: Pick<ContainerRuntime, 'updateContainerResources' | 'listContainerStats'>;
  readonly recorder: EventRecorder;
  readonly metrics: ResizeMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A size that the node has not granted (yet). */
interface Wish {
  readonly wanted: Pod;
  readonly sinceMs: number;
  readonly pending: ResizeState['pending'];
}

interface Progress {
  readonly inProgress: NonNullable<ResizeState['inProgress']>;
  readonly sinceMs: number;
  /** Not tried before this time. */
  readonly holdUntilMs: number;
}

export interface Actuation {
  /** The status tells something else than before. */
  readonly changed: boolean;
  /** When to try again what failed. */
  readonly retryAtMs: number | undefined;
}

const retryBackoff = { initialMs: 1000, maxMs: 20_000, jitter: 0.3 };

export class PodResizes {
  readonly #options: PodResizesOptions;
  readonly #wishes = new Map<string, Wish>();
  readonly #progress = new Map<string, Progress>();
  /** What this kubelet knows to be in the Pod's cgroup. */
  readonly #limits = new Map<string, CgroupLimits>();
  readonly #retries = new KeyedBackoff(retryBackoff);

  constructor(options: PodResizesOptions) {
    this.#options = options;
  }

  /** The Pod with the sizes that it was promised. Without a promise, as it is. */
  allocatedPod(pod: Pod): Pod {
    const allocation = this.#options.allocations.get(pod.metadata.uid);
    return allocation === undefined ? pod : withSizes(pod, allocation.allocated);
  }

  /** The node takes the Pod: it gets the size that it asks for, unless an older promise is kept. */
  admit(pod: Pod): void {
    const { allocations } = this.#options;
    if (allocations.get(pod.metadata.uid) === undefined)
      allocations.set(pod.metadata.uid, { allocated: sizesOf(pod), actuated: {} });
  }

  /** Notes what the Pod asks for; `settle` decides. A Pod that is over has no wishes. */
  want(pod: Pod): void {
    const { uid, generation } = pod.metadata;
    const allocation = this.#options.allocations.get(uid);
    if (allocation === undefined) return;
    const isOver = isPodTerminal(pod);
    if (isOver || haveSameSizes(sizesOf(pod), allocation.allocated)) {
      this.#wishes.delete(uid);
      if (isOver) this.#progress.delete(uid);
      this.#count();
      return;
    }
    const before = this.#wishes.get(uid);
    const isSame = before !== undefined && haveSameSizes(sizesOf(pod), sizesOf(before.wanted));
    if (isSame && before.wanted.metadata.generation === generation) return;
    const { clock } = this.#options;
    const pending = isSame && before.pending !== undefined ? { ...before.pending, generation } : undefined;
    const sinceMs = before?.sinceMs ?? pendingSinceMs(pod.status) ?? clock.now();
    this.#wishes.set(uid, { wanted: pod, sinceMs, pending });
  }

  /**
   * Decides the wishes that wait, in their order. `active` are the Pods that are not over. Answers the uids of those about
   * which something else is to be told than before: they may have another size now.
   */
  settle(active: readonly Pod[], trigger: RetryTrigger): readonly string[] {
    const waiting = [...this.#wishes.values()].filter(({ pending }) => pending?.reason !== 'Infeasible');
    const ordered = orderDeferred(
      waiting.map((wish) => ({ ...wish, allocated: this.allocatedPod(wish.wanted) })),
    );
    const changed = ordered.filter((wish) => this.#decide(wish, active, trigger));
    this.#count();
    return changed.map(({ wanted }) => wanted.metadata.uid);
  }

  /** Whether there is anything to settle. */
  get isWaiting(): boolean {
    return [...this.#wishes.values()].some(({ pending }) => pending?.reason !== 'Infeasible');
  }

  state(uid: string): ResizeState {
    const pending = this.#wishes.get(uid)?.pending;
    const inProgress = this.#progress.get(uid)?.inProgress;
    return {
      ...(pending === undefined ? {} : { pending }),
      ...(inProgress === undefined ? {} : { inProgress }),
    };
  }

  /** What each container was last given. */
  actuated(uid: string): Sizes {
    return this.#options.allocations.get(uid)?.actuated ?? {};
  }

  /** A container is about to be made with this size; resolves when that is on disk. */
  async creating(pod: Pod, containerName: string): Promise<void> {
    const size = sizesOf(pod)[containerName];
    if (size !== undefined) this.#remember(pod, containerName, size);
    await this.#options.allocations.saved(pod.metadata.uid);
  }

  /** Brings what runs of the Pod to the size that it was promised. Failures are told in its conditions. */
  async actuate(pod: Pod, runtime: PodRuntime, previous: PodStatus, signal: AbortSignal): Promise<Actuation> {
    const { clock } = this.#options;
    const { uid, generation } = pod.metadata;
    const plan = planContainers(pod, runtime, this.actuated(uid));
    const isPlanned = plan.inPlace.length + plan.awaitingRestart.length > 0;
    if (readySandbox(runtime) === undefined || (!isPlanned && this.#hasItsLimits(pod)))
      return { changed: !isPlanned && this.#complete(pod), retryAtMs: undefined };
    const before = this.#progress.get(uid);
    if (before !== undefined && clock.now() < before.holdUntilMs)
      return { changed: false, retryAtMs: before.holdUntilMs };
    if (before === undefined && isPlanned) {
      const observed = findCondition(previous.conditions, 'PodResizeInProgress')?.observedGeneration;
      this.#begin(uid, observed ?? generation);
    }
    try {
      await this.#change(pod, plan, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      return this.#failed(pod, error);
    }
    this.#retries.reset(uid);
    const isDone = plan.awaitingRestart.length === 0 && this.#complete(pod);
    return { changed: isDone || plan.inPlace.length > 0, retryAtMs: undefined };
  }

  /** Nothing is left of the Pod. */
  async forget(uid: string): Promise<void> {
    this.#wishes.delete(uid);
    this.#progress.delete(uid);
    this.#limits.delete(uid);
    this.#retries.reset(uid);
    this.#count();
    await this.#options.allocations.remove(uid);
  }

  /** Forgets all Pods but these: they went while no kubelet ran. */
  async retain(uids: ReadonlySet<string>): Promise<void> {
    await this.#options.allocations.retain(uids);
  }

  /** True when something else is to be told than before. */
  #decide(wish: Wish, active: readonly Pod[], trigger: RetryTrigger): boolean {
    const { allocations, allocatable, recorder, metrics } = this.#options;
    const { wanted } = wish;
    const { uid, generation } = wanted.metadata;
    const others = active.filter(({ metadata }) => metadata.uid !== uid).map((pod) => this.allocatedPod(pod));
    const decision = decideResize({ wanted, allocated: this.allocatedPod(wanted), others, allocatable });
    if (decision.kind === 'granted') {
      allocations.set(uid, { allocated: sizesOf(wanted), actuated: this.actuated(uid) });
      this.#wishes.delete(uid);
      this.#begin(uid, generation);
      const text = resizeMessage('started', wanted, generation ?? 0);
      recorder.event(wanted, 'Normal', 'ResizeStarted', text);
      if (wish.pending?.reason === 'Deferred') metrics.deferredGranted(trigger);
      return true;
    }
    const { reason, message } = decision;
    const pending = { reason, message, generation };
    if (isDeepStrictEqual(wish.pending, pending)) return false;
    this.#wishes.set(uid, { ...wish, pending });
    // A kubelet that starts anew comes to what was told before.
    const told = wish.pending ?? findCondition(wanted.status.conditions, 'PodResizePending');
    if (told?.reason !== reason || told.message !== message) {
      const text = resizeMessage(reason, wanted, generation ?? 0, message);
      recorder.event(wanted, 'Warning', `Resize${reason}`, text);
      if (decision.detail !== undefined) metrics.infeasible(decision.detail);
    }
    return true;
  }

  #begin(uid: string, generation: number | undefined): void {
    const inProgress = { generation };
    this.#progress.set(uid, { inProgress, sinceMs: this.#options.clock.now(), holdUntilMs: 0 });
    this.#retries.reset(uid);
    this.#count();
  }

  /** True when there was something to complete. */
  #complete(pod: Pod): boolean {
    const { uid } = pod.metadata;
    const progress = this.#progress.get(uid);
    if (progress === undefined) return false;
    const { recorder, metrics, clock } = this.#options;
    this.#progress.delete(uid);
    this.#count();
    metrics.actuated(true, clock.now() - progress.sinceMs);
    const text = resizeMessage('completed', pod, progress.inProgress.generation ?? 0);
    recorder.event(pod, 'Normal', 'ResizeCompleted', text);
    return true;
  }

  #failed(pod: Pod, error: unknown): Actuation {
    const { recorder, metrics, clock, log } = this.#options;
    const { uid, namespace, name } = pod.metadata;
    const message = error instanceof Error ? error.message : String(error);
    const before = this.#progress.get(uid);
    const sinceMs = before?.sinceMs ?? clock.now();
    const holdUntilMs = clock.now() + this.#retries.next(uid);
    const generation = before?.inProgress.generation ?? pod.metadata.generation;
    this.#progress.set(uid, { inProgress: { generation, error: message }, sinceMs, holdUntilMs });
    this.#count();
    const changed = before?.inProgress.error !== message;
    if (changed) {
      metrics.actuated(false, clock.now() - sinceMs);
      log.warn('a pod could not be resized, will try again', { pod: `${namespace}/${name}`, err: error });
      const text = resizeMessage('error', pod, generation ?? 0, message);
      recorder.event(pod, 'Warning', 'ResizeError', text);
    }
    return { changed, retryAtMs: holdUntilMs };
  }

  #hasItsLimits(pod: Pod): boolean {
    const limits = podCgroupLimits(pod, this.#options.policy);
    return isDeepStrictEqual(this.#limits.get(pod.metadata.uid), limits);
  }

  async #change(pod: Pod, { inPlace, awaitingRestart }: ContainerPlan, signal: AbortSignal): Promise<void> {
    const { allocations, cgroups, policy, runtime } = this.#options;
    const { uid } = pod.metadata;
    const after = podCgroupLimits(pod, policy);
    // A promise is kept only by a kubelet that remembers it.
    await allocations.saved(uid);
    const before = (await cgroups.limits(pod)) ?? after;
    const goal = awaitingRestart.length === 0 ? after : greaterLimits(before, after);
    await this.#checkMemory(pod, memoryShrinking(before, goal, inPlace), signal);
    const raised: CgroupLimits = { ...after, ...greaterLimits(before, after) };
    // The weight goes with the first step: what is remembered of the containers afterwards says that it is done.
    if (inPlace.length + awaitingRestart.length > 0 || !areSame(before, raised))
      await cgroups.ensure(pod, raised);
    this.#limits.set(uid, raised);
    for (const { container, containerId } of inPlace) {
      signal.throwIfAborted();
      const resources = containerResources(pod, container, policy);
      await runtime.updateContainerResources(
        containerId,
        { ...resources, hugepageLimits: [], unified: {} },
        signal,
      );
      this.#remember(pod, container.name, container.resources ?? {});
    }
    await allocations.saved(uid);
    if (areSame(raised, goal)) return;
    await cgroups.ensure(pod, after);
    this.#limits.set(uid, after);
  }

  async #checkMemory(pod: Pod, shrinking: MemoryShrinking, signal: AbortSignal): Promise<void> {
    if (shrinking.podLimitBytes === undefined && shrinking.containers.length === 0) return;
    const { cgroups, runtime } = this.#options;
    const [usage, stats] = await Promise.all([
      cgroups.usage(pod),
      runtime.listContainerStats({ labels: { [labels.podUid]: pod.metadata.uid } }, signal),
    ]);
    const objection = memoryObjection(shrinking, usage?.usageBytes, (containerId) => {
      const found = stats.find(({ id }) => id === containerId);
      return found?.usageBytes ?? found?.workingSetBytes;
    });
    if (objection !== undefined) throw new Error(objection);
  }

  #remember(pod: Pod, containerName: string, size: ResourceRequirements): void {
    const { allocations } = this.#options;
    const { uid } = pod.metadata;
    const { allocated, actuated } = allocations.get(uid) ?? { allocated: sizesOf(pod), actuated: {} };
    allocations.set(uid, { allocated, actuated: { ...actuated, [containerName]: size } });
  }

  #count(): void {
    const reasons = [...this.#wishes.values()].map(({ pending }) => pending?.reason);
    this.#options.metrics.counted({
      deferred: reasons.filter((reason) => reason === 'Deferred').length,
      infeasible: reasons.filter((reason) => reason === 'Infeasible').length,
      inProgress: this.#progress.size,
    });
  }
}

function areSame(a: PodLimits, b: PodLimits): boolean {
  return a.cpuQuota === b.cpuQuota && a.memoryLimitBytes === b.memoryLimitBytes;
}

/** Since when the Pod waits, as told before this kubelet began. */
function pendingSinceMs({ conditions }: PodStatus): number | undefined {
  const since = Date.parse(findCondition(conditions, 'PodResizePending')?.lastTransitionTime ?? '');
  return Number.isNaN(since) ? undefined : since;
}
