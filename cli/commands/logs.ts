/** `knarr logs NAME`: the log of one of Knarr's processes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../common/usage-error.js';
import { findCluster } from '../command-context.js';
import type { CommandContext } from '../command-context.js';
import { processDefinitions } from '../processes.js';

export async function logs(
  context: CommandContext,
  name: string,
  options: { readonly follow: boolean; readonly lines: number },
): Promise<number> {
  const { layout } = await findCluster(context);
  const definitions = processDefinitions(layout, { ...context, node: context.nodePath });
  const names = ['supervisor', ...definitions.map((definition) => definition.name)];
  if (!names.includes(name)) {
    throw new UsageError(`there is no process ${name}; there are ${names.join(', ')}`);
  }
  const file = join(layout.logs.root, `${name}.log`);
  if (!existsSync(file)) throw new UsageError(`${file} is not there: ${name} has not run here`);
  const child = spawn('tail', ['-n', String(options.lines), ...(options.follow ? ['-F'] : []), file], {
    stdio: 'inherit',
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 0;
}
