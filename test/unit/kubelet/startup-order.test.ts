/** Who starts next. */
import t from 'tap';
import {
  nextStart,
  noAdmissions,
  orderOf,
  patienceMs,
  rememberedMs,
} from '../../../kubelet/startup/order/next-start.js';
import type { OrderState } from '../../../kubelet/startup/order/next-start.js';
import type { QueuedStart } from '../../../kubelet/startup/order/queued-start.js';
import { generationMs, sortQueue } from '../../../kubelet/startup/order/sort-queue.js';
import { containerDeadlineMs, startDeadlineMs } from '../../../kubelet/startup/order/start-deadline.js';
import { seededRandom } from '../../support/seeded-random.js';

const mebibyte = 2 ** 20;

function start(name: string, more: Partial<QueuedStart> = {}): QueuedStart {
  return {
    uid: name,
    namespace: 'default',
    name,
    ownerKey: name,
    priority: 0,
    isCritical: false,
    queuedAtMs: 0,
    isBlocked: false,
    isAwaited: false,
    areImagesPresent: true,
    expectedBytes: undefined,
    devices: ['8:0'],
    ...more,
  };
}

function names(queue: readonly QueuedStart[]): string {
  return queue.map(({ name }) => name).join(' ');
}

void t.test('the order', (t) => {
  const table: [string, QueuedStart[], string][] = [
    ['the longest waiting first', [start('b', { queuedAtMs: 2 }), start('a', { queuedAtMs: 1 })], 'a b'],
    ['the same moment', [start('b'), start('a')], 'a b'],
    [
      'critical, priority, awaited, images, size',
      [
        start('huge', { expectedBytes: 1024 * mebibyte }),
        start('unknown'),
        start('small', { expectedBytes: 2 * mebibyte }),
        start('tiny', { expectedBytes: 0 }),
        start('to-pull', { areImagesPresent: false, expectedBytes: 0 }),
        start('database', { isAwaited: true, areImagesPresent: false }),
        start('important', { priority: 1000, expectedBytes: 1024 * mebibyte }),
        start('dns', { isCritical: true, priority: 1, areImagesPresent: false }),
        start('apiserver', { isCritical: true, priority: 2 }),
        start('unimportant', { priority: -1, expectedBytes: 0 }),
      ],
      'apiserver dns important database small tiny unknown huge to-pull unimportant',
    ],
    [
      'the blocked at the end, whatever they are',
      [start('app', { isBlocked: true, isCritical: true }), start('db', { priority: -5 })],
      'db app',
    ],
    [
      'owners in turn',
      [
        start('a1', { ownerKey: 'a', queuedAtMs: 1 }),
        start('a2', { ownerKey: 'a', queuedAtMs: 2 }),
        start('a3', { ownerKey: 'a', queuedAtMs: 3 }),
        start('b1', { ownerKey: 'b', queuedAtMs: 4 }),
        start('b2', { ownerKey: 'b', queuedAtMs: 5 }),
        start('c1', { ownerKey: 'c', queuedAtMs: 6 }),
      ],
      'a1 b1 c1 a2 b2 a3',
    ],
    [
      'every fourth place for the eldest',
      [
        start('old2', { queuedAtMs: 10, priority: 1 }),
        start('old1', { queuedAtMs: 0 }),
        ...Array.from({ length: 6 }, (_, at) =>
          start(`new${String(at)}`, { queuedAtMs: generationMs + at, priority: 9 }),
        ),
      ],
      'new0 new1 new2 old2 new3 new4 new5 old1',
    ],
  ];
  for (const [about, queue, expected] of table) {
    t.equal(names(sortQueue(queue, { servedByOwner: new Map(), sinceEldest: 0 })), expected, about);
    t.equal(names(sortQueue([...queue].reverse(), { servedByOwner: new Map(), sinceEldest: 0 })), expected);
  }
  t.end();
});

void t.test('an owner that was served stands behind one that was not, for a time', (t) => {
  const queue = [start('a2', { ownerKey: 'a' }), start('b1', { ownerKey: 'b', queuedAtMs: 5 })];
  const state: OrderState = { sinceEldest: 0, admitted: [{ uid: 'a1', ownerKey: 'a', atMs: 10 }] };
  t.equal(names(orderOf(queue, state, { nowMs: 20, holders: [] })), 'b1 a2');
  const later = { nowMs: 10 + rememberedMs, holders: [] };
  t.equal(names(orderOf(queue, state, later)), 'a2 b1');
  t.equal(
    names(orderOf(queue, state, { ...later, holders: [{ uid: 'a1', ownerKey: 'a' }] })),
    'b1 a2',
    'it holds its slot still',
  );
  t.end();
});

void t.test('room on the devices', (t) => {
  const [ssd, disk] = ['8:0', '8:16'];
  const next = (queue: QueuedStart[], free: string[], nowMs = 0): string | undefined =>
    nextStart(queue, noAdmissions, { nowMs, hasFreeSlot: (device) => free.includes(device), holders: [] })
      ?.start.name;
  const both = start('both', { devices: [ssd, disk], priority: 1 });
  const one = start('one', { devices: [ssd] });
  t.equal(next([both, one], [ssd, disk]), 'both');
  t.equal(next([both, one], [ssd]), 'one', 'who waits for a full device holds nobody up');
  t.equal(next([both, one], [disk]), undefined);
  t.equal(next([start('none', { devices: [] })], []), 'none', 'who needs no device always has room');
  t.equal(next([start('blocked', { isBlocked: true })], [ssd]), undefined);
  t.equal(next([both, one], [ssd], patienceMs), undefined, 'but for one who has waited for long');
  t.equal(next([{ ...both, isCritical: true }, one], [ssd]), undefined, 'and for critical ones');
  const other = start('other', { devices: [disk] });
  t.equal(next([{ ...both, devices: [ssd] }, other], [disk], patienceMs), 'other');
  t.end();
});

void t.test('whatever comes, nobody waits for ever', (t) => {
  const random = seededRandom(7);
  let state = noAdmissions;
  let queue = [start('patient', { priority: -1, expectedBytes: 1e12, areImagesPresent: false })];
  const before = Array.from({ length: 10 }, (_, at) => start(`before${String(at)}`, { queuedAtMs: -1 }));
  queue.push(...before);
  let admissions = 0;
  // One is admitted a second, and two more important ones come.
  for (let nowMs = 0; queue.some(({ name }) => name === 'patient'); nowMs += 1000) {
    for (const side of ['l', 'r'])
      queue.push(
        start(`${side}${String(nowMs)}`, { queuedAtMs: nowMs, priority: Math.floor(random() * 1e6) }),
      );
    const admitted = nextStart(queue, state, { nowMs, hasFreeSlot: () => true, holders: [] });
    if (admitted === undefined) throw new Error('there is room');
    state = admitted.state;
    queue = queue.filter((one) => one !== admitted.start);
    admissions++;
    if (admissions > 2000) break;
  }
  const within = 2 * (generationMs / 1000);
  t.ok(admissions <= 4 * (before.length + within + 1), `after ${String(admissions)} admissions`);
  t.end();
});

void t.test('when a probe would kill a start', (t) => {
  const container = { name: 'c', image: 'i' };
  const liveness = { periodSeconds: 1, failureThreshold: 15 };
  t.equal(containerDeadlineMs(container), undefined);
  t.equal(containerDeadlineMs({ ...container, readinessProbe: {} }), undefined);
  t.equal(containerDeadlineMs({ ...container, livenessProbe: {} }), 30_000);
  t.equal(containerDeadlineMs({ ...container, livenessProbe: liveness }), 15_000);
  t.equal(
    containerDeadlineMs({ ...container, livenessProbe: { ...liveness, initialDelaySeconds: 20 } }),
    34_000,
  );
  t.equal(
    containerDeadlineMs({ ...container, livenessProbe: liveness, startupProbe: { failureThreshold: 30 } }),
    300_000,
    'the liveness probe waits for the startup probe',
  );
  const slow = { ...container, livenessProbe: {} };
  const quick = { ...container, livenessProbe: liveness };
  t.equal(startDeadlineMs({ containers: [container] }), undefined);
  t.equal(startDeadlineMs({ containers: [slow, quick, container] }), 15_000);
  t.equal(
    startDeadlineMs({ containers: [slow], initContainers: [{ ...quick, restartPolicy: 'Always' }] }),
    15_000,
  );
  t.equal(startDeadlineMs({ containers: [slow], initContainers: [quick] }), 30_000);
  t.end();
});
