/** preStop and postStart: what a container wants done right before its end and right after its start. */
import type { LifecycleHandler } from '../../api/generated/core-v1.js';
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import { checkHttp } from '../probes/run-check.js';
import type { CheckTarget } from '../probes/run-check.js';

export class HookError extends Error {
  override readonly name = 'HookError';
}

/** Rejects with {@link HookError} when the hook fails or takes longer than `timeoutSeconds`. */
export async function runHook(
  handler: LifecycleHandler,
  target: CheckTarget,
  options: { readonly timeoutSeconds: number; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const { timeoutSeconds, clock, signal } = options;
  if (handler.sleep !== undefined) {
    await sleep(clock, Math.min(handler.sleep.seconds, timeoutSeconds) * 1000, signal);
    return;
  }
  if (handler.exec !== undefined) {
    const command = handler.exec.command ?? [];
    const { exitCode, stdout, stderr } = await target.runtime.execSync(
      target.containerId,
      command,
      timeoutSeconds,
      signal,
    );
    if (exitCode !== 0)
      throw new HookError(`command '${command.join(' ')}' exited with ${exitCode}: ${stdout}${stderr}`);
    return;
  }
  if (handler.httpGet !== undefined) {
    const { ok, output } = await checkHttp(handler.httpGet, target, timeoutSeconds, signal);
    if (!ok) throw new HookError(output);
    return;
  }
  throw new HookError('this kind of hook is not supported');
}
