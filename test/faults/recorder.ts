/** Writes down what all clients do and see, by one clock, and cuts it into one history a round. */
import { coveredUpTo } from '../support/history/event-log.js';
import type {
  FinalView,
  History,
  Operation,
  Version,
  WatchedEvent,
  WatchRecord,
} from '../support/history/history.js';

/** One watch while it runs. */
export class WatchRecorder {
  readonly #client: string;
  readonly #group: string | undefined;
  #afterRevision: number;
  #events: WatchedEvent[] = [];
  #upTo: number;

  constructor(client: string, afterRevision: number, group?: string) {
    this.#client = client;
    this.#afterRevision = afterRevision;
    this.#upTo = afterRevision;
    this.#group = group;
  }

  get reach(): Pick<WatchRecord, 'afterRevision' | 'upTo' | 'group'> {
    const group = this.#group;
    return {
      afterRevision: this.#afterRevision,
      upTo: this.#upTo,
      ...(group === undefined ? {} : { group }),
    };
  }

  saw(event: WatchedEvent): void {
    this.#events.push(event);
    this.#upTo = Math.max(this.#upTo, event.revision);
  }

  /** A bookmark: all that was up to here has been sent. */
  reached(revision: number): void {
    this.#upTo = Math.max(this.#upTo, revision);
  }

  /** What was seen up to a revision; the rest is left for the next history. */
  take(revision: number): WatchRecord {
    const taken = {
      client: this.#client,
      afterRevision: this.#afterRevision,
      events: this.#events.filter((event) => event.revision <= revision),
      upTo: Math.min(this.#upTo, revision),
      ...(this.#group === undefined ? {} : { group: this.#group }),
    };
    this.#events = this.#events.filter((event) => event.revision > revision);
    this.#afterRevision = Math.max(this.#afterRevision, revision);
    this.#upTo = Math.max(this.#upTo, revision);
    return taken;
  }
}

/** Watches from further back than this many rounds are not checked for what came before. */
const keptRounds = 3;

export class Recorder {
  #operations: Operation[] = [];
  readonly #watches = new Set<{ readonly watch: WatchRecorder; ended: boolean }>();
  #startRevision = 0;
  #startState: ReadonlyMap<string, Version> = new Map();
  readonly #earlier: NonNullable<History['earlier']>[] = [];

  /** Milliseconds of this process's monotonic clock. */
  now(): number {
    return performance.now();
  }

  /** The collection is empty at this revision. */
  begin(revision: number): void {
    this.#startRevision = revision;
  }

  get startRevision(): number {
    return this.#startRevision;
  }

  add(operation: Operation): void {
    this.#operations.push(operation);
  }

  /** Runs `observe` with the record of a watch that ends when it does. */
  async watching<T>(watch: WatchRecorder, observe: (watch: WatchRecorder) => Promise<T>): Promise<T> {
    const entry = { watch, ended: false };
    this.#watches.add(entry);
    try {
      return await observe(watch);
    } finally {
      entry.ended = true;
    }
  }

  /** Every event up to here was seen by somebody. */
  coveredUpTo(): number {
    const watches = [...this.#watches].map(({ watch }) => watch.reach);
    return coveredUpTo(watches, this.#startRevision);
  }

  /** All up to a revision at which the collection was in this state. What may still happen goes into the next one too. */
  cut(revision: number, finalState: ReadonlyMap<string, Version>, finalViews: readonly FinalView[]): History {
    const history: History = {
      startRevision: this.#startRevision,
      startState: this.#startState,
      earlier: {
        afterRevision: this.#earlier[0]?.afterRevision ?? this.#startRevision,
        state: this.#earlier[0]?.state ?? this.#startState,
        events: this.#earlier.flatMap(({ events }) => events),
      },
      operations: this.#operations,
      watches: [...this.#watches].map(({ watch }) => watch.take(revision)),
      finalViews,
      finalState,
    };
    for (const entry of this.#watches) if (entry.ended) this.#watches.delete(entry);
    // Where events are missing, nothing is said of what was before.
    if (coveredUpTo(history.watches, this.#startRevision) < revision) this.#earlier.length = 0;
    else
      this.#earlier.push({
        afterRevision: this.#startRevision,
        state: this.#startState,
        events: eventsOf(history),
      });
    if (this.#earlier.length > keptRounds) this.#earlier.shift();
    this.#operations = stillOpen(history);
    this.#startRevision = revision;
    this.#startState = finalState;
    return history;
  }
}

/** All events since the start that somebody saw, in order. */
function eventsOf({ watches, startRevision }: History): WatchedEvent[] {
  const byRevision = new Map<number, WatchedEvent>();
  for (const { events, group } of watches)
    if (group === undefined)
      for (const event of events) if (event.revision > startRevision) byRevision.set(event.revision, event);
  return [...byRevision.values()].sort((a, b) => a.revision - b.revision);
}

/** Writes whose answer was lost and of which nothing was seen yet. */
function stillOpen({ operations, watches, finalState }: History): Operation[] {
  const seen = new Set(watches.flatMap(({ events }) => events.map(({ value }) => value)));
  return operations.filter((one) => {
    if (one.kind === 'get' || one.kind === 'list' || one.outcome.kind !== 'unknown') return false;
    if (one.kind === 'delete') return finalState.get(one.key)?.revision === one.expected.revision;
    return !seen.has(one.value);
  });
}
