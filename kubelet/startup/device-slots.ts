/** The slots of one device: who holds one, what its controller makes of what happened, and what is told of it. */
import type { DeviceReport, HistorySample } from '../../api/startup-report.js';
import { historyIntervalMs, historyLengthMs } from '../../api/startup-report.js';
import type { ControllerState, StartupController, StartupSample } from './controllers/controller.js';
import type { BackingDevice } from './devices/backing-device.js';

/** What is measured of a device; a member is undefined where the kernel does not count it. */
export type DeviceMeasurement = Pick<
  StartupSample,
  'pressure' | 'utilization' | 'awaitMs' | 'requestsInFlight' | 'bytesPerSecond'
>;

/** What the engine knows of the starts on a device. */
export type StartFacts = Pick<
  StartupSample,
  'queued' | 'worstDeadlineShare' | 'smallestDeadlineMs' | 'slowestCallMs'
>;

const nothingMeasured: DeviceMeasurement = {
  pressure: undefined,
  utilization: undefined,
  awaitMs: undefined,
  requestsInFlight: undefined,
  bytesPerSecond: undefined,
};

export class DeviceSlots {
  readonly device: BackingDevice;
  readonly #controller: StartupController;
  readonly #holders = new Set<string>();
  readonly #history: HistorySample[] = [];
  #state: ControllerState;
  #steppedAtMs: number | undefined;
  #admittedAtMs = -Infinity;
  #completions: { readonly durationMs: number }[] = [];
  #failures = 0;
  #measured = nothingMeasured;
  #queued = 0;
  /** Since the last sample of the history. */
  #ready = 0;
  #failed = 0;

  constructor(device: BackingDevice, controller: StartupController) {
    this.device = device;
    this.#controller = controller;
    this.#state = controller.begin();
  }

  get key(): string {
    return this.device.key;
  }

  get limit(): number {
    return this.#state.limit;
  }

  get isSaturated(): boolean {
    return this.#state.isSaturated;
  }

  get held(): number {
    return this.#holders.size;
  }

  /** Milliseconds until a slot can be taken; Infinity while none is free. `nowMs` is of a clock that never goes back. */
  slotInMs(nowMs: number): number {
    if (this.held >= this.limit) return Infinity;
    // Nobody keeps a distance to a device that nobody uses.
    return this.held === 0 ? 0 : Math.max(0, this.#admittedAtMs + (this.#state.spacingMs ?? 0) - nowMs);
  }

  /** Takes a slot, whether there is one or not. Idempotent. */
  hold(uid: string): void {
    this.#holders.add(uid);
  }

  /** Somebody was admitted: the next one keeps the controller's distance. */
  admitted(nowMs: number): void {
    this.#admittedAtMs = nowMs;
  }

  /** Idempotent. */
  leave(uid: string): void {
    this.#holders.delete(uid);
  }

  /** A start became Ready so long after its container started. */
  completed(durationMs: number): void {
    this.#completions.push({ durationMs });
    this.#ready++;
  }

  /** A start was killed, or failed; only the first says something about the device. */
  ended(wasKilled: boolean): void {
    if (wasKilled) this.#failures++;
    this.#failed++;
  }

  /** Lets the controller look at what happened since the step before. `nowMs` is of a clock that never goes back. */
  step(nowMs: number, measured: DeviceMeasurement | undefined, facts: StartFacts): void {
    this.#measured = measured ?? nothingMeasured;
    this.#queued = facts.queued;
    this.#state = this.#controller.step(this.#state, {
      ...this.#measured,
      ...facts,
      nowMs,
      elapsedMs: nowMs - (this.#steppedAtMs ?? nowMs),
      held: this.held,
      completions: this.#completions,
      failures: this.#failures,
    });
    this.#steppedAtMs = nowMs;
    this.#completions = [];
    this.#failures = 0;
  }

  /** Nothing starts: what was measured last says nothing any more. */
  rest(): void {
    this.#measured = nothingMeasured;
    this.#queued = 0;
    this.#steppedAtMs = undefined;
    this.#state = { ...this.#state, isSaturated: false };
  }

  /** What was learned is too old: the device may be another one by now. */
  beginAnew(): void {
    this.#state = this.#controller.begin();
  }

  /** Adds to the history when the last sample is old enough. `atMs` is since the epoch. */
  remember(atMs: number): void {
    const last = this.#history.at(-1);
    if (last !== undefined && atMs - last.atMs < historyIntervalMs) return;
    const { limit, held } = this;
    const { pressure, bytesPerSecond, awaitMs } = this.#measured;
    this.#history.push({
      ...{ atMs, limit, held, queued: this.#queued, ready: this.#ready, failed: this.#failed },
      ...{ pressure, bytesPerSecond, awaitMs },
    });
    this.#ready = 0;
    this.#failed = 0;
    while ((this.#history[0]?.atMs ?? atMs) < atMs - historyLengthMs) this.#history.shift();
  }

  get history(): readonly HistorySample[] {
    return this.#history;
  }

  report(): DeviceReport {
    const { pressure, utilization, bytesPerSecond, awaitMs } = this.#measured;
    return {
      key: this.key,
      about: this.device.about,
      controller: this.#controller.name,
      limit: this.limit,
      held: this.held,
      queued: this.#queued,
      saturation: this.isSaturated ? 1 : Math.min(1, pressure ?? utilization ?? 0),
      isSaturated: this.isSaturated,
      bytesPerSecond,
      pressure,
      awaitMs,
    };
  }
}
