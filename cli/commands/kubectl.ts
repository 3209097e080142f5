/** `knarr kubectl …`: Kubernetes' own kubectl, v1.35, on Knarr's cluster. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants as os } from 'node:os';
import { findCluster } from '../command-context.js';
import type { CommandContext } from '../command-context.js';
import { chooseKubeconfig } from '../kubeconfig/choose-kubeconfig.js';
import { unpackTool } from '../kubectl/unpack-kubectl.js';

/** Returns kubectl's exit code. Signals of the terminal reach kubectl directly. */
export async function kubectl(context: CommandContext, args: readonly string[]): Promise<number> {
  const { layout } = await findCluster(context);
  const { file, context: contextName } = chooseKubeconfig(layout);
  const access = [`--kubeconfig=${file}`, ...(contextName === undefined ? [] : [`--context=${contextName}`])];
  const child = spawn(await unpackTool('v1.35', 'kubectl'), [...access, ...args], {
    stdio: 'inherit',
    env: context.environment,
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + (signal === null ? 0 : os.signals[signal]);
}
