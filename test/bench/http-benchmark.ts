/**
 * The API server over HTTPS against what Node itself can do: a server that answers with a constant of the same size,
 * measured alternating in the same run. The load generator is a process of its own and its CPU is told apart.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestApiServer } from '../contract/api-client-server.js';
import { startTestApiServer } from '../contract/api-client-server.js';
import { benchmarkFairness, fairnessSchemas } from './http/fairness-benchmark.js';
import type { FairnessLoad } from './http/fairness-benchmark.js';
import { LoopMeter } from './http/loop-meter.js';
import { lastMark } from './http/watch-marks.js';
import type { Identity, LoadResult, LoadTask, RequestPlan } from './http/load-process.js';
import type { RawServerTask } from './http/raw-process.js';
import { TaskProcess } from './http/task-process.js';
import { cpuSeconds } from './process-usage.js';
import type { Section } from './report.js';
import { median, rounded } from './statistics.js';

export const httpParts = ['requests', 'fanOut', 'fairness'] as const;
export type HttpPart = (typeof httpParts)[number];

export interface HttpBenchmarkOptions {
  readonly parts: readonly HttpPart[];
  readonly rounds: number;
  readonly roundMs: number;
  readonly progress: (line: string) => void;
  /** Where the server leaves a CPU profile of the run. */
  readonly profileDir?: string;
}

const listedPods = 10_000;
const objectBytes = 2_000;
const pods = '/api/v1/namespaces/bench/pods';
const listing = '/api/v1/namespaces/listed/pods';
const configMaps = '/api/v1/namespaces/bench/configmaps';

type Load = TaskProcess<LoadTask, LoadResult>;
type RawServer = TaskProcess<RawServerTask, number>;

/** One of the two servers that are compared. */
interface Target {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
}

interface Sample {
  readonly load: LoadResult;
  /** Of the server, for each request. */
  readonly serverMicroseconds: number;
}

export async function benchmarkHttp(options: HttpBenchmarkOptions): Promise<readonly Section[]> {
  const { profileDir } = options;
  const dataDir = mkdtempSync(join(tmpdir(), 'knarr-bench-http-'));
  const loop = new LoopMeter(join(dataDir, 'loop.json'));
  const server = await startTestApiServer({ '--storage-backend': 'embedded', '--data-dir': dataDir }, [
    ...loop.nodeOptions,
    ...(profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`]),
  ]);
  const raw: RawServer = new TaskProcess(new URL('./http/raw-process.js', import.meta.url));
  try {
    const { certificate: cert, privateKey: key } = server.pki.pair('apiserver');
    const port = await raw.run({ cert, key, ca: server.pki.authority });
    const bench = new HttpBenchmark(
      server,
      { name: 'raw Node', url: `https://127.0.0.1:${port}`, pid: raw.pid },
      loop,
      options,
    );
    await bench.prepare();
    const sections: Section[] = [];
    for (const part of options.parts) sections.push(await bench[part]());
    return sections;
  } finally {
    await raw.stop();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

class HttpBenchmark {
  readonly #server: TestApiServer;
  readonly #knarr: Target;
  readonly #raw: Target;
  readonly #loop: LoopMeter;
  readonly #options: HttpBenchmarkOptions;
  #number = 0;

  constructor(server: TestApiServer, raw: Target, loop: LoopMeter, options: HttpBenchmarkOptions) {
    this.#server = server;
    this.#knarr = { name: 'Knarr', url: server.url, pid: server.pid };
    this.#raw = raw;
    this.#loop = loop;
    this.#options = options;
  }

  #identity(name: string): Identity {
    const { certificate: cert, privateKey: key } = this.#server.pki.pair(name);
    return { ca: this.#server.pki.authority, cert, key };
  }

  /** Namespaces, the listed pods, and the FlowSchemas of the fairness part. */
  async prepare(): Promise<void> {
    const { progress } = this.#options;
    progress(`http: creating ${listedPods} pods`);
    const load = newLoad();
    try {
      for (const name of ['bench', 'listed'])
        await this.#once(load, {
          method: 'POST',
          path: '/api/v1/namespaces',
          body: JSON.stringify({ metadata: { name } }),
        });
      for (const schema of fairnessSchemas)
        await this.#once(load, {
          method: 'POST',
          path: '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas',
          body: JSON.stringify(schema),
        });
      let made = 0;
      while (made < listedPods) {
        const { count, statuses } = await load.run(
          this.#task(this.#knarr, createPlan(listing), { inFlight: 64, durationMs: 500 }),
        );
        if (count === 0) throw new Error(`no pod could be created: ${JSON.stringify(statuses)}`);
        made += count;
        this.#number += count;
      }
      for (let worker = 0; worker < 64; worker++) {
        const body = podJson(`patched-${worker}`);
        await this.#once(load, { method: 'POST', path: pods, body });
      }
      await this.#once(load, {
        method: 'POST',
        path: configMaps,
        body: JSON.stringify({ metadata: { name: 'watched' } }),
      });
    } finally {
      await load.stop();
    }
  }

  async #once(load: Load, plan: RequestPlan): Promise<void> {
    const withType = { contentType: 'application/json', ...plan };
    const { statuses } = await load.run(
      this.#task(this.#knarr, withType, { inFlight: 1, durationMs: 0, identity: 'admin' }),
    );
    if (!Object.keys(statuses).every((status) => status === '201'))
      throw new Error(`${plan.method} ${plan.path} was answered ${JSON.stringify(statuses)}`);
  }

  #task(
    target: Target,
    plan: RequestPlan,
    how: {
      readonly inFlight: number;
      readonly durationMs: number;
      readonly connections?: number;
      readonly identity?: string;
      readonly paceMs?: number;
    },
  ): LoadTask {
    this.#number += 100_000;
    const { identity = 'scheduler', connections = Math.min(4, how.inFlight), ...rest } = how;
    return {
      kind: 'requests',
      url: target.url,
      identity: this.#identity(identity),
      plan,
      connections,
      firstNumber: this.#number,
      ...rest,
    };
  }

  async requests(): Promise<Section> {
    const listBytes = await this.#listBytes();
    const cases: readonly {
      readonly name: string;
      readonly inFlight: number;
      readonly plan: RequestPlan;
      readonly bytes: number;
    }[] = [
      {
        name: 'GET, 1 in flight',
        inFlight: 1,
        plan: { method: 'GET', path: `${pods}/patched-0` },
        bytes: objectBytes,
      },
      {
        name: 'GET, 64 in flight',
        inFlight: 64,
        plan: { method: 'GET', path: `${pods}/patched-{w}` },
        bytes: objectBytes,
      },
      {
        name: `LIST of ${listedPods.toLocaleString('en')} pods, 4 in flight`,
        inFlight: 4,
        plan: { method: 'GET', path: `${listing}?resourceVersion=0` },
        bytes: listBytes,
      },
      { name: 'CREATE, 64 in flight', inFlight: 64, plan: createPlan(pods), bytes: objectBytes },
      {
        name: 'PUT, 64 in flight',
        inFlight: 64,
        plan: {
          method: 'PUT',
          path: `${pods}/patched-{w}`,
          contentType: 'application/json',
          body: podJson('patched-{w}').replace('"app"', '"count":"{n}","app"'),
        },
        bytes: objectBytes,
      },
      {
        name: 'PATCH, 64 in flight',
        inFlight: 64,
        plan: {
          method: 'PATCH',
          path: `${pods}/patched-{w}`,
          contentType: 'application/merge-patch+json',
          body: '{"metadata":{"labels":{"count":"{n}"}}}',
        },
        bytes: objectBytes,
      },
    ];
    const rows: string[][] = [];
    for (const { name, inFlight, plan, bytes } of cases) {
      const constant = { ...plan, path: `/${bytes}` };
      const samples = await this.#alternate(
        name,
        [
          [this.#knarr, plan],
          [this.#raw, constant],
        ],
        inFlight,
      );
      const rate = (target: Target): number =>
        median((samples.get(target) ?? []).map(({ load }) => load.perSecond));
      for (const target of [this.#knarr, this.#raw]) {
        const taken = samples.get(target) ?? [];
        rows.push([
          target === this.#knarr ? name : `— ${target.name}`,
          rounded(rate(target)),
          rounded(median(taken.map(({ load }) => load.p50Ms))),
          rounded(median(taken.map(({ load }) => load.p99Ms))),
          rounded(median(taken.map(({ serverMicroseconds }) => serverMicroseconds))),
          rounded(median(taken.map(({ load }) => load.cpuMicroseconds))),
          rounded(rate(target) / rate(this.#raw)),
        ]);
      }
    }
    const { rounds, roundMs } = this.#options;
    return {
      name: 'http',
      columns: ['request', 'requests/s', 'p50 ms', 'p99 ms', 'server CPU µs', 'load CPU µs', '× raw Node'],
      rows,
      notes: [
        `HTTP/2 over TLS on the loopback, 4 connections; medians of ${rounds} rounds of ${roundMs / 1000} s. Objects are pods of ${objectBytes.toLocaleString('en')} bytes in the embedded store; writes are durable before they are acknowledged. Raw Node is an HTTPS server that reads the request and answers with a constant of the same size. CPU is that of each process for each request.`,
      ],
    };
  }

  async #listBytes(): Promise<number> {
    const load = newLoad();
    const plan = { method: 'GET', path: `${listing}?resourceVersion=0` };
    const { bytes } = await load.run(this.#task(this.#knarr, plan, { inFlight: 1, durationMs: 0 }));
    await load.stop();
    return bytes;
  }

  async #alternate(
    name: string,
    plans: readonly (readonly [Target, RequestPlan])[],
    inFlight: number,
  ): Promise<ReadonlyMap<Target, readonly Sample[]>> {
    const { rounds, roundMs, progress } = this.#options;
    const samples = new Map<Target, Sample[]>(plans.map(([target]) => [target, []]));
    const load = newLoad();
    try {
      // The first round warms both up.
      for (let round = 0; round <= rounds; round++) {
        for (const [target, plan] of plans) {
          progress(
            `http: ${name}, ${target.name}, ${round === 0 ? 'warming up' : `round ${round} of ${rounds}`}`,
          );
          const sample = await this.#sample(
            load,
            target,
            this.#task(target, plan, { inFlight, durationMs: round === 0 ? roundMs / 2 : roundMs }),
          );
          if (round > 0) samples.get(target)?.push(sample);
        }
      }
    } finally {
      await load.stop();
    }
    return samples;
  }

  async #sample(load: Load, target: Target, task: LoadTask): Promise<Sample> {
    const before = cpuSeconds(target.pid);
    const result = await load.run(task);
    const refused = Object.keys(result.statuses).filter((status) => Number(status) >= 300);
    if (refused.length > 0) throw new Error(`${target.name} answered ${JSON.stringify(result.statuses)}`);
    return { load: result, serverMicroseconds: ((cpuSeconds(target.pid) - before) * 1e6) / result.count };
  }

  /** A thousand watchers, while something changes 200 times a second: all of them see everything, or each its own. */
  async fanOut(): Promise<Section> {
    const load = newLoad();
    try {
      await this.#createPodsOfNodes(load);
    } finally {
      await load.stop();
    }
    const patch = { method: 'PATCH', contentType: 'application/merge-patch+json' };
    const cases: readonly FanOutCase[] = [
      {
        name: 'all watch one object',
        target: this.#knarr,
        path: `${configMaps}?watch=true&fieldSelector=metadata.name%3Dwatched&resourceVersion=0`,
        plan: { ...patch, path: `${configMaps}/watched`, body: '{"data":{"at":"{stamp}"}}' },
        writers: 4,
        lastWrites: 1,
        // To look for stamps in all of them takes more than a core.
        readStampsEvery: 15,
      },
      {
        name: '— raw Node',
        target: this.#raw,
        path: '/watch',
        plan: { method: 'POST', path: '/notify', contentType: 'application/json', body: '{"at":"{stamp}"}' },
        writers: 4,
        lastWrites: 1,
        readStampsEvery: 15,
      },
      {
        name: 'each watches the pods of a node',
        target: this.#knarr,
        path: '/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Dnode-{w}&resourceVersion=0',
        plan: {
          ...patch,
          path: `${pods}/of-node-{w}`,
          body: '{"metadata":{"annotations":{"at":"{stamp}"}}}',
        },
        writers: watchers,
        lastWrites: watchers,
        readStampsEvery: 1,
      },
    ];
    const rows: string[][] = [];
    for (const one of cases) {
      this.#options.progress(`http: ${watchers} watchers, ${one.name}`);
      rows.push(await this.#fanOutTo(one));
    }
    return {
      name: 'watch',
      columns: [
        'watch fan-out',
        'events/s',
        'p50 ms',
        'p99 ms',
        'server CPU %',
        'server CPU µs/event',
        'load CPU µs/event',
      ],
      rows,
      notes: [
        `${watchers.toLocaleString('en')} watchers over 8 connections, and ${updatesPerSecond} changes a second for ${fanOutSeconds} s: of one object that all of them watch, or of pods of which each is on the node of one watcher. Latency is from before the write to the event's arrival, by the stamps that one of 15 watchers reads, or all in the second case; writer and watchers are processes of their own. The server's CPU is that of the writes, too. Raw Node writes each body that it gets to all open responses. Aims: a p99 of at most 60 ms and 40 % of a core.`,
      ],
    };
  }

  async #createPodsOfNodes(load: Load): Promise<void> {
    const body = podJson('of-node-{w}').replace('"spec":{', '"spec":{"nodeName":"node-{w}",');
    const plan = { method: 'POST', path: pods, contentType: 'application/json', body };
    const { statuses } = await load.run(
      this.#task(this.#knarr, plan, { inFlight: watchers, connections: 4, durationMs: 0, identity: 'admin' }),
    );
    if (statuses['201'] !== watchers)
      throw new Error(`the pods of nodes were answered ${JSON.stringify(statuses)}`);
  }

  async #fanOutTo({
    name,
    target,
    path,
    plan,
    writers,
    lastWrites,
    readStampsEvery,
  }: FanOutCase): Promise<string[]> {
    const watching: TaskProcess<LoadTask, LoadResult | 'opened'> = newLoad();
    const writing = newLoad();
    try {
      const identity = this.#identity('admin');
      const opened = await watching.run({
        kind: 'watches',
        url: target.url,
        identity,
        path,
        connections: 8,
        watches: watchers,
        readStampsEvery,
      });
      if (opened !== 'opened') throw new Error('the watches ended before they began');
      const seen = watching.next();
      const before = cpuSeconds(target.pid);
      const startMs = performance.now();
      await writing.run(
        this.#task(target, plan, {
          inFlight: writers,
          connections: 1,
          durationMs: fanOutSeconds * 1000,
          paceMs: (writers * 1000) / updatesPerSecond,
          identity: 'admin',
        }),
      );
      const seconds = (performance.now() - startMs) / 1000;
      const cpu = cpuSeconds(target.pid) - before;
      await writing.run(
        this.#task(
          target,
          { ...plan, body: (plan.body ?? '').replace('{stamp}', lastMark) },
          { inFlight: lastWrites, connections: 1, durationMs: 0, identity: 'admin' },
        ),
      );
      const result = await seen;
      if (result === 'opened') throw new Error('the watches were opened twice');
      const count = result.count - watchers;
      return [
        name,
        rounded(count / seconds),
        rounded(result.p50Ms),
        rounded(result.p99Ms),
        rounded((cpu / seconds) * 100),
        rounded((cpu * 1e6) / count),
        rounded(result.cpuMicroseconds),
      ];
    } finally {
      await watching.stop();
      await writing.stop();
    }
  }

  /** A client at an even pace, alone and beside one that takes all it can get; see fairness-benchmark.ts. */
  fairness(): Promise<Section> {
    const { rounds, roundMs, progress } = this.#options;
    const run = (load: Load, plan: RequestPlan, how: FairnessLoad): Promise<LoadResult> =>
      load.run(this.#task(this.#knarr, plan, how));
    return benchmarkFairness({
      quietPlan: { method: 'GET', path: `${pods}/patched-0` },
      greedyPlans: {
        get: { method: 'GET', path: `${pods}/patched-1` },
        list: { method: 'GET', path: `${listing}?resourceVersion=0` },
        create: createPlan(pods),
      },
      newLoad,
      run,
      takeTurns: () => this.#loop.take(this.#knarr.pid),
      rounds,
      roundMs: roundMs * 2,
      progress,
    });
  }
}

/** A thousand watchers of something that changes. */
interface FanOutCase {
  readonly name: string;
  readonly target: Target;
  readonly path: string;
  readonly plan: RequestPlan;
  /** How many workers share the writes, and how many of them say the last word. */
  readonly writers: number;
  readonly lastWrites: number;
  readonly readStampsEvery: number;
}

const watchers = 1_000;
const updatesPerSecond = 200;
const fanOutSeconds = 5;

function newLoad<Result = LoadResult>(): TaskProcess<LoadTask, Result> {
  return new TaskProcess(new URL('./http/load-process.js', import.meta.url));
}

function createPlan(path: string): RequestPlan {
  return { method: 'POST', path, contentType: 'application/json', body: podJson('created-{n}') };
}

/** About {@link objectBytes} as it is stored. */
function podJson(name: string): string {
  const container = {
    name: 'main',
    image: 'localhost/knarr/web:1',
    ports: [{ containerPort: 8080 }],
    env: [{ name: 'PADDING', value: 'x'.repeat(750) }],
  };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: 'bench' } },
    spec: { containers: [container] },
  });
}
