/** Lets a storm loose on a machine and counts: who was ready when, how many containers were killed, what the disk did. */
import { readFileSync } from 'node:fs';
import { sleep, systemClock } from '../../../common/clock.js';
import { idealMs } from './ideal-time.js';
import type { RateChange } from './ideal-time.js';
import { callsBetween, quantileOfCalls, readCalls } from './runtime-calls.js';
import type { CallHistogram } from './runtime-calls.js';
import { unseenPod } from '../pod-watch.js';
import type { SeenPod } from '../pod-watch.js';
import type { StormMachine } from './storm-machine.js';
import { bytesOf } from './storm-pod.js';
import type { StormFolders, StormPod } from './storm-pod.js';

export interface StormPlan {
  readonly pods: readonly StormPod[];
  /** Bytes a second; undefined: no limit. */
  readonly rate: number | undefined;
  readonly changes?: readonly RateChange[];
  /** It is looked at so long at most. */
  readonly stopAfterMs: number;
  /** Where the pods' files are, if not on the throttled disk. */
  readonly folders?: StormFolders;
}

/** Half a second of a storm. Times are seconds since its begin. */
export interface StormMoment {
  readonly t: number;
  readonly ready: number;
  /** Containers that run and are not ready. */
  readonly starting: number;
  readonly kills: number;
  /** Read and written since the begin. */
  readonly bytes: number;
  /** Share of the half second in which some task of the machine waited for a disk; undefined without PSI. */
  readonly pressure: number | undefined;
}

export interface StormOutcome {
  readonly pods: number;
  readonly ready: number;
  /** Containers that ended before they were ready: each has been killed by its probe, or could not start. */
  readonly kills: number;
  /** How they ended, by pod. */
  readonly ends: Readonly<Record<string, readonly string[]>>;
  /** Until the last one was ready, or the end of the patience; seconds. */
  readonly seconds: number;
  /** What the disk needs for the bytes alone; undefined without a limit. */
  readonly idealSeconds: number | undefined;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly createP95Seconds: number;
  /** Calls that make sandboxes and containers and that failed: a deadline, in most cases. */
  readonly failedCalls: number;
  /** By pod; seconds since the begin. */
  readonly readySeconds: Readonly<Record<string, number>>;
  /** When each pod was first seen to run; seconds since the begin. */
  readonly runningSeconds: Readonly<Record<string, number>>;
  readonly moments: readonly StormMoment[];
  /** What the kubelet's gate tells of the same time; undefined where it tells nothing. */
  readonly history: unknown;
}

const sampleMs = 500;
const startCalls = ['run_podsandbox', 'create_container', 'start_container'];

/**
 * Prepares the disk, creates the pods and looks on until all are ready that will ever be. What else is to happen does
 * `meanwhile`; it creates the `later` pods of the plan as well.
 */
export async function runStorm(
  machine: StormMachine,
  plan: StormPlan,
  options: {
    readonly later?: readonly StormPod[];
    readonly meanwhile?: (storm: Storm) => Promise<void>;
  } = {},
): Promise<StormOutcome> {
  const { later = [], meanwhile } = options;
  if (plan.folders === undefined) await machine.disk.prepare(plan.pods);
  const storm = await Storm.begin(machine, plan);
  const now = plan.pods.filter((pod) => !later.includes(pod));
  await machine.create(now, plan.folders ?? machine.disk.folders);
  return storm.watch(meanwhile);
}

/** One storm from its begin on. */
export class Storm {
  readonly machine: StormMachine;
  readonly plan: StormPlan;
  readonly #names: readonly string[];
  readonly #beginMs: number;
  readonly #before: ReturnType<StormMachine['disk']['counters']>;
  readonly #calls: readonly CallHistogram[];
  readonly #moments: StormMoment[] = [];

  private constructor(machine: StormMachine, plan: StormPlan, calls: readonly CallHistogram[]) {
    this.machine = machine;
    this.plan = plan;
    this.#names = plan.pods.filter((pod) => pod.isNeverReady !== true).map(({ name }) => name);
    this.#calls = calls;
    machine.disk.throttle(plan.rate);
    this.#before = machine.disk.counters();
    this.#beginMs = performance.now();
  }

  /** The clock runs from here; the pods are still to be created. */
  static async begin(machine: StormMachine, plan: StormPlan): Promise<Storm> {
    return new Storm(machine, plan, await readStartCalls(machine));
  }

  /** The same for pods that come with the node: there is no kubelet yet. */
  static beginCold(machine: StormMachine, plan: StormPlan): Storm {
    return new Storm(machine, plan, []);
  }

  get elapsedMs(): number {
    return performance.now() - this.#beginMs;
  }

  get readyCount(): number {
    return this.#names.filter((name) => this.seen(name).readyMs !== undefined).length;
  }

  /** Containers that have ended. */
  get kills(): number {
    return this.#names.reduce((sum, name) => sum + this.seen(name).ended.size, 0);
  }

  /** What has been seen of a pod of this storm, and not of one that had the same name in an earlier storm. */
  seen(name: string): SeenPod {
    const seen = this.machine.watch.seen(name);
    return (seen.deletedMs ?? Infinity) < this.#beginMs ? unseenPod : seen;
  }

  /** Waits until a condition holds, or the patience is at its end: then false. */
  async until(holds: () => boolean): Promise<boolean> {
    while (this.elapsedMs < this.plan.stopAfterMs) {
      if (holds()) return true;
      await sleep(systemClock, 20, this.machine.signal);
      this.machine.signal.throwIfAborted();
    }
    return false;
  }

  /** Until all are ready, or the patience is at its end. */
  async watch(meanwhile: (storm: Storm) => Promise<void> = () => Promise.resolve()): Promise<StormOutcome> {
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, this.machine.signal]);
    const background = [this.#sample(signal), this.#changeRates(signal), meanwhile(this)];
    try {
      const all = Promise.all(background);
      all.catch(() => undefined); // Told of below; the wait ends first.
      await this.until(() => this.readyCount === this.#names.length);
      const seconds = this.elapsedMs / 1000;
      ended.abort();
      await all;
      return await this.#outcome(seconds);
    } finally {
      ended.abort();
      this.machine.disk.throttle(undefined);
    }
  }

  async #outcome(seconds: number): Promise<StormOutcome> {
    const { machine, plan } = this;
    const { rate, changes } = plan;
    const disk = machine.disk.counters();
    const bytes = bytesOf(plan.pods);
    const { kills } = this;
    const ready = this.readyCount;
    const after = await readStartCalls(machine);
    const calls = this.#calls.length === 0 ? after : after.map((one, i) => since(this.#calls[i], one));
    const create = calls[startCalls.indexOf('create_container')];
    return {
      pods: this.#names.length,
      ready,
      kills,
      ends: Object.fromEntries(
        this.#names.flatMap((name) => {
          const ends = [...this.seen(name).ended.values()];
          return ends.length === 0 ? [] : [[name, ends]];
        }),
      ),
      seconds,
      idealSeconds: rate === undefined ? undefined : idealMs(bytes, rate, changes) / 1000,
      readBytes: disk.readBytes - this.#before.readBytes,
      writtenBytes: disk.writtenBytes - this.#before.writtenBytes,
      createP95Seconds: create === undefined ? Number.NaN : quantileOfCalls(create, 0.95),
      failedCalls: calls.reduce((sum, { errors }) => sum + errors, 0),
      readySeconds: this.#times('readyMs'),
      runningSeconds: this.#times('runningMs'),
      moments: this.#moments,
      history: await readHistory(machine),
    };
  }

  #times(moment: 'readyMs' | 'runningMs'): Record<string, number> {
    return Object.fromEntries(
      this.#names.flatMap((name) => {
        const at = this.seen(name)[moment];
        return at === undefined ? [] : [[name, (at - this.#beginMs) / 1000]];
      }),
    );
  }

  async #sample(signal: AbortSignal): Promise<void> {
    let before = pressureMs();
    let beforeMs = performance.now();
    while (!signal.aborted) {
      await sleep(systemClock, sampleMs, signal);
      const [now, nowMs] = [pressureMs(), performance.now()];
      const seen = this.#names.map((name) => this.seen(name));
      const disk = this.machine.disk.counters();
      const { readBytes, writtenBytes } = this.#before;
      this.#moments.push({
        t: this.elapsedMs / 1000,
        ready: this.readyCount,
        starting: seen.filter((pod) => pod.isRunning && pod.readyMs === undefined).length,
        kills: this.kills,
        bytes: disk.readBytes - readBytes + disk.writtenBytes - writtenBytes,
        pressure: now === undefined || before === undefined ? undefined : (now - before) / (nowMs - beforeMs),
      });
      [before, beforeMs] = [now, nowMs];
    }
  }

  async #changeRates(signal: AbortSignal): Promise<void> {
    for (const { atMs, rate } of this.plan.changes ?? []) {
      await sleep(systemClock, atMs - this.elapsedMs, signal);
      if (signal.aborted) return;
      this.machine.disk.throttle(rate);
    }
  }
}

async function readStartCalls(machine: StormMachine): Promise<CallHistogram[]> {
  const page = await machine.askKubelet('/metrics');
  return startCalls.map((operation) => readCalls(page, operation));
}

/** A kubelet that was started meanwhile counts from nothing. */
function since(before: CallHistogram | undefined, after: CallHistogram): CallHistogram {
  const restarted =
    before === undefined || (after.buckets.at(-1)?.[1] ?? 0) < (before.buckets.at(-1)?.[1] ?? 0);
  return restarted ? after : callsBetween(before, after);
}

async function readHistory(machine: StormMachine): Promise<unknown> {
  return JSON.parse(await machine.askKubelet('/startup?history=true'));
}

/** In which some task has waited for a disk, since the machine began; undefined where the kernel does not count it. */
function pressureMs(): number | undefined {
  try {
    const total = /^some .*total=(\d+)/m.exec(readFileSync('/proc/pressure/io', 'utf8'))?.[1];
    return total === undefined ? undefined : Number(total) / 1000;
  } catch {
    return undefined; // A kernel without PSI.
  }
}
