/** When watches write: in groups, one in each turn of the loop, and in rounds that they share. */
import t from 'tap';
import { ManualClock } from '../../../common/clock.js';
import { WatchPace, watchersPerTurn } from '../../../apiserver/handlers/watch-pace.js';

/** A pace with a loop and a clock of our own. */
class Paced {
  readonly clock = new ManualClock();
  /** How many watchers went on since the last look. */
  wentOn = 0;
  readonly #deferred: (() => void)[] = [];
  readonly pace = new WatchPace({
    clock: this.clock,
    defer: (callback) => this.#deferred.push(callback),
  });

  get isAtRest(): boolean {
    return this.#deferred.length === 0 && this.clock.pendingTimers === 0;
  }

  /** One turn of the loop; tells how many watchers went on in it. */
  async turn(): Promise<number> {
    for (const callback of this.#deferred.splice(0)) callback();
    return this.settled();
  }

  async settled(): Promise<number> {
    await Promise.resolve();
    const { wentOn } = this;
    this.wentOn = 0;
    return wentOn;
  }

  wake(watchers: number): void {
    for (let i = 0; i < watchers; i++) {
      const turn = this.pace.turn();
      if (turn === undefined) this.wentOn++;
      else void turn.then(() => this.wentOn++);
    }
  }

  enterRound(watchers: number): void {
    for (let i = 0; i < watchers; i++) void this.pace.round().then(() => this.wentOn++);
  }
}

void t.test('few watchers go on at once, and nothing is left behind', async (t) => {
  const paced = new Paced();
  paced.wake(watchersPerTurn);
  t.equal(await paced.settled(), watchersPerTurn);
  t.equal(await paced.turn(), 0);
  t.ok(paced.isAtRest);
});

void t.test('a thousand watchers that one event has woken go on in groups', async (t) => {
  const paced = new Paced();
  paced.wake(1_000);
  t.equal(await paced.settled(), watchersPerTurn);
  // Who is woken meanwhile goes on behind them.
  paced.wake(10);
  t.equal(await paced.settled(), 0);
  let left = 1_010 - watchersPerTurn;
  while (left > 0) {
    const wentOn = await paced.turn();
    t.equal(wentOn, Math.min(left, watchersPerTurn));
    left -= wentOn;
  }
  await paced.turn();
  t.ok(paced.isAtRest);
});

void t.test('a round lasts the longer, the more take part in it', async (t) => {
  for (const [watchers, roundMs] of [
    [1, 10],
    [200, 10],
    [500, 18],
    [1_000, 36],
    [5_000, 50],
  ] as const) {
    const paced = new Paced();
    paced.enterRound(watchers);
    paced.clock.advance(roundMs - 1);
    t.equal(await paced.turn(), 0, `${watchers} watchers wait ${roundMs} ms`);
    paced.clock.advance(1);
    let wentOn = 0;
    for (let turn = 0; turn < Math.ceil(watchers / watchersPerTurn); turn++) {
      const group = await paced.turn();
      if (group > watchersPerTurn) t.fail(`${group} watchers went on in one turn`);
      wentOn += group;
    }
    t.equal(wentOn, watchers);
    await paced.turn();
    t.ok(paced.isAtRest);
  }
});

void t.test('who comes late shares the round; who comes after its end begins another', async (t) => {
  const paced = new Paced();
  paced.enterRound(1);
  paced.clock.advance(9);
  paced.enterRound(1);
  paced.clock.advance(1);
  t.equal(await paced.turn(), 2);
  paced.enterRound(1);
  paced.clock.advance(9);
  t.equal(await paced.turn(), 0);
  paced.clock.advance(1);
  t.equal(await paced.turn(), 1);
});
