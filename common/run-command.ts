/** Runs a program to its end. Never through a shell. */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Fed to the program's standard input. */
  readonly input?: string | Buffer | Readable;
  readonly timeoutMs?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
}

/** The program could not be run, took too long, or said no. `message` is one line with the program's last words. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly result: CommandResult | undefined;

  constructor(message: string, options: { cause?: unknown; result?: CommandResult } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.result = options.result;
  }
}

/** Resolves with whatever exit code the program has; rejects with CommandError when it cannot run or is late. */
export async function tryCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { input, timeoutMs = 60_000, env, cwd, signal } = options;
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(env && { env }),
    ...(cwd !== undefined && { cwd }),
    ...(signal && { signal }),
  });
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort();
    child.kill('SIGKILL');
  }, timeoutMs);
  const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  child.stdout.on('data', (chunk: Buffer) => output.stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.stderr.push(chunk));
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        new CommandError(
          cause.code === 'ENOENT' ? `the program ${program} is not installed` : `${program} cannot be run`,
          { cause },
        ),
      );
    });
    child.once('close', (code, killed) => {
      resolve(code ?? (killed === null ? 1 : 128));
    });
  });
  const fed =
    input === undefined || typeof input === 'string' || Buffer.isBuffer(input)
      ? feed(child.stdin, input)
      : pipeline(input, child.stdin);
  try {
    const [exitCode] = await Promise.all([
      ended,
      // A program may end without reading all of its input; its exit code says why.
      fed.catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
      }),
    ]);
    if (late.signal.aborted)
      throw new CommandError(`${program} ${args.join(' ')} did not end within ${String(timeoutMs / 1000)} s`);
    return {
      exitCode,
      stdout: Buffer.concat(output.stdout).toString(),
      stderr: Buffer.concat(output.stderr).toString(),
    };
  } finally {
    clearTimeout(timer);
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
}

/** Like {@link tryCommand}, and rejects with CommandError when the exit code is not 0. Returns standard output. */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const result = await tryCommand(program, args, options);
  if (result.exitCode === 0) return result.stdout;
  const words = `${result.stdout}\n${result.stderr}`.trim().split('\n').at(-1) ?? '';
  throw new CommandError(
    `${program} ${args[0] ?? ''} failed (exit code ${String(result.exitCode)}): ${words}`,
    {
      result,
    },
  );
}

function feed(stdin: NodeJS.WritableStream, input: string | Buffer | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    stdin.once('error', reject);
    if (input === undefined) stdin.end(resolve);
    else stdin.end(input, resolve);
  });
}
