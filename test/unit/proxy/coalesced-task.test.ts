import t from 'tap';
import { ManualClock } from '../../../common/clock.js';
import { CoalescedTask } from '../../../proxy/coalesced-task.js';

/** Lets everything that is ready run. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

void t.test('runs at once when idle, and once per interval under a stream of requests', async (t) => {
  const clock = new ManualClock();
  const abort = new AbortController();
  let runs = 0;
  const task = new CoalescedTask({
    clock,
    minIntervalMs: 100,
    task: async () => {
      runs++;
      return Promise.resolve(0);
    },
  });
  const ended = task.run(abort.signal);
  await settle();
  t.equal(runs, 0, 'nothing was asked for');
  task.request();
  await settle();
  t.equal(runs, 1, 'at once');
  for (let i = 0; i < 50; i++) task.request();
  await settle();
  t.equal(runs, 1, 'not again so soon');
  clock.advance(99);
  await settle();
  t.equal(runs, 1);
  clock.advance(1);
  await settle();
  t.equal(runs, 2, 'once for all fifty');
  clock.advance(1_000);
  await settle();
  t.equal(runs, 2, 'and not without being asked');
  t.equal(clock.pendingTimers, 0, 'no timer while idle');
  abort.abort();
  await ended;
});

void t.test('rests twice as long as a run took', async (t) => {
  const clock = new ManualClock();
  const abort = new AbortController();
  let runs = 0;
  const task = new CoalescedTask({
    clock,
    minIntervalMs: 100,
    task: async () => {
      runs++;
      clock.advance(300);
      return Promise.resolve(0);
    },
  });
  const ended = task.run(abort.signal);
  task.request();
  await settle();
  task.request();
  clock.advance(599);
  await settle();
  t.equal(runs, 1);
  clock.advance(1);
  await settle();
  t.equal(runs, 2);
  abort.abort();
  await ended;
});

void t.test('rests as long as the task wants, for example after a failure', async (t) => {
  const clock = new ManualClock();
  const abort = new AbortController();
  let runs = 0;
  const task = new CoalescedTask({
    clock,
    minIntervalMs: 100,
    task: async () => {
      runs++;
      return Promise.resolve(5_000);
    },
  });
  const ended = task.run(abort.signal);
  task.request();
  await settle();
  task.request();
  clock.advance(4_999);
  await settle();
  t.equal(runs, 1);
  clock.advance(1);
  await settle();
  t.equal(runs, 2);
  abort.abort();
  await ended;
});
