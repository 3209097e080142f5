/** `knarr doctor`: the checks of `knarr up` alone, each with its finding and how to mend it. */
import { exitCodes } from '../../common/usage-error.js';
import { checkMachine, checkRuntimeVersions } from '../checks/machine.js';
import { findCluster } from '../command-context.js';
import type { CommandContext, ExitCode } from '../command-context.js';
import { PidFolder } from '../supervisor/process-identity.js';

export async function doctor(context: CommandContext): Promise<ExitCode> {
  const { terminal } = context;
  const { layout } = await findCluster(context);
  const own = new Set(new PidFolder(layout.run.pids).readAllLive().map(({ pid }) => pid));
  const results = [
    ...(await checkMachine({ ...context, settings: layout.settings, isOwn: (pid) => own.has(pid) })),
    ...(await checkRuntimeVersions()),
  ];
  const colours = { ok: 'green', warn: 'yellow', fail: 'red' } as const;
  const failed = results.filter(({ level }) => level === 'fail').length;
  terminal.result({ ok: failed === 0, checks: results }, () => {
    for (const { name, level, message, remedy } of results) {
      const mark = terminal.colour(colours[level], level.padEnd(5));
      terminal.line(
        `${mark} ${name.padEnd(16)} ${message}${remedy === undefined ? '' : `\n${' '.repeat(23)}→ ${remedy}`}`,
      );
    }
    terminal.line();
    terminal.line(
      failed === 0
        ? 'This machine can run Knarr.'
        : `${String(failed)} of ${String(results.length)} checks failed.`,
    );
  });
  return failed === 0 ? exitCodes.ok : exitCodes.failed;
}
