/** One start on its way through the gate: the permit that its Pod holds, and what the engine keeps of it. */
import { isDeepStrictEqual } from 'node:util';
import type { Pod } from '../../api/generated/core-v1.js';
import { findCondition } from '../../api/pod-helpers.js';
import { parseStartupHints } from '../../api/startup-hints.js';
import type { StartupHintProblem, StartupHints } from '../../api/startup-hints.js';
import { startupAdmittedCondition } from '../../api/startup-report.js';
import { isStaticPod } from '../pods/static-pod.js';
import type { DeviceSlots } from './device-slots.js';
import type { StartRequest, StartupOutcome, StartupPermit, StartupVerdict } from './gate.js';
import type { QueuedStart } from './order/queued-start.js';
import { startDeadlineMs } from './order/start-deadline.js';

/** From here on a priority is that of a system-critical class. */
const systemCriticalPriority = 2_000_000_000;

export type StartState =
  /** It waits for its turn. */
  | 'queued'
  /** It holds a slot of each of its devices. */
  | 'held'
  /** Admitted without a slot: it opted out, gave its slot on after its timeout, or is quiet. */
  | 'free'
  /** The permit was given back. */
  | 'over';

export class Start implements StartupPermit {
  hints: StartupHints;
  readonly hintProblems: readonly StartupHintProblem[];
  readonly deadlineMs: number | undefined;
  /** Its place in time: what its condition tells, in whole seconds, so that a kubelet that comes back finds the same. */
  readonly queuedAtMs: number;
  readonly waitsSinceMs: number;
  state: StartState = 'queued';
  admittedAtMs: number | undefined;
  runningSinceMs: number | undefined;
  /** Undefined until something is known. */
  devices: readonly DeviceSlots[] | undefined;
  /** Whether `devices` are all of them, not only those of the node itself. */
  areDevicesComplete = false;
  areImagesPresent = false;
  /** What it must come after does not count any more: it has waited long enough. */
  ignoresDependencies = false;
  /** Since when nothing on the way to what it waits for is queued. */
  dependencyClockMs: number | undefined;
  /** What it has read and written, and when that moved last. */
  bytes: number | undefined;
  movedAtMs: number | undefined;
  isQuiet = false;
  /** That it waits has been told by an Event. */
  wasToldQueued = false;
  wasToldCycle = false;
  /** When the text of its verdict was renewed. */
  toldAtMs = -Infinity;
  pod: Pod;
  #verdict: StartupVerdict | undefined;
  readonly #onChange: () => void;
  readonly #engine: StartEngine;
  /** Changes are told from when the caller has the permit. */
  #isHandedOver = false;

  constructor(request: StartRequest, nowMs: number, engine: StartEngine) {
    const { hints, problems } = parseStartupHints(request.pod.metadata.annotations);
    this.pod = request.pod;
    this.#onChange = request.onChange;
    this.#engine = engine;
    this.hints = hints;
    this.hintProblems = problems;
    this.deadlineMs = startDeadlineMs(request.pod.spec);
    const rememberedMs = queuedBefore(request.pod);
    this.waitsSinceMs = Math.min(rememberedMs ?? nowMs, nowMs);
    this.queuedAtMs = Math.floor(this.waitsSinceMs / 1000) * 1000;
  }

  get uid(): string {
    return this.pod.metadata.uid;
  }

  get isCritical(): boolean {
    return isStaticPod(this.pod) || this.priority >= systemCriticalPriority;
  }

  get priority(): number {
    return this.pod.spec.priority ?? 0;
  }

  get verdict(): StartupVerdict | undefined {
    return this.#verdict;
  }

  get isAdmitted(): boolean {
    return this.state === 'held' || this.state === 'free';
  }

  handOver(): this {
    this.#isHandedOver = true;
    return this;
  }

  say(verdict: StartupVerdict): void {
    const before = this.#verdict;
    this.#verdict = verdict;
    const isSame =
      before?.isAdmitted === verdict.isAdmitted &&
      before.reason === verdict.reason &&
      before.message === verdict.message;
    if (!isSame && this.#isHandedOver) this.#onChange();
  }

  observe(pod: Pod, runningSinceMs: number | undefined): void {
    const before = this.pod.metadata.annotations;
    this.pod = pod;
    this.runningSinceMs = runningSinceMs;
    // Somebody may tell a Pod that waits to wait no more.
    if (this.state !== 'queued' || isDeepStrictEqual(before, pod.metadata.annotations)) return;
    this.hints = parseStartupHints(pod.metadata.annotations).hints;
    this.#engine.changed(this);
  }

  release(outcome: StartupOutcome): void {
    if (this.state === 'over') return;
    this.#engine.released(this, outcome);
  }

  /** As the order of starts sees it; `awaited` is what others that wait for it add. */
  queued(awaited: Pick<QueuedStart, 'priority' | 'isCritical' | 'isBlocked' | 'isAwaited'>): QueuedStart {
    const { metadata } = this.pod;
    const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
    return {
      uid: this.uid,
      namespace: metadata.namespace,
      name: metadata.name,
      ownerKey: owner?.uid ?? this.uid,
      queuedAtMs: this.queuedAtMs,
      areImagesPresent: this.areImagesPresent,
      expectedBytes: this.hints.expectedBytes,
      devices: (this.devices ?? []).map(({ key }) => key),
      ...awaited,
    };
  }
}

/** Since when a Pod waits that a kubelet before this one put into the queue; undefined for one that was not. */
function queuedBefore({ metadata, status }: Pod): number | undefined {
  const condition = findCondition(status.conditions, startupAdmittedCondition);
  if (condition === undefined) return undefined;
  if (condition.status === 'False') return timeOf(condition.lastTransitionTime);
  const statuses = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const hasStarted = statuses.some(({ containerID = '' }) => containerID !== '');
  // It was admitted, and the kubelet ended before anything of it was made: it comes before all that still waited then.
  return hasStarted ? undefined : timeOf(metadata.creationTimestamp);
}

function timeOf(text: string | undefined): number | undefined {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}

/** What a permit hands on. */
export interface StartEngine {
  /** Its hints are others now. */
  changed(start: Start): void;
  released(start: Start, outcome: StartupOutcome): void;
}
