/**
 * `npm run bench -- storm [CASE…]`: I/O-aware startup on a real throttled disk with real containerd. Each case prints
 * what it does and what has come of it; docs/startup.md tells what it proves.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../../../common/usage-error.js';
import { withCluster } from '../benchmarked-cluster.js';
import type { Section } from '../report.js';
import { fastDiskCase } from './fast-disk-case.js';
import { drawPictures } from './plots.js';
import type { Picture } from './plots.js';
import { queueCases } from './queue-cases.js';
import { ResultsFile } from './results-file.js';
import type { StormRun } from './results-file.js';
import { runtimeOnDiskCases } from './runtime-on-disk-cases.js';
import type { StormCase } from './storm-case.js';
import { StormDisk } from './storm-disk.js';
import { gateOff, StormMachine } from './storm-machine.js';
import { summarize } from './summary.js';
import { fixedCases, throttledCases } from './throttled-cases.js';

export interface StormBenchmarkOptions {
  /** Names of cases; none: all but those for comparison. */
  readonly cases: readonly string[];
  readonly rounds: number;
  /** Limits of the cases for comparison. */
  readonly limits: readonly number[];
  /** Where the results go. */
  readonly results: string;
  /** Leave out what the file has already. */
  readonly isResumed: boolean;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface StormReport {
  readonly runs: readonly StormRun[];
  readonly sections: readonly Section[];
  readonly pictures: readonly Picture[];
  /** Whether an aim was missed. */
  readonly isMissed: boolean;
}

export async function benchmarkStorm(options: StormBenchmarkOptions): Promise<StormReport> {
  const { results, rounds, isResumed, progress } = options;
  const chosen = chooseCases(options);
  const file = ResultsFile.open(results);
  const left = (one: StormCase): number[] =>
    Array.from({ length: rounds }, (_, i) => i + 1).filter(
      (round) => !isResumed || !file.has(one.name, round),
    );
  const runs: StormRun[] = [];
  for (const isRuntimeOnDisk of [false, true]) {
    const here = chosen.filter((one) => one.isRuntimeOnDisk === isRuntimeOnDisk && left(one).length > 0);
    if (here.length === 0) continue;
    await withMachine(isRuntimeOnDisk, options, async (machine) => {
      for (const one of here)
        for (const round of left(one)) {
          progress(`\n${one.name}, round ${round}: ${one.about}`);
          const startMs = performance.now();
          const run = file.add(one.name, round, await one.run(machine));
          runs.push(run);
          for (const { what, found, aim, passed } of run.checks)
            progress(`  ${verdict(one, passed)}  ${what}: ${found} (aim: ${aim})`);
          await machine.clear();
          progress(`  took ${((performance.now() - startMs) / 1000).toFixed(0)} s`);
        }
    });
  }
  progress(`\nAll figures, with their course in time: ${results}`);
  const aims = new Set(
    chosen.flatMap(({ name, isForComparison }) => (isForComparison === true ? [] : [name])),
  );
  const isMissed = runs.some((run) => aims.has(run.case) && run.checks.some(({ passed }) => !passed));
  return { runs, sections: [summarize(file.runs)], pictures: drawPictures(file.runs), isMissed };
}

function verdict({ isForComparison }: StormCase, passed: boolean): string {
  if (isForComparison === true) return ' ';
  return passed ? 'ok    ' : 'MISSED';
}

function chooseCases({ cases, limits }: StormBenchmarkOptions): readonly StormCase[] {
  const proof = [...throttledCases, fastDiskCase, ...queueCases, ...runtimeOnDiskCases];
  const all = [...proof, ...fixedCases(limits)];
  const unknown = cases.filter((name) => !all.some((one) => one.name === name));
  if (unknown.length > 0)
    throw new UsageError(
      `there is no case ${unknown.join(', ')}: ${proof.map(({ name }) => name).join(', ')}; with --limits also ${fixedCases(
        [8],
      )
        .map(({ name }) => name)
        .join(', ')}`,
    );
  if (cases.length === 0) return all;
  return all.filter(({ name }) => cases.includes(name));
}

/** Everything that was made is taken away again, whatever happens. */
async function withMachine(
  isRuntimeOnDisk: boolean,
  { progress, signal }: StormBenchmarkOptions,
  measure: (machine: StormMachine) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-storm-'));
  let disk: StormDisk | undefined;
  try {
    disk = await StormDisk.make(folder);
    const made = disk;
    await withCluster(progress, async (cluster) => {
      const options = { isRuntimeOnDisk, mode: gateOff, signal };
      const machine = await StormMachine.start(cluster, made, options);
      try {
        await measure(machine);
      } finally {
        made.throttle(undefined);
        await machine.stopWatching();
      }
    });
  } finally {
    await disk?.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}
