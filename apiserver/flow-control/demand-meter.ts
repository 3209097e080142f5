/** Average, deviation and maximum over time of a number that changes in steps. */
export class DemandMeter {
  #value = 0;
  #sinceMs: number;
  #startedMs: number;
  #sum = 0;
  #sumOfSquares = 0;
  #highest = 0;

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
    this.#startedMs = nowMs;
  }

  set(value: number, nowMs: number): void {
    this.#add(nowMs);
    this.#value = value;
    if (value > this.#highest) this.#highest = value;
  }

  /** What was seen since the last call; a new period begins. */
  take(nowMs: number): {
    readonly average: number;
    readonly standardDeviation: number;
    readonly highest: number;
  } {
    this.#add(nowMs);
    const elapsed = nowMs - this.#startedMs;
    const average = elapsed > 0 ? this.#sum / elapsed : this.#value;
    const variance = elapsed > 0 ? Math.max(0, this.#sumOfSquares / elapsed - average * average) : 0;
    const taken = { average, standardDeviation: Math.sqrt(variance), highest: this.#highest };
    this.#startedMs = nowMs;
    this.#sum = 0;
    this.#sumOfSquares = 0;
    this.#highest = this.#value;
    return taken;
  }

  #add(nowMs: number): void {
    const elapsed = nowMs - this.#sinceMs;
    this.#sum += this.#value * elapsed;
    this.#sumOfSquares += this.#value * this.#value * elapsed;
    this.#sinceMs = nowMs;
  }
}
