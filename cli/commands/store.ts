/** `knarr store …`: hands over to the store tool, which is a part of the apiserver as the store is. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { UsageError } from '../../common/usage-error.js';
import { findCluster } from '../command-context.js';
import type { CommandContext } from '../command-context.js';
import { etcdAccessOf, flagName } from '../etcd-access.js';
import type { EtcdAccess } from '../etcd-access.js';
import type { Layout } from '../layout.js';

/** Returns the exit code of the tool. Signals of the terminal reach it directly. */
export async function store(context: CommandContext, args: readonly string[]): Promise<number> {
  const layout = await findLayout(context);
  if (layout.store.backend !== 'embedded') {
    throw new UsageError(
      `the state of this cluster is in ${layout.settings.store}: take a snapshot with etcdctl snapshot save`,
    );
  }
  return runTool(context, layout, args);
}

export interface MigrateFlags extends EtcdAccess {
  readonly from?: string;
  readonly to?: string;
}

/**
 * A migration names its stores itself, whichever the cluster has now. Of the etcd that the cluster has, the way to
 * it is remembered: flags need to tell only what is different.
 */
export async function migrate(context: CommandContext, flags: MigrateFlags): Promise<number> {
  const layout = await findLayout(context);
  const { settings } = layout;
  const isOurs = [flags.from, flags.to].includes(settings.store);
  const all = { ...(isOurs ? etcdAccessOf(settings) : {}), ...flags };
  const args = Object.entries(all).map(([key, value]) => `--${flagName(key)}=${value}`);
  return runTool(context, layout, ['migrate', ...args]);
}

async function findLayout(context: CommandContext): Promise<Layout> {
  if (!context.isRoot) throw new UsageError('the store is for root: run it again with sudo');
  return (await findCluster(context)).layout;
}

async function runTool(context: CommandContext, layout: Layout, args: readonly string[]): Promise<number> {
  const tool = join(context.buildDir, 'apiserver', 'store-tool', 'main.js');
  const child = spawn(
    context.nodePath,
    [tool, ...args, `--data-dir=${layout.data.store}`, `--output=${context.terminal.format}`],
    { stdio: 'inherit', env: context.environment },
  );
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
