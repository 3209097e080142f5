/** `knarr down`: stops what Knarr started; with `--purge` nothing of it stays on the machine. */
import { existsSync } from 'node:fs';
import { exitCodes, UsageError } from '../../common/usage-error.js';
import { findCluster } from '../command-context.js';
import type { CommandContext, ExitCode } from '../command-context.js';
import { purgeCluster } from '../down/purge-cluster.js';
import { stopCluster } from '../down/stop-cluster.js';
import { withLock } from '../lock.js';

export async function down(context: CommandContext, options: { readonly purge: boolean }): Promise<ExitCode> {
  const { terminal } = context;
  if (!context.isRoot) throw new UsageError('knarr down needs root: run it again with sudo');
  const cluster = await findCluster(context);
  const { layout } = cluster;
  const steps: string[] = [];
  const say = (line: string): void => {
    steps.push(line);
    terminal.line(`${terminal.colour('green', '✔')} ${line}`);
  };
  const stop = { ...context, layout, stopPods: true, say };
  // Without a run folder nothing can be running; making one for the lock would leave it behind.
  const problems = existsSync(layout.run.root)
    ? await withLock(layout, () => stopCluster(stop))
    : await stopCluster(stop);
  if (options.purge) problems.push(...(await purgeCluster({ ...context, ...cluster, say })));
  terminal.result({ steps, problems });
  if (problems.length > 0) {
    for (const problem of problems) terminal.error(problem);
    return exitCodes.failed;
  }
  if (steps.length === 0)
    terminal.line(options.purge ? 'Nothing of Knarr is there.' : 'Knarr is not running.');
  else if (options.purge) terminal.line('Nothing of Knarr is left on this machine.');
  else terminal.line(`Stopped. The data is in ${layout.data.root}; ./knarr up brings everything back.`);
  return exitCodes.ok;
}
