/**
 * Time and things that are shared in a simulation by discrete events: nothing happens between two events, so what was
 * done between them is a product and not a loop of small steps.
 */

/** Calls back at times; at equal times in the order in which they were asked for. */
export class EventClock {
  nowMs = 0;
  readonly #timers: { readonly atMs: number; readonly run: () => void }[] = [];
  readonly #shares: readonly Share[];

  constructor(shares: readonly Share[]) {
    this.#shares = shares;
  }

  at(atMs: number, run: () => void): void {
    const index = this.#timers.findLastIndex((timer) => timer.atMs <= atMs);
    this.#timers.splice(index + 1, 0, { atMs, run });
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.nowMs + delayMs, run);
  }

  /** Goes on to the next event; false when there is none. */
  step(): boolean {
    const [timer] = this.#timers;
    const endMs = this.nowMs + Math.min(...this.#shares.map((share) => share.endsInMs()));
    const nextMs = Math.min(timer?.atMs ?? Infinity, endMs);
    if (nextMs === Infinity) return false;
    const elapsedMs = nextMs - this.nowMs;
    this.nowMs = nextMs;
    for (const share of this.#shares) share.advance(elapsedMs);
    if (timer !== undefined && timer.atMs <= nextMs) this.#timers.shift()?.run();
    return true;
  }
}

/** Everybody who uses it gets the same part, at most `perUser`: a disk (bytes), or processors (their milliseconds). */
export class Share {
  /** Units a millisecond. */
  capacity: number;
  readonly #perUser: number;
  /** What each user has been given since the beginning. */
  #given = 0;
  readonly #users = new Map<object, { readonly until: number; readonly done: () => void }>();
  /** Sums over time since they were taken last. */
  #sums = { busyMs: 0, usersMs: 0, pressedMs: 0, units: 0 };
  readonly #pressureOf: (users: number) => number;

  constructor(capacity: number, perUser = Infinity, pressureOf: (users: number) => number = () => 0) {
    this.capacity = capacity;
    this.#perUser = perUser;
    this.#pressureOf = pressureOf;
  }

  /** `done` is called when the user has been given so much. */
  use(user: object, amount: number, done: () => void): void {
    this.#users.set(user, { until: this.#given + amount, done });
  }

  /** Idempotent. */
  leave(user: object): void {
    this.#users.delete(user);
  }

  endsInMs(): number {
    if (this.#users.size === 0) return Infinity;
    let first = Infinity;
    for (const { until } of this.#users.values()) first = Math.min(first, until);
    return Math.max(0, (first - this.#given) / this.#eachPerMs());
  }

  advance(elapsedMs: number): void {
    const users = this.#users.size;
    if (users === 0) return;
    const each = this.#eachPerMs() * elapsedMs;
    this.#given += each;
    this.#sums.busyMs += elapsedMs;
    this.#sums.usersMs += elapsedMs * users;
    this.#sums.pressedMs += elapsedMs * this.#pressureOf(users);
    this.#sums.units += each * users;
    // Rounding must not leave a user with a billionth to go.
    const reached = this.#given * (1 + 1e-12) + 1e-6;
    const ended: (() => void)[] = [];
    for (const [user, { until, done }] of this.#users) {
      if (until > reached) continue;
      this.#users.delete(user);
      ended.push(done);
    }
    for (const done of ended) done();
  }

  takeSums(): { busyMs: number; usersMs: number; pressedMs: number; units: number } {
    const sums = this.#sums;
    this.#sums = { busyMs: 0, usersMs: 0, pressedMs: 0, units: 0 };
    return sums;
  }

  #eachPerMs(): number {
    return Math.min(this.#perUser, this.capacity / this.#users.size);
  }
}
