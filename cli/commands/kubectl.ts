/** `knarr kubectl …`: Kubernetes' own kubectl, v1.35, on Knarr's cluster. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, existsSync } from 'node:fs';
import { constants as os } from 'node:os';
import { UsageError } from '../../common/usage-error.js';
import { findCluster } from '../command-context.js';
import type { CommandContext } from '../command-context.js';
import { unpackTool } from '../kubectl/unpack-kubectl.js';
import { contextName } from '../layout.js';
import { kubeconfigOf } from '../processes.js';

/** Returns kubectl's exit code. Signals of the terminal reach kubectl directly. */
export async function kubectl(context: CommandContext, args: readonly string[]): Promise<number> {
  const { layout } = await findCluster(context);
  const admin = kubeconfigOf(layout, 'admin');
  const personal = layout.settings.kubeconfig;
  // The admin's file is for root alone; others use the context in their own.
  const access = isReadable(admin)
    ? [`--kubeconfig=${admin}`]
    : [`--kubeconfig=${personal}`, `--context=${contextName}`];
  if (!isReadable(admin) && !existsSync(personal)) {
    throw new UsageError(`there is no cluster in ${layout.data.root} for you: knarr up makes one`);
  }
  const child = spawn(await unpackTool('v1.35', 'kubectl'), [...access, ...args], {
    stdio: 'inherit',
    env: context.environment,
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + (signal === null ? 0 : os.signals[signal]);
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'EACCES') return false;
    throw error;
  }
}
