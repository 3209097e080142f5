/** The command line of the storms: what is missing is installed, Ctrl-C cleans up, a missed aim is an exit code. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { missingPackages } from '../../../cli/checks/packages.js';
import { installPackages } from '../../../cli/packages/install-packages.js';
import { exitCodes, UsageError } from '../../../common/usage-error.js';
import { throttlePrograms } from '../../faults/small-disk.js';
import type { Section } from '../report.js';
import type { StormReport } from './storm-benchmark.js';
import { benchmarkStorm } from './storm-benchmark.js';

export interface StormFlags {
  readonly rounds: number;
  readonly limits: string;
  readonly results: string;
  readonly resume: boolean;
  readonly output: string;
  readonly write: boolean;
  readonly plot?: string;
}

type Benchmark = (progress: (line: string) => void) => Promise<readonly Section[]>;

export async function runStormCommand(
  cases: readonly string[],
  flags: StormFlags,
  report: (benchmark: Benchmark) => Promise<void>,
): Promise<void> {
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => {
      process.stderr.write('stopping: taking away what was made\n');
      stopping.abort(new UsageError('stopped'));
    });
  const missing = missingPackages(throttlePrograms);
  if (missing.length > 0) {
    process.stderr.write(`Installing with apt-get: ${missing.join(' ')}\n`);
    await installPackages(missing, () => undefined, stopping.signal);
  }
  let result: StormReport | undefined;
  const benchmark: Benchmark = async (progress) => {
    const { rounds, results, resume } = flags;
    const limits = flags.limits
      .split(',')
      .filter((text) => text !== '')
      .map(readLimit);
    const options = { cases, rounds, limits, results, isResumed: resume, progress, signal: stopping.signal };
    result = await benchmarkStorm(options);
    return result.sections;
  };
  if (flags.output === 'json') {
    await benchmark((line) => process.stderr.write(`${line}\n`));
    process.stdout.write(`${JSON.stringify(result?.runs)}\n`);
  } else await report(benchmark);
  if (flags.plot !== undefined) {
    mkdirSync(flags.plot, { recursive: true });
    for (const { file, svg } of result?.pictures ?? []) writeFileSync(join(flags.plot, file), svg);
  }
  if (result?.isMissed === true) process.exitCode = exitCodes.failed;
}

function readLimit(text: string): number {
  if (!/^[1-9]\d*$/.test(text))
    throw new UsageError(`--limits: ${text} is no number of slots: write 1,2,4,8`);
  return Number(text);
}
