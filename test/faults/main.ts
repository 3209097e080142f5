/**
 * `npm run soak -- store`: faults, seeded and repeatable, against a store under load, and a proof that it kept its
 * promises. docs/store-faults.md tells what is proved and how.
 *
 * `npm run soak -- node`: pods come and go for minutes, and nothing of them is left.
 */
import { tmpdir } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { missingPackages } from '../../cli/checks/packages.js';
import { installPackages } from '../../cli/packages/install-packages.js';
import { exitCodes, UsageError } from '../../common/usage-error.js';
import { checkHistory } from '../support/history/check-history.js';
import { readHistory } from '../support/history/history-file.js';
import { soakPace } from './round.js';
import { startEtcdSetup } from './setup-etcd.js';
import { startEmbeddedSetup, startMemorySetup } from './setup-one-server.js';
import type { Setup } from './setup.js';
import { throttlePrograms } from './small-disk.js';
import { soak } from './soak.js';
import { renderSummary, summaryRows } from './summary.js';

interface Flags {
  readonly setup: 'embedded' | 'etcd' | 'memory';
  readonly rounds: number;
  readonly firstRound: number;
  readonly seed: number;
  readonly faults?: readonly string[];
  readonly check?: string;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function run(flags: Flags): Promise<number> {
  if (flags.check !== undefined) return checkFile(flags.check);
  const wants = (fault: string): boolean => flags.faults?.includes(fault) ?? true;
  await install(flags, wants);
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => {
      say('stopping after this round');
      stopping.abort();
    });
  const setup = await startSetup(flags.setup, wants);
  try {
    checkFaultNames(setup, flags.faults ?? []);
    for (const missing of setup.missing) say(`left out: ${missing}`);
    const { rounds, firstRound, seed } = flags;
    say(
      `seed ${seed}, setup ${setup.name}: ${setup.faults
        .filter(({ name }) => wants(name))
        .map(({ name }) => name)
        .join(', ')}`,
    );
    const startMs = performance.now();
    const result = await soak({
      ...{
        setup,
        seed,
        firstRound,
        rounds,
        pace: soakPace,
        wants,
        progress: say,
        signal: stopping.signal,
        keptIn: tmpdir(),
      },
    });
    say(`\n${renderSummary(summaryRows(result))}`);
    say(`took ${((performance.now() - startMs) / 60_000).toFixed(1)} minutes`);
    const { violations, kept } = result;
    if (violations.length === 0) return exitCodes.ok;
    say(
      `The choices again: npm run soak -- store --setup ${setup.name} --seed ${seed} --first-round ${violations[0]?.round ?? 1}`,
    );
    for (const file of kept) say(`The check again: npm run soak -- store --check ${file}`);
    return exitCodes.failed;
  } finally {
    await setup.stop();
  }
}

function checkFile(file: string): number {
  const history = readHistory(file);
  const violations = checkHistory(history);
  for (const { rule, detail } of violations) say(`${rule}: ${detail}`);
  say(
    `${history.operations.length} operations, ${history.watches.length} watches, ${violations.length} violations`,
  );
  return violations.length === 0 ? exitCodes.ok : exitCodes.failed;
}

async function install({ setup }: Flags, wants: (fault: string) => boolean): Promise<void> {
  const needed = [
    ...(setup === 'etcd' ? [{ program: 'etcd', package: 'etcd-server' }] : []),
    ...(wants(setup === 'embedded' ? 'slow-disk' : 'member-slow-disk') && setup !== 'memory'
      ? throttlePrograms
      : []),
  ];
  const missing = missingPackages(needed);
  if (missing.length === 0) return;
  say(`Installing with apt-get: ${missing.join(' ')}`);
  await installPackages(missing, () => undefined, new AbortController().signal);
}

function startSetup(name: Flags['setup'], wants: (fault: string) => boolean): Promise<Setup> {
  switch (name) {
    case 'embedded':
      return startEmbeddedSetup({ wants });
    case 'etcd':
      return startEtcdSetup({ wants });
    case 'memory':
      return startMemorySetup();
  }
}

function checkFaultNames({ name, faults, missing }: Setup, wanted: readonly string[]): void {
  const known = faults.map((fault) => fault.name);
  const unknown = wanted.filter((one) => !known.includes(one));
  if (unknown.length > 0)
    throw new UsageError(
      `--faults: there is no ${unknown.join(', ')} with the setup ${name}, but ${known.join(', ')}` +
        missing.map((one) => `; ${one}`).join(''),
    );
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

const program = new Command('soak').description('long tests with seeded faults').showHelpAfterError();
program
  .command('store')
  .description('kills, cuts and fills up what a store stands on, while 32 clients use it')
  .addOption(
    new Option('--setup <name>', 'what is hurt').choices(['embedded', 'etcd', 'memory']).default('embedded'),
  )
  .option('--rounds <number>', 'how many', wholeNumber, 200)
  .option('--seed <number>', 'all choices follow from it', wholeNumber, 1)
  .option('--first-round <number>', 'where to begin: each round has choices of its own', wholeNumber, 1)
  .option('--faults <names>', 'only these, comma-separated', (text) => text.split(','))
  .option('--check <file>', 'check the history of an earlier run, and do nothing else')
  .action(async (flags: Flags) => {
    try {
      process.exitCode = await run(flags);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      process.stderr.write(`soak: ${error.message}\n`);
      process.exitCode = exitCodes.usage;
    }
  });
program
  .command('node')
  .description('creates and deletes pods of all sorts in a loop, and looks what is left of them')
  .option('--minutes <number>', 'how long', wholeNumber, 5)
  .option('--pods <number>', 'how many at a time', wholeNumber, 30)
  .action(async ({ minutes, pods }: { minutes: number; pods: number }) => {
    const { soakNode } = await import('./soak-node.js');
    process.exitCode = (await soakNode({ minutes, pods, say })) ? exitCodes.ok : exitCodes.failed;
  });
await program.parseAsync(process.argv);
