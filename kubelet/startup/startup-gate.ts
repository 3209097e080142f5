/**
 * The startup gate: a thin shell around what decides. Starts come in and wait; every 500 ms, while there are any, it looks
 * at the devices, lets the controller of each say how many may start at once, and lets the first of the order in whose
 * devices all have a free slot. What the disks cannot tell (a finder or sampler that fails) narrows what it knows, and
 * stops nobody.
 */
import { isAborted } from '../../client/is-aborted.js';
import type { Pod } from '../../api/generated/core-v1.js';
import type { StartupMode, StartupReport } from '../../api/startup-report.js';
import { sleep } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { DeviceSlots } from './device-slots.js';
import { DeviceTable } from './device-table.js';
import type { DeviceTableOptions } from './device-table.js';
import type { BackingDevice } from './devices/backing-device.js';
import type { StartRequest, StartupGate, StartupOutcome, StartupPermit } from './gate.js';
import { judgeHeld, startFacts } from './start-looks.js';
import type { StartLimits } from './start-looks.js';
import { StartQueue } from './start-queue.js';
import type { StartQueueOptions } from './start-queue.js';
import type { StartSurroundings } from './start-surroundings.js';
import { Start } from './start.js';
import type { StartEngine } from './start.js';
import type { StartupMetrics } from './startup-metrics.js';
import { admittedText, spell } from './texts.js';

export interface StartupGateOptions
  extends Omit<StartQueueOptions, 'devices'>, Omit<DeviceTableOptions, 'tellOnce'> {
  readonly nodeName: string;
  readonly mode: Exclude<StartupMode, 'Off'>;
  readonly limits: StartLimits;
  readonly surroundings: StartSurroundings;
  /** Bytes that a Pod has read and written; undefined where nobody counts them. */
  readonly bytesOf: (pod: Pod, devices: readonly BackingDevice[]) => Promise<number | undefined>;
  /** See `runtime-calls.ts`. */
  readonly slowestCallMs: () => number;
  readonly metrics: StartupMetrics;
  /** The devices may be others, or another limit, use or saturation of them. */
  readonly onLook?: () => void;
  readonly log: Logger;
  /** Once it aborts nobody is admitted any more. */
  readonly signal: AbortSignal;
}

const intervals = {
  lookMs: 500,
  progressMs: 2000,
  /** What a controller learned is believed for so long after the last start. */
  learnedMs: 300_000,
  /** How long a Pod that the runtime had something of may keep others waiting until it is looked at. */
  firstLooksMs: 30_000,
} as const;

export class AdmittingGate implements StartupGate, StartEngine {
  readonly #options: StartupGateOptions;
  readonly #queue: StartQueue;
  readonly #devices: DeviceTable;
  readonly #told = new Set<string>();
  /** Undefined until they are found. */
  #nodeDevices: readonly DeviceSlots[] | undefined;
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
    this.#devices = new DeviceTable({
      ...options,
      tellOnce: (what, error) => {
        this.#tellOnce(what, error);
      },
    });
    this.#queue = new StartQueue({ ...options, devices: this.#devices });
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
    this.#queue.add(start);
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
    this.#queue.remove(start);
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
        for (const device of this.#devices.all()) device.beginAnew();
      // What happened before does not count.
      await this.#devices.sample();
      while (this.#isNeeded() && !isAborted(signal)) {
        await sleep(clock, intervals.lookMs, signal);
        if (!isAborted(signal)) await this.#look();
      }
      for (const device of this.#devices.all()) device.rest();
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
    const known = this.#queue.get(pod.metadata.uid)?.devices;
    const devices = known ?? this.#devices.slotsOf((await surroundings.of(pod, false)).devices);
    return {
      isSaturated: devices.some(({ isSaturated }) => isSaturated),
      devices: devices.map(({ device }) => device),
    };
  }

  report(withHistory: boolean): StartupReport {
    const { nodeName, mode, clock } = this.#options;
    return {
      node: nodeName,
      mode,
      atMs: clock.now(),
      devices: this.#devices.reports(),
      starts: this.#queue.reportStarts(),
      queue: this.#queue.reportQueue(),
      history: withHistory ? this.#devices.histories() : [],
    };
  }

  #isNeeded(): boolean {
    const isBusy = this.#queue
      .all()
      .some(({ state, isQuiet }) => state === 'queued' || state === 'held' || isQuiet);
    return isBusy || this.#options.clock.monotonicMs() < this.#watchedUntilMs;
  }

  async #findNodeDevices(): Promise<void> {
    let found: readonly BackingDevice[] = [];
    try {
      found = await this.#options.surroundings.ofNode();
    } catch (error) {
      this.#tellOnce('the devices of the node could not be found: the node as a whole has slots', error);
    }
    this.#nodeDevices = this.#devices.slotsOf(found);
    this.#options.onLook?.();
    for (const start of this.#queue.all())
      if (!start.hints.skipsAdmission && start.devices === undefined) this.#charge(start, this.#nodeDevices);
    this.#admitNext();
  }

  /** What takes time is found out here; a start on an idle node is admitted before it is known. */
  async #lookUp(start: Start): Promise<void> {
    const { surroundings } = this.#options;
    try {
      const { devices, areImagesPresent } = await surroundings.of(start.pod, start.state === 'queued');
      if (start.state === 'over') return;
      start.areImagesPresent = areImagesPresent;
      this.#charge(start, this.#devices.slotsOf(devices));
    } catch (error) {
      this.#tellOnce('the devices of a pod could not be found: it is charged to those of the node', error);
    }
    start.areDevicesComplete = true;
    if (start.state !== 'queued') return;
    this.#admitNext();
    this.#queue.tell();
  }

  #charge(start: Start, devices: readonly DeviceSlots[]): void {
    for (const device of start.devices ?? []) device.leave(start.uid);
    start.devices = devices;
    if (start.state === 'held') for (const device of devices) device.hold(start.uid);
  }

  #skip(start: Start): void {
    start.state = 'free';
    start.say({ isAdmitted: true, reason: 'Skipped', message: 'its annotation says so' });
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
    if (this.#unseen.size > 0 || this.#options.signal.aborted || this.#queue.waiting().length === 0) return;
    this.#queue.judgeDependencies(() => {
      this.#admitNext();
    });
    for (let start = this.#queue.take(); start !== undefined; start = this.#queue.take()) this.#admit(start);
    this.#lookAgainForSlots();
  }

  /** When the distance to the last admission is kept on some device. */
  #lookAgainForSlots(): void {
    const { clock } = this.#options;
    this.#cancelSpaced?.();
    const inMs = this.#devices.nextSlotInMs(clock.monotonicMs());
    this.#cancelSpaced =
      inMs === Infinity || this.#queue.waiting().length === 0
        ? undefined
        : clock.schedule(inMs, () => {
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

  async #look(): Promise<void> {
    const { clock, slowestCallMs } = this.#options;
    const measured = await this.#devices.sample();
    await this.#readProgress();
    const nowMs = clock.monotonicMs();
    const starts = this.#queue.all();
    for (const start of starts) this.#judgeSlot(start, nowMs);
    const slowestMs = slowestCallMs();
    for (const device of this.#devices.all()) {
      const facts = startFacts(starts, device, clock.now(), (start) => this.#queue.isBlocked(start));
      const ofRuntime = this.#nodeDevices?.includes(device) === true ? slowestMs : 0;
      device.step(nowMs, measured.get(device.key), { ...facts, slowestCallMs: ofRuntime });
    }
    this.#admitNext();
    this.#queue.tell();
    for (const device of this.#devices.all()) device.remember(clock.now());
    this.#options.onLook?.();
  }

  #judgeSlot(start: Start, nowMs: number): void {
    const { clock, recorder, limits, metrics } = this.#options;
    const change = judgeHeld(start, clock.now(), nowMs, limits);
    if (change === undefined) return;
    start.isQuiet = change === 'quiet';
    if (change === 'held') {
      this.#hold(start, start.admittedAtMs ?? clock.now());
      return;
    }
    start.state = 'free';
    for (const device of start.devices ?? []) device.leave(start.uid);
    if (change === 'quiet') return;
    metrics.timedOut();
    const after = spell(start.hints.slotTimeoutMs ?? limits.slotTimeoutMs);
    const text = `Pod was not ready after ${after}: its slot is given on`;
    recorder.event(start.pod, 'Warning', 'StartupSlotTimeout', text);
  }

  /** What each start has read and written: whether it still makes progress, and how far it is. */
  async #readProgress(): Promise<void> {
    const { clock, bytesOf } = this.#options;
    if (clock.monotonicMs() - this.#progressAtMs < intervals.progressMs) return;
    this.#progressAtMs = clock.monotonicMs();
    const running = this.#queue
      .all()
      .filter(
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

  #tellOnce(what: string, error: unknown): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    this.#options.log.warn(what, { err: error });
  }
}
