/** What `knarr doctor` prints and what `knarr up` asks before it changes anything. */

export interface CheckResult {
  readonly name: string;
  readonly level: 'ok' | 'warn' | 'fail';
  /** What was found; with warn and fail, what is wrong. */
  readonly message: string;
  /** With warn and fail: how to mend it. */
  readonly remedy?: string;
}

export function ok(name: string, message: string): CheckResult {
  return { name, level: 'ok', message };
}

export function warn(name: string, message: string, remedy: string): CheckResult {
  return { name, level: 'warn', message, remedy };
}

export function fail(name: string, message: string, remedy: string): CheckResult {
  return { name, level: 'fail', message, remedy };
}
