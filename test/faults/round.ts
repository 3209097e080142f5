/** One round: clients at work, a fault or two that come and go, rest, and a proof that nothing was lost on the way. */
import { setTimeout as delay } from 'node:timers/promises';
import { checkHistory } from '../support/history/check-history.js';
import type { FinalView, History, Version, Violation } from '../support/history/history.js';
import { seededRandom } from '../support/seeded-random.js';
import { until } from '../support/until.js';
import { between } from './choose.js';
import type { Random } from './choose.js';
import type { Client } from './client.js';
import { faultsOf } from './fault.js';
import type { Fault } from './fault.js';
import type { Recorder } from './recorder.js';
import type { Workload } from './workload.js';

/** Milliseconds, each chosen out of a range. */
export interface Pace {
  readonly before: readonly [number, number];
  readonly fault: readonly [number, number];
  readonly after: readonly [number, number];
}

export const soakPace: Pace = { before: [300, 1_200], fault: [500, 4_000], after: [500, 1_200] };
export const shortPace: Pace = { before: [200, 500], fault: [300, 1_200], after: [300, 500] };

/** Whatever has to come back must do so within this time, also on a machine that is busy. */
const recoveryMs = 120_000;
/** Written at the end of each round: who has seen it has seen all. */
const markerKey = 'end-of-round';

export interface RoundOptions {
  readonly round: number;
  readonly seed: number;
  readonly pace: Pace;
  readonly faults: readonly Fault[];
  readonly workload: Workload;
  readonly recorder: Recorder;
  readonly unexpected: string[];
  /** How often processes have ended by themselves. */
  readonly ends: () => number;
}

export interface RoundResult {
  readonly faults: readonly string[];
  readonly history: History;
  readonly violations: readonly Violation[];
}

export async function runRound(options: RoundOptions): Promise<RoundResult> {
  const { round, seed, pace, workload, recorder, unexpected } = options;
  const random = seededRandom(seed * 7_919 + round);
  const endsBefore = options.ends();
  const faults = faultsOf(options.faults, random);
  const working = new AbortController();
  const running = workload.run(round, working.signal);
  running.catch(() => undefined); // awaited below, after the faults have been ended
  try {
    await delay(between(random, pace.before));
    await hurt(faults, options, random);
    await Promise.all(workload.probes.map((probe) => canWriteAndRead(workload, probe)));
    await delay(between(random, pace.after));
  } finally {
    working.abort();
    await running;
  }
  const { revision, state, views } = await comeToRest(workload);
  const ends = options.ends() - endsBefore;
  const history = recorder.cut(revision, state, views);
  const violations = [
    ...checkHistory(history),
    ...(ends === 0 ? [] : [{ rule: 'processes stay', detail: `${ends} times one ended by itself` }]),
    ...unexpected.splice(0).map((detail) => ({ rule: 'answers make sense', detail })),
  ];
  return { faults: faults.map(({ name }) => name), history, violations };
}

/** Begins the faults one after the other, and ends them at the same time: one may need the end of the other. */
async function hurt(
  faults: readonly Fault[],
  { pace, recorder, workload }: RoundOptions,
  random: Random,
): Promise<void> {
  const observed = (): number => Math.min(recorder.coveredUpTo(), workload.farthest);
  const endings: (() => Promise<void>)[] = [];
  try {
    for (const fault of faults) {
      endings.push(await fault.inflict(random, observed));
      await delay(between(random, pace.fault) / faults.length);
    }
  } finally {
    await Promise.all(endings.map((end) => end()));
  }
}

/** Through this server again; each attempt is part of the history. Rejects after {@link recoveryMs}. */
async function canWriteAndRead(workload: Workload, client: Client): Promise<void> {
  await until(
    `${client.name} can write and read`,
    async () =>
      (await writeMarker(workload, client)) !== undefined && (await client.list()).kind === 'listed',
    recoveryMs,
  );
}

interface Rest {
  readonly revision: number;
  readonly state: ReadonlyMap<string, Version>;
  readonly views: readonly FinalView[];
}

/** One last write; then what is there at its revision, as each server tells it and as followers have it. */
async function comeToRest(workload: Workload): Promise<Rest> {
  const [first] = workload.probes;
  if (first === undefined) throw new Error('there is no server');
  return until(
    'all followers have come to the end',
    async () => {
      const revision = await writeMarker(workload, first);
      if (revision === undefined) return undefined;
      const views = await workload.views(revision, AbortSignal.timeout(recoveryMs));
      const states = await Promise.all(workload.probes.map((probe) => probe.stateAt(revision)));
      const state = states[0];
      // A compaction may have come in between: once more.
      if (state === undefined || states.includes(undefined)) return undefined;
      const lists = workload.probes.map(({ name }, index) => ({
        client: `${name} by list`,
        items: states[index] ?? state,
      }));
      return { revision, state, views: [...views, ...lists] };
    },
    recoveryMs,
  );
}

/** The revision of it; undefined when it was not acknowledged. */
async function writeMarker(workload: Workload, client: Client): Promise<number | undefined> {
  const current = await client.get(markerKey);
  if (current === 'failed') return undefined;
  const value = workload.nextValue(client);
  const outcome =
    current === undefined
      ? await client.create(markerKey, value)
      : await client.update(markerKey, value, current);
  return outcome?.kind === 'written' ? outcome.revision : undefined;
}
