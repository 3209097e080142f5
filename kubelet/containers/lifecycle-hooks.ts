/** preStop and postStart: what a container wants done right before its end and right after its start. */
import type { LifecycleHandler } from '../../api/generated/core-v1.js';
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import { checkHttp } from '../probes/check-http.js';
import type { CheckTarget } from '../probes/check.js';
import { checkTcp } from '../probes/run-check.js';

export class HookError extends Error {
  override readonly name = 'HookError';
}

export interface HookOptions {
  /** How long it may take; without it as long as it takes. */
  readonly timeoutSeconds?: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A request is given up after this time where the hook as a whole has none, in seconds. */
const requestTimeoutSeconds = 3600;

/** Rejects with {@link HookError} when the hook fails, or with the runtime's error when it takes too long. */
export async function runHook(
  handler: LifecycleHandler,
  target: CheckTarget,
  { timeoutSeconds, clock, signal }: HookOptions,
): Promise<void> {
  if (handler.sleep !== undefined) {
    await sleep(clock, Math.min(handler.sleep.seconds, timeoutSeconds ?? Infinity) * 1000, signal);
  } else if (handler.exec !== undefined) {
    await runCommand(handler.exec.command ?? [], target, timeoutSeconds ?? 0, signal);
  } else if (handler.httpGet !== undefined) {
    const { outcome, output } = await checkHttp(
      handler.httpGet,
      target,
      timeoutSeconds ?? requestTimeoutSeconds,
      signal,
    );
    if (outcome === 'failure') throw new HookError(output);
  } else if (handler.tcpSocket !== undefined) {
    await checkTcp(handler.tcpSocket, target, timeoutSeconds ?? requestTimeoutSeconds, signal);
  } else
    throw new HookError('the hook names nothing to do: one of exec, httpGet, tcpSocket and sleep is needed');
}

async function runCommand(
  command: readonly string[],
  { runtime, containerId }: CheckTarget,
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<void> {
  const { exitCode, stdout, stderr } = await runtime.execSync(containerId, command, timeoutSeconds, signal);
  if (exitCode !== 0)
    throw new HookError(`command '${command.join(' ')}' exited with ${exitCode}: ${stdout}${stderr}`);
}
