/** `knarr store …`: hands over to the store tool, which is a part of the apiserver as the store is. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { UsageError } from '../../common/usage-error.js';
import { findCluster } from '../command-context.js';
import type { CommandContext } from '../command-context.js';

/** Returns the exit code of the tool. Signals of the terminal reach it directly. */
export async function store(context: CommandContext, args: readonly string[]): Promise<number> {
  if (!context.isRoot) throw new UsageError('the store is for root: run it again with sudo');
  const { layout } = await findCluster(context);
  // A migration names its stores itself, whichever the cluster has now.
  if (layout.store.backend !== 'embedded' && args[0] !== 'migrate') {
    throw new UsageError(
      `the state of this cluster is in ${layout.settings.store}: take a snapshot with etcdctl snapshot save`,
    );
  }
  const tool = join(context.buildDir, 'apiserver', 'store-tool', 'main.js');
  const child = spawn(
    context.nodePath,
    [tool, ...args, `--data-dir=${layout.data.store}`, `--output=${context.terminal.format}`],
    { stdio: 'inherit', env: context.environment },
  );
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
