/**
 * Proves from a recorded history that a store kept its promises, or names the promise that it broke. Pure.
 *
 * Two methods that know nothing of each other. The rules here use revisions: the store says itself in which order it did
 * things, and that order must explain every answer (as Jepsen's tests of etcd do). `linearizability.ts` ignores revisions
 * and searches for any order that explains the answers about one key (Wing and Gong, with Lowe's and Horn and Kroening's
 * improvements, as Porcupine and Knossos do).
 */
import { describe, EventLog } from './event-log.js';
import { isOfGroup } from './history.js';
import type { History, Operation, Version, Violation, WatchedEvent } from './history.js';
import { checkLinearizability } from './linearizability.js';

/** Empty when nothing is wrong. */
export function checkHistory(history: History): Violation[] {
  const { log, violations } = EventLog.from(history);
  const notCovered = checkCoverage(history, log);
  // With a hole in the log the rules that need all of it would accuse wrongly: this is said, and no more is decided.
  if (notCovered.length > 0) return [...violations, ...notCovered, ...checkRealTime(history)];
  return [
    ...violations,
    ...checkWatches(history, log),
    ...checkWrites(history, log),
    ...checkReads(history, log),
    ...checkRealTime(history),
    ...checkEnd(history, log),
    ...checkLinearizability(history, {
      wasSeen: (value) => log.byValue.has(value),
      wasDeleted: (key, { revision }) => log.endOf(key, revision)?.type === 'delete',
    }),
  ];
}

/** The other rules are as good as the log: it must reach as far as what was acknowledged. */
function checkCoverage({ operations }: History, log: EventLog): Violation[] {
  const last = Math.max(log.startRevision, ...operations.flatMap((one) => revisionOf(one) ?? []));
  if (last <= log.completeUpTo) return [];
  return [
    { rule: 'coverage', detail: `watches cover revisions up to ${log.completeUpTo}, writes reach ${last}` },
  ];
}

/** Every event after the start of a watch, exactly once and in order. */
function checkWatches({ watches, earlier, startRevision }: History, log: EventLog): Violation[] {
  const violations: Violation[] = [];
  const knownFrom = earlier?.afterRevision ?? startRevision;
  const wanted = new Map<string | undefined, readonly WatchedEvent[]>();
  for (const { client, afterRevision, events, upTo, group } of watches) {
    let last = afterRevision;
    for (const event of events) {
      if (event.revision <= last)
        violations.push({
          rule: 'watch order',
          detail: `${client} saw ${describe(event)} after revision ${last}`,
        });
      last = Math.max(last, event.revision);
    }
    const seen = new Map(events.map((event) => [event.revision, describe(event)]));
    const all = wanted.get(group) ?? [...log.eventsFor(group)];
    wanted.set(group, all);
    for (const event of all) {
      if (event.revision <= Math.max(afterRevision, knownFrom) || event.revision > upTo) continue;
      if (seen.get(event.revision) === undefined)
        violations.push({
          rule: 'watch gap',
          detail: `${client} watched${inGroup(group)} from ${afterRevision} to ${upTo} and missed ${describe(event)}`,
        });
      else if (group !== undefined && seen.get(event.revision) !== describe(event))
        violations.push({
          rule: 'watches agree',
          detail: `${client} saw${inGroup(group)} ${seen.get(event.revision) ?? ''} instead of ${describe(event)}`,
        });
    }
    if (group !== undefined) violations.push(...checkForeign(client, group, events, all, log));
  }
  return violations;
}

/** A watch of a group sees nothing else. */
function checkForeign(
  client: string,
  group: string,
  events: readonly WatchedEvent[],
  wanted: readonly WatchedEvent[],
  log: EventLog,
): Violation[] {
  const revisions = new Set(wanted.map(({ revision }) => revision));
  return events
    .filter(({ revision }) => revision <= log.completeUpTo && !revisions.has(revision))
    .map((event) => ({
      rule: 'watches agree',
      detail: `${client} saw${inGroup(group)} ${describe(event)}, which is none of it`,
    }));
}

function inGroup(group: string | undefined): string {
  return group === undefined ? '' : ` group ${group}`;
}

function checkWrites({ operations }: History, log: EventLog): Violation[] {
  const violations = checkOrigins(operations, log);
  const report = (rule: string, one: Operation, detail: string): void => {
    violations.push({ rule, detail: `${one.client}: ${one.kind} ${'key' in one ? one.key : ''}: ${detail}` });
  };
  for (const [value, events] of log.byValue)
    if (events.length > 1)
      violations.push({
        rule: 'applied once',
        detail: `${value} was written ${events.map(describe).join(', ')}`,
      });
  for (const one of operations) {
    switch (one.kind) {
      case 'create':
      case 'patch':
      case 'update':
        checkWrite(one, log, report);
        break;
      case 'delete':
        checkDelete(one, log, report);
        break;
      case 'get':
      case 'list':
        break;
    }
  }
  return violations;
}

/** What is there was written by somebody, and what is gone was deleted by somebody. */
function checkOrigins(operations: readonly Operation[], log: EventLog): Violation[] {
  const values = new Set<string>();
  const deletions = new Set<string>();
  for (const one of operations) {
    if (one.kind === 'get' || one.kind === 'list' || one.outcome.kind === 'refused') continue;
    if (one.kind === 'delete') deletions.add(`${one.key}@${one.expected.revision}`);
    else values.add(one.value);
  }
  return log.events
    .filter(({ type, key, value, revision }) =>
      type === 'put'
        ? !values.has(value)
        : !deletions.has(`${key}@${log.before(key, revision)?.revision ?? 0}`),
    )
    .map((event) => ({ rule: 'nothing from nowhere', detail: `nobody asked for ${describe(event)}` }));
}

type Report = (rule: string, one: Operation, detail: string) => void;

function checkWrite(
  one: Extract<Operation, { kind: 'create' | 'patch' | 'update' }>,
  log: EventLog,
  report: Report,
): void {
  const event = log.byValue.get(one.value)?.[0];
  if (one.outcome.kind === 'refused' && event !== undefined)
    report('refused means refused', one, `refused (${one.outcome.reason}), and yet ${describe(event)}`);
  if (one.outcome.kind === 'written') {
    const { revision } = one.outcome;
    if (event?.revision !== revision || event.key !== one.key) {
      if (revision <= log.completeUpTo)
        report('acknowledged is kept', one, `${one.value}@${revision} is not among the events`);
      return;
    }
  }
  if (event === undefined) return;
  const present = log.before(one.key, event.revision)?.revision;
  const wanted = one.kind === 'update' ? one.expected.revision : undefined;
  if (one.kind === 'patch' ? present === undefined : present !== wanted)
    report(
      'no lost update',
      one,
      `${describe(event)} replaced ${present === undefined ? 'nothing' : `revision ${present}`}`,
    );
}

function checkDelete(one: Extract<Operation, { kind: 'delete' }>, log: EventLog, report: Report): void {
  const next = log.endOf(one.key, one.expected.revision);
  const isGone = next?.type === 'delete';
  if (
    one.outcome.kind === 'deleted' &&
    !isGone &&
    (next !== undefined || one.expected.revision < log.completeUpTo)
  )
    report(
      'acknowledged is kept',
      one,
      `the deletion of revision ${one.expected.revision} is not among the events`,
    );
}

/** Lists are states that there were, of the revision that was asked for; a GET shows a version that there was. */
function checkReads({ operations }: History, log: EventLog): Violation[] {
  const violations: Violation[] = [];
  for (const one of operations) {
    if (one.kind === 'list') {
      const difference = checkList(one, log);
      if (difference !== undefined)
        violations.push({
          rule: 'lists are snapshots',
          detail: `${one.client} at ${one.revision}${inGroup(one.group)}: ${difference}`,
        });
    }
    if (one.kind === 'get' && one.found !== undefined && one.found.revision <= log.completeUpTo) {
      const { value, revision } = one.found;
      if (!log.hasVersion(one.key, one.found))
        violations.push({
          rule: 'reads are versions',
          detail: `${one.client} read ${one.key}=${value}@${revision}`,
        });
    }
  }
  return violations;
}

function checkList(one: Extract<Operation, { kind: 'list' }>, log: EventLog): string | undefined {
  const { asked, group, revision, items } = one;
  if (asked?.match === 'exact' && revision !== asked.revision)
    return `revision ${asked.revision} was asked for`;
  if (asked?.match === 'not older' && revision < asked.revision)
    return `revision ${asked.revision} or later was asked for`;
  if (revision > log.completeUpTo) return undefined;
  const state = log.stateAt(revision);
  if (state === undefined) return undefined;
  if (group !== undefined)
    for (const [key, { value }] of state) if (!isOfGroup(value, group)) state.delete(key);
  return compareStates(state, items);
}

/** What ended before something else began has the smaller revision, and later reads show it. */
function checkRealTime({ operations, startRevision, startState }: History): Violation[] {
  const violations: Violation[] = [];
  const told = operations.filter((one) => revisionOf(one) !== undefined).sort((a, b) => a.endMs - b.endMs);
  const begun = [...operations].sort((a, b) => a.startMs - b.startMs);
  const newestOfKey = new Map([...startState].map(([key, { revision }]) => [key, revision]));
  let newest = startRevision;
  let next = 0;
  for (const one of begun) {
    for (let before = told[next]; before !== undefined && before.endMs < one.startMs; before = told[++next]) {
      const revision = revisionOf(before) ?? 0;
      newest = Math.max(newest, revision);
      if (before.kind !== 'list')
        newestOfKey.set(before.key, Math.max(newestOfKey.get(before.key) ?? 0, revision));
    }
    const own = revisionOf(one);
    const isWrite = one.kind !== 'get' && one.kind !== 'list';
    const mayBeOld = one.kind === 'get' || (one.kind === 'list' && one.asked !== undefined);
    if (own !== undefined && !mayBeOld && own < newest + (isWrite ? 1 : 0))
      violations.push({
        rule: 'revisions grow',
        detail: `${one.client}: ${one.kind} was answered with revision ${own} after ${newest} had been told`,
      });
    if (one.kind === 'get' && one.found !== undefined && one.found.revision < (newestOfKey.get(one.key) ?? 0))
      violations.push({
        rule: 'no stale read',
        detail: `${one.client} read ${one.key}@${one.found.revision} after ${newestOfKey.get(one.key) ?? 0} had been told`,
      });
  }
  return violations;
}

/** Those who follow come to the same end. */
function checkEnd({ finalViews, finalState }: History, log: EventLog): Violation[] {
  const violations: Violation[] = [];
  const compare = (rule: string, who: string, state: ReadonlyMap<string, Version>): void => {
    const difference = compareStates(finalState, state);
    if (difference !== undefined) violations.push({ rule, detail: `${who}: ${difference}` });
  };
  for (const { client, items } of finalViews) compare('followers converge', client, items);
  compare('the end is what was written', 'the events', log.stateAt(Infinity) ?? new Map());
  return violations;
}

function revisionOf(one: Operation): number | undefined {
  switch (one.kind) {
    case 'create':
    case 'patch':
    case 'update':
      return one.outcome.kind === 'written' ? one.outcome.revision : undefined;
    case 'delete':
      return undefined;
    case 'get':
      return one.found?.revision;
    case 'list':
      return one.revision;
  }
}

/** The first difference in words; undefined when there is none. */
function compareStates(
  expected: ReadonlyMap<string, Version>,
  actual: ReadonlyMap<string, Version>,
): string | undefined {
  for (const [key, { value, revision }] of expected) {
    const found = actual.get(key);
    if (found === undefined) return `${key}=${value}@${revision} is missing`;
    if (found.value !== value || found.revision !== revision)
      return `${key} is ${found.value}@${found.revision} instead of ${value}@${revision}`;
  }
  for (const [key, { value, revision }] of actual)
    if (!expected.has(key)) return `${key}=${value}@${revision} should not be there`;
  return undefined;
}
