/** Notes that plugins pass from one extension point to the next, for one Pod in one cycle. */

/** A typed name. Two plugins cannot collide, because the key is the object and not its text. */
export interface StateKey<T> {
  readonly description: string;
  /** Only there for the type checker. */
  readonly exampleOf?: T;
}

export function stateKey<T>(description: string): StateKey<T> {
  return { description };
}

/** Made anew for each attempt to schedule a Pod; never shared between Pods. */
export class CycleState {
  readonly #notes = new Map<StateKey<unknown>, unknown>();

  write<T>(key: StateKey<T>, value: T): void {
    this.#notes.set(key, value);
  }

  read<T>(key: StateKey<T>): T | undefined {
    // Only `write` with the same key puts something there, so it is a T.
    return this.#notes.get(key) as T | undefined;
  }
}
