/** `knarr kubeconfig`: prints the admin's kubeconfig of the cluster. */
import { readFile } from 'node:fs/promises';
import { exitCodes, UsageError } from '../../common/usage-error.js';
import { findCluster } from '../command-context.js';
import type { CommandContext, ExitCode } from '../command-context.js';
import type { Layout } from '../layout.js';
import { kubeconfigOf } from '../processes.js';

export async function kubeconfig(context: CommandContext, write: (text: string) => void): Promise<ExitCode> {
  const { layout } = await findCluster(context);
  write(await readAdminKubeconfig(layout));
  return exitCodes.ok;
}

async function readAdminKubeconfig(layout: Layout): Promise<string> {
  const file = kubeconfigOf(layout, 'admin');
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') {
      throw new UsageError(`there is no cluster in ${layout.data.root}: make one with knarr up`, { cause });
    }
    if (code === 'EACCES')
      throw new UsageError(`only root may read ${file}: run it again with sudo`, { cause });
    throw cause;
  }
}
