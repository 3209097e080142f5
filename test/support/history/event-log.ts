/** The one sequence of events that all watches of a history must agree on. */
import type { History, Version, Violation, WatchedEvent } from './history.js';

export class EventLog {
  readonly events: readonly WatchedEvent[];
  readonly byKey: ReadonlyMap<string, readonly WatchedEvent[]>;
  readonly byValue: ReadonlyMap<string, readonly WatchedEvent[]>;
  readonly #startRevision: number;
  readonly #completeUpTo: number;

  private constructor(events: readonly WatchedEvent[], startRevision: number, completeUpTo: number) {
    this.events = events;
    this.byKey = groupBy(events, ({ key }) => key);
    this.byValue = groupBy(
      events.filter(({ type }) => type === 'put'),
      ({ value }) => value,
    );
    this.#startRevision = startRevision;
    this.#completeUpTo = completeUpTo;
  }

  /** Puts the watches together; what two of them say differently of one revision is a violation. */
  static from({ watches, startRevision }: History): { log: EventLog; violations: Violation[] } {
    const violations: Violation[] = [];
    const byRevision = new Map<number, WatchedEvent>();
    for (const watch of watches) {
      for (const event of watch.events) {
        const known = byRevision.get(event.revision);
        if (known === undefined) byRevision.set(event.revision, event);
        else if (known.key !== event.key || known.type !== event.type || known.value !== event.value)
          violations.push({
            rule: 'watches agree',
            detail: `revision ${event.revision} is ${describe(known)} to one and ${describe(event)} to ${watch.client}`,
          });
      }
    }
    const events = [...byRevision.values()].sort((a, b) => a.revision - b.revision);
    return { log: new EventLog(events, startRevision, coveredUpTo(watches, startRevision)), violations };
  }

  /** Every event up to this revision is here: what some watch or other was to see without a gap from the start. */
  get completeUpTo(): number {
    return this.#completeUpTo;
  }

  /** The event of a key before this revision. */
  before(key: string, revision: number): WatchedEvent | undefined {
    return this.byKey.get(key)?.findLast((event) => event.revision < revision);
  }

  /** All keys at a revision, from the first event on. */
  stateAt(revision: number): Map<string, Version> {
    const state = new Map<string, Version>();
    for (const event of this.events) {
      if (event.revision > revision) break;
      if (event.type === 'delete') state.delete(event.key);
      else state.set(event.key, { value: event.value, revision: event.revision });
    }
    return state;
  }

  get startRevision(): number {
    return this.#startRevision;
  }
}

export function describe({ type, key, value, revision }: WatchedEvent): string {
  return `${type} ${key}=${value}@${revision}`;
}

function coveredUpTo(watches: History['watches'], startRevision: number): number {
  let covered = startRevision;
  for (const { afterRevision, upTo } of [...watches].sort((a, b) => a.afterRevision - b.afterRevision))
    if (afterRevision <= covered) covered = Math.max(covered, upTo);
  return covered;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
