import t from 'tap';
import { ManualClock } from '../../../common/clock.js';
import { WorkQueue } from '../../../client/work-queue.js';

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
