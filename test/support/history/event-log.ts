/** The one sequence of events that all watches of a history must agree on. */
import { isOfGroup } from './history.js';
import type { History, Version, Violation, WatchedEvent, WatchRecord } from './history.js';

export class EventLog {
  /** Since the start of the history. */
  readonly events: readonly WatchedEvent[];
  readonly byKey: ReadonlyMap<string, readonly WatchedEvent[]>;
  readonly byValue: ReadonlyMap<string, readonly WatchedEvent[]>;
  readonly startRevision: number;
  readonly startState: ReadonlyMap<string, Version>;
  /** Every event up to this revision is here: what some watch or other was to see without a gap from the start. */
  readonly completeUpTo: number;
  readonly #earlier: NonNullable<History['earlier']>;

  private constructor(history: History, events: readonly WatchedEvent[]) {
    const { startRevision, startState, watches, earlier } = history;
    this.events = events;
    this.byKey = groupBy(events, ({ key }) => key);
    this.byValue = groupBy(
      events.filter(({ type }) => type === 'put'),
      ({ value }) => value,
    );
    this.startRevision = startRevision;
    this.startState = startState;
    this.completeUpTo = coveredUpTo(watches, startRevision);
    this.#earlier = earlier ?? { afterRevision: startRevision, state: startState, events: [] };
  }

  /** Puts the watches together; what two of them say differently of one revision is a violation. */
  static from(history: History): { log: EventLog; violations: Violation[] } {
    const { watches, startRevision, earlier } = history;
    const violations: Violation[] = [];
    const byRevision = new Map((earlier?.events ?? []).map((event) => [event.revision, event]));
    for (const watch of watches) {
      // What leaves a group is told as a deletion: such watches are compared with what the others say.
      if (watch.group !== undefined) continue;
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
    const events = [...byRevision.values()]
      .filter(({ revision }) => revision > startRevision)
      .sort((a, b) => a.revision - b.revision);
    return { log: new EventLog(history, events), violations };
  }

  /** What a watch must see, from before the start of the history on as far as that is known. */
  *eventsFor(group: string | undefined): Generator<WatchedEvent> {
    if (group === undefined) {
      yield* this.#earlier.events;
      yield* this.events;
      return;
    }
    const state = new Map([...this.startState].map(([key, { value }]) => [key, value]));
    for (const event of this.events) {
      const { key, value, revision } = event;
      const before = state.get(key);
      const wasOfGroup = before !== undefined && isOfGroup(before, group);
      if (event.type === 'delete') state.delete(key);
      else state.set(key, value);
      if (event.type === 'put' && isOfGroup(value, group)) yield event;
      else if (wasOfGroup) yield { type: 'delete', key, value: before, revision };
    }
  }

  /** The version that a key had just before this revision; undefined when it was not there. */
  before(key: string, revision: number): Version | undefined {
    const event = this.byKey.get(key)?.findLast((one) => one.revision < revision);
    if (event === undefined) return this.startState.get(key);
    return event.type === 'put' ? event : undefined;
  }

  /** The event that ended a version; undefined while it lasts. */
  endOf(key: string, version: number): WatchedEvent | undefined {
    return this.byKey.get(key)?.find(({ revision }) => revision > version);
  }

  /** Was there ever such a version, from the start of the history on? */
  hasVersion(key: string, { value, revision }: Version): boolean {
    const start = this.startState.get(key);
    if (start?.revision === revision) return start.value === value;
    return (
      this.byKey
        .get(key)
        ?.some((event) => event.revision === revision && event.type === 'put' && event.value === value) ??
      false
    );
  }

  /** All keys at a revision; undefined where that is too long ago. */
  stateAt(revision: number): Map<string, Version> | undefined {
    if (revision < this.#earlier.afterRevision) return undefined;
    const isEarlier = revision < this.startRevision;
    const state = new Map<string, Version>(isEarlier ? this.#earlier.state : this.startState);
    for (const event of isEarlier ? this.#earlier.events : this.events) {
      if (event.revision > revision) break;
      if (event.type === 'delete') state.delete(event.key);
      else state.set(event.key, { value: event.value, revision: event.revision });
    }
    return state;
  }
}

export function describe({ type, key, value, revision }: WatchedEvent): string {
  return `${type} ${key}=${value}@${revision}`;
}

/** How far watches reach from a revision on, together and without a gap. */
export function coveredUpTo(
  watches: readonly Pick<WatchRecord, 'afterRevision' | 'upTo' | 'group'>[],
  startRevision: number,
): number {
  let covered = startRevision;
  const whole = watches.filter(({ group }) => group === undefined);
  for (const { afterRevision, upTo } of whole.sort((a, b) => a.afterRevision - b.afterRevision))
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
