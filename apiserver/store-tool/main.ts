/** What `knarr store` executes: snapshots, restores and checks the folder of an embedded store; moves to etcd and back. */
import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { createLogger } from '../../common/log.js';
import { exitCodes, UsageError } from '../../common/usage-error.js';
import { StoreError } from '../storage/store.js';
import { restore, snapshot, status, verify } from './commands.js';
import type { ToolContext } from './commands.js';
import { declareEtcdFlags } from '../store-flags.js';
import { migrate } from './migrate.js';
import type { MigrateFlags } from './migrate.js';
import { probeEtcd } from './probe-etcd.js';
import type { ProbeFlags } from './probe-etcd.js';
import type { OutputFormat } from './report.js';

interface Flags {
  dataDir: string;
  output: OutputFormat;
}

/**
 * Above what a cluster writes between a snapshot and its restore: an hour at 50,000 writes a second is 180 million.
 */
const defaultBump = 1_000_000_000;

const abort = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    abort.abort(new Error(`interrupted by ${name}`));
  });
}

function run(
  flags: Flags,
  command: (context: ToolContext, dataDir: string) => Promise<number>,
): Promise<void> {
  return runWithoutFolder(flags.output, (context) => command(context, resolve(flags.dataDir)));
}

async function runWithoutFolder(
  format: OutputFormat,
  command: (context: ToolContext) => Promise<number>,
): Promise<void> {
  const context: ToolContext = {
    output: {
      format,
      out: (text) => process.stdout.write(text),
      err: (text) => process.stderr.write(text),
    },
    signal: abort.signal,
    nowMs: () => performance.now(),
  };
  try {
    process.exitCode = await command(context);
  } catch (error) {
    process.exitCode = error instanceof UsageError ? exitCodes.usage : exitCodes.failed;
    const isExpected = error instanceof UsageError || error instanceof StoreError || abort.signal.aborted;
    const isOfSystem = error instanceof Error && 'syscall' in error;
    const text = error instanceof Error ? error.message : String(error);
    // A mistake of Knarr's own: the stack says where.
    const stack = error instanceof Error ? (error.stack ?? text) : text;
    process.stderr.write(`knarr: ${isExpected || isOfSystem ? text : stack}\n`);
  }
}

const program = new Command('store')
  .description('snapshots, restores and checks the folder of an embedded store')
  .showHelpAfterError()
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? exitCodes.ok : exitCodes.usage);
  });

function declare(name: string, description: string): Command {
  return declareBare(name, description).requiredOption('--data-dir <folder>', 'the folder of the store');
}

function declareBare(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .copyInheritedSettings(program)
    .addOption(new Option('-o, --output <format>', 'text or json').choices(['text', 'json']).default('text'));
}

declare('snapshot', 'write all records as of one revision into a file')
  .argument('<file>')
  .action(async (file: string, flags: Flags) => {
    await run(flags, (context, dataDir) => snapshot(context, dataDir, resolve(file)));
  });
declare('restore', 'fill an empty folder from a snapshot')
  .argument('<file>')
  .option('--bump-revision <count>', 'how far the revision is raised', parseCount, defaultBump)
  .action(async (file: string, flags: Flags & { bumpRevision: number }) => {
    await run(flags, (context, dataDir) => restore(context, dataDir, resolve(file), flags.bumpRevision));
  });
declare('verify', 'read every record of a snapshot, or of the folder, and check it')
  .argument('[file]')
  .action(async (file: string | undefined, flags: Flags) => {
    await run(flags, (context, dataDir) =>
      verify(context, dataDir, file === undefined ? file : resolve(file)),
    );
  });
declare('status', 'show revision, size and condition').action(async (flags: Flags) => {
  await run(flags, status);
});
declareEtcdFlags(
  declare('migrate', 'move a stopped cluster from the embedded store to etcd, or back, and check it')
    .requiredOption('--from <store>', 'embedded, or etcd=URL[,URL]')
    .requiredOption('--to <store>', 'the same'),
).action(async (flags: Flags & MigrateFlags) => {
  const log = createLogger('store', 'error');
  await run(flags, (context, dataDir) => migrate(context, dataDir, flags, log));
});
declareEtcdFlags(
  declareBare('probe-etcd', 'ask each server of an etcd whether it answers').requiredOption(
    '--etcd-servers <urls>',
    'client URLs of etcd, comma-separated',
  ),
).action(async (flags: ProbeFlags & { output: OutputFormat }) => {
  const log = createLogger('store', 'error');
  await runWithoutFolder(flags.output, (context) => probeEtcd(context, flags, log));
});
await program.parseAsync(process.argv);

function parseCount(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('That is no whole number.');
  return Number(text);
}
