/** The scheduling queue on a clock that is moved by hand. */
import t from 'tap';
import { ManualClock } from '../../../common/clock.js';
import type { ClusterEvent, EventInterest } from '../../../scheduler/framework/cluster-event.js';
import { toPodInfo } from '../../../scheduler/framework/pod-info.js';
import type { PodInfo } from '../../../scheduler/framework/pod-info.js';
import { success, unresolvable } from '../../../scheduler/framework/verdict.js';
import { SchedulingQueue } from '../../../scheduler/queue.js';
import { makeNode, makePod } from '../../support/scheduling-objects.js';

function setUp() {
  const clock = new ManualClock();
  const gated = new Set<string>();
  const queue = new SchedulingQueue({
    clock,
    compare: (a, b) =>
      (b.info.pod.spec.priority ?? 0) - (a.info.pod.spec.priority ?? 0) || a.queuedAtMs - b.queuedAtMs,
    preEnqueue: (pod) => (gated.has(pod.uid) ? { ...unresolvable('gated'), plugin: 'Gate' } : success),
    interests: new Map<string, readonly EventInterest[]>([
      ['Fit', [{ type: 'node-added' }, { type: 'pod-gone' }]],
      [
        'Picky',
        [
          {
            type: 'node-updated',
            mayHelp: (pod, event) => 'node' in event && event.node.metadata.name === pod.metadata.name,
          },
        ],
      ],
    ]),
  });
  return { clock, queue, gated };
}

const pod = (name: string, priority = 0): PodInfo => toPodInfo(makePod({ name, spec: { priority } }));
const nodeAdded: ClusterEvent = { type: 'node-added', node: makeNode({ name: 'n' }) };
const nodeUpdated = (name: string): ClusterEvent => ({
  type: 'node-updated',
  before: makeNode({ name }),
  node: makeNode({ name }),
});
const fit = { rejectedBy: new Set(['Fit']) };

await t.test('hands out by priority, then by arrival', async (t) => {
  const { queue } = setUp();
  for (const info of [pod('a'), pod('b', 5), pod('c')]) queue.add(info);
  const order: (string | undefined)[] = [];
  for (let i = 0; i < 3; i++) order.push((await queue.take())?.info.key);
  t.same(order, ['default/b', 'default/a', 'default/c']);
});

await t.test('one who waits gets the next pod at once', async (t) => {
  const { queue } = setUp();
  const taken = queue.take();
  queue.add(pod('a'));
  t.equal((await taken)?.info.key, 'default/a');
  const last = queue.take();
  queue.close();
  t.equal(await last, undefined);
  t.equal(await queue.take(), undefined);
});

await t.test(
  'a rejected pod rests until an event that its plugin waits for, and sees its backoff through',
  async (t) => {
    const { queue, clock } = setUp();
    const a = pod('a');
    queue.add(a);
    await queue.take();
    queue.failed(a.uid, fit);
    t.equal(queue.whereIs(a.uid), 'unschedulable');
    queue.onEvent(nodeUpdated('other'));
    t.equal(queue.whereIs(a.uid), 'unschedulable', 'not what Fit waits for');
    queue.onEvent(nodeAdded);
    t.equal(queue.whereIs(a.uid), 'backoff');
    clock.advance(999);
    t.equal(queue.whereIs(a.uid), 'backoff');
    clock.advance(1);
    t.equal(queue.whereIs(a.uid), 'active');
    await queue.take();
    queue.failed(a.uid, fit);
    clock.advance(2_000);
    queue.onEvent(nodeAdded);
    t.equal(queue.whereIs(a.uid), 'active', 'the backoff has passed before the event');
  },
);

await t.test('the backoff doubles up to ten seconds', async (t) => {
  const { queue, clock } = setUp();
  const a = pod('a');
  queue.add(a);
  const waits: number[] = [];
  for (let i = 0; i < 6; i++) {
    await queue.take();
    queue.failed(a.uid, 'error');
    let waited = 0;
    while (queue.whereIs(a.uid) !== 'active') {
      clock.advance(500);
      waited += 500;
    }
    waits.push(waited);
  }
  t.same(waits, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});

await t.test('with nobody else to try, a rejected pod need not wait out its backoff', async (t) => {
  const { queue } = setUp();
  const [a, b] = [pod('a'), pod('b')];
  queue.add(a);
  await queue.take();
  queue.failed(a.uid, fit);
  const idle = queue.take();
  queue.onEvent(nodeAdded);
  t.equal((await idle)?.info.uid, a.uid, 'the scheduler was idle when the event came');
  queue.failed(a.uid, fit);
  queue.onEvent(nodeAdded);
  queue.add(b);
  t.equal((await queue.take())?.info.uid, b.uid, 'others first');
  t.equal((await queue.take())?.info.uid, a.uid, 'then it');
  queue.failed(a.uid, 'error');
  void queue.take();
  t.equal(queue.whereIs(a.uid), 'backoff', 'an error is waited out');
  queue.close();
});

await t.test('only pods that an event may help are woken', async (t) => {
  const { queue, clock } = setUp();
  const pods = [pod('a'), pod('b')];
  for (const info of pods) queue.add(info);
  for (const { uid } of pods) {
    await queue.take();
    queue.failed(uid, { rejectedBy: new Set(['Picky']) });
  }
  clock.advance(20_000);
  queue.onEvent(nodeUpdated('b'));
  t.same(
    pods.map(({ uid }) => queue.whereIs(uid)),
    ['unschedulable', 'active'],
  );
});

await t.test('an event during the attempt is not lost', async (t) => {
  const { queue } = setUp();
  const [a, b] = [pod('a'), pod('b')];
  queue.add(a);
  queue.add(b);
  await queue.take();
  queue.onEvent(nodeAdded);
  await queue.take();
  queue.failed(a.uid, fit);
  queue.failed(b.uid, fit);
  t.equal(queue.whereIs(a.uid), 'backoff', 'the node came while it was tried');
  t.equal(queue.whereIs(b.uid), 'unschedulable', 'the node was there already');
});

await t.test('so many events that they are not remembered wake it to be safe', async (t) => {
  const { queue } = setUp();
  const a = pod('a');
  queue.add(a);
  await queue.take();
  for (let i = 0; i < 1_500; i++) queue.onEvent(nodeUpdated('x'));
  queue.failed(a.uid, fit);
  t.equal(queue.whereIs(a.uid), 'backoff');
});

await t.test('nobody rests for more than five minutes', async (t) => {
  const { queue, clock } = setUp();
  const a = pod('a');
  queue.add(a);
  await queue.take();
  queue.failed(a.uid, fit);
  clock.advance(5 * 60_000 - 1);
  t.equal(queue.whereIs(a.uid), 'unschedulable');
  clock.advance(1);
  t.equal(queue.whereIs(a.uid), 'active');
});

await t.test('a pod that found no node at all waits for the first one', async (t) => {
  const { queue, clock } = setUp();
  const a = pod('a');
  queue.add(a);
  await queue.take();
  queue.failed(a.uid, { rejectedBy: new Set() });
  clock.advance(1_000);
  queue.onEvent({ type: 'pod-gone', pod: a.pod });
  t.equal(queue.whereIs(a.uid), 'unschedulable');
  queue.onEvent(nodeAdded);
  t.equal(queue.whereIs(a.uid), 'active');
});

await t.test('changes of the pod itself', async (t) => {
  const { queue, clock, gated } = setUp();
  const a = pod('a');
  gated.add(a.uid);
  queue.add(a);
  t.equal(queue.whereIs(a.uid), 'gated');
  gated.delete(a.uid);
  queue.update(a, true);
  t.equal(queue.whereIs(a.uid), 'active');
  await queue.take();
  queue.update(a, true);
  queue.failed(a.uid, fit);
  t.equal(queue.whereIs(a.uid), 'backoff', 'it changed while it was tried');
  clock.advance(1_000);
  await queue.take();
  queue.update(a, false);
  queue.failed(a.uid, fit);
  t.equal(queue.whereIs(a.uid), 'unschedulable', 'its own condition is no change that matters');
  queue.remove(a.uid);
  t.equal(queue.whereIs(a.uid), undefined);
  queue.failed(a.uid, 'error');
  t.same(queue.counts(), { active: 0, backoff: 0, unschedulable: 0, gated: 0, 'in-flight': 0 });
});

await t.test('no timer is left when nobody waits', (t) => {
  const { queue, clock } = setUp();
  queue.add(pod('a'));
  queue.close();
  t.equal(clock.pendingTimers, 0);
  t.end();
});
