/**
 * A node on which a crowd of containers starts, simulated: what one does to the others on disks that are shared, probes
 * that kill, backoff, and the gate made of the real controller and the real order. Minutes pass in milliseconds, and the
 * same storm with the same seed always goes the same way.
 */
import type { Probe } from '../../api/generated/core-v1.js';
import type { StartupDependency } from '../../api/startup-hints.js';
import type {
  ControllerState,
  StartupController,
  StartupSample,
} from '../../kubelet/startup/controllers/controller.js';
import { firstCheckMs, nextCheckDelayMs } from '../../kubelet/probes/probe-schedule.js';
import { judgeDependencies } from '../../kubelet/startup/order/dependencies.js';
import type { DependencyVerdict, DependentPod } from '../../kubelet/startup/order/dependencies.js';
import { nextStart, noAdmissions } from '../../kubelet/startup/order/next-start.js';
import type { OrderState } from '../../kubelet/startup/order/next-start.js';
import type { QueuedStart } from '../../kubelet/startup/order/queued-start.js';
import { EventClock, Share } from './processor-sharing.js';
import { seededRandom } from './seeded-random.js';

/** One thing after the other: milliseconds of waiting, or of a processor, or bytes of a device by its key. */
export interface Phase {
  readonly on: string;
  readonly amount: number;
}

export interface SimulatedPod {
  readonly name: string;
  readonly arriveAtMs: number;
  /** The calls to the runtime: sandbox, image, container. */
  readonly create: readonly Phase[];
  /** What the container does until it is ready. */
  readonly start: readonly Phase[];
  /** A probe kills it at this age if it has not finished its phases; undefined: none does. */
  readonly deadlineMs?: number;
  readonly priority?: number;
  readonly isCritical?: boolean;
  readonly owner?: string;
  /** Names of Pods that must be ready before. */
  readonly after?: readonly string[];
  readonly expectedBytes?: number;
  /** It does its phases and is never ready. */
  readonly isNeverReady?: boolean;
}

export interface SimulatedDevice {
  readonly key: string;
  /** Bytes a second, from a time on. */
  readonly rates: readonly { readonly fromMs: number; readonly bytesPerSecond: number }[];
  /** What can be seen of it; by default everything. */
  readonly hasPressure?: boolean | 'blind';
  readonly hasDiskstats?: boolean;
}

export interface Storm {
  readonly seed: number;
  readonly pods: readonly SimulatedPod[];
  readonly devices: readonly SimulatedDevice[];
  /** Undefined: the gate is open. */
  readonly controller: StartupController | undefined;
  readonly hasCgroupPressure?: boolean;
  readonly cores?: number;
  readonly readinessPeriodMs?: number;
  /** By default 10 s doubled up to 300 s with 30 % jitter, as the kubelet has it. */
  readonly backoff?: { readonly initialMs: number; readonly maxMs: number; readonly jitter: number };
  /** How long at most a container that makes progress is spared; by default 10 min. */
  readonly spareForMs?: number;
  readonly restartKubeletAtMs?: number;
  /** Up to this part more or less in what is measured. */
  readonly noise?: number;
  readonly untilMs?: number;
}

export interface StormResult {
  /** When the last one became ready; undefined: not all did. */
  readonly allReadyMs: number | undefined;
  readonly readyAtMs: ReadonlyMap<string, number>;
  /** Names in the order of admission, again after each restart. */
  readonly admitted: readonly { readonly name: string; readonly atMs: number; readonly waitedMs: number }[];
  readonly kills: number;
  readonly spared: number;
  /** A sample of every device each 500 ms, and the limit that followed from it. */
  readonly history: readonly {
    readonly device: string;
    readonly limit: number;
    readonly sample: StartupSample;
  }[];
}

const sampleMs = 500;
const quietMs = 10_000;
const requestBytes = 65_536;
const stopMs = 300;

export function simulate(storm: Storm): StormResult {
  return new Simulation(storm).run();
}

/** PSI by the number of readers, as it was measured: 0.35 for one, 0.67 for two, 0.78, 0.88, 0.93 for 4, 8, 16. */
function machinePressure(readers: number): number {
  return 1 - 0.65 * readers ** -0.8;
}

/** The same of the Pods' own cgroup, which other work on the machine does not dilute: 0.61, 0.94, 0.99 for 1, 4, 16. */
function cgroupPressure(readers: number): number {
  return 1 - 0.39 * readers ** -1.35;
}

interface Device {
  readonly about: SimulatedDevice;
  readonly share: Share;
  state: ControllerState;
  sampledAtMs: number;
  nextAdmissionMs: number;
  completions: { durationMs: number }[];
  failures: number;
  slowestCallMs: number;
}

class Life {
  state: 'absent' | 'queued' | 'creating' | 'running' | 'waiting' | 'ready' = 'absent';
  queuedAtMs = 0;
  startedAtMs: number | undefined;
  callBeganMs: number | undefined;
  isDone = false;
  holdsSlot = false;
  kills = 0;
  sparedAtMs: number | undefined;
  lastIoMs = 0;
  using: Share | undefined;
  /** What was scheduled for an earlier life of the container is void. */
  attempt = {};
  readonly about: SimulatedPod;
  readonly devices: readonly string[];

  constructor(about: SimulatedPod, keys: ReadonlySet<string>) {
    this.about = about;
    const used = [...about.create, ...about.start].map(({ on }) => on).filter((on) => keys.has(on));
    this.devices = [...new Set(used)];
  }
}

const noOthers = { isPodReady: () => false, isServiceReady: () => false, podsOfService: () => [] };

function asDependent({ about, state }: Life): DependentPod {
  const { name, priority = 0, isCritical = false, after = [] } = about;
  return {
    uid: name,
    namespace: 'default',
    name,
    after: after.map((other): StartupDependency => ({ kind: 'pod', namespace: undefined, name: other })),
    isReady: state === 'ready',
    isQueued: state === 'queued',
    priority,
    isCritical,
  };
}

class Simulation {
  readonly #storm: Storm;
  readonly #random: () => number;
  readonly #devices = new Map<string, Device>();
  readonly #processors: Share;
  readonly #clock: EventClock;
  readonly #lives: readonly Life[];
  #order: OrderState = noAdmissions;
  #verdicts: ReadonlyMap<string, DependencyVerdict> | undefined;
  readonly #hasDependencies: boolean;
  readonly #result = {
    readyAtMs: new Map<string, number>(),
    admitted: [] as { name: string; atMs: number; waitedMs: number }[],
    kills: 0,
    spared: 0,
    history: [] as { device: string; limit: number; sample: StartupSample }[],
  };

  constructor(storm: Storm) {
    this.#storm = storm;
    this.#random = seededRandom(storm.seed);
    this.#processors = new Share(storm.cores ?? 2, 1);
    for (const about of storm.devices)
      this.#devices.set(about.key, {
        about,
        share: new Share(
          (about.rates[0]?.bytesPerSecond ?? 0) / 1000,
          Infinity,
          storm.hasCgroupPressure === true ? cgroupPressure : machinePressure,
        ),
        state: storm.controller?.begin() ?? { limit: Infinity, isSaturated: false },
        sampledAtMs: 0,
        nextAdmissionMs: 0,
        completions: [],
        failures: 0,
        slowestCallMs: 0,
      });
    this.#clock = new EventClock([
      this.#processors,
      ...[...this.#devices.values()].map(({ share }) => share),
    ]);
    const keys = new Set(this.#devices.keys());
    this.#lives = storm.pods.map((about) => new Life(about, keys));
    this.#hasDependencies = storm.pods.some(({ after }) => after !== undefined);
  }

  run(): StormResult {
    const { devices, controller, restartKubeletAtMs, untilMs = 86_400_000 } = this.#storm;
    for (const life of this.#lives)
      this.#clock.at(life.about.arriveAtMs, () => {
        this.#queue(life);
      });
    for (const { key, rates } of devices)
      for (const { fromMs, bytesPerSecond } of rates)
        this.#clock.at(fromMs, () => (this.#device(key).share.capacity = bytesPerSecond / 1000));
    if (controller !== undefined)
      this.#clock.at(sampleMs, () => {
        this.#sample(controller);
      });
    if (restartKubeletAtMs !== undefined)
      this.#clock.at(restartKubeletAtMs, () => {
        this.#restartKubelet();
      });
    const wanted = this.#lives.filter(({ about }) => about.isNeverReady !== true).length;
    while (this.#result.readyAtMs.size < wanted && this.#clock.nowMs < untilMs)
      if (!this.#clock.step()) break;
    const isDone = this.#result.readyAtMs.size === wanted;
    return {
      ...this.#result,
      allReadyMs: isDone ? Math.max(0, ...this.#result.readyAtMs.values()) : undefined,
    };
  }

  #device(key: string): Device {
    const device = this.#devices.get(key);
    if (device === undefined) throw new Error(`the storm has no device ${key}`);
    return device;
  }

  #devicesOf(life: Life): Device[] {
    return life.devices.map((key) => this.#device(key));
  }

  #queue(life: Life): void {
    life.state = 'queued';
    life.queuedAtMs = this.#clock.nowMs;
    this.#verdicts = undefined;
    this.#admit();
  }

  /** Found out when somebody asks, for the order is not needed after each event. */
  #judged(): ReadonlyMap<string, DependencyVerdict> {
    if (this.#hasDependencies) this.#verdicts ??= judgeDependencies(this.#lives.map(asDependent), noOthers);
    return this.#verdicts ?? new Map<string, DependencyVerdict>();
  }

  #admit(): void {
    for (;;) {
      const holders = this.#lives.filter(({ holdsSlot }) => holdsSlot);
      const withRoom = new Set(this.#devices.keys());
      for (const [key, { state, nextAdmissionMs }] of this.#devices) {
        const held = holders.filter(({ devices }) => devices.includes(key)).length;
        if (held >= state.limit || (held > 0 && this.#clock.nowMs < nextAdmissionMs)) withRoom.delete(key);
      }
      const waiting = this.#lives.filter(({ state }) => state === 'queued');
      // Most of the time nobody can be admitted; the order need not be found for that.
      if (!waiting.some(({ devices }) => devices.every((key) => withRoom.has(key)))) return;
      const next = nextStart(
        waiting.map((life) => this.#asQueued(life)),
        this.#order,
        {
          nowMs: this.#clock.nowMs,
          hasFreeSlot: (key) => withRoom.has(key),
          holders: holders.map(({ about }) => ({ uid: about.name, ownerKey: about.owner ?? about.name })),
        },
      );
      if (next === undefined) return;
      this.#order = next.state;
      const life = waiting.find(({ about }) => about.name === next.start.uid);
      if (life === undefined) throw new Error(`${next.start.uid} was not in the queue`);
      this.#space(life);
      this.#begin(life);
    }
  }

  #asQueued({ about, queuedAtMs, devices }: Life): QueuedStart {
    const verdict = this.#judged().get(about.name);
    return {
      uid: about.name,
      namespace: 'default',
      name: about.name,
      ownerKey: about.owner ?? about.name,
      priority: verdict?.priority ?? about.priority ?? 0,
      isCritical: verdict?.isCritical ?? about.isCritical ?? false,
      queuedAtMs,
      isBlocked: (verdict?.missing.length ?? 0) > 0,
      isAwaited: verdict?.isAwaited ?? false,
      areImagesPresent: true,
      expectedBytes: about.expectedBytes,
      devices,
    };
  }

  /** The next one is admitted some time later. */
  #space(life: Life): void {
    for (const device of this.#devicesOf(life)) {
      const { spacingMs = 0 } = device.state;
      device.nextAdmissionMs = this.#clock.nowMs + spacingMs;
      if (spacingMs > 0)
        this.#clock.at(device.nextAdmissionMs, () => {
          this.#admit();
        });
    }
  }

  #begin(life: Life): void {
    const { nowMs } = this.#clock;
    this.#result.admitted.push({ name: life.about.name, atMs: nowMs, waitedMs: nowMs - life.queuedAtMs });
    life.attempt = {};
    life.holdsSlot = true;
    life.isDone = false;
    life.startedAtMs = undefined;
    life.sparedAtMs = undefined;
    life.state = 'creating';
    life.callBeganMs = nowMs;
    this.#watchQuiet(life, life.attempt);
    this.#do(life, life.attempt, life.about.create, () => {
      life.state = 'running';
      for (const device of this.#devicesOf(life))
        device.slowestCallMs = Math.max(
          device.slowestCallMs,
          this.#clock.nowMs - (life.callBeganMs ?? nowMs),
        );
      life.callBeganMs = undefined;
      life.startedAtMs = this.#clock.nowMs;
      this.#watchDeadline(life, life.attempt);
      if (life.about.isNeverReady !== true) this.#probe(life, life.attempt);
      this.#do(life, life.attempt, life.about.start, () => (life.isDone = life.about.isNeverReady !== true));
    });
  }

  /** One phase after the other. */
  #do(life: Life, attempt: object, [phase, ...rest]: readonly Phase[], then: () => void): void {
    if (phase === undefined) {
      then();
      return;
    }
    const done = (): void => {
      if (life.attempt !== attempt) return;
      life.using = undefined;
      if (this.#devices.has(phase.on)) life.lastIoMs = this.#clock.nowMs;
      this.#do(life, attempt, rest, then);
    };
    if (phase.on === 'wait') this.#clock.after(phase.amount, done);
    else {
      life.using = phase.on === 'cpu' ? this.#processors : this.#device(phase.on).share;
      life.using.use(life, phase.amount, done);
    }
  }

  /** The readiness probe, at the times at which the kubelet asks. */
  #probe(life: Life, attempt: object): void {
    const probe: Probe = { periodSeconds: (this.#storm.readinessPeriodMs ?? 1000) / 1000 };
    const ask = (ageMs: number): void => {
      if (life.attempt !== attempt) return;
      if (life.isDone) this.#becomeReady(life);
      else {
        const delayMs = nextCheckDelayMs(probe, ageMs, 'unknown');
        this.#clock.after(delayMs, () => {
          ask(ageMs + delayMs);
        });
      }
    };
    this.#clock.after(firstCheckMs('readiness', probe), () => {
      ask(0);
    });
  }

  #becomeReady(life: Life): void {
    const { nowMs } = this.#clock;
    life.state = 'ready';
    life.attempt = {};
    if (life.holdsSlot)
      for (const device of this.#devicesOf(life))
        device.completions.push({ durationMs: nowMs - (life.startedAtMs ?? nowMs) });
    life.holdsSlot = false;
    this.#result.readyAtMs.set(life.about.name, nowMs);
    this.#verdicts = undefined;
    this.#admit();
  }

  /** A start that does not touch its devices for some time gives its slot on. */
  #watchQuiet(life: Life, attempt: object): void {
    life.lastIoMs = this.#clock.nowMs;
    const look = (): void => {
      if (life.attempt !== attempt || !life.holdsSlot) return;
      if (life.using !== undefined && life.using !== this.#processors) life.lastIoMs = this.#clock.nowMs;
      const leftMs = life.lastIoMs + quietMs - this.#clock.nowMs;
      if (leftMs > 0) this.#clock.after(leftMs, look);
      else {
        life.holdsSlot = false;
        this.#admit();
      }
    };
    this.#clock.after(quietMs, look);
  }

  #watchDeadline(life: Life, attempt: object): void {
    const { deadlineMs } = life.about;
    if (deadlineMs === undefined) return;
    const spareForMs = this.#storm.spareForMs ?? 600_000;
    const check = (): void => {
      if (life.attempt !== attempt || life.isDone) return;
      const makesProgress = life.using !== undefined && life.using !== this.#processors;
      const isSaturated = this.#devicesOf(life).some(({ state }) => state.isSaturated);
      const spentMs = this.#clock.nowMs - (life.sparedAtMs ?? this.#clock.nowMs);
      if (makesProgress && isSaturated && spentMs < spareForMs) {
        if (life.sparedAtMs === undefined) this.#result.spared++;
        life.sparedAtMs ??= this.#clock.nowMs;
        this.#clock.after(1000, check);
      } else this.#kill(life);
    };
    this.#clock.after(deadlineMs, check);
  }

  #kill(life: Life): void {
    const { initialMs, maxMs, jitter } = this.#storm.backoff ?? {
      initialMs: 10_000,
      maxMs: 300_000,
      jitter: 0.3,
    };
    life.using?.leave(life);
    life.using = undefined;
    life.attempt = {};
    life.state = 'waiting';
    this.#result.kills++;
    for (const device of this.#devicesOf(life)) if (life.holdsSlot) device.failures++;
    life.holdsSlot = false;
    const delayMs = Math.min(maxMs, initialMs * 2 ** life.kills) * (1 + jitter * this.#random());
    life.kills++;
    this.#clock.after(stopMs + delayMs, () => {
      this.#queue(life);
    });
    this.#admit();
  }

  /** It finds what runs, knows nothing of what was measured, and everybody else queues anew. */
  #restartKubelet(): void {
    const { controller } = this.#storm;
    for (const device of this.#devices.values()) {
      if (controller !== undefined) device.state = controller.begin();
      device.completions = [];
    }
    this.#order = noAdmissions;
    for (const life of this.#lives) {
      if (life.state === 'queued') life.queuedAtMs = this.#clock.nowMs;
      if (life.state === 'running') life.holdsSlot = true;
    }
  }

  #sample(controller: StartupController): void {
    for (const [key, device] of this.#devices) {
      const sample = this.#measure(key, device);
      device.state = controller.step(device.state, sample);
      this.#result.history.push({ device: key, limit: device.state.limit, sample });
    }
    this.#clock.after(sampleMs, () => {
      this.#sample(controller);
    });
    this.#admit();
  }

  #measure(key: string, device: Device): StartupSample {
    const { nowMs } = this.#clock;
    const { about, share, completions, failures } = device;
    const elapsedMs = nowMs - device.sampledAtMs;
    const sums = share.takeSums();
    const users = this.#lives.filter(({ devices }) => devices.includes(key));
    const holders = users.filter(({ holdsSlot }) => holdsSlot);
    const shares = holders.map(({ about: { deadlineMs = Infinity }, startedAtMs = nowMs, isDone }) =>
      isDone ? 0 : (nowMs - startedAtMs) / deadlineMs,
    );
    const deadlines = holders.flatMap(({ about: { deadlineMs } }) => deadlineMs ?? []);
    const calls = holders.map(({ callBeganMs = nowMs }) => nowMs - callBeganMs);
    const noise = (): number => 1 + (this.#storm.noise ?? 0) * (2 * this.#random() - 1);
    const requests = sums.units / requestBytes;
    const seesDisk = about.hasDiskstats ?? true;
    const pressure = Math.min(1, (noise() * sums.pressedMs) / elapsedMs);
    const sample: StartupSample = {
      nowMs,
      elapsedMs,
      pressure: about.hasPressure === false ? undefined : about.hasPressure === 'blind' ? 0 : pressure,
      utilization: seesDisk ? sums.busyMs / elapsedMs : undefined,
      awaitMs: seesDisk && requests >= 1 ? (noise() * sums.usersMs) / requests : undefined,
      requestsInFlight: seesDisk ? sums.usersMs / elapsedMs : undefined,
      bytesPerSecond: seesDisk ? (sums.units / elapsedMs) * 1000 : undefined,
      held: holders.length,
      queued: users.filter(({ state }) => state === 'queued').length,
      completions,
      failures,
      worstDeadlineShare: Math.max(0, ...shares),
      smallestDeadlineMs: deadlines.length === 0 ? undefined : Math.min(...deadlines),
      slowestCallMs: Math.max(device.slowestCallMs, ...calls),
    };
    Object.assign(device, { sampledAtMs: nowMs, completions: [], failures: 0, slowestCallMs: 0 });
    return sample;
  }
}
