/**
 * `npm run bench`: measures, prints tables, and with `--write` puts them into docs/benchmarks.md.
 *
 * `store` and `capacity` need etcd; `http` and `write` nothing; `cluster`, `node` and `storm` need root and an installed machine without a running Knarr.
 */
import { join } from 'node:path';
import { Command } from 'commander';
import { packageRoot } from '../../common/paths.js';
import { measuredOn, renderText, writeSection } from './report.js';
import type { Section } from './report.js';
import type { StormFlags } from './storm/storm-command.js';

const page = join(packageRoot(), 'docs/benchmarks.md');

async function report(
  benchmark: (progress: (line: string) => void) => Promise<readonly Section[]>,
  { write }: { readonly write: boolean },
): Promise<void> {
  const sections = await benchmark((line) => process.stderr.write(`${line}\n`));
  const now = new Date();
  process.stdout.write(`\nMeasured on ${measuredOn(now)}\n`);
  for (const section of sections) {
    process.stdout.write(`\n${renderText(section)}`);
    if (write) writeSection(page, section, now);
  }
}

const program = new Command('bench').description('measures Knarr and prints tables').showHelpAfterError();
program
  .command('store')
  .description('compare-and-swap on the embedded store and on etcd')
  .option('--write', 'put the result into docs/benchmarks.md', false)
  .action(async (flags: { write: boolean }) => {
    const { benchmarkStore } = await import('./store-benchmark.js');
    await report(async (progress) => [await benchmarkStore(progress)], flags);
  });
program
  .command('cluster')
  .description('time to Ready, time to Running against bare CRI calls, idle CPU and memory')
  .option('--write', 'put the result into docs/benchmarks.md', false)
  .option('--pods <number>', 'how many pods of each kind are timed', Number, 15)
  .action(async (flags: { write: boolean; pods: number }) => {
    const { benchmarkCluster } = await import('./cluster-benchmark.js');
    await report((progress) => benchmarkCluster({ pods: flags.pods, progress }), flags);
  });
program
  .command('node')
  .description('the node agent: a burst of pods, a full node at rest, restarts and deletions')
  .option('--write', 'put the result into docs/benchmarks.md', false)
  .option('--pods <number>', 'how many pods a burst has', Number, 100)
  .option('--rounds <number>', 'bursts of each kind', Number, 3)
  .action(async (flags: { write: boolean; pods: number; rounds: number }) => {
    const { benchmarkNode } = await import('./node-benchmark.js');
    await report((progress) => benchmarkNode({ pods: flags.pods, rounds: flags.rounds, progress }), flags);
  });
program
  .command('capacity')
  .description('pods by the thousand: start, memory, lists; a list beside an etcd range')
  .option('--write', 'put the result into docs/benchmarks.md', false)
  .option('--objects <number>', 'how many pods at most', Number, 100_000)
  .action(async (flags: { write: boolean; objects: number }) => {
    const { benchmarkCapacity } = await import('./capacity-benchmark.js');
    await report((progress) => benchmarkCapacity({ objects: flags.objects, progress }), flags);
  });
program
  .command('write')
  .description('where the processor time of a PUT goes, by stage, beside a raw Node server')
  .option('--write', 'put the result into docs/benchmarks.md', false)
  .option('--seconds <number>', 'how long', Number, 10)
  .action(async (flags: { write: boolean; seconds: number }) => {
    const { benchmarkWrite } = await import('./write-benchmark.js');
    const durationMs = flags.seconds * 1000;
    await report(async (progress) => [await benchmarkWrite({ durationMs, progress })], flags);
  });
program
  .command('http')
  .description('requests over HTTPS against a raw Node server, watch fan-out, fairness')
  .option('--write', 'put the result into docs/benchmarks.md', false)
  .option('--rounds <number>', 'how often each is measured', Number, 3)
  .option('--seconds <number>', 'how long each time', Number, 3)
  .option('--only <parts>', 'requests, fanOut, fairness, comma-separated', 'requests,fanOut,fairness')
  .option('--profile <folder>', 'leave a CPU profile of the server there')
  .action(
    async (flags: { write: boolean; rounds: number; seconds: number; only: string; profile?: string }) => {
      const { benchmarkHttp, httpParts } = await import('./http-benchmark.js');
      const parts = httpParts.filter((part) => flags.only.split(',').includes(part));
      const { rounds, seconds, profile } = flags;
      await report(
        (progress) =>
          benchmarkHttp({
            parts,
            rounds,
            roundMs: seconds * 1000,
            progress,
            ...(profile === undefined ? {} : { profileDir: profile }),
          }),
        flags,
      );
    },
  );
program
  .command('storm')
  .description('I/O-aware startup on a throttled disk: the collapse without it, and the proof of each aim')
  .argument('[cases...]', 'names of cases (default: all but those of --limits)')
  .option('--rounds <number>', 'how often each is repeated', Number, 1)
  .option('--limits <list>', 'fixed numbers of slots to compare with, comma-separated', '')
  .option('--results <file>', 'where figures go, after each case', 'storm-results.json')
  .option('--resume', 'leave out cases and rounds that are in this file', false)
  .option('--plot <folder>', 'draw the pictures of docs/startup.md there')
  .option('-o, --output <format>', 'text or json', 'text')
  .option('--write', 'put the result into docs/benchmarks.md', false)
  .action(async (cases: string[], flags: StormFlags) => {
    const { runStormCommand } = await import('./storm/storm-command.js');
    await runStormCommand(cases, flags, (benchmark) => report(benchmark, flags));
  });
await program.parseAsync(process.argv);
