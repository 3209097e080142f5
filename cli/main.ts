/** What `./knarr` runs once everything is installed and built. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isAbsolute, resolve } from 'node:path';
import { packageRoot } from '../common/paths.js';
import { exitCodes, UsageError } from '../common/usage-error.js';
import { etcdFileKeys } from './etcd-access.js';
import { buildProgram } from './program.js';
import { CommandError } from '../common/run-command.js';
import type { SettingsFlags } from './settings-file.js';
import { Terminal } from './terminal.js';
import type { OutputFormat } from './terminal.js';
import { NotReadyError } from './up/wait-until.js';

const abort = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    abort.abort(new Error(`interrupted by ${name}`));
  });
}

// Whoever reads may have seen enough: `knarr startup --watch | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(exitCodes.ok);
});

function makeTerminal(format: OutputFormat): Terminal {
  return new Terminal({
    format,
    colours: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    size: () =>
      process.stdout.isTTY ? { columns: process.stdout.columns, rows: process.stdout.rows } : undefined,
  });
}

async function run(
  { output = 'text', ...flags }: SettingsFlags & { readonly output?: OutputFormat },
  command: Parameters<Parameters<typeof buildProgram>[1]>[1],
): Promise<void> {
  const terminal = makeTerminal(output);
  try {
    process.exitCode = await command({
      terminal,
      environment: process.env,
      flags: withAbsolutePaths(flags),
      isRoot: process.getuid?.() === 0,
      nodeVersion: process.version,
      nodePath: process.execPath,
      buildDir: join(dirname(fileURLToPath(import.meta.url)), '..'),
      signal: abort.signal,
    });
  } catch (error) {
    process.exitCode = error instanceof UsageError ? exitCodes.usage : exitCodes.failed;
    if (abort.signal.aborted) terminal.error('interrupted');
    else if (error instanceof UsageError || error instanceof NotReadyError || error instanceof CommandError)
      terminal.error(error.message);
    // A mistake of Knarr's own: the stack says where.
    else terminal.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

/** The processes do not run in the folder of the one who typed. */
function withAbsolutePaths(flags: SettingsFlags): SettingsFlags {
  const paths = ['dataDir', 'runDir', 'logDir', 'kubeconfig', ...etcdFileKeys] as const;
  const changed = paths.flatMap((key) => {
    const path = flags[key];
    return path === undefined || isAbsolute(path) ? [] : [[key, resolve(path)] as const];
  });
  return { ...flags, ...Object.fromEntries(changed) };
}

function version(): string {
  const manifest = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}

const program = buildProgram(version(), run, (text) => {
  process.stdout.write(text);
});
for (const command of [program, ...program.commands, ...program.commands.flatMap((one) => one.commands)]) {
  command.exitOverride((error) => {
    process.exit(error.exitCode === 0 ? exitCodes.ok : exitCodes.usage);
  });
}
await program.parseAsync(process.argv);
process.exit();
