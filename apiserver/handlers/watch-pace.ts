/**
 * When watches write.
 *
 * A single event goes out at once. But one event may be for a thousand watchers, and each write to a client takes some ten
 * microseconds: so the watchers that an event has woken go on in groups, one in each turn of the event loop, and others
 * are heard in between. And where events follow each other fast, the watchers wait for rounds, and each writes once in a
 * round what has come meanwhile. All of them share the rounds: so they stand at the same event, and what is made for one
 * of them is there for all (see watch-chunks.ts). The more they are, the longer a round is: what they write in a second
 * remains the same.
 */
import type { Clock } from '../../common/clock.js';

/** So many watchers go on in one turn of the loop: less than half a millisecond of work. */
export const watchersPerTurn = 32;
const minRoundMs = 10;
const maxRoundMs = 50;
/** A round lasts so long for each watcher in it: together they write no more than 28,000 times a second. */
const roundMsPerWatcher = 0.036;

export interface WatchPaceOptions {
  readonly clock: Clock;
  /** Calls back in the next turn of the loop, after reading. */
  readonly defer?: (callback: () => void) => void;
}

export class WatchPace {
  readonly #clock: Clock;
  readonly #defer: (callback: () => void) => void;
  /** Who goes on in turns to come. */
  #waiting: (() => void)[] = [];
  #wentOnInThisTurn = 0;
  #isDeferred = false;
  /** Who goes on at the end of the round. */
  #inRound: (() => void)[] = [];

  constructor({ clock, defer = (callback) => setImmediate(callback) }: WatchPaceOptions) {
    this.#clock = clock;
    this.#defer = defer;
  }

  /** For a watcher that has been woken: undefined to go on at once; otherwise resolves when it is its turn. */
  turn(): Promise<void> | undefined {
    this.#deferTurn();
    if (this.#waiting.length === 0 && this.#wentOnInThisTurn < watchersPerTurn) {
      this.#wentOnInThisTurn++;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** For a watcher that has written and expects more: resolves in its turn after the end of this round, 50 ms at most. */
  round(): Promise<void> {
    return new Promise((resolve) => {
      this.#inRound.push(resolve);
      if (this.#inRound.length === 1) this.#continueRound(0);
    });
  }

  #continueRound(passedMs: number): void {
    const wantedMs = Math.min(maxRoundMs, Math.max(minRoundMs, this.#inRound.length * roundMsPerWatcher));
    if (passedMs < wantedMs) {
      this.#clock.schedule(wantedMs - passedMs, () => {
        this.#continueRound(wantedMs);
      });
      return;
    }
    this.#waiting.push(...this.#inRound);
    this.#inRound = [];
    this.#deferTurn();
  }

  #deferTurn(): void {
    if (this.#isDeferred) return;
    this.#isDeferred = true;
    this.#defer(() => {
      this.#isDeferred = false;
      const group = this.#waiting.splice(0, watchersPerTurn);
      this.#wentOnInThisTurn = group.length;
      if (group.length > 0) this.#deferTurn();
      for (const goOn of group) goOn();
    });
  }
}
