/**
 * The event loop, handed out in turns: what makes seats mean something in a process that can only do one thing at a time.
 *
 * Seats limit how many requests are under way; but a hundred small ones that arrive in one packet would still be worked
 * off in one go while all others wait. So work is done in pieces of a fraction of a millisecond. In each turn of the
 * loop, pieces are done until the turn's time is up; the flows that want one get theirs one after the other, however
 * many requests each of them has. Then the loop reads from all connections again.
 *
 * Because a client sends its next request when it has its answer, this bounds what a greedy one sends per turn, too.
 */
import { performance } from 'node:perf_hooks';

/** How long pieces are done before the loop gets to read again. */
const turnMs = 0.5;
/** After this time a piece of work should end. */
const pieceMs = 0.25;
/** Bytes that a piece writes are encrypted and handed to the kernel after it, before the loop reads: 0.8 µs for each KB. */
const sendMsPerByte = 0.8e-6;

export interface TurnsOptions {
  readonly nowMs?: () => number;
  /** Calls back in the next turn of the loop, after reading. */
  readonly defer?: (callback: () => void) => void;
  /** Calls back in the same turn, when all that is ready to go on has gone on. */
  readonly settle?: (callback: () => void) => void;
}

/** Stands for the requests that share a place in the round. */
export type TurnTaker = object;

export class Turns {
  readonly #nowMs: () => number;
  readonly #defer: (callback: () => void) => void;
  readonly #settle: (callback: () => void) => void;
  /** Who waits, in the order of the round. */
  readonly #waiting = new Map<TurnTaker, (() => void)[]>();
  /** Whether the loop is called back to begin a new turn. */
  #deferred = false;
  #startedMs = 0;

  constructor({ nowMs, defer, settle }: TurnsOptions = {}) {
    this.#nowMs = nowMs ?? (() => performance.now());
    this.#defer = defer ?? ((callback) => setImmediate(callback));
    this.#settle = settle ?? settleInThisTurn;
  }

  /** How many pieces wait. */
  get waiting(): number {
    let count = 0;
    for (const resumes of this.#waiting.values()) count += resumes.length;
    return count;
  }

  /**
   * Undefined to go on at once; otherwise resolves when it is the taker's turn. `writtenBytes` are what the taker writes in
   * a piece: to send them takes time of the loop that no piece shows, and so it is taken off the turn.
   */
  take(taker: TurnTaker, writtenBytes = 0): Promise<void> | undefined {
    const sendMs = writtenBytes * sendMsPerByte;
    if (this.#waiting.size === 0) {
      if (!this.#deferred) {
        this.#startedMs = this.#nowMs() - sendMs;
        this.#deferTurn();
        return undefined;
      }
      if (this.#nowMs() - this.#startedMs < turnMs) {
        this.#startedMs -= sendMs;
        return undefined;
      }
    }
    return new Promise((resolve) => {
      const resume = (): void => {
        this.#startedMs -= sendMs;
        resolve();
      };
      const before = this.#waiting.get(taker);
      if (before === undefined) this.#waiting.set(taker, [resume]);
      else before.push(resume);
      // A piece that is done in this turn may be followed by the end of the turn; see #next.
      if (!this.#deferred) this.#deferTurn();
    });
  }

  #deferTurn(): void {
    this.#deferred = true;
    this.#defer(() => {
      this.#startedMs = this.#nowMs();
      this.#next();
    });
  }

  /** One piece, and the next when it has settled, until time is up. */
  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#deferred = false;
      return;
    }
    if (this.#nowMs() - this.#startedMs >= turnMs) {
      this.#deferTurn();
      return;
    }
    const [taker, resumes] = first;
    const resume = resumes.shift();
    // To the end of the round.
    this.#waiting.delete(taker);
    if (resumes.length > 0) this.#waiting.set(taker, resumes);
    resume?.();
    this.#settle(() => {
      this.#next();
    });
  }
}

/** Promises that are ready go on first, as far as they get; the tick comes after them. */
function settleInThisTurn(callback: () => void): void {
  queueMicrotask(() => {
    process.nextTick(callback);
  });
}

/** Long work of one request, done in pieces. */
export class Pieces {
  readonly #turn: (writtenBytes?: number) => Promise<void> | undefined;
  #startedMs = performance.now();

  /** `turn` waits for the request's next turn. */
  constructor(turn: (writtenBytes?: number) => Promise<void> | undefined) {
    this.#turn = turn;
  }

  /** True when this piece has had its time. */
  get due(): boolean {
    return performance.now() - this.#startedMs >= pieceMs;
  }

  /** Waits until the next piece may begin; `writtenBytes` are those of a piece, if it writes. */
  async next(writtenBytes?: number): Promise<void> {
    await this.#turn(writtenBytes);
    this.#startedMs = performance.now();
  }
}
