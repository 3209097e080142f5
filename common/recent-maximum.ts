/** A number that goes up and down, and how high it was of late: a peak between two looks is seen. */

const windowMs = 1000;

export class RecentMaximum {
  #value = 0;
  #windowStartMs = -Infinity;
  /** In the window that is under way, and in the one before it. */
  #highest = 0;
  #highestBefore = 0;

  get value(): number {
    return this.#value;
  }

  add(by: number, nowMs: number): void {
    this.#turn(nowMs);
    this.#value += by;
    if (this.#value > this.#highest) this.#highest = this.#value;
  }

  /** The highest value of the last one to two seconds. */
  highest(nowMs: number): number {
    this.#turn(nowMs);
    return Math.max(this.#highest, this.#highestBefore);
  }

  #turn(nowMs: number): void {
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs < windowMs) return;
    this.#highestBefore = elapsedMs < 2 * windowMs ? this.#highest : this.#value;
    this.#highest = this.#value;
    this.#windowStartMs = nowMs;
  }
}
