/** Exit codes of every Knarr process. */
export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

/** A mistake of the one who started the process: shown as one line, without a stack, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
