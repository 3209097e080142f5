/** The checker of histories, checked: a store that keeps its promises passes, and each planted breach is found by name. */
import t from 'tap';
import { checkHistory } from '../../support/history/check-history.js';
import type {
  History,
  Operation,
  Version,
  WatchedEvent,
  WatchRecord,
} from '../../support/history/history.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Numbers that look random and are the same in every run. */
function sequence(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const groups = ['even', 'odd', undefined] as const;

function ofGroup(
  state: ReadonlyMap<string, Version>,
  group: string | undefined,
): { readonly items: Map<string, Version>; readonly group?: string } {
  if (group === undefined) return { items: new Map(state) };
  return { items: new Map([...state].filter(([, { value }]) => value.endsWith(group))), group };
}

/** In the middle nothing is under way for so long. */
const pauseMs = 1_000_000;

/** A history of a perfect store: clients overlap, answers get lost, watches begin and end anywhere. */
function perfectHistory(seed: number, steps = 400): History {
  const random = sequence(seed);
  const state = new Map<string, Version>();
  const events: WatchedEvent[] = [];
  const operations: Operation[] = [];
  const startRevision = 10;
  let revision = startRevision;
  for (let step = 0; step < steps; step++) {
    // Each operation takes effect at `step`, and runs from a little before to a little after.
    const atMs = step < steps / 2 ? step : pauseMs + step;
    const base = {
      client: `c${step % 7}`,
      startMs: atMs - random(6) / 3,
      endMs: atMs + random(6) / 3,
    };
    const key = `k${random(4)}`;
    const current = state.get(key);
    const value = `v${step}.${step % 2 === 0 ? 'even' : 'odd'}`;
    const write = (): { kind: 'written'; revision: number } => {
      revision += 1 + random(3);
      state.set(key, { value, revision });
      events.push({ type: 'put', key, value, revision });
      return { kind: 'written', revision };
    };
    const lost = random(12) === 0;
    switch (random(6)) {
      case 0: {
        const outcome = current === undefined ? write() : ({ kind: 'refused', reason: 'exists' } as const);
        operations.push({
          ...base,
          kind: 'create',
          key,
          value,
          outcome: lost ? { kind: 'unknown' } : outcome,
        });
        break;
      }
      case 1: {
        const outcome = current !== undefined ? write() : ({ kind: 'refused', reason: 'missing' } as const);
        operations.push({
          ...base,
          kind: 'patch',
          key,
          value,
          outcome: lost ? { kind: 'unknown' } : outcome,
        });
        break;
      }
      case 2: {
        const isStale = random(3) === 0;
        const known = events
          .filter((event) => event.key === key && event.type === 'put')
          .at(isStale ? 0 : -1);
        if (known === undefined) break;
        const outcome =
          current?.revision === known.revision ? write() : ({ kind: 'refused', reason: 'conflict' } as const);
        operations.push({
          ...base,
          kind: 'update',
          key,
          value,
          expected: known,
          outcome: lost ? { kind: 'unknown' } : outcome,
        });
        break;
      }
      case 3: {
        if (current === undefined) break;
        revision += 1;
        state.delete(key);
        events.push({ type: 'delete', key, value: current.value, revision });
        operations.push({
          ...base,
          kind: 'delete',
          key,
          expected: current,
          outcome: lost ? { kind: 'unknown' } : { kind: 'deleted' },
        });
        break;
      }
      case 4:
        operations.push({ ...base, kind: 'get', key, found: current });
        break;
      default: {
        const group = groups[random(groups.length)];
        operations.push({ ...base, kind: 'list', revision, ...ofGroup(state, group) });
      }
    }
  }
  const watchOfGroup = (afterRevision: number, group: string): WatchRecord => {
    const holding = new Map<string, Version>();
    const seen: WatchedEvent[] = [];
    for (const { type, key, value, revision } of events) {
      const before = holding.get(key);
      const isIn = type === 'put' && value.endsWith(group);
      if (isIn) holding.set(key, { value, revision });
      else holding.delete(key);
      if (revision <= afterRevision) continue;
      if (isIn) seen.push({ type, key, value, revision });
      else if (before !== undefined) seen.push({ type: 'delete', key, value: before.value, revision });
    }
    return { client: `g${afterRevision}`, afterRevision, upTo: revision, events: seen, group };
  };
  const watch = (afterRevision: number, upTo: number): WatchRecord => ({
    client: `w${afterRevision}`,
    afterRevision,
    upTo,
    events: events.filter((event) => event.revision > afterRevision && event.revision <= upTo),
  });
  const middle = events[Math.floor(events.length / 2)]?.revision ?? startRevision;
  const watches = [
    watch(startRevision, revision),
    watch(startRevision, middle),
    watch(middle, revision),
    watchOfGroup(middle, 'even'),
  ];
  return {
    startRevision,
    startState: new Map(),
    operations,
    watches,
    finalViews: [{ client: 'f', items: state }],
    finalState: state,
  };
}

const rulesOf = (history: History): string[] => [...new Set(checkHistory(history).map(({ rule }) => rule))];

void t.test('what a perfect store does breaks no rule', async (t) => {
  for (let seed = 1; seed <= 30; seed++) t.strictSame(checkHistory(perfectHistory(seed)), [], `seed ${seed}`);
});

/** What came after the pause in the middle, with what there was by then as its start. */
function secondHalf(history: History): History {
  const after = history.operations.filter(({ startMs }) => startMs >= pauseMs);
  const all = history.watches[0]?.events ?? [];
  const before = new Set(history.operations.filter((one) => !after.includes(one)).map(valueOf));
  const startRevision =
    all.findLast(({ type, value }) => before.has(type === 'put' ? value : `${value} deleted`))?.revision ?? 0;
  const earlier = all.filter(({ revision }) => revision <= startRevision);
  return {
    ...history,
    startRevision,
    startState: stateAt(history, startRevision),
    earlier: { afterRevision: history.startRevision, state: history.startState, events: earlier },
    operations: after,
    watches: history.watches.filter((watch) => watch.group === undefined),
  };
}

function stateAt({ watches }: History, at: number): Map<string, Version> {
  const state = new Map<string, Version>();
  for (const { type, key, value, revision } of watches[0]?.events ?? []) {
    if (revision > at) break;
    if (type === 'put') state.set(key, { value, revision });
    else state.delete(key);
  }
  return state;
}

/** What an operation may have left behind: the value that it wrote, or the one that it deleted. */
function valueOf(one: Operation): string | undefined {
  if (one.kind === 'get' || one.kind === 'list' || one.outcome.kind === 'refused') return undefined;
  return one.kind === 'delete' ? `${one.expected.value} deleted` : one.value;
}

void t.test('a history may go on from another one', async (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const history = perfectHistory(seed);
    const half = secondHalf(history);
    t.ok(half.startState.size > 0);
    t.strictSame(checkHistory(half), [], `seed ${seed}`);
    const lost = { ...half, startState: new Map() };
    t.ok(rulesOf(lost).includes('linearizable'), `seed ${seed}: the start is not there`);
    const [first, ...others] = half.watches;
    if (first === undefined) throw new Error('no watch');
    const gap = { ...half, watches: [{ ...first, events: first.events.slice(1) }, ...others] };
    t.match(checkHistory(gap), [{ rule: 'watch gap' }], `seed ${seed}: a watch from before misses an event`);
    const past = { match: 'exact', revision: half.startRevision - 20 } as const;
    const list = { client: 'l', startMs: 0, endMs: Infinity, kind: 'list', asked: past } as const;
    const old = { ...list, revision: past.revision, items: stateAt(history, past.revision) };
    t.strictSame(checkHistory({ ...half, operations: [...half.operations, old] }), []);
    const mixed = { ...old, items: half.finalState };
    t.match(checkHistory({ ...half, operations: [...half.operations, mixed] }), [
      { rule: 'lists are snapshots' },
    ]);
  }
});

void t.test('tens of thousands of operations are checked in one go', async (t) => {
  t.strictSame(checkHistory(perfectHistory(1, 20_000)), []);
});

interface Breach {
  readonly name: string;
  readonly rule: string;
  readonly plant: (history: Mutable<History>) => void;
}

type List = Extract<Operation, { kind: 'list' }>;
const listsOf = ({ operations }: History): List[] =>
  operations.filter((one): one is List => one.kind === 'list');

const written = (history: History): Extract<Operation, { kind: 'create' | 'patch' | 'update' }>[] =>
  history.operations.filter(
    (one) =>
      (one.kind === 'create' || one.kind === 'patch' || one.kind === 'update') &&
      one.outcome.kind === 'written',
  ) as never;

/** The same operation with another answer. */
function replace(history: Mutable<History>, one: Operation, other: object): void {
  history.operations = history.operations.map((each) => (each === one ? { ...each, ...other } : each));
}

const withoutEvent = (history: Mutable<History>, revision: number): void => {
  history.watches = history.watches.map((watch) => ({
    ...watch,
    events: watch.events.filter((event) => event.revision !== revision),
  }));
};

const middleOf = <T>(items: readonly T[]): T => items[Math.floor(items.length / 2)] as T;

const breaches: readonly Breach[] = [
  {
    name: 'an acknowledged write is lost',
    rule: 'acknowledged is kept',
    plant: (history) => {
      const one = middleOf(written(history));
      if (one.outcome.kind === 'written') withoutEvent(history, one.outcome.revision);
    },
  },
  {
    name: 'an acknowledged deletion is lost',
    rule: 'acknowledged is kept',
    plant: (history) => {
      const one = history.operations.find(
        ({ kind, ...rest }) => kind === 'delete' && 'outcome' in rest && rest.outcome.kind === 'deleted',
      );
      if (one?.kind !== 'delete') throw new Error('no deletion');
      const deletion = history.watches[0]?.events.find(
        (event) => event.type === 'delete' && event.key === one.key && event.revision > one.expected.revision,
      );
      withoutEvent(history, deletion?.revision ?? 0);
    },
  },
  {
    name: 'two updates of one version both succeed',
    rule: 'no lost update',
    plant: (history) => {
      const one = written(history)
        .filter(({ kind }) => kind === 'update')
        .at(-1);
      if (one?.kind !== 'update') throw new Error('no update');
      replace(history, one, { expected: { ...one.expected, revision: one.expected.revision - 1 } });
    },
  },
  {
    name: 'a refused write was applied',
    rule: 'refused means refused',
    plant: (history) => {
      replace(history, middleOf(written(history)), { outcome: { kind: 'refused', reason: 'unavailable' } });
    },
  },
  {
    name: 'a write was applied twice',
    rule: 'applied once',
    plant: (history) => {
      const last = history.watches[0]?.events.filter(({ type }) => type === 'put').at(-1);
      if (last === undefined) throw new Error('no event');
      const again = { ...last, revision: 1_000_000 };
      history.watches = [
        ...history.watches,
        { client: 'x', afterRevision: 999_999, upTo: 1_000_000, events: [again] },
      ];
    },
  },
  {
    name: 'a watch misses an event',
    rule: 'watch gap',
    plant: (history) => {
      const [first, ...others] = history.watches;
      if (first === undefined) throw new Error('no watch');
      const missed = middleOf(first.events);
      history.watches = [{ ...first, events: first.events.filter((event) => event !== missed) }, ...others];
    },
  },
  {
    name: 'a watch sees an event twice',
    rule: 'watch order',
    plant: (history) => {
      const [first, ...others] = history.watches;
      if (first === undefined) throw new Error('no watch');
      history.watches = [
        { ...first, events: first.events.flatMap((event, at) => (at === 5 ? [event, event] : [event])) },
        ...others,
      ];
    },
  },
  {
    name: 'a watch sees events in another order',
    rule: 'watch order',
    plant: (history) => {
      const [first, ...others] = history.watches;
      if (first === undefined) throw new Error('no watch');
      const events = [...first.events];
      events.splice(3, 2, ...events.slice(3, 5).reverse());
      history.watches = [{ ...first, events }, ...others];
    },
  },
  {
    name: 'two watches see one revision differently',
    rule: 'watches agree',
    plant: (history) => {
      const [first, ...others] = history.watches;
      if (first === undefined) throw new Error('no watch');
      const events = first.events.map((event, at) => (at === 4 ? { ...event, value: 'other' } : event));
      history.watches = [{ ...first, events }, ...others];
    },
  },
  {
    name: 'a list mixes two states',
    rule: 'lists are snapshots',
    plant: (history) => {
      const lists = listsOf(history).filter(({ group }) => group === undefined);
      const one = lists.findLast(({ items }) => items.size > 1);
      const early = lists.find(({ items }) => items.size > 0);
      if (one === undefined || early === undefined) throw new Error('no lists');
      const [oldKey, oldVersion] = [...early.items][0] as [string, Version];
      replace(history, one, { items: new Map([...one.items, [oldKey, oldVersion]]) });
    },
  },
  {
    name: 'a list is older than what was told before',
    rule: 'revisions grow',
    plant: (history) => {
      const lists = listsOf(history).filter(({ group }) => group === undefined);
      const [early] = lists;
      const late = lists.at(-1);
      if (early === undefined || late === undefined) throw new Error('no lists');
      replace(history, late, { revision: early.revision, items: early.items });
    },
  },
  {
    name: 'a read is stale',
    rule: 'no stale read',
    plant: (history) => {
      const one = history.operations.findLast((each) => each.kind === 'get' && each.found !== undefined);
      if (one?.kind !== 'get') throw new Error('no read');
      const first = history.watches[0]?.events.find(({ key, type }) => key === one.key && type === 'put');
      replace(history, one, { found: first });
    },
  },
  {
    name: 'a read shows what never was',
    rule: 'reads are versions',
    plant: (history) => {
      const one = history.operations.find((each) => each.kind === 'get' && each.found !== undefined);
      if (one?.kind !== 'get' || one.found === undefined) throw new Error('no read');
      replace(history, one, { found: { ...one.found, value: 'invented' } });
    },
  },
  {
    name: 'answers that no order explains, whatever the revisions say',
    rule: 'linearizable',
    plant: (history) => {
      const one = history.operations.findLast((each) => each.kind === 'get' && each.found !== undefined);
      if (one?.kind !== 'get') throw new Error('no read');
      const lists = written(history).filter(({ key, endMs }) => key === one.key && endMs < one.startMs - 20);
      replace(history, one, { found: { value: lists[0]?.value ?? '', revision: one.found?.revision ?? 0 } });
    },
  },
  {
    name: 'a list of an exact revision is of another one',
    rule: 'lists are snapshots',
    plant: (history) => {
      const one = listsOf(history).at(-1);
      if (one === undefined) throw new Error('no list');
      replace(history, one, { asked: { match: 'exact', revision: one.revision - 1 } });
    },
  },
  {
    name: 'a list is older than was asked for',
    rule: 'lists are snapshots',
    plant: (history) => {
      const one = listsOf(history).at(-1);
      if (one === undefined) throw new Error('no list');
      replace(history, one, { asked: { match: 'not older', revision: one.revision + 1 } });
    },
  },
  {
    name: 'a list of a group has what is of none',
    rule: 'lists are snapshots',
    plant: (history) => {
      const one = listsOf(history).findLast(({ group }) => group !== undefined);
      if (one === undefined) throw new Error('no list');
      const foreign = { value: 'x.other', revision: 1 };
      replace(history, one, { items: new Map([...one.items, ['k9', foreign]]) });
    },
  },
  {
    name: 'a watch of a group misses what leaves it',
    rule: 'watch gap',
    plant: (history) => {
      history.watches = history.watches.map((watch) => ({
        ...watch,
        events: watch.events.filter(({ type }) => watch.group === undefined || type !== 'delete'),
      }));
    },
  },
  {
    name: 'a watch of a group sees what is none of it',
    rule: 'watches agree',
    plant: (history) => {
      const all = history.watches[0]?.events ?? [];
      history.watches = history.watches.map((watch) =>
        watch.group === undefined
          ? watch
          : { ...watch, events: all.filter(({ revision }) => revision > watch.afterRevision) },
      );
    },
  },
  {
    name: 'something is there that nobody wrote',
    rule: 'nothing from nowhere',
    plant: (history) => {
      const one = middleOf(written(history));
      history.operations = history.operations.filter((each) => each !== one);
    },
  },
  {
    name: 'something is gone that nobody deleted',
    rule: 'nothing from nowhere',
    plant: (history) => {
      const one = history.operations.findLast(
        (each) => each.kind === 'delete' && each.outcome.kind === 'deleted',
      );
      history.operations = history.operations.filter((each) => each !== one);
    },
  },
  {
    name: 'a follower ends elsewhere',
    rule: 'followers converge',
    plant: (history) => {
      history.finalViews = [{ client: 'f', items: new Map([...history.finalState].slice(1)) }];
    },
  },
  {
    name: 'the end is not what was written',
    rule: 'the end is what was written',
    plant: (history) => {
      history.finalState = new Map([...history.finalState].slice(1));
    },
  },
  {
    name: 'nobody watched to the end',
    rule: 'coverage',
    plant: (history) => {
      history.watches = history.watches.slice(1, 2);
    },
  },
];

for (const { name, rule, plant } of breaches) {
  void t.test(`found: ${name}`, async (t) => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const history: Mutable<History> = perfectHistory(seed);
      plant(history);
      t.ok(rulesOf(history).includes(rule), `seed ${seed}: ${rulesOf(history).join(', ')}`);
    }
  });
}
