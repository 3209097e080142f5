/** The rules of the house that a program can check; each counts as one test. */
import { join } from 'node:path';
import { tryCommand } from '../../common/run-command.js';

export interface HouseCheck {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
}

const sources = [
  ...['common', 'api', 'client', 'proto', 'apiserver', 'scheduler', 'controller-manager', 'kubelet'],
  ...['proxy', 'cni-plugins', 'cli', 'test'],
];

export const houseChecks: readonly HouseCheck[] = [
  { name: 'types', program: 'typescript/bin/tsc', args: ['--noEmit', '--incremental', 'false'] },
  { name: 'lint', program: 'eslint/bin/eslint.js', args: ['.'] },
  { name: 'formatting', program: 'prettier/bin/prettier.cjs', args: ['--check', '.'] },
  { name: 'dependency rules', program: 'dependency-cruiser/bin/dependency-cruise.mjs', args: sources },
];

const timeoutMs = 300_000;

/** Undefined when the check passes, else what it says. */
export async function runHouseCheck(root: string, check: HouseCheck): Promise<string | undefined> {
  const program = join(root, 'node_modules', check.program);
  const result = await tryCommand(process.execPath, [program, ...check.args], { cwd: root, timeoutMs });
  return result.exitCode === 0 ? undefined : `${result.stdout}${result.stderr}`;
}
