/**
 * A client at an even pace, alone and beside one that takes all it can get: within one priority level, and from
 * another. Besides the time that passes, what the server's loop did in one turn is told: that is how long everybody
 * waits whatever the priorities, and it depends less on who else uses the machine.
 */
import type { LoadResult, LoadTask, RequestPlan } from './load-process.js';
import type { LoopTurns } from './loop-meter.js';
import type { TaskProcess } from './task-process.js';
import type { Section } from '../report.js';
import { median, rounded } from '../statistics.js';

export interface FairnessLoad {
  readonly inFlight: number;
  readonly durationMs: number;
  readonly connections?: number;
  readonly identity?: string;
  readonly paceMs?: number;
}

type Load = TaskProcess<LoadTask, LoadResult>;

export interface FairnessOptions {
  readonly quietPlan: RequestPlan;
  readonly greedyPlans: Readonly<Record<'get' | 'list' | 'create', RequestPlan>>;
  readonly newLoad: () => Load;
  readonly run: (load: Load, plan: RequestPlan, how: FairnessLoad) => Promise<LoadResult>;
  /** What the server's loop did since the last call. */
  readonly takeTurns: () => Promise<LoopTurns>;
  readonly rounds: number;
  readonly roundMs: number;
  readonly progress: (line: string) => void;
}

interface Greedy {
  readonly name: string;
  readonly plan: RequestPlan;
  readonly connections: number;
  readonly inFlight: number;
  readonly identity: string;
}

interface Sample {
  readonly quiet: LoadResult;
  readonly greedy: LoadResult | undefined;
  readonly turns: LoopTurns;
}

const quietIdentity = 'scheduler';
const inSameLevel = 'proxy';
const inOtherLevel = 'controller-manager';

function benchSchema(name: string, level: string, users: readonly string[]) {
  return {
    metadata: { name },
    spec: {
      matchingPrecedence: 700,
      priorityLevelConfiguration: { name: level },
      distinguisherMethod: { type: 'ByUser' },
      rules: [
        {
          subjects: users.map((user) => ({ kind: 'User', user: { name: user } })),
          resourceRules: [
            {
              verbs: ['get', 'list', 'create'],
              apiGroups: [''],
              resources: ['pods'],
              namespaces: ['*'],
              clusterScope: true,
            },
          ],
        },
      ],
    },
  };
}

/** The quiet client and one greedy client in one level, another greedy client in a level of its own. */
export const fairnessSchemas = [
  benchSchema('bench', 'global-default', ['system:kube-scheduler', 'system:kube-proxy']),
  benchSchema('bench-other', 'workload-low', ['system:kube-controller-manager']),
];

function greedyClients({ get, list, create }: FairnessOptions['greedyPlans']): readonly Greedy[] {
  const loads = [
    { name: 'GETs, 100 in flight on 1 connection', plan: get, connections: 1, inFlight: 100 },
    { name: 'GETs, 256 in flight on 16 connections', plan: get, connections: 16, inFlight: 256 },
    { name: 'LISTs of 10,000 pods, 16 in flight on 4 connections', plan: list, connections: 4, inFlight: 16 },
    { name: 'CREATEs, 64 in flight on 4 connections', plan: create, connections: 4, inFlight: 64 },
  ];
  return loads.flatMap((load) => [
    { ...load, name: `beside ${load.name}, same level`, identity: inSameLevel },
    { ...load, name: `beside ${load.name}, other level`, identity: inOtherLevel },
  ]);
}

async function measure(
  { quietPlan, run, takeTurns, roundMs }: FairnessOptions,
  loads: { readonly quiet: Load; readonly greedy: Load },
  greedy: Greedy | undefined,
): Promise<Sample> {
  await takeTurns();
  const taking =
    greedy === undefined
      ? undefined
      : run(loads.greedy, greedy.plan, {
          inFlight: greedy.inFlight,
          connections: greedy.connections,
          identity: greedy.identity,
          durationMs: roundMs,
        });
  const quiet = await run(loads.quiet, quietPlan, {
    inFlight: 1,
    durationMs: roundMs - 200,
    paceMs: 5,
    identity: quietIdentity,
  });
  const turns = await takeTurns();
  return { quiet, greedy: await taking, turns };
}

export async function benchmarkFairness(options: FairnessOptions): Promise<Section> {
  const { rounds, roundMs, progress } = options;
  const clients = [undefined, ...greedyClients(options.greedyPlans)];
  const samples = new Map<Greedy | undefined, Sample[]>(clients.map((client) => [client, []]));
  const loads = { quiet: options.newLoad(), greedy: options.newLoad() };
  try {
    // The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      for (const client of clients) {
        const which = round === 0 ? 'warming up' : `round ${round} of ${rounds}`;
        progress(`http: a quiet client ${client?.name ?? 'alone'}, ${which}`);
        const sample = await measure(options, loads, client);
        if (round > 0) samples.get(client)?.push(sample);
      }
    }
  } finally {
    await loads.quiet.stop();
    await loads.greedy.stop();
  }
  const of = (client: Greedy | undefined, what: (sample: Sample) => number): number =>
    median((samples.get(client) ?? []).map(what));
  const p99Ms = (client: Greedy | undefined): number => of(client, ({ quiet }) => quiet.p99Ms);
  const rows = clients.map((client) => [
    `quiet client ${client?.name ?? 'alone'}`,
    rounded(of(client, ({ quiet }) => quiet.p50Ms)),
    rounded(p99Ms(client)),
    rounded(p99Ms(client) / p99Ms(undefined)),
    client === undefined ? '' : '<= 2',
    rounded(of(client, ({ turns }) => turns.cpuP99Ms)),
    rounded(of(client, ({ turns }) => turns.headsP99)),
    client === undefined ? '' : rounded(of(client, ({ greedy }) => greedy?.perSecond ?? Number.NaN)),
    client === undefined ? '' : rounded(of(client, ({ greedy }) => greedy?.statuses['429'] ?? 0)),
  ]);
  return {
    name: 'fairness',
    columns: [
      'GET every 5 ms',
      'p50 ms',
      'p99 ms',
      '× alone',
      'aim',
      'CPU ms in a turn of the loop, p99',
      'requests read in a turn, p99',
      "greedy one's answers/s",
      'and refusals',
    ],
    rows,
    notes: [
      `Each user in a process of its own; the quiet one and the greedy ones of the same level in global-default, those of another level in workload-low; medians of ${rounds} rounds of ${roundMs / 1000} s. The processor time of a turn is the whole process's: that of garbage collection on other threads is in it.`,
    ],
  };
}
