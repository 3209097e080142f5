/** Starts the supervisor in the background, where it outlives the terminal. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { sleep, systemClock } from '../../common/clock.js';
import type { Layout } from '../layout.js';
import type { SupervisorStatus } from '../supervisor/control.js';
import { askSupervisor } from '../supervisor/control.js';
import { lastLines } from './last-lines.js';

const patienceMs = 10_000;

export async function startSupervisor(
  layout: Layout,
  program: { readonly nodePath: string; readonly buildDir: string; readonly environment: NodeJS.ProcessEnv },
  options: { readonly signal: AbortSignal; readonly hold: readonly string[] },
): Promise<SupervisorStatus> {
  const { signal, hold } = options;
  const logFile = join(layout.logs.root, 'supervisor.log');
  const output = openSync(logFile, 'a', 0o640);
  // Node reads the certificates named here at each start, for connections that a supervisor does not make.
  const environment = { ...program.environment, NODE_EXTRA_CA_CERTS: undefined };
  const child = spawn(
    program.nodePath,
    [
      join(program.buildDir, 'cli', 'supervisor', 'main.js'),
      '--run-dir',
      layout.run.root,
      ...hold.map((name) => `--hold=${name}`),
    ],
    { cwd: '/', detached: true, env: environment, stdio: ['ignore', output, output] },
  );
  closeSync(output);
  child.unref();
  const deadline = systemClock.monotonicMs() + patienceMs;
  while (child.exitCode === null && systemClock.monotonicMs() < deadline && !signal.aborted) {
    const status = await askSupervisor(layout.run.supervisorSocket);
    if (status !== undefined) return status;
    await sleep(systemClock, 10, signal);
  }
  throw new Error(`the supervisor did not start; ${logFile} ends with:\n${await lastLines(logFile, 3)}`);
}
