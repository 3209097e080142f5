/** Work that must not overlap: for each key one piece at a time, in the order in which it was asked for. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Begins when all work that was asked for before under this key has ended, whatever became of it. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const mine = before.then(work);
    const ended = mine.then(ignore, ignore);
    this.#last.set(key, ended);
    try {
      return await mine;
    } finally {
      if (this.#last.get(key) === ended) this.#last.delete(key);
    }
  }
}

/** The next one only waits: a failure is told to whoever asked for the work. */
function ignore(): void {
  return undefined;
}
