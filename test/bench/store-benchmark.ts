/** Compare-and-swap on the embedded store and on etcd, alternating in one run on one disk. */
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../apiserver/storage/backends/registry.js';
import type { Store } from '../../apiserver/storage/store.js';
import { silentLogger as log } from '../../common/log.js';
import { startEtcd } from '../support/etcd.js';
import type { Section } from './report.js';
import { median, quantile, rounded } from './statistics.js';

const valueBytes = 2_000;
const roundMs = 2_000;
const rounds = 3;
const startupRecords = 10_000;
const tmpfsType = 0x01021994;

interface Sample {
  readonly perSecond: number;
  readonly latenciesMs: readonly number[];
  /** Of this process; etcd works in one of its own besides. */
  readonly cpuMicrosecondsPerWrite: number;
}

export async function benchmarkStore(progress: (line: string) => void): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-bench-store-'));
  const etcd = await startEtcd();
  const engines: Readonly<Record<string, Store>> = {
    embedded: await openStore({ backend: 'embedded', dataDir: join(folder, 'cas'), log }),
    etcd: await openStore({ backend: 'etcd', endpoints: [etcd.endpoint], prefix: '/bench', log }),
  };
  try {
    const rows: string[][] = [];
    const rates = new Map<string, number>();
    for (const inFlight of [1, 64]) {
      const samples = new Map<string, Sample[]>(Object.keys(engines).map((name) => [name, []]));
      for (let round = 0; round < rounds; round++) {
        for (const [name, store] of Object.entries(engines)) {
          progress(`store: ${name}, ${inFlight} in flight, round ${round + 1} of ${rounds}`);
          samples.get(name)?.push(await measure(store, `${inFlight}-${round}`, inFlight));
        }
      }
      for (const [name, taken] of samples) {
        const perSecond = median(taken.map((sample) => sample.perSecond));
        rates.set(`${name} ${inFlight}`, perSecond);
        const latencies = taken.flatMap((sample) => sample.latenciesMs);
        rows.push([
          `${name}, ${inFlight} in flight`,
          rounded(perSecond),
          rounded(quantile(latencies, 0.5)),
          rounded(quantile(latencies, 0.99)),
          rounded(median(taken.map((sample) => sample.cpuMicrosecondsPerWrite))),
          rounded(perSecond / (rates.get(`etcd ${inFlight}`) ?? Number.NaN)),
        ]);
      }
    }
    // The column can be filled only when etcd's row is known.
    for (const row of rows) {
      const [, name = '', inFlight = ''] = /^(\w+), (\d+)/.exec(row[0] ?? '') ?? [];
      const rate = rates.get(`${name} ${inFlight}`) ?? Number.NaN;
      row[5] = rounded(rate / (rates.get(`etcd ${inFlight}`) ?? Number.NaN));
    }
    progress(`store: opening a store of ${startupRecords} records`);
    const openMs = await measureOpening(join(folder, 'startup'));
    return {
      name: 'store',
      columns: ['engine', 'writes/s', 'p50 ms', 'p99 ms', 'CPU µs/write', '× etcd'],
      rows,
      notes: [
        `A write is a compare-and-swap of ${valueBytes} bytes, durable before it is acknowledged; medians of ${rounds} rounds of ${roundMs / 1000} s. etcd is reached through Knarr's own backend on grpc-js, on the loopback, with its data in the same folder${onTmpfs(folder)}.`,
        `An embedded store of ${startupRecords.toLocaleString('en')} such records opens in ${rounded(openMs)} ms.`,
      ],
    };
  } finally {
    for (const store of Object.values(engines)) await store.close();
    await etcd.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(store: Store, label: string, inFlight: number): Promise<Sample> {
  const latenciesMs: number[] = [];
  const value = Buffer.alloc(valueBytes, 'x');
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async (_, writer) => {
      const key = `/registry/bench/${label}/${writer}`;
      const created = await store.create(key, value);
      let revision = 'revision' in created ? created.revision : created.record.modRevision;
      while (performance.now() - startMs < roundMs) {
        const sentMs = performance.now();
        const updated = await store.update(key, value, revision);
        latenciesMs.push(performance.now() - sentMs);
        if (updated.kind !== 'updated') throw new Error(`${key} was written by somebody else`);
        revision = updated.revision;
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

async function measureOpening(dataDir: string): Promise<number> {
  const open = (): Promise<Store> => openStore({ backend: 'embedded', dataDir, log });
  const store = await open();
  await Promise.all(
    Array.from({ length: startupRecords }, (_, i) =>
      store.create(`/registry/pods/bench/pod-${i}`, Buffer.alloc(valueBytes, 'x')),
    ),
  );
  await store.close();
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const startMs = performance.now();
    const again = await open();
    times.push(performance.now() - startMs);
    await again.close();
  }
  return median(times);
}

function onTmpfs(folder: string): string {
  return statfsSync(folder).type === tmpfsType ? ' (in memory: set TMPDIR to a folder on a disk)' : '';
}
