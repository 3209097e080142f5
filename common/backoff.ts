/** Exponential backoff with jitter, per key. Pure state: time and randomness are given. */

export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  readonly factor?: number;
  /** 0.3 spreads a delay over ±30 %, so that those who failed together do not retry together. */
  readonly jitter?: number;
  readonly random?: () => number;
}

/** The delay before retry number `attempt` (the first is 0). */
export function backoffDelayMs(attempt: number, options: BackoffOptions): number {
  const factor = options.factor ?? 2;
  const base = Math.min(options.maxMs, options.initialMs * factor ** attempt);
  const jitter = options.jitter ?? 0;
  const random = options.random ?? Math.random;
  return Math.max(0, base * (1 + jitter * (random() * 2 - 1)));
}

/** Counts failures per key and answers how long to wait; a success forgets the key. */
export class KeyedBackoff {
  readonly #options: BackoffOptions;
  readonly #failures = new Map<string, number>();

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Records one more failure and returns the delay before the next try, in milliseconds. */
  next(key: string): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    return backoffDelayMs(failures, this.#options);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  reset(key: string): void {
    this.#failures.delete(key);
  }
}
