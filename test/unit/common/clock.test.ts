import t from 'tap';
import { ManualClock, sleep } from '../../../common/clock.js';

void t.test('a manual clock runs timers in the order of their time, those set meanwhile included', (t) => {
  const clock = new ManualClock(0);
  const ran: string[] = [];
  clock.schedule(30, () => ran.push(`c@${String(clock.now())}`));
  clock.schedule(10, () => {
    ran.push(`a@${String(clock.now())}`);
    clock.schedule(5, () => ran.push(`b@${String(clock.now())}`));
  });
  const cancel = clock.schedule(20, () => ran.push('never'));
  cancel();
  clock.advance(29);
  t.strictSame(ran, ['a@10', 'b@15']);
  clock.advance(1);
  t.strictSame(ran, ['a@10', 'b@15', 'c@30']);
  t.equal(clock.pendingTimers, 0);
  t.equal(clock.now(), 30);
  t.end();
});

void t.test('sleep ends when time has passed', async (t) => {
  const clock = new ManualClock(0);
  const sleeping = sleep(clock, 1000);
  clock.advance(1000);
  await sleeping;
  t.equal(clock.pendingTimers, 0);
});

void t.test('sleep ends at once on abort, without a rejection and without a timer left', async (t) => {
  const clock = new ManualClock(0);
  const abort = new AbortController();
  const sleeping = sleep(clock, 1000, abort.signal);
  abort.abort();
  await sleeping;
  t.equal(clock.pendingTimers, 0);
  await sleep(clock, 1000, abort.signal);
  t.equal(clock.pendingTimers, 0);
});
