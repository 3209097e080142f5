/** Compare-and-swap on the embedded store and on etcd in two ways, alternating in one run on one disk. */
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openStore } from '../../apiserver/storage/backends/registry.js';
import type { Store } from '../../apiserver/storage/store.js';
import { silentLogger as log } from '../../common/log.js';
import { runCommand } from '../../common/run-command.js';
import { startEtcd } from '../support/etcd.js';
import { rawEtcd } from './raw-etcd.js';
import type { Section } from './report.js';
import { median, quantile, rounded } from './statistics.js';
import type { Swapper } from './swapper.js';

const valueBytes = 2_000;
const roundMs = 2_000;
const rounds = 3;
const startupRecords = 100_000;
/** What the others are compared with. */
const yardstick = 'etcd by raw grpc-js';
const tmpfsType = 0x01021994;

interface Sample {
  readonly perSecond: number;
  readonly latenciesMs: readonly number[];
  /** Of this process; etcd works in one of its own besides. */
  readonly cpuMicrosecondsPerWrite: number;
}

function swapperOf(store: Store): Swapper {
  return {
    put: async (key, value, modRevision) => {
      const result =
        modRevision === 0 ? await store.create(key, value) : await store.update(key, value, modRevision);
      if (!('revision' in result)) throw new Error(`${key} was written by somebody else`);
      return result.revision;
    },
    close: () => store.close(),
  };
}

export async function benchmarkStore(progress: (line: string) => void): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-bench-store-'));
  const etcd = await startEtcd();
  const engines: Readonly<Record<string, Swapper>> = {
    embedded: swapperOf(await openStore({ backend: 'embedded', dataDir: join(folder, 'cas'), log })),
    'etcd by Knarr': swapperOf(
      await openStore({ backend: 'etcd', endpoints: [etcd.endpoint], prefix: '/bench', log }),
    ),
    [yardstick]: rawEtcd(etcd.endpoint),
  };
  try {
    const rows: string[][] = [];
    for (const inFlight of [1, 64]) {
      const samples = new Map<string, Sample[]>(Object.keys(engines).map((name) => [name, []]));
      for (let round = 0; round < rounds; round++) {
        for (const [name, engine] of Object.entries(engines)) {
          progress(`store: ${name}, ${inFlight} in flight, round ${round + 1} of ${rounds}`);
          samples.get(name)?.push(await measure(engine, `${name[0] ?? ''}-${inFlight}-${round}`, inFlight));
        }
      }
      rows.push(...rowsOf(samples, inFlight));
    }
    progress(`store: opening a store of ${startupRecords} records`);
    const opening = await measureOpening(join(folder, 'startup'));
    return {
      name: 'store',
      columns: ['engine', 'writes/s', 'p50 ms', 'p99 ms', 'CPU µs/write', '× raw etcd', 'p99 × raw etcd'],
      rows,
      notes: [
        `A write is a compare-and-swap of ${valueBytes} bytes, durable before it is acknowledged; medians of ${rounds} rounds of ${roundMs / 1000} s. etcd is reached through Knarr's own backend, and by grpc-js with nothing around it, on the loopback, with its data in the same folder${onTmpfs(folder)}. Aims: at least 1.3 × with 1 in flight; with 64 at least 6 ×, and a p99 of at most 0.4 ×.`,
        `An embedded store of ${startupRecords.toLocaleString('en')} such records opens in ${rounded(opening.openMs)} ms and takes ${rounded(opening.rssBytes / startupRecords)} bytes of memory (RSS) for each; aim: at most 3,500.`,
      ],
    };
  } finally {
    for (const engine of Object.values(engines)) await engine.close();
    await etcd.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function rowsOf(samples: ReadonlyMap<string, readonly Sample[]>, inFlight: number): string[][] {
  const rate = (name: string): number => median((samples.get(name) ?? []).map((one) => one.perSecond));
  const latency = (name: string, fraction: number): number =>
    quantile(
      (samples.get(name) ?? []).flatMap((one) => one.latenciesMs),
      fraction,
    );
  return [...samples].map(([name, taken]) => [
    `${name}, ${inFlight} in flight`,
    rounded(rate(name)),
    rounded(latency(name, 0.5)),
    rounded(latency(name, 0.99)),
    rounded(median(taken.map((one) => one.cpuMicrosecondsPerWrite))),
    rounded(rate(name) / rate(yardstick)),
    rounded(latency(name, 0.99) / latency(yardstick, 0.99)),
  ]);
}

async function measure(engine: Swapper, label: string, inFlight: number): Promise<Sample> {
  const latenciesMs: number[] = [];
  const value = Buffer.alloc(valueBytes, 'x');
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async (_, writer) => {
      const key = `/registry/bench/${label}/${writer}`;
      let revision = await engine.put(key, value, 0);
      while (performance.now() - startMs < roundMs) {
        const sentMs = performance.now();
        revision = await engine.put(key, value, revision);
        latenciesMs.push(performance.now() - sentMs);
      }
    }),
  );
  const seconds = (performance.now() - startMs) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  return {
    perSecond: latenciesMs.length / seconds,
    latenciesMs,
    cpuMicrosecondsPerWrite: (cpu.user + cpu.system) / latenciesMs.length,
  };
}

interface Opening {
  readonly openMs: number;
  readonly rssBytes: number;
}

async function measureOpening(dataDir: string): Promise<Opening> {
  const store = await openStore({ backend: 'embedded', dataDir, log });
  const inFlight = 500;
  for (let i = 0; i < startupRecords; i += inFlight) {
    const creations = Array.from({ length: inFlight }, (_, j) =>
      store.create(`/registry/pods/bench/pod-${i + j}`, Buffer.alloc(valueBytes, 'x')),
    );
    await Promise.all(creations);
  }
  await store.close();
  const program = fileURLToPath(new URL('./store-memory.js', import.meta.url));
  const runs: Opening[] = [];
  for (let i = 0; i < 5; i++) {
    runs.push(JSON.parse(await runCommand(process.execPath, ['--expose-gc', program, dataDir])) as Opening);
  }
  return {
    openMs: median(runs.map((run) => run.openMs)),
    rssBytes: median(runs.map((run) => run.rssBytes)),
  };
}

function onTmpfs(folder: string): string {
  return statfsSync(folder).type === tmpfsType ? ' (in memory: set TMPDIR to a folder on a disk)' : '';
}
