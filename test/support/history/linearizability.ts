/**
 * Is there an order of the operations on one key that explains every answer, in which what ended before something else
 * began comes first? The search of Wing and Gong, with Lowe's memory of configurations seen before; each key by itself, which
 * is enough because linearizability is a local property (Herlihy and Wing; Horn and Kroening's P-compositionality). Pure.
 */
import type { Operation, Violation } from './history.js';

type KeyOperation = Exclude<Operation, { kind: 'list' }>;

/** More configurations than this are not looked at: the key is reported as not decided, which counts as a violation. */
const maxConfigurations = 2_000_000;

/**
 * `wasSeen` tells whether a value was ever there: it decides what became of writes whose answer was lost. How they are ordered
 * is not taken from anybody.
 */
export function checkLinearizability(
  operations: readonly Operation[],
  wasSeen: (value: string) => boolean,
): Violation[] {
  const byKey = new Map<string, KeyOperation[]>();
  for (const one of operations) {
    if (one.kind === 'list') continue;
    if ('value' in one && one.outcome.kind === 'unknown' && !wasSeen(one.value)) continue;
    const group = byKey.get(one.key);
    if (group === undefined) byKey.set(one.key, [one]);
    else group.push(one);
  }
  return [...byKey].flatMap(([key, group]) => {
    const found = linearize(group);
    if (found === 'linearizable') return [];
    return [{ rule: 'linearizable', detail: `${key}: ${group.length} operations, ${found}` }];
  });
}

/** What the key may hold after an operation; undefined where the operation cannot have happened in this state. */
function step(state: string, one: KeyOperation): string | undefined {
  switch (one.kind) {
    case 'create':
      return applyWrite(one.outcome.kind, state === absent, one.value, state, one.outcome);
    case 'patch':
      return applyWrite(one.outcome.kind, state !== absent, one.value, state, one.outcome);
    case 'update':
      return applyWrite(one.outcome.kind, state === one.expected.value, one.value, state, one.outcome);
    case 'delete':
      return applyWrite(one.outcome.kind, state === one.expected.value, absent, state, one.outcome);
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
  told: object,
): string | undefined {
  switch (outcome) {
    case 'written':
    case 'deleted':
    case 'unknown':
      return possible ? next : undefined;
    case 'refused':
      // A server that could not do it says nothing of the state; one that did not want to does.
      return 'reason' in told && told.reason === 'unavailable' ? state : possible ? undefined : state;
  }
}

interface Entry {
  readonly operation: number;
  readonly isReturn: boolean;
  readonly atMs: number;
}

function linearize(
  operations: readonly KeyOperation[],
): 'linearizable' | 'no order explains them' | 'not decided' {
  const hasNoEnd = operations.map((one) => 'outcome' in one && one.outcome.kind === 'unknown');
  // A deletion leaves no value behind: whether it happened is part of the search.
  const isOptional = operations.map((one, index) => hasNoEnd[index] === true && one.kind === 'delete');
  const required = isOptional.filter((optional) => !optional).length;
  // Calls and returns in time; at one time calls first, which allows more orders and never accuses wrongly.
  const entries = operations
    .flatMap((one, operation): Entry[] => [
      { operation, isReturn: false, atMs: one.startMs },
      ...(hasNoEnd[operation] === true ? [] : [{ operation, isReturn: true, atMs: one.endMs }]),
    ])
    .sort((a, b) => a.atMs - b.atMs || Number(a.isReturn) - Number(b.isReturn));
  const seen = new Set<string>();
  const done = new Array<boolean>(operations.length).fill(false);
  let looked = 0;

  /** Tries, in turn, whatever began before the first of the open operations returned. */
  const candidates = (): number[] => {
    const found: number[] = [];
    for (const { operation, isReturn } of entries) {
      if (done[operation] === true) continue;
      if (isReturn) break;
      found.push(operation);
    }
    return found.sort((a, b) => Number(isOptional[a]) - Number(isOptional[b]));
  };
  const stack: {
    readonly state: string;
    readonly options: number[];
    taken: number | undefined;
    finished: number;
  }[] = [{ state: absent, options: candidates(), taken: undefined, finished: 0 }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    if (top.finished === required) return 'linearizable';
    if (top.taken !== undefined) done[top.taken] = false;
    const option = top.options.shift();
    if (option === undefined) {
      stack.pop();
      continue;
    }
    top.taken = option;
    const next = step(top.state, operations[option] as KeyOperation);
    if (next === undefined) {
      top.taken = undefined;
      continue;
    }
    done[option] = true;
    const configuration = `${next}\n${done.map(Number).join('')}`;
    if (seen.has(configuration)) continue;
    seen.add(configuration);
    if (++looked > maxConfigurations) return 'not decided';
    const finished = top.finished + (isOptional[option] === true ? 0 : 1);
    stack.push({ state: next, options: candidates(), taken: undefined, finished });
  }
  return 'no order explains them';
}
