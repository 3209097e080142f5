/** Wakes a reader when a log grows, is rotated, or its container changes; changes before the wait are not lost. */
import { watch } from 'node:fs';
import { dirname } from 'node:path';

/** Tells a follower when the container's state may have changed. */
export interface LogSource {
  isRunning(): Promise<boolean>;
  /** The returned function ends the subscription. */
  onChange(listener: () => void): () => void;
}

export class LogChanges {
  readonly #watcher;
  readonly #unsubscribe: () => void;
  readonly #signal: AbortSignal;
  #pending = false;
  #renamed = true;
  #wake: (() => void) | undefined;

  constructor(path: string, source: LogSource, signal: AbortSignal) {
    this.#signal = signal;
    // The folder: a file that is renamed would take a watch of itself along.
    this.#watcher = watch(dirname(path), (event) => {
      if (event === 'rename') this.#renamed = true;
      this.#notify();
    });
    this.#watcher.on('error', this.#notify);
    this.#unsubscribe = source.onChange(this.#notify);
    signal.addEventListener('abort', this.#notify, { once: true });
  }

  /** Whether files came or went since it was asked last; true at first. */
  takeRenamed(): boolean {
    const renamed = this.#renamed;
    this.#renamed = false;
    return renamed;
  }

  async next(): Promise<void> {
    if (!this.#pending) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#pending = false;
    this.#wake = undefined;
  }

  close(): void {
    this.#watcher.close();
    this.#unsubscribe();
    this.#signal.removeEventListener('abort', this.#notify);
  }

  readonly #notify = (): void => {
    this.#pending = true;
    this.#wake?.();
  };
}
