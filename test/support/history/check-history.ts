/**
 * Proves from a recorded history that a store kept its promises, or names the promise that it broke. Pure.
 *
 * Two methods that know nothing of each other. The rules here use revisions: the store says itself in which order it did
 * things, and that order must explain every answer (as Jepsen's tests of etcd do). `linearizability.ts` ignores revisions
 * and searches for any order that explains the answers about one key (Wing and Gong, with Lowe's and Horn and Kroening's
 * improvements, as Porcupine and Knossos do).
 */
import { describe, EventLog } from './event-log.js';
import type { History, Operation, Version, Violation } from './history.js';
import { checkLinearizability } from './linearizability.js';

/** Empty when nothing is wrong. */
export function checkHistory(history: History): Violation[] {
  const { log, violations } = EventLog.from(history);
  return [
    ...violations,
    ...checkCoverage(history, log),
    ...checkWatches(history, log),
    ...checkWrites(history, log),
    ...checkReads(history, log),
    ...checkRealTime(history),
    ...checkEnd(history, log),
    ...checkLinearizability(history.operations, (value) => log.byValue.has(value)),
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
function checkWatches({ watches }: History, log: EventLog): Violation[] {
  const violations: Violation[] = [];
  for (const { client, afterRevision, events, upTo } of watches) {
    let last = afterRevision;
    for (const event of events) {
      if (event.revision <= last)
        violations.push({
          rule: 'watch order',
          detail: `${client} saw ${describe(event)} after revision ${last}`,
        });
      last = Math.max(last, event.revision);
    }
    const seen = new Set(events.map(({ revision }) => revision));
    for (const event of log.events) {
      if (event.revision <= afterRevision || event.revision > upTo || seen.has(event.revision)) continue;
      violations.push({
        rule: 'watch gap',
        detail: `${client} watched from ${afterRevision} to ${upTo} and missed ${describe(event)}`,
      });
    }
  }
  return violations;
}

function checkWrites({ operations }: History, log: EventLog): Violation[] {
  const violations: Violation[] = [];
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
  const previous = log.before(one.key, event.revision);
  const present = previous?.type === 'put' ? previous.revision : undefined;
  const wanted = one.kind === 'update' ? one.expected.revision : undefined;
  if (one.kind === 'patch' ? present === undefined : present !== wanted)
    report(
      'no lost update',
      one,
      `${describe(event)} replaced ${previous === undefined ? 'nothing' : describe(previous)}`,
    );
}

function checkDelete(one: Extract<Operation, { kind: 'delete' }>, log: EventLog, report: Report): void {
  const events = log.byKey.get(one.key) ?? [];
  const next = events.find(({ revision }) => revision > one.expected.revision);
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

/** Lists are states that there were; a GET shows a version that there was. */
function checkReads({ operations }: History, log: EventLog): Violation[] {
  const violations: Violation[] = [];
  for (const one of operations) {
    if (one.kind === 'list' && one.revision <= log.completeUpTo) {
      const difference = compareStates(log.stateAt(one.revision), one.items);
      if (difference !== undefined)
        violations.push({
          rule: 'lists are snapshots',
          detail: `${one.client} at ${one.revision}: ${difference}`,
        });
    }
    if (one.kind === 'get' && one.found !== undefined && one.found.revision <= log.completeUpTo) {
      const { value, revision } = one.found;
      const known = log.byKey.get(one.key)?.find((event) => event.revision === revision);
      if (known?.type !== 'put' || known.value !== value)
        violations.push({
          rule: 'reads are versions',
          detail: `${one.client} read ${one.key}=${value}@${revision}`,
        });
    }
  }
  return violations;
}

/** What ended before something else began has the smaller revision, and later reads show it. */
function checkRealTime({ operations }: History): Violation[] {
  const violations: Violation[] = [];
  const told = operations.filter((one) => revisionOf(one) !== undefined).sort((a, b) => a.endMs - b.endMs);
  const begun = [...operations].sort((a, b) => a.startMs - b.startMs);
  const newestOfKey = new Map<string, number>();
  let newest = 0;
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
    if (own !== undefined && one.kind !== 'get' && own < newest + (isWrite ? 1 : 0))
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
  compare('the end is what was written', 'the events', log.stateAt(Infinity));
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
