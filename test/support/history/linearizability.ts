/**
 * Is there an order of the operations on one key that explains every answer, in which what ended before something else
 * began comes first? The search of Wing and Gong in the form of Lowe and of Porcupine: a list of calls and returns, from
 * which what is put in its place is lifted out, and a memory of configurations seen before. Each key by itself, which is
 * enough because linearizability is a local property (Herlihy and Wing; Horn and Kroening's P-compositionality). Pure.
 */
import type { History, Operation, Version, Violation } from './history.js';

type KeyOperation = Exclude<Operation, { kind: 'list' }>;

/** More configurations than this are not looked at: the key is reported as not decided, which counts as a violation. */
const maxConfigurations = 1_000_000;

/**
 * What became of writes whose answer was lost; how anything is ordered is not taken from anybody. Both need to know all
 * that ever was there.
 */
export interface Aftermath {
  readonly wasSeen: (value: string) => boolean;
  /** Did a deletion end this version? */
  readonly wasDeleted: (key: string, version: Version) => boolean;
}

export function checkLinearizability(
  { operations, startState }: Pick<History, 'operations' | 'startState'>,
  { wasSeen, wasDeleted }: Aftermath,
): Violation[] {
  const byKey = new Map<string, KeyOperation[]>();
  for (const one of operations) {
    if (one.kind === 'list') continue;
    if (one.kind !== 'get') {
      const { outcome } = one;
      // A server that could not do it says nothing of the state.
      if (outcome.kind === 'refused' && outcome.reason === 'unavailable') continue;
      if (outcome.kind === 'unknown')
        if (one.kind === 'delete' ? !wasDeleted(one.key, one.expected) : !wasSeen(one.value)) continue;
    }
    const group = byKey.get(one.key);
    if (group === undefined) byKey.set(one.key, [one]);
    else group.push(one);
  }
  return [...byKey].flatMap(([key, group]) => {
    const found = linearize(group, startState.get(key)?.value ?? absent);
    if (found === 'linearizable') return [];
    return [{ rule: 'linearizable', detail: `${key}: ${group.length} operations, ${found}` }];
  });
}

/** What the key may hold after an operation; undefined where the operation cannot have happened in this state. */
function step(state: string, one: KeyOperation): string | undefined {
  switch (one.kind) {
    case 'create':
      return applyWrite(one.outcome.kind, state === absent, one.value, state);
    case 'patch':
      return applyWrite(one.outcome.kind, state !== absent, one.value, state);
    case 'update':
      return applyWrite(one.outcome.kind, state === one.expected.value, one.value, state);
    case 'delete':
      return applyWrite(one.outcome.kind, state === one.expected.value, absent, state);
    case 'get':
      return (one.found?.value ?? absent) === state ? state : undefined;
  }
}

const absent = '';

function applyWrite(
  outcome: 'written' | 'deleted' | 'refused' | 'unknown',
  possible: boolean,
  next: string,
  state: string,
): string | undefined {
  if (outcome === 'refused') return possible ? undefined : state;
  return possible ? next : undefined;
}

/** A call or a return in the list of those not yet put in their place. */
interface Entry {
  readonly operation: number;
  readonly isReturn: boolean;
  previous: Entry;
  next: Entry;
}

/** Calls and returns in time; at one time calls first, which allows more orders and never accuses wrongly. */
class EntryList {
  readonly #end: Entry;
  readonly #ofOperation: { call: Entry; return: Entry | undefined }[] = [];

  constructor(operations: readonly KeyOperation[]) {
    const end = { operation: -1, isReturn: true } as Entry;
    end.previous = end.next = end;
    this.#end = end;
    const moments = operations.flatMap((one, operation) => [
      { operation, isReturn: false, atMs: one.startMs },
      // What has no end may still happen, and stays in the list until it has found its place.
      ...(hasNoEnd(one) ? [] : [{ operation, isReturn: true, atMs: one.endMs }]),
    ]);
    moments.sort((a, b) => a.atMs - b.atMs || Number(a.isReturn) - Number(b.isReturn));
    for (const { operation, isReturn } of moments) {
      const entry: Entry = { operation, isReturn, previous: end.previous, next: end };
      end.previous.next = entry;
      end.previous = entry;
      const known = this.#ofOperation[operation];
      if (known === undefined) this.#ofOperation[operation] = { call: entry, return: undefined };
      else known.return = entry;
    }
  }

  /** The first entry; a return where none is left. */
  get first(): Entry {
    return this.#end.next;
  }

  lift(operation: number): void {
    const { call, return: end } = this.#entriesOf(operation);
    unlink(call);
    if (end !== undefined) unlink(end);
  }

  /** Undoes the last lift that was not undone. */
  unlift(operation: number): Entry {
    const { call, return: end } = this.#entriesOf(operation);
    if (end !== undefined) relink(end);
    relink(call);
    return call;
  }

  #entriesOf(operation: number): { call: Entry; return: Entry | undefined } {
    const found = this.#ofOperation[operation];
    if (found === undefined) throw new Error(`there is no operation ${operation}`);
    return found;
  }
}

function unlink({ previous, next }: Entry): void {
  previous.next = next;
  next.previous = previous;
}

function relink(entry: Entry): void {
  entry.previous.next = entry;
  entry.next.previous = entry;
}

function hasNoEnd(one: KeyOperation): boolean {
  return one.kind !== 'get' && one.outcome.kind === 'unknown';
}

/**
 * Which operations are in their place. All before the first that is not are, so that the rest is short: as many as ran at
 * the same time.
 */
class Placed {
  readonly #isOptional: readonly boolean[];
  readonly #placed: boolean[];
  readonly #beyond = new Set<number>();
  #first = 0;

  constructor(isOptional: readonly boolean[]) {
    this.#isOptional = isOptional;
    this.#placed = isOptional.map(() => false);
    this.#advance();
  }

  add(operation: number): void {
    // Whether an optional one happened is in the state: the version that it deletes never comes back.
    if (this.#isOptional[operation] === true) return;
    this.#placed[operation] = true;
    this.#beyond.add(operation);
    this.#advance();
  }

  remove(operation: number): void {
    if (this.#isOptional[operation] === true) return;
    this.#placed[operation] = false;
    this.#beyond.delete(operation);
    for (let one = operation + 1; one < this.#first; one++)
      if (this.#isOptional[one] !== true) this.#beyond.add(one);
    this.#first = Math.min(this.#first, operation);
  }

  key(): string {
    return `${this.#first}/${[...this.#beyond].sort((a, b) => a - b).join(',')}`;
  }

  #advance(): void {
    while (
      this.#first < this.#placed.length &&
      (this.#placed[this.#first] === true || this.#isOptional[this.#first] === true)
    ) {
      this.#beyond.delete(this.#first);
      this.#first++;
    }
  }
}

function linearize(
  unordered: readonly KeyOperation[],
  initial: string,
): 'linearizable' | 'no order explains them' | 'not decided' {
  const operations = [...unordered].sort((a, b) => a.startMs - b.startMs);
  // A deletion leaves no value behind, and another one may have done it: whether it happened is part of the search.
  const isOptional = operations.map((one) => one.kind === 'delete' && hasNoEnd(one));
  let missing = isOptional.filter((optional) => !optional).length;
  const entries = new EntryList(operations);
  const placed = new Placed(isOptional);
  const seen = new Set<string>();
  const stack: { readonly operation: number; readonly stateBefore: string }[] = [];
  let state = initial;
  let entry = entries.first;
  while (missing > 0) {
    if (!entry.isReturn) {
      const { operation } = entry;
      const next = step(state, operations[operation] as KeyOperation);
      if (next !== undefined) {
        placed.add(operation);
        const configuration = `${next}\n${placed.key()}`;
        if (!seen.has(configuration)) {
          if (seen.size === maxConfigurations) return 'not decided';
          seen.add(configuration);
          stack.push({ operation, stateBefore: state });
          state = next;
          entries.lift(operation);
          if (isOptional[operation] !== true) missing--;
          entry = entries.first;
          continue;
        }
        placed.remove(operation);
      }
      entry = entry.next;
      continue;
    }
    // The first of the open operations ends here, and nothing that had begun can come next: one step back.
    const last = stack.pop();
    if (last === undefined) return 'no order explains them';
    placed.remove(last.operation);
    if (isOptional[last.operation] !== true) missing++;
    state = last.stateBefore;
    entry = entries.unlift(last.operation).next;
  }
  return 'linearizable';
}
