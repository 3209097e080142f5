import t from 'tap';
import { Registry } from 'prom-client';
import { ManualClock } from '../../../common/clock.js';
import { WorkQueue } from '../../../client/work-queue.js';
import { createWorkQueueMetrics } from '../../../client/work-queue-metrics.js';

void t.test('a key that waits is there once, in order of arrival', async (t) => {
  const queue = new WorkQueue();
  for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
  t.equal(queue.length, 3);
  t.strictSame([await queue.take(), await queue.take(), await queue.take()], ['a', 'b', 'c']);
});

void t.test('a key that is worked on comes back when that work is done', async (t) => {
  const queue = new WorkQueue();
  queue.add('a');
  await queue.take();
  queue.add('a');
  queue.add('a');
  t.equal(queue.length, 0, 'not while it is worked on');
  queue.done('a');
  t.equal(queue.length, 1);
  t.equal(await queue.take(), 'a');
  queue.done('a');
  t.equal(queue.length, 0);
});

void t.test('a waiting taker gets the key, and counts as working on it', async (t) => {
  const queue = new WorkQueue();
  const taken = queue.take();
  queue.add('a');
  queue.add('a');
  t.equal(await taken, 'a');
  t.equal(queue.length, 0);
  queue.done('a');
  t.equal(queue.length, 1, 'the second request was not lost');
});

void t.test('of delayed requests the earliest counts', (t) => {
  const clock = new ManualClock();
  const queue = new WorkQueue({ clock });
  queue.addAfter('a', 1000);
  queue.addAfter('a', 100);
  queue.addAfter('a', 500);
  t.equal(clock.pendingTimers, 1);
  clock.advance(99);
  t.equal(queue.length, 0);
  clock.advance(1);
  t.equal(queue.length, 1);
  t.equal(clock.pendingTimers, 0);
  t.end();
});

void t.test('failures in a row wait longer, a success starts again', (t) => {
  const queue = new WorkQueue({ clock: new ManualClock() });
  t.strictSame(
    [1, 2, 3, 4].map(() => queue.addRateLimited('a')),
    [5, 10, 20, 40],
  );
  t.equal(queue.addRateLimited('b'), 5, 'each key by itself');
  t.equal(queue.failures('a'), 4);
  queue.forget('a');
  t.equal(queue.addRateLimited('a'), 5);
  t.end();
});

void t.test('stop wakes those who wait and drops what waits', async (t) => {
  const clock = new ManualClock();
  const queue = new WorkQueue({ clock });
  const taken = queue.take();
  queue.addAfter('a', 10);
  queue.stop();
  t.equal(await taken, undefined);
  t.equal(clock.pendingTimers, 0);
  queue.add('b');
  t.equal(await queue.take(), undefined);
});

void t.test('what it shows on /metrics: by the clock, under names of client-go', async (t) => {
  const clock = new ManualClock();
  const registry = new Registry();
  const metrics = createWorkQueueMetrics(registry);
  const queue = new WorkQueue({ clock, shownAs: { name: 'deployment', metrics } });
  const value = async (series: string): Promise<number> => {
    const lines = (await registry.metrics()).split('\n');
    return Number(lines.find((line) => line.startsWith(`workqueue_${series} `))?.split(' ')[1]);
  };
  const name = '{name="deployment"}';
  queue.add('a');
  queue.add('a');
  queue.add('b');
  t.equal(await value(`adds_total${name}`), 2, 'one that waits already is not added');
  t.equal(await value(`depth${name}`), 2);
  clock.advance(3_000);
  await queue.take();
  t.equal(await value(`queue_duration_seconds_sum${name}`), 3);
  clock.advance(1_000);
  queue.add('a');
  queue.add('a');
  t.equal(await value(`adds_total${name}`), 3, 'to be taken up again counts once');
  await queue.take();
  clock.advance(500);
  t.equal(await value(`unfinished_work_seconds${name}`), 2);
  t.equal(await value(`longest_running_processor_seconds${name}`), 1.5);
  queue.done('a');
  t.equal(await value(`work_duration_seconds_sum${name}`), 1.5);
  t.equal(await value(`depth${name}`), 1, 'the one to be taken up again');
  await queue.take();
  t.equal(
    await value(`queue_duration_seconds_sum${name}`),
    3 + 4 + 0.5,
    'what is to be taken up again waits, too',
  );
  queue.addRateLimited('b');
  t.equal(await value(`retries_total${name}`), 1);
  t.equal(await value(`adds_total${name}`), 3, 'not before its delay is over');
});
