/** All starts that are on their way, and the order of those that wait: who is next, in which place, and why not yet. */
import type { QueueReport, StartReport, WaitingReason } from '../../api/startup-report.js';
import type { EventRecorder } from '../../client/types.js';
import type { Clock } from '../../common/clock.js';
import { DependencyJudge } from './dependency-judge.js';
import type { DependencyJudgeOptions } from './dependency-judge.js';
import type { DeviceTable } from './device-table.js';
import type { DependencyVerdict } from './order/dependencies.js';
import { nextStart, noAdmissions, orderOf } from './order/next-start.js';
import type { OrderState } from './order/next-start.js';
import type { QueuedStart } from './order/queued-start.js';
import type { Start } from './start.js';
import { cycleText, missingText, placeText, spell } from './texts.js';

export interface StartQueueOptions extends DependencyJudgeOptions {
  readonly devices: DeviceTable;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
}

/** Texts with places in the queue are written to the apiserver: not more often than this. */
const tellMs = 10_000;

const unblocked: DependencyVerdict = {
  missing: [],
  isWayQueued: false,
  cycle: undefined,
  isAwaited: false,
  priority: -Infinity,
  isCritical: false,
};

export class StartQueue {
  readonly #options: StartQueueOptions;
  readonly #judge: DependencyJudge;
  readonly #starts = new Map<string, Start>();
  #verdicts: ReadonlyMap<string, DependencyVerdict> = new Map();
  #order: OrderState = noAdmissions;

  constructor(options: StartQueueOptions) {
    this.#options = options;
    this.#judge = new DependencyJudge(options);
  }

  add(start: Start): void {
    this.#starts.set(start.uid, start);
  }

  /** Another attempt of the same Pod may have taken its place. */
  remove(start: Start): void {
    if (this.#starts.get(start.uid) === start) this.#starts.delete(start.uid);
  }

  get(uid: string): Start | undefined {
    return this.#starts.get(uid);
  }

  all(): readonly Start[] {
    return [...this.#starts.values()];
  }

  waiting(): readonly Start[] {
    return this.all().filter(({ state }) => state === 'queued');
  }

  isBlocked(start: Start): boolean {
    return this.#asQueued(start).isBlocked;
  }

  /** Looks anew what must come after what; `onChange` when something elsewhere became ready. */
  judgeDependencies(onChange: () => void): void {
    const { clock, recorder } = this.#options;
    const waiting = this.waiting();
    this.#verdicts = this.#judge.judge(waiting, onChange);
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

  /** Takes the next one that may be admitted now. */
  take(): Start | undefined {
    const { clock, devices } = this.#options;
    const waiting = this.waiting();
    // Alone in the queue it goes by the devices of the node, and is charged to the rest as soon as that is known.
    const isAlone = waiting.length === 1;
    const candidates = waiting.filter(
      (start) => start.devices !== undefined && (start.areDevicesComplete || isAlone),
    );
    const next = nextStart(
      candidates.map((start) => this.#asQueued(start)),
      this.#order,
      {
        nowMs: clock.now(),
        hasFreeSlot: (key, isCritical) => {
          const inMs = devices.get(key)?.slotInMs(clock.monotonicMs()) ?? 0;
          return isCritical ? inMs < Infinity : inMs === 0;
        },
        holders: this.#holders().map((start) => this.#asQueued(start)),
      },
    );
    if (next === undefined) return undefined;
    this.#order = next.state;
    return this.#starts.get(next.start.uid);
  }

  /** Tells each start that waits why, at once where that is new, else every now and then. */
  tell(): void {
    const { clock, recorder } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const { start, place } of this.#places()) {
      const { reason, message } = this.#whyNotYet(start, place);
      const isNew = start.verdict?.reason !== reason;
      if (!isNew && nowMs - start.toldAtMs < tellMs) continue;
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

  reportStarts(): readonly StartReport[] {
    return this.#holders().map((start) => ({
      ...identityOf(start),
      sinceMs: start.admittedAtMs ?? start.waitsSinceMs,
      bytes: start.bytes,
    }));
  }

  reportQueue(): readonly QueueReport[] {
    return this.#places().map(({ start, place }) => ({
      ...identityOf(start),
      ...this.#whyNotYet(start, place),
      place,
      priority: start.priority,
      sinceMs: start.waitsSinceMs,
    }));
  }

  #holders(): readonly Start[] {
    return this.all().filter(({ state }) => state === 'held');
  }

  #places(): readonly { readonly start: Start; readonly place: number }[] {
    const ordered = orderOf(
      this.waiting().map((start) => this.#asQueued(start)),
      this.#order,
      {
        nowMs: this.#options.clock.now(),
        holders: this.#holders().map((start) => this.#asQueued(start)),
      },
    );
    return ordered.flatMap(({ uid }, index) => {
      const start = this.#starts.get(uid);
      return start === undefined ? [] : [{ start, place: index + 1 }];
    });
  }

  #asQueued(start: Start): QueuedStart {
    const { missing, cycle, isAwaited, priority, isCritical } = this.#verdicts.get(start.uid) ?? unblocked;
    return start.queued({
      priority: Math.max(priority, start.priority),
      isCritical: isCritical || start.isCritical,
      isAwaited,
      isBlocked: cycle !== undefined || (missing.length > 0 && !start.ignoresDependencies),
    });
  }

  #whyNotYet(start: Start, place: number): { readonly reason: WaitingReason; readonly message: string } {
    const { missing, cycle } = this.#verdicts.get(start.uid) ?? unblocked;
    if (cycle !== undefined) return { reason: 'DependencyCycle', message: cycleText(cycle) };
    if (missing.length > 0 && !start.ignoresDependencies)
      return { reason: 'WaitingForDependencies', message: missingText(missing) };
    const devices = (start.devices ?? []).map(({ device, limit, held }) => ({
      about: device.about,
      limit,
      held,
    }));
    return { reason: 'WaitingForSlot', message: placeText(place, this.waiting().length, devices) };
  }
}

function identityOf(start: Start): Pick<QueueReport, 'namespace' | 'name' | 'uid' | 'devices'> {
  const { namespace, name, uid } = start.pod.metadata;
  return { namespace, name, uid, devices: (start.devices ?? []).map(({ key }) => key) };
}
