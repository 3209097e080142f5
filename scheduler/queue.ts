/**
 * Pods that wait for a node.
 *
 *   active         to be tried now, in the order of the QueueSort plugin
 *   backoff        failed a moment ago and may be tried again when its backoff has passed; sooner when nobody else
 *                  waits, unless it failed by an error or after its decision
 *   unschedulable  no node would take it; it rests until an event makes another try worthwhile, five minutes at most
 *   gated          a PreEnqueue plugin keeps it out until the Pod itself changes
 *
 * A Pod that is being tried is *in flight*. Events that arrive meanwhile are remembered, because the attempt works on
 * an older snapshot: when it fails for a reason that such an event may have removed, the Pod does not go to rest.
 */
import { backoffDelayMs } from '../common/backoff.js';
import type { Clock } from '../common/clock.js';
import type { ClusterEvent, EventInterest } from './framework/cluster-event.js';
import type { QueuedPod, Rejection } from './framework/extension-points.js';
import type { PodInfo } from './framework/pod-info.js';
import type { Success } from './framework/verdict.js';
import { SortedList } from './sorted-list.js';

/** 1 s after the first failure, doubling up to 10 s: the defaults of Kubernetes. */
const podBackoff = { initialMs: 1_000, maxMs: 10_000, factor: 2 };
/** An event that somebody forgot to declare costs so much at worst. */
const longestRestMs = 5 * 60_000;
/** With more events than this during one attempt, the Pod is simply tried again. */
const rememberedEvents = 1_000;

export type QueueName = 'active' | 'backoff' | 'unschedulable' | 'gated' | 'in-flight';

interface Entry extends QueuedPod {
  info: PodInfo;
  where: QueueName;
  /** How often it was tried. */
  attempts: number;
  /** When it may be tried again, on the monotonic clock. */
  backoffUntilMs: number;
  /** It waits out its backoff, even when there is nothing else to do. */
  mustBackOff: boolean;
  restsSinceMs: number;
  /** Plugins that rejected it in the last attempt. */
  rejectedBy: ReadonlySet<string>;
  /** While in flight: how many events there had been when it was taken, or changes to the Pod itself. */
  takenAtEvent: number;
  changedInFlight: boolean;
}

/** A Pod taken from the queue, to be given back with {@link SchedulingQueue.failed} or dropped with `remove`. */
export interface TakenPod extends QueuedPod {
  readonly attempts: number;
}

/** Who turned a Pod down, and whether it has to wait out its backoff. */
export interface RejectedOutcome {
  readonly rejectedBy: ReadonlySet<string>;
  readonly mustBackOff?: boolean;
}

/** Why a Pod came into one of the queues, in the words of Kubernetes' metrics. */
export type QueueReason =
  | 'UnschedulablePodAdd'
  | 'UnschedulablePodUpdate'
  | 'ScheduleAttemptFailure'
  | 'BackoffComplete'
  | 'UnschedulableTimeout'
  | 'NodeAdd'
  | 'NodeUpdate'
  | 'NodeDelete'
  | 'AssignedPodAdd'
  | 'AssignedPodUpdate'
  | 'AssignedPodDelete'
  | 'PersistentVolumeClaimUpdate'
  | 'PersistentVolumeUpdate'
  | 'StorageClassUpdate';

const reasonOfEvent: Readonly<Record<ClusterEvent['type'], QueueReason>> = {
  'node-added': 'NodeAdd',
  'node-updated': 'NodeUpdate',
  'node-removed': 'NodeDelete',
  'pod-assigned': 'AssignedPodAdd',
  'pod-updated': 'AssignedPodUpdate',
  'pod-started': 'AssignedPodUpdate',
  'pod-gone': 'AssignedPodDelete',
  'claim-changed': 'PersistentVolumeClaimUpdate',
  'volume-changed': 'PersistentVolumeUpdate',
  'storage-class-changed': 'StorageClassUpdate',
};

export interface SchedulingQueueOptions {
  readonly clock: Clock;
  readonly compare: (a: QueuedPod, b: QueuedPod) => number;
  readonly preEnqueue: (pod: PodInfo) => Success | Rejection;
  /** What each plugin wants to hear of, by the plugin's name. */
  readonly interests: ReadonlyMap<string, readonly EventInterest[]>;
  /** Told of every Pod that comes into a queue; one that is tried at once has been in `active`. */
  readonly onIncoming?: (queue: QueueName, reason: QueueReason) => void;
}

export class SchedulingQueue {
  readonly #options: SchedulingQueueOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #active: SortedList<Entry>;
  readonly #backoff = new SortedList<Entry>((a, b) => a.backoffUntilMs - b.backoffUntilMs);
  readonly #takers: ((pod: TakenPod | undefined) => void)[] = [];
  #inFlight = 0;
  #events: ClusterEvent[] = [];
  /** Number of the first event in `#events`. */
  #firstEvent = 0;
  #cancelBackoffTimer: (() => void) | undefined;
  #cancelRestTimer: (() => void) | undefined;
  #closed = false;

  constructor(options: SchedulingQueueOptions) {
    this.#options = options;
    this.#active = new SortedList<Entry>((a, b) => options.compare(a, b));
  }

  /** How many Pods are where. */
  counts(): Readonly<Record<QueueName, number>> {
    const counts = { active: 0, backoff: 0, unschedulable: 0, gated: 0, 'in-flight': 0 };
    for (const { where } of this.#entries.values()) counts[where]++;
    return counts;
  }

  /** By plugin: how many of the Pods that rest it turned down. */
  rejections(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { where, rejectedBy } of this.#entries.values()) {
      if (where !== 'unschedulable') continue;
      for (const plugin of rejectedBy) counts.set(plugin, (counts.get(plugin) ?? 0) + 1);
    }
    return counts;
  }

  whereIs(uid: string): QueueName | undefined {
    return this.#entries.get(uid)?.where;
  }

  /** A Pod that needs a node was seen. One that is known is treated as changed. */
  add(info: PodInfo): void {
    if (this.#entries.has(info.uid)) {
      this.update(info, true);
      return;
    }
    const entry: Entry = {
      info,
      where: 'gated',
      attempts: 0,
      queuedAtMs: this.#options.clock.monotonicMs(),
      backoffUntilMs: 0,
      mustBackOff: false,
      restsSinceMs: 0,
      rejectedBy: new Set(),
      takenAtEvent: 0,
      changedInFlight: false,
    };
    this.#entries.set(info.uid, entry);
    this.#activate(entry, 'UnschedulablePodAdd');
  }

  /**
   * Takes over a newer state of a waiting Pod. `mayMatter` says whether what changed could change the outcome (its
   * spec or labels, not the condition that the scheduler itself wrote): then it is tried again.
   */
  update(info: PodInfo, mayMatter: boolean): void {
    const entry = this.#entries.get(info.uid);
    if (entry === undefined) return;
    if (entry.where === 'active') {
      // Its place in the order may have changed with its priority.
      this.#active.remove(entry);
      entry.info = info;
      this.#active.insert(entry);
      return;
    }
    entry.info = info;
    if (!mayMatter) return;
    if (entry.where === 'in-flight') entry.changedInFlight = true;
    else if (entry.where !== 'backoff') this.#wake(entry, 'UnschedulablePodUpdate');
  }

  /** The Pod was bound, deleted, or belongs to another scheduler now. */
  remove(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    this.#entries.delete(uid);
    if (entry.where === 'active') this.#active.remove(entry);
    if (entry.where === 'backoff') this.#backoff.remove(entry);
    if (entry.where === 'in-flight') this.#landed();
  }

  /** The next Pod to try, as soon as there is one; undefined once the queue is closed. */
  take(): Promise<TakenPod | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    const entry = this.#active.takeFirst() ?? this.#takeEarlyFromBackoff();
    if (entry !== undefined) return Promise.resolve(this.#launch(entry));
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  /**
   * The attempt failed. With the plugins that rejected the Pod it rests until an event that one of them waits for;
   * without any (an error, a conflict) it is tried again after its backoff. One that had a place and lost it (Reserve,
   * Permit) frees room by that and so wakes others: it must back off, or two of them could keep each other awake.
   */
  failed(uid: string, outcome: RejectedOutcome | 'error'): void {
    const entry = this.#entries.get(uid);
    if (entry?.where !== 'in-flight') return;
    entry.backoffUntilMs = this.#options.clock.monotonicMs() + backoffDelayMs(entry.attempts - 1, podBackoff);
    const retry = outcome === 'error' || this.#changedMeanwhile(entry, outcome.rejectedBy);
    entry.rejectedBy = outcome === 'error' ? new Set() : outcome.rejectedBy;
    entry.mustBackOff = outcome === 'error' || outcome.mustBackOff === true;
    this.#landed();
    if (retry) {
      this.#wake(entry, 'ScheduleAttemptFailure');
      return;
    }
    this.#put(entry, 'unschedulable', 'ScheduleAttemptFailure');
    entry.restsSinceMs = this.#options.clock.monotonicMs();
    this.#armRestTimer();
  }

  /** Something happened in the cluster: wakes the Pods that it may help. */
  onEvent(event: ClusterEvent): void {
    if (this.#inFlight > 0) this.#remember(event);
    for (const entry of this.#entries.values()) {
      if (entry.where === 'unschedulable' && this.#mayHelp(entry, entry.rejectedBy, event))
        this.#wake(entry, reasonOfEvent[event.type]);
    }
  }

  /** Wakes those who wait in {@link take} with undefined and cancels all timers. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#cancelBackoffTimer?.();
    this.#cancelRestTimer?.();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #remember(event: ClusterEvent): void {
    this.#events.push(event);
    if (this.#events.length <= rememberedEvents) return;
    // Attempts that began before what is forgotten here are taken for overtaken by events.
    this.#events.shift();
    this.#firstEvent++;
  }

  #mayHelp(entry: Entry, rejectedBy: ReadonlySet<string>, event: ClusterEvent): boolean {
    if ('pod' in event && event.pod.metadata.uid === entry.info.uid) return false;
    // Rejected by nobody: there was no node at all.
    if (rejectedBy.size === 0) return event.type === 'node-added';
    for (const plugin of rejectedBy) {
      for (const interest of this.#options.interests.get(plugin) ?? []) {
        if (interest.type !== event.type) continue;
        if (interest.mayHelp === undefined || interest.mayHelp(entry.info.pod, event)) return true;
      }
    }
    return false;
  }

  #changedMeanwhile(entry: Entry, rejectedBy: ReadonlySet<string>): boolean {
    if (entry.changedInFlight) return true;
    if (entry.takenAtEvent < this.#firstEvent) return true;
    const seen = this.#events.slice(entry.takenAtEvent - this.#firstEvent);
    return seen.some((event) => this.#mayHelp(entry, rejectedBy, event));
  }

  /** Backoff keeps hopeless Pods from delaying others: with no others there is nothing to wait for. */
  #takeEarlyFromBackoff(): Entry | undefined {
    for (;;) {
      const entry = this.#backoff.find(({ mustBackOff }) => !mustBackOff);
      if (entry === undefined) return undefined;
      this.#backoff.remove(entry);
      if (this.#options.preEnqueue(entry.info).kind === 'success') return entry;
      entry.where = 'gated';
    }
  }

  #put(entry: Entry, queue: QueueName, reason: QueueReason): void {
    entry.where = queue;
    this.#options.onIncoming?.(queue, reason);
  }

  #wake(entry: Entry, reason: QueueReason): void {
    const idle = this.#takers.length > 0 && !entry.mustBackOff;
    if (!idle && entry.backoffUntilMs > this.#options.clock.monotonicMs()) {
      this.#put(entry, 'backoff', reason);
      this.#backoff.insert(entry);
      this.#armBackoffTimer();
    } else this.#activate(entry, reason);
  }

  #activate(entry: Entry, reason: QueueReason): void {
    if (this.#options.preEnqueue(entry.info).kind === 'unschedulable') {
      this.#put(entry, 'gated', reason);
      return;
    }
    this.#put(entry, 'active', reason);
    const taker = this.#takers.shift();
    if (taker === undefined) this.#active.insert(entry);
    else taker(this.#launch(entry));
  }

  #launch(entry: Entry): TakenPod {
    entry.where = 'in-flight';
    entry.attempts++;
    entry.changedInFlight = false;
    entry.takenAtEvent = this.#firstEvent + this.#events.length;
    this.#inFlight++;
    return { info: entry.info, queuedAtMs: entry.queuedAtMs, attempts: entry.attempts };
  }

  #landed(): void {
    this.#inFlight--;
    if (this.#inFlight > 0) return;
    this.#firstEvent += this.#events.length;
    this.#events = [];
  }

  #armBackoffTimer(): void {
    this.#cancelBackoffTimer?.();
    const next = this.#backoff.first;
    if (next === undefined || this.#closed) return;
    const { clock } = this.#options;
    this.#cancelBackoffTimer = clock.schedule(next.backoffUntilMs - clock.monotonicMs(), () => {
      const now = clock.monotonicMs();
      for (;;) {
        const due = this.#backoff.first;
        if (due === undefined || due.backoffUntilMs > now) break;
        this.#backoff.takeFirst();
        this.#activate(due, 'BackoffComplete');
      }
      this.#armBackoffTimer();
    });
  }

  /** One timer for the Pod that has rested longest, and none when nobody rests. */
  #armRestTimer(): void {
    if (this.#cancelRestTimer !== undefined || this.#closed) return;
    const { clock } = this.#options;
    const resting = [...this.#entries.values()].filter(({ where }) => where === 'unschedulable');
    if (resting.length === 0) return;
    const since = resting.reduce((least, { restsSinceMs }) => Math.min(least, restsSinceMs), Infinity);
    this.#cancelRestTimer = clock.schedule(since + longestRestMs - clock.monotonicMs(), () => {
      this.#cancelRestTimer = undefined;
      for (const entry of resting) {
        const rested = clock.monotonicMs() - entry.restsSinceMs >= longestRestMs;
        const waits = this.#entries.get(entry.info.uid) === entry && entry.where === 'unschedulable';
        if (waits && rested) this.#wake(entry, 'UnschedulableTimeout');
      }
      this.#armRestTimer();
    });
  }
}
