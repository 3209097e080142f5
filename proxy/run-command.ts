/** Runs a system tool and waits for it. */
import { spawn } from 'node:child_process';

export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number | null;
  readonly stderr: string;

  constructor(command: readonly string[], exitCode: number | null, stderr: string) {
    super(`${command.join(' ')} ended with status ${String(exitCode)}: ${stderr.trim()}`);
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/** The tool's stdout. Rejects with CommandError when it fails, with ENOENT when it is not installed. */
export async function runCommand(command: readonly [string, ...string[]], stdin = ''): Promise<string> {
  const [tool, ...parameters] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(tool, parameters, { stdio: 'pipe' });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A tool that ends before it has read everything tells why by its status.
    child.stdin.on('error', () => undefined);
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(Buffer.concat(stdout).toString('utf8'));
      else reject(new CommandError(command, code, Buffer.concat(stderr).toString('utf8').slice(0, 2_000)));
    });
    child.stdin.end(stdin);
  });
}
