/**
 * The startup gate: a thin shell around what decides. Starts come in and wait; every 500 ms, while there are any, it looks
 * at the devices, lets the controller of each say how many may start at once, and lets the first of the order in whose
 * devices all have a free slot. What the disks cannot tell (a finder or sampler that fails) narrows what it knows, and
 * stops nobody.
 */
import { isAborted } from '../../client/is-aborted.js';
import type { EventRecorder } from '../../client/types.js';
import type { Pod } from '../../api/generated/core-v1.js';
import type { QueueReport, StartupMode, StartupReport, WaitingReason } from '../../api/startup-report.js';
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { StartupController } from './controllers/controller.js';
import { DependencyJudge } from './dependency-judge.js';
import type { DependencyJudgeOptions } from './dependency-judge.js';
import { DeviceSlots } from './device-slots.js';
import type { DeviceMeasurement } from './device-slots.js';
import type { BackingDevice } from './devices/backing-device.js';
import type { StartRequest, StartupGate, StartupOutcome, StartupPermit } from './gate.js';
import { nextStart, noAdmissions, orderOf } from './order/next-start.js';
import type { OrderState } from './order/next-start.js';
import type { DependencyVerdict } from './order/dependencies.js';
import type { QueuedStart } from './order/queued-start.js';
import { nodeAsDevice } from './start-surroundings.js';
import type { StartSurroundings } from './start-surroundings.js';
import { Start } from './start.js';
import type { StartEngine } from './start.js';
import { judgeHeld, startFacts } from './start-looks.js';
import type { StartLimits } from './start-looks.js';
import type { StartupMetrics } from './startup-metrics.js';
import { admittedText, cycleText, missingText, placeText, spell } from './texts.js';

export interface StartupGateOptions extends DependencyJudgeOptions {
  readonly nodeName: string;
  readonly mode: Exclude<StartupMode, 'Off'>;
  readonly controller: StartupController;
  readonly limits: StartLimits;
  readonly surroundings: StartSurroundings;
  readonly sampler: { sample(): Promise<ReadonlyMap<string, DeviceMeasurement>> };
  /** Bytes that a Pod has read and written; undefined where nobody counts them. */
  readonly bytesOf: (pod: Pod, devices: readonly BackingDevice[]) => Promise<number | undefined>;
  /** See `runtime-calls.ts`. */
  readonly slowestCallMs: () => number;
  readonly metrics: StartupMetrics;
  readonly recorder: EventRecorder;
  /** The devices may be others, or another limit, use or saturation of them. */
  readonly onLook?: () => void;
  readonly clock: Clock;
  readonly log: Logger;
  /** Once it aborts nobody is admitted any more. */
  readonly signal: AbortSignal;
}

const intervals = {
  lookMs: 500,
  progressMs: 2000,
  /** Texts with places in the queue are written to the apiserver: not more often than this. */
  tellMs: 10_000,
  /** What a controller learned is believed for so long after the last start. */
  learnedMs: 300_000,
  /** How long a Pod that the runtime had something of may keep others waiting until it is looked at. */
  firstLooksMs: 30_000,
} as const;

const unblocked: DependencyVerdict = {
  missing: [],
  isWayQueued: false,
  cycle: undefined,
  isAwaited: false,
  priority: -Infinity,
  isCritical: false,
};

export class AdmittingGate implements StartupGate, StartEngine {
  readonly #options: StartupGateOptions;
  readonly #starts = new Map<string, Start>();
  readonly #devices = new Map<string, DeviceSlots>();
  readonly #judge: DependencyJudge;
  readonly #told = new Set<string>();
  /** Undefined until they are found. */
  #nodeDevices: readonly DeviceSlots[] | undefined;
  #verdicts: ReadonlyMap<string, DependencyVerdict> = new Map();
  #order: OrderState = noAdmissions;
  /** Pods that may hold a slot already, and have not been looked at. */
  readonly #unseen = new Set<string>();
  #cancelUnseen: (() => void) | undefined;
  #cancelSpaced: (() => void) | undefined;
  #progressAtMs = -Infinity;
  #restingSinceMs: number;
  /** Somebody wants to know of the devices until then, though nothing starts. */
  #watchedUntilMs = -Infinity;
  #wake: (() => void) | undefined;

  constructor(options: StartupGateOptions) {
    this.#options = options;
    this.#judge = new DependencyJudge(options);
    this.#restingSinceMs = options.clock.monotonicMs();
    void this.#findNodeDevices();
  }

  /** Before the first Pod is looked at: those of which the runtime has something. They may hold slots already. */
  expect(uids: readonly string[]): void {
    for (const uid of uids) this.#unseen.add(uid);
    if (this.#unseen.size === 0) return;
    this.#cancelUnseen = this.#options.clock.schedule(intervals.firstLooksMs, () => {
      this.#unseen.clear();
      this.#admitNext();
    });
  }

  seen(uid: string): void {
    if (!this.#unseen.delete(uid) || this.#unseen.size > 0) return;
    this.#cancelUnseen?.();
    this.#admitNext();
  }

  enter(request: StartRequest): StartupPermit {
    const { clock, recorder } = this.#options;
    const start = new Start(request, clock.now(), this);
    for (const { annotation, message } of start.hintProblems)
      recorder.event(start.pod, 'Warning', 'StartupHintIgnored', `${annotation}: ${message}`);
    this.#starts.set(start.uid, start);
    if (start.hints.skipsAdmission) {
      this.#skip(start);
      return start.handOver();
    }
    start.devices = this.#nodeDevices;
    if (request.underWaySinceMs !== undefined) this.#adopt(start, request.underWaySinceMs);
    else this.#admitNext();
    void this.#lookUp(start);
    this.#wake?.();
    return start.handOver();
  }

  changed(start: Start): void {
    if (start.hints.skipsAdmission) this.#skip(start);
    this.#admitNext();
  }

  #skip(start: Start): void {
    start.state = 'free';
    start.say({ isAdmitted: true, reason: 'Skipped', message: 'its annotation says so' });
  }

  released(start: Start, outcome: StartupOutcome): void {
    const { clock, metrics } = this.#options;
    const wasAdmitted = start.isAdmitted;
    start.state = 'over';
    for (const device of start.devices ?? []) {
      device.leave(start.uid);
      if (!wasAdmitted || start.hints.skipsAdmission) continue;
      if (outcome === 'ready')
        device.completed(clock.now() - (start.runningSinceMs ?? start.admittedAtMs ?? clock.now()));
      else if (outcome !== 'abandoned') device.ended(outcome === 'killed');
    }
    if (this.#starts.get(start.uid) === start) this.#starts.delete(start.uid);
    metrics.ended(outcome);
    this.#admitNext();
  }

  /** Looks at the devices while anything starts, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const stop = (): void => this.#wake?.();
    signal.addEventListener('abort', stop, { once: true });
    while (!isAborted(signal)) {
      if (!this.#isNeeded()) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
        continue;
      }
      if (clock.monotonicMs() - this.#restingSinceMs > intervals.learnedMs)
        for (const device of this.#devices.values()) device.beginAnew();
      // What happened before does not count.
      await this.#sample();
      while (this.#isNeeded() && !isAborted(signal)) {
        await sleep(clock, intervals.lookMs, signal);
        if (!isAborted(signal)) await this.#look();
      }
      for (const device of this.#devices.values()) device.rest();
      this.#restingSinceMs = clock.monotonicMs();
      this.#options.onLook?.();
    }
    this.#cancelUnseen?.();
    this.#cancelSpaced?.();
    signal.removeEventListener('abort', stop);
  }

  /**
   * The devices that a Pod lives on, and whether one of them is saturated. Looks at the devices for `watchMs` from now on,
   * so that the next answer is a fresh one.
   */
  async saturationOf(
    pod: Pod,
    watchMs: number,
  ): Promise<{ readonly isSaturated: boolean; readonly devices: readonly BackingDevice[] }> {
    const { surroundings, clock } = this.#options;
    this.#watchedUntilMs = Math.max(this.#watchedUntilMs, clock.monotonicMs() + watchMs);
    this.#wake?.();
    const known = this.#starts.get(pod.metadata.uid)?.devices;
    const devices = known ?? this.#slotsOf((await surroundings.of(pod, false)).devices);
    return {
      isSaturated: devices.some(({ isSaturated }) => isSaturated),
      devices: devices.map(({ device }) => device),
    };
  }

  report(withHistory: boolean): StartupReport {
    const { nodeName, mode, clock } = this.#options;
    const devices = [...this.#devices.values()];
    return {
      node: nodeName,
      mode,
      atMs: clock.now(),
      devices: devices.map((device) => device.report()),
      starts: [...this.#starts.values()]
        .filter(({ state }) => state === 'held')
        .map((start) => ({
          ...identityOf(start),
          sinceMs: start.admittedAtMs ?? clock.now(),
          bytes: start.bytes,
        })),
      queue: this.#queueReport(),
      history: withHistory
        ? devices.map(({ key, device, history }) => ({ key, about: device.about, samples: history }))
        : [],
    };
  }

  #queueReport(): readonly QueueReport[] {
    return this.#ordered().flatMap(({ uid }, index) => {
      const start = this.#starts.get(uid);
      if (start === undefined) return [];
      const { reason, message } = this.#waitingVerdict(start, index + 1);
      const { priority, waitsSinceMs: sinceMs } = start;
      return [{ ...identityOf(start), place: index + 1, priority, reason, message, sinceMs }];
    });
  }

  #isNeeded(): boolean {
    const isBusy = [...this.#starts.values()].some(
      ({ state, isQuiet }) => state === 'queued' || state === 'held' || isQuiet,
    );
    return isBusy || this.#options.clock.monotonicMs() < this.#watchedUntilMs;
  }

  async #findNodeDevices(): Promise<void> {
    let found: readonly BackingDevice[] = [];
    try {
      found = await this.#options.surroundings.ofNode();
    } catch (error) {
      this.#tellOnce('the devices of the node could not be found: the node as a whole has slots', error);
    }
    this.#nodeDevices = this.#slotsOf(found);
    this.#options.onLook?.();
    for (const start of this.#starts.values())
      if (!start.hints.skipsAdmission && start.devices === undefined) this.#charge(start, this.#nodeDevices);
    this.#admitNext();
  }

  /** What takes time is found out here; a start on an idle node is admitted before it is known. */
  async #lookUp(start: Start): Promise<void> {
    try {
      const { devices, areImagesPresent } = await this.#options.surroundings.of(
        start.pod,
        start.state === 'queued',
      );
      if (start.state === 'over') return;
      start.areImagesPresent = areImagesPresent;
      this.#charge(start, this.#slotsOf(devices));
    } catch (error) {
      this.#tellOnce('the devices of a pod could not be found: it is charged to those of the node', error);
    }
    start.areDevicesComplete = true;
    if (start.state !== 'queued') return;
    this.#admitNext();
    this.#tellQueued();
  }

  #slotsOf(devices: readonly BackingDevice[]): readonly DeviceSlots[] {
    return (devices.length === 0 ? [nodeAsDevice] : devices).map((device) => {
      const known = this.#devices.get(device.key) ?? new DeviceSlots(device, this.#options.controller);
      this.#devices.set(device.key, known);
      return known;
    });
  }

  #charge(start: Start, devices: readonly DeviceSlots[]): void {
    for (const device of start.devices ?? []) device.leave(start.uid);
    start.devices = devices;
    if (start.state === 'held') for (const device of devices) device.hold(start.uid);
  }

  #adopt(start: Start, sinceMs: number): void {
    this.#hold(start, sinceMs);
    const message = 'it had begun to start when the kubelet came back';
    start.say({ isAdmitted: true, reason: 'Admitted', message });
  }

  #hold(start: Start, sinceMs: number): void {
    start.state = 'held';
    start.admittedAtMs = sinceMs;
    start.movedAtMs = undefined;
    for (const device of start.devices ?? []) device.hold(start.uid);
  }

  /** Admits whoever can be, in order. */
  #admitNext(): void {
    const { clock, signal } = this.#options;
    if (this.#unseen.size > 0 || signal.aborted) return;
    const waiting = [...this.#starts.values()].filter(({ state }) => state === 'queued');
    if (waiting.length === 0) return;
    this.#judgeDependencies(waiting);
    // Alone in the queue it goes by the devices of the node, and is charged to the rest as soon as that is known.
    const isAlone = waiting.length === 1;
    for (;;) {
      const candidates = waiting
        .filter(({ state, devices }) => state === 'queued' && devices !== undefined)
        .filter(({ areDevicesComplete }) => areDevicesComplete || isAlone);
      const next = nextStart(
        candidates.map((start) => this.#asQueued(start)),
        this.#order,
        {
          nowMs: clock.now(),
          hasFreeSlot: (key, isCritical) => {
            const inMs = this.#devices.get(key)?.slotInMs(clock.monotonicMs()) ?? 0;
            return isCritical ? inMs < Infinity : inMs === 0;
          },
          holders: this.#holders(),
        },
      );
      const start = next === undefined ? undefined : this.#starts.get(next.start.uid);
      if (next === undefined || start === undefined) break;
      this.#order = next.state;
      this.#admit(start);
    }
    this.#lookAgainForSlots();
  }

  /** When the distance to the last admission is kept on some device. */
  #lookAgainForSlots(): void {
    const { clock } = this.#options;
    this.#cancelSpaced?.();
    const waitsMs = [...this.#devices.values()].map((device) => device.slotInMs(clock.monotonicMs()));
    const nextMs = Math.min(...waitsMs.filter((waitMs) => waitMs > 0));
    const isAwaited = [...this.#starts.values()].some(({ state }) => state === 'queued');
    this.#cancelSpaced =
      nextMs === Infinity || !isAwaited
        ? undefined
        : clock.schedule(nextMs, () => {
            this.#admitNext();
          });
  }

  #admit(start: Start): void {
    const { clock, recorder, metrics } = this.#options;
    const waitedMs = clock.now() - start.waitsSinceMs;
    this.#hold(start, clock.now());
    for (const device of start.devices ?? []) device.admitted(clock.monotonicMs());
    metrics.admitted(waitedMs / 1000);
    const text = admittedText(waitedMs);
    if (start.wasToldQueued) recorder.event(start.pod, 'Normal', 'StartupAdmitted', `Pod is ${text}`);
    start.say({ isAdmitted: true, reason: 'Admitted', message: text });
  }

  #holders(): readonly Pick<QueuedStart, 'uid' | 'ownerKey'>[] {
    return [...this.#starts.values()]
      .filter(({ state }) => state === 'held')
      .map((start) => this.#asQueued(start));
  }

  #asQueued(start: Start): QueuedStart {
    const verdict = this.#verdicts.get(start.uid) ?? unblocked;
    const { missing, cycle } = verdict;
    return start.queued({
      priority: Math.max(verdict.priority, start.priority),
      isCritical: verdict.isCritical || start.isCritical,
      isAwaited: verdict.isAwaited,
      isBlocked: cycle !== undefined || (missing.length > 0 && !start.ignoresDependencies),
    });
  }

  #ordered(): readonly QueuedStart[] {
    const waiting = [...this.#starts.values()].filter(({ state }) => state === 'queued');
    return orderOf(
      waiting.map((start) => this.#asQueued(start)),
      this.#order,
      { nowMs: this.#options.clock.now(), holders: this.#holders() },
    );
  }

  #judgeDependencies(waiting: readonly Start[]): void {
    const { clock, recorder } = this.#options;
    this.#verdicts = this.#judge.judge(waiting, () => {
      this.#admitNext();
    });
    const nowMs = clock.monotonicMs();
    for (const start of waiting) {
      const { missing, isWayQueued } = this.#verdicts.get(start.uid) ?? unblocked;
      if (missing.length === 0 || isWayQueued) start.dependencyClockMs = undefined;
      else start.dependencyClockMs ??= nowMs;
      const { dependencyClockMs = nowMs, ignoresDependencies, hints } = start;
      if (ignoresDependencies || nowMs - dependencyClockMs < hints.afterTimeoutMs) continue;
      start.ignoresDependencies = true;
      const text = `Pod ${missingText(missing)}, for longer than ${spell(hints.afterTimeoutMs)}: it starts all the same`;
      recorder.event(start.pod, 'Warning', 'StartupDependencyTimeout', text);
    }
  }

  async #look(): Promise<void> {
    const { clock, recorder, limits, metrics, slowestCallMs } = this.#options;
    const measured = await this.#sample();
    await this.#readProgress();
    const nowMs = clock.monotonicMs();
    const starts = [...this.#starts.values()];
    for (const start of starts) {
      const change = judgeHeld(start, clock.now(), nowMs, limits);
      if (change === undefined) continue;
      if (change === 'held') this.#hold(start, start.admittedAtMs ?? clock.now());
      else start.state = 'free';
      start.isQuiet = change === 'quiet';
      if (change !== 'held') for (const device of start.devices ?? []) device.leave(start.uid);
      if (change !== 'timed-out') continue;
      start.isTimedOut = true;
      metrics.timedOut();
      const text = `Pod was not ready after ${spell(limits.slotTimeoutMs)}: its slot is given on`;
      recorder.event(start.pod, 'Warning', 'StartupSlotTimeout', text);
    }
    const slowestMs = slowestCallMs();
    for (const device of this.#devices.values()) {
      const facts = startFacts(starts, device, clock.now(), (start) => this.#asQueued(start).isBlocked);
      const ofRuntime = this.#nodeDevices?.includes(device) === true ? slowestMs : 0;
      device.step(nowMs, measured.get(device.key), { ...facts, slowestCallMs: ofRuntime });
    }
    this.#admitNext();
    this.#tellQueued();
    for (const device of this.#devices.values()) device.remember(clock.now());
    this.#options.onLook?.();
  }

  async #sample(): Promise<ReadonlyMap<string, DeviceMeasurement>> {
    try {
      return await this.#options.sampler.sample();
    } catch (error) {
      this.#tellOnce('the disks could not be measured: the pace follows from the starts alone', error);
      return new Map();
    }
  }

  /** What each start has read and written: whether it still makes progress, and how far it is. */
  async #readProgress(): Promise<void> {
    const { clock, bytesOf } = this.#options;
    if (clock.monotonicMs() - this.#progressAtMs < intervals.progressMs) return;
    this.#progressAtMs = clock.monotonicMs();
    const running = [...this.#starts.values()].filter(
      ({ state, isQuiet, runningSinceMs }) => (state === 'held' || isQuiet) && runningSinceMs !== undefined,
    );
    await Promise.all(
      running.map(async (start) => {
        try {
          const devices = (start.devices ?? []).map(({ device }) => device);
          const bytes = await bytesOf(start.pod, devices);
          if (bytes !== start.bytes || start.movedAtMs === undefined) start.movedAtMs = clock.monotonicMs();
          start.bytes = bytes;
        } catch (error) {
          this.#tellOnce('what a pod reads and writes could not be read', error);
        }
      }),
    );
  }

  /** Tells each start that waits why, at once where that is new, else every now and then. */
  #tellQueued(): void {
    const { clock, recorder } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const [index, { uid }] of this.#ordered().entries()) {
      const start = this.#starts.get(uid);
      if (start === undefined) continue;
      const { reason, message } = this.#waitingVerdict(start, index + 1);
      const isNew = start.verdict?.reason !== reason;
      if (!isNew && nowMs - start.toldAtMs < intervals.tellMs) continue;
      start.toldAtMs = nowMs;
      start.say({ isAdmitted: false, reason, message });
      if (reason === 'DependencyCycle' && !start.wasToldCycle) {
        start.wasToldCycle = true;
        recorder.event(start.pod, 'Warning', 'DependencyCycle', `Pod is not started: ${message}`);
      } else if (!start.wasToldQueued) {
        start.wasToldQueued = true;
        recorder.event(start.pod, 'Normal', 'StartupQueued', `Pod waits to be started: ${message}`);
      }
    }
  }

  #waitingVerdict(start: Start, place: number): { readonly reason: WaitingReason; readonly message: string } {
    const { missing, cycle } = this.#verdicts.get(start.uid) ?? unblocked;
    if (cycle !== undefined) return { reason: 'DependencyCycle', message: cycleText(cycle) };
    if (missing.length > 0 && !start.ignoresDependencies)
      return { reason: 'WaitingForDependencies', message: missingText(missing) };
    const waiting = [...this.#starts.values()].filter(({ state }) => state === 'queued').length;
    const devices = (start.devices ?? []).map(({ device, limit, held }) => ({
      about: device.about,
      limit,
      held,
    }));
    return { reason: 'WaitingForSlot', message: placeText(place, waiting, devices) };
  }

  #tellOnce(what: string, error: unknown): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    this.#options.log.warn(what, { err: error });
  }
}

function identityOf(start: Start): Pick<QueueReport, 'namespace' | 'name' | 'uid' | 'devices'> {
  const { namespace, name, uid } = start.pod.metadata;
  return { namespace, name, uid, devices: (start.devices ?? []).map(({ key }) => key) };
}
