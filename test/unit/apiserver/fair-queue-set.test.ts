/** The queues of a priority level, by a clock that stands still until told. */
import tap from 'tap';
import { FairQueueSet } from '../../../apiserver/flow-control/fair-queue-set.js';
import type { Flow, Ticket } from '../../../apiserver/flow-control/fair-queue-set.js';

class Level {
  nowMs = 0;
  /** Which requests were let in, in order. */
  readonly ran: string[] = [];
  readonly queues: FairQueueSet;
  readonly #running: Ticket[] = [];

  constructor(seats: number, queues = 8, queueLengthLimit = 50) {
    this.queues = new FairQueueSet({ queues, queueLengthLimit }, seats, () => this.nowMs);
  }

  flow(...hand: readonly number[]): Flow {
    return { hand, runningSeats: 0 };
  }

  start(name: string, flow: Flow, seats = 1): Ticket | string {
    let ticket: Ticket | string | undefined = undefined as Ticket | string | undefined;
    ticket = this.queues.start(flow, seats, () => {
      this.ran.push(name);
      // Let in while it was started: then the ticket is not known yet.
      if (typeof ticket === 'object') this.#running.push(ticket);
    });
    if (typeof ticket === 'object' && ticket.state === 'running') this.#running.push(ticket);
    return ticket;
  }

  /** The one that runs longest ends after so many milliseconds. */
  finish(afterMs = 1): void {
    this.nowMs += afterMs;
    const ticket = this.#running.shift();
    if (ticket !== undefined) this.queues.finish(ticket);
  }
}

await tap.test('runs what fits and queues the rest', async (t) => {
  const level = new Level(2);
  const flow = level.flow(0, 1);
  level.start('a', flow);
  t.same(level.ran, ['a']);
  t.match(level.start('b', flow), { state: 'waiting' }, 'the last seat is for newcomers');
  level.finish();
  t.same(level.ran, ['a', 'b']);
  t.equal(level.queues.seatDemand, 1);
});

await tap.test('two flows share the seats, whatever the length of their queues', async (t) => {
  const level = new Level(1);
  const greedy = level.flow(0);
  const modest = level.flow(1);
  for (let i = 0; i < 40; i++) level.start('greedy', greedy);
  for (let i = 0; i < 10; i++) level.start('modest', modest);
  for (let i = 0; i < 20; i++) level.finish(10);
  const modestRan = level.ran.filter((name) => name === 'modest').length;
  t.ok(modestRan >= 9 && modestRan <= 11, `${modestRan} of 21 were modest: ${level.ran.join(' ')}`);
});

await tap.test('who takes longer gets fewer turns', async (t) => {
  const level = new Level(1, 8, 1_000);
  const slow = level.flow(0);
  const quick = level.flow(1);
  for (let i = 0; i < 800; i++) {
    level.start('slow', slow);
    level.start('quick', quick);
  }
  const spent = { slow: 0, quick: 0 };
  while (spent.slow + spent.quick < 8_000) {
    const name = level.ran.at(-1) as 'slow' | 'quick';
    const took = name === 'slow' ? 50 : 10;
    spent[name] += took;
    level.finish(took);
  }
  t.ok(Math.abs(spent.slow - spent.quick) <= 400, JSON.stringify(spent));
});

await tap.test('large requests count by their seats', async (t) => {
  const level = new Level(4);
  const lists = level.flow(0);
  const gets = level.flow(1);
  for (let i = 0; i < 20; i++) {
    level.start('list', lists, 3);
    level.start('get', gets);
  }
  for (let i = 0; i < 20; i++) level.finish(10);
  const listsRan = level.ran.filter((name) => name === 'list').length;
  const getsRan = level.ran.length - listsRan;
  t.ok(getsRan > listsRan, `${getsRan} gets, ${listsRan} lists`);
  t.ok(listsRan >= 4, `lists are not starved: ${listsRan}`);
});

await tap.test('a request larger than the level runs alone', async (t) => {
  const level = new Level(2);
  level.start('small', level.flow(0));
  level.start('large', level.flow(1), 5);
  t.same(level.ran, ['small']);
  level.finish();
  t.same(level.ran, ['small', 'large']);
  level.start('next', level.flow(2));
  t.same(level.ran, ['small', 'large']);
  level.finish();
  t.same(level.ran, ['small', 'large', 'next']);
});

await tap.test('the last seats are for flows that have nothing running', async (t) => {
  const level = new Level(10);
  const greedy = level.flow(0, 1, 2);
  for (let i = 0; i < 30; i++) level.start('greedy', greedy);
  t.equal(level.queues.running, 9);
  level.start('newcomer', level.flow(3));
  t.equal(level.ran.at(-1), 'newcomer', 'runs at once');
  t.equal(level.queues.running, 10);
});

await tap.test('a full queue refuses, and so does a level without queues', async (t) => {
  const level = new Level(1, 2, 2);
  const flow = level.flow(0, 1);
  const outcomes = Array.from({ length: 6 }, () => level.start('x', flow));
  t.same(
    outcomes.map((one) => (typeof one === 'string' ? one : one.state)),
    ['running', 'waiting', 'waiting', 'waiting', 'waiting', 'queue-full'],
    'two wait in each of two queues',
  );
  const rejecting = new Level(1, 0, 0);
  rejecting.start('a', rejecting.flow(0));
  t.equal(rejecting.start('b', rejecting.flow(0)), 'concurrency-limit');
});

await tap.test('a cancelled request leaves the queue', async (t) => {
  const level = new Level(1);
  const flow = level.flow(0);
  level.start('a', flow);
  const waiting = level.start('b', flow) as Ticket;
  level.start('c', flow);
  t.equal(level.queues.cancel(waiting), true);
  t.equal(level.queues.cancel(waiting), false);
  level.finish();
  t.same(level.ran, ['a', 'c']);
  t.equal(level.queues.cancel(waiting), false, 'not after it is gone either');
});

await tap.test('more seats let waiting requests in at once', async (t) => {
  const level = new Level(1);
  for (const name of ['a', 'b', 'c']) level.start(name, level.flow(level.ran.length));
  t.same(level.ran, ['a']);
  level.queues.configure({ queues: 8, queueLengthLimit: 50 }, 3);
  t.same(level.ran, ['a', 'b', 'c']);
});

await tap.test(
  'fewer queues: those who wait in one that is no more get their turn all the same',
  async (t) => {
    const level = new Level(1);
    level.start('a', level.flow(7));
    level.start('b', level.flow(7));
    level.queues.configure({ queues: 2, queueLengthLimit: 50 }, 1);
    level.start('c', level.flow(0));
    level.finish();
    level.finish();
    t.same(level.ran.toSorted(), ['a', 'b', 'c']);
  },
);
