/** Turns on the event loop, with a loop of our own. */
import tap from 'tap';
import { Turns } from '../../../apiserver/flow-control/turns.js';

class Loop {
  nowMs = 0;
  readonly #deferred: (() => void)[] = [];
  readonly turns = new Turns({
    nowMs: () => this.nowMs,
    defer: (callback) => this.#deferred.push(callback),
    settle: (callback) => {
      void Promise.resolve().then(callback);
    },
  });

  get idle(): boolean {
    return this.#deferred.length === 0;
  }

  /** One turn of the loop, and all that follows from it. */
  async turn(): Promise<void> {
    for (const callback of this.#deferred.splice(0)) callback();
    for (let i = 0; i < 200; i++) await Promise.resolve();
  }
}

/** Requests of a flow that arrive together; each takes so long, and is noted when it ends. */
function arrive(
  loop: Loop,
  done: string[],
  flow: { readonly name: string },
  count: number,
  tookMs: number,
): void {
  for (let i = 0; i < count; i++) {
    const work = (): void => {
      loop.nowMs += tookMs;
      done.push(flow.name);
    };
    const turn = loop.turns.take(flow);
    if (turn === undefined) work();
    else void turn.then(work);
  }
}

await tap.test('at rest nobody waits', async (t) => {
  const loop = new Loop();
  t.equal(loop.turns.take({}), undefined);
  await loop.turn();
  t.ok(loop.idle, 'the loop is left in peace');
  t.equal(loop.turns.take({}), undefined);
});

await tap.test('a burst is spread over turns, and another flow gets in after one piece', async (t) => {
  const loop = new Loop();
  const done: string[] = [];
  const greedy = { name: 'greedy' };
  const quiet = { name: 'quiet' };
  arrive(loop, done, greedy, 100, 0.2);
  t.equal(done.length, 3, 'what fits into the time of a turn');
  t.equal(loop.turns.waiting, 97);
  arrive(loop, done, quiet, 1, 0.2);
  await loop.turn();
  t.same(done.slice(3), ['greedy', 'quiet', 'greedy'], 'one piece each, until the time is up');
  await loop.turn();
  t.equal(done.length, 9);
  while (!loop.idle) await loop.turn();
  t.equal(done.length, 101, 'everything is done in the end');
  t.equal(loop.turns.waiting, 0);
});

await tap.test('pieces that take longer than a turn are alone in theirs', async (t) => {
  const loop = new Loop();
  const done: string[] = [];
  arrive(loop, done, { name: 'a' }, 3, 5);
  arrive(loop, done, { name: 'b' }, 1, 5);
  t.same(done, ['a']);
  await loop.turn();
  t.same(done, ['a', 'a']);
  await loop.turn();
  t.same(done, ['a', 'a', 'b'], 'the other flow is next in the round');
});

await tap.test('what is written takes part of a turn, though no piece shows it', async (t) => {
  const loop = new Loop();
  let portions = 0;
  let lists = 16;
  // Lists that send 256 KiB in each piece: to hand them over takes no time, and to encrypt them 0.2 ms.
  const send = async (flow: object): Promise<void> => {
    for (let portion = 0; portion < 10; portion++) {
      await loop.turns.take(flow, 256 * 1024);
      portions++;
    }
    lists--;
  };
  for (let list = 0; list < 16; list++) void send({});
  await Promise.resolve();
  t.equal(portions, 3, 'what fits into the time of a turn');
  for (let turn = 0; turn < 200 && lists > 0; turn++) {
    const before = portions;
    await loop.turn();
    if (portions - before > 3) t.fail(`${portions - before} portions in one turn`);
  }
  t.equal(portions, 160);
});
