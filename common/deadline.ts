/** A signal that aborts after a time, or together with others and for their reason, and leaves nothing behind when it is cleared. */
import type { Clock } from './clock.js';

export class Deadline {
  readonly #controller = new AbortController();
  readonly #cancel: () => void;
  readonly #parents: readonly AbortSignal[];
  #passed = false;

  constructor(clock: Clock, afterMs: number, ...parents: readonly AbortSignal[]) {
    this.#parents = parents;
    this.#cancel = clock.schedule(afterMs, () => {
      this.#passed = true;
      this.#controller.abort(new Error(`not done after ${afterMs} ms`));
    });
    for (const parent of parents) {
      if (parent.aborted) this.#controller.abort(parent.reason);
      else parent.addEventListener('abort', this.#onParent, { once: true });
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** True when it was the time, and not somebody else, that aborted. */
  get passed(): boolean {
    return this.#passed;
  }

  clear(): void {
    this.#cancel();
    for (const parent of this.#parents) parent.removeEventListener('abort', this.#onParent);
  }

  readonly #onParent = (event: Event): void => {
    this.#controller.abort((event.target as AbortSignal).reason);
  };
}
