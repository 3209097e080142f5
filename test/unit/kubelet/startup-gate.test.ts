/** The startup gate: who is admitted when, what holds a slot and until when, and what is told of it. */
import t from 'tap';
import type { Test } from 'tap';
import { disk, GateWorld } from '../../support/startup-gate.js';
import type { GateWorldOptions } from '../../support/startup-gate.js';

function world(t: Test, options: GateWorldOptions = {}): GateWorld {
  const made = new GateWorld(options);
  t.teardown(() => made.stop());
  return made;
}

void t.test('a single pod on an idle node is admitted at once, before anything is looked up', async (t) => {
  let lookUps = 0;
  const gate = world(t, {
    more: {
      surroundings: {
        ofNode: async () => [disk('sda')],
        of: () => {
          lookUps++;
          return new Promise(() => undefined);
        },
      },
    },
  });
  await gate.settle();
  const permit = gate.ask(gate.pod('a'));
  t.equal(permit.isAdmitted, true);
  t.equal(lookUps, 1);
  t.strictSame(permit.verdict, { isAdmitted: true, reason: 'Admitted', message: 'started at once' });
  t.strictSame(gate.events, []);
});

void t.test('an idle node is not looked at', async (t) => {
  const gate = world(t);
  await gate.pass(10_000);
  t.equal(gate.samples, 0);
  gate.ask(gate.pod('a'));
  await gate.settle();
  await gate.pass(2000);
  t.equal(gate.samples, 5, 'once at the beginning, then every 500 ms');
  await gate.ready('a');
  await gate.pass(10_000);
  t.ok(gate.samples <= 6, 'and no more when it is ready');
  t.ok(gate.clock.pendingTimers === 0);
});

void t.test('no more than the limit start at once, the rest in the order of their coming', async (t) => {
  const gate = world(t, { limit: 2 });
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    gate.ask(gate.pod(name));
    await gate.pass(1000);
  }
  t.strictSame(gate.admitted, ['a', 'b']);
  t.strictSame(gate.queue, ['c', 'd', 'e']);
  t.strictSame(gate.slots, { sda: '2/2' });
  await gate.ready('b');
  t.strictSame(gate.admitted, ['a', 'b', 'c']);
  gate.permits.get('a')?.release('failed');
  gate.permits.get('a')?.release('failed');
  await gate.settle();
  t.strictSame(gate.admitted, ['a', 'b', 'c', 'd'], 'giving a permit back twice frees one slot');
});

void t.test('what a pod that waits is told', async (t) => {
  const gate = world(t);
  await gate.askAll(['a']);
  await gate.askAll(['b', 'c']);
  const b = gate.permits.get('b');
  t.strictSame(b?.verdict, {
    isAdmitted: false,
    reason: 'WaitingForSlot',
    message: 'place 1 of 2; /dev/sda: 1 starting, limit 1',
  });
  t.match(gate.events, [/^b StartupQueued: Pod waits to be started: place 1 of/, /^c StartupQueued/]);
  const messages: string[] = [];
  for (let second = 0; second < 25; second++) {
    const { message = '' } = gate.permits.get('c')?.verdict ?? {};
    if (messages.at(-1) !== message) messages.push(message);
    if (second === 1) await gate.ready('a');
    await gate.pass(1000);
  }
  t.equal(messages.length, 2, 'its place is told anew, but not all the time');
  t.match(messages[1], /^place 1 of 1/);
  t.match(gate.events[2], /^b StartupAdmitted: Pod is started after 1s in the queue$/);
});

void t.test('a pod waits for all of its devices, and not for others', async (t) => {
  const gate = world(t);
  gate.devicesOf
    .set('ab', [disk('sda'), disk('sdb')])
    .set('b', [disk('sdb')])
    .set('b2', [disk('sdb')]);
  await gate.askAll(['a']);
  await gate.askAll(['ab', 'b', 'b2']);
  t.strictSame(gate.admitted, ['a', 'b'], 'b does not need the full disk');
  t.strictSame(gate.slots, { sda: '1/1', sdb: '1/1' });
  await gate.ready('a');
  t.strictSame(gate.admitted, ['a', 'b'], 'it holds nothing while it waits for the other one');
  t.strictSame(gate.slots, { sda: '0/1', sdb: '1/1' });
  await gate.ready('b');
  t.strictSame(gate.admitted, ['a', 'b', 'ab']);
  t.strictSame(gate.slots, { sda: '1/1', sdb: '1/1' });
});

void t.test('devices that are found later are charged to a pod that was admitted before', async (t) => {
  const gate = world(t);
  gate.devicesOf.set('a', [disk('sda'), disk('sdb')]);
  await gate.settle();
  const permit = gate.ask(gate.pod('a'));
  t.equal(permit.isAdmitted, true);
  await gate.settle();
  t.strictSame(gate.slots, { sda: '1/1', sdb: '1/1' });
  permit.release('ready');
  t.strictSame(gate.slots, { sda: '0/1', sdb: '0/1' });
});

void t.test('static and critical pods come next; images and size count then', async (t) => {
  const gate = world(t);
  await gate.askAll(['first']);
  gate.absentImages.add('pulls');
  gate.ask(gate.pod('pulls'));
  gate.ask(gate.pod('big', { metadata: { annotations: { 'startup.knarr.io/expected-bytes': '10Gi' } } }));
  gate.ask(gate.pod('usual'));
  gate.ask(gate.pod('important', { spec: { priority: 1000 } }));
  gate.ask(gate.pod('critical', { spec: { priority: 2_000_001_000 } }));
  gate.ask(gate.pod('static', { metadata: { annotations: { 'kubernetes.io/config.source': 'file' } } }));
  await gate.settle();
  const order: string[] = [];
  for (let turn = 0; turn < 7; turn++) {
    const last = gate.admitted.at(-1) ?? '';
    order.push(last);
    await gate.ready(last);
  }
  t.strictSame(new Set(order.slice(1, 3)), new Set(['critical', 'static']));
  t.equal(order.at(-1), 'pulls');
  t.ok(order.indexOf('important') < order.indexOf('usual'));
  t.ok(order.indexOf('usual') < order.indexOf('big'));
});

void t.test('a pod that opts out starts at once and holds no slot, also when it says so later', async (t) => {
  const gate = world(t);
  const annotations = { 'startup.knarr.io/admission': 'skip' };
  await gate.askAll(['a', 'b']);
  gate.ask(gate.pod('free', { metadata: { annotations } }));
  t.match(gate.permits.get('free')?.verdict, { isAdmitted: true, reason: 'Skipped' });
  t.strictSame(gate.slots, { sda: '1/1' });
  gate.permits.get('b')?.observe(gate.pod('b', { metadata: { annotations } }), undefined);
  t.match(gate.permits.get('b')?.verdict, { isAdmitted: true, reason: 'Skipped' });
  t.strictSame(gate.admitted, ['a', 'free', 'b']);
  gate.permits.get('b')?.release('ready');
  t.strictSame(gate.slots, { sda: '1/1' });
});

void t.test('a hint that cannot be read is told of, and does not keep the pod', async (t) => {
  const gate = world(t);
  const annotations = { 'startup.knarr.io/slot-timeout': 'soon' };
  await gate.settle();
  t.equal(gate.ask(gate.pod('a', { metadata: { annotations } })).isAdmitted, true);
  t.match(gate.events, [/^a StartupHintIgnored: startup.knarr.io\/slot-timeout: .*duration/]);
});

void t.test('a slot is given on after its timeout, that of the pod before that of the node', async (t) => {
  const gate = world(t);
  const annotations = { 'startup.knarr.io/slot-timeout': '30s' };
  await gate.settle();
  gate.ask(gate.pod('slow', { metadata: { annotations } }));
  await gate.askAll(['next']);
  await gate.pass(1000);
  await gate.askAll(['last']);
  await gate.pass(28_000);
  t.strictSame(gate.admitted, ['slow']);
  await gate.pass(1500);
  t.strictSame(gate.admitted, ['slow', 'next']);
  t.match(gate.events.at(-2) ?? gate.events.at(-1), /slow StartupSlotTimeout|next StartupAdmitted/);
  t.equal(gate.permits.get('slow')?.isAdmitted, true, 'it goes on starting');
  gate.permits.get('slow')?.release('ready');
  t.strictSame(gate.admitted, ['slow', 'next'], 'and has no second slot to give back');
  await gate.pass(600_500);
  t.strictSame(gate.admitted, ['slow', 'next', 'last']);
});

void t.test('a start that is quiet holds no slot until it reads again', async (t) => {
  const gate = world(t);
  await gate.askAll(['a', 'b']);
  const a = gate.permits.get('a');
  a?.observe(gate.pod('a'), gate.clock.now());
  for (let second = 0; second < 20; second += 2) {
    gate.bytes.set('a', second * 1000 + 1);
    await gate.pass(2000);
  }
  t.strictSame(gate.admitted, ['a'], 'what makes progress keeps its slot');
  await gate.pass(13_000);
  t.strictSame(gate.admitted, ['a', 'b']);
  gate.bytes.set('a', 1_000_000);
  await gate.pass(3000);
  t.strictSame(gate.slots, { sda: '2/1' }, 'it loads the disk again');
  a?.release('ready');
  t.strictSame(gate.slots, { sda: '1/1' });
});

void t.test('where nobody counts bytes no start is called quiet', async (t) => {
  const gate = world(t);
  await gate.askAll(['a', 'b']);
  gate.permits.get('a')?.observe(gate.pod('a'), gate.clock.now());
  await gate.pass(60_000);
  t.strictSame(gate.admitted, ['a']);
});

void t.test('a pod that is deleted while it waits leaves at once', async (t) => {
  const gate = world(t);
  await gate.askAll(['a', 'b', 'c']);
  const [next = ''] = gate.queue;
  gate.permits.get(next)?.release('abandoned');
  t.equal(gate.queue.length, 1);
  await gate.ready('a');
  t.notOk(gate.admitted.includes(next));
  t.equal(gate.admitted.length, 2);
});

void t.test('a kubelet that comes back', async (t) => {
  const gate = world(t, { limit: 2 });
  const { clock } = gate;
  const condition = (status: 'True' | 'False', secondsAgo: number) => ({
    type: 'StartupAdmitted',
    status,
    lastTransitionTime: new Date(clock.now() - secondsAgo * 1000).toISOString(),
  });
  gate.gate.expect(['uid-running-1', 'uid-running-2', 'uid-ready']);
  await gate.settle();
  const old = gate.ask(gate.pod('queued-late', { status: { conditions: [condition('False', 10)] } }));
  gate.ask(gate.pod('new'));
  gate.ask(gate.pod('queued-early', { status: { conditions: [condition('False', 90)] } }));
  await gate.settle();
  t.equal(old.isAdmitted, false, 'nobody is let in before it is known who holds slots');
  gate.ask(gate.pod('running-1'), clock.now() - 5000);
  gate.gate.seen('uid-running-1');
  gate.ask(gate.pod('running-2'), clock.now() - 5000);
  gate.gate.seen('uid-running-2');
  gate.gate.seen('uid-ready');
  await gate.settle();
  t.strictSame(gate.slots, { sda: '2/2' });
  t.strictSame(gate.admitted, ['running-1', 'running-2']);
  for (const name of ['running-1', 'running-2', 'queued-early', 'queued-late']) await gate.ready(name);
  t.strictSame(gate.admitted.slice(2), ['queued-early', 'queued-late', 'new'], 'the order is kept');
});

void t.test('a pod that is not looked at keeps nobody waiting for ever', async (t) => {
  const gate = world(t);
  gate.gate.expect(['uid-lost']);
  await gate.askAll(['a']);
  t.strictSame(gate.admitted, []);
  await gate.pass(31_000);
  t.strictSame(gate.admitted, ['a']);
});

void t.test('half-started pods hold slots above the limit', async (t) => {
  const gate = world(t);
  await gate.settle();
  for (const name of ['a', 'b', 'c']) gate.ask(gate.pod(name), gate.clock.now());
  await gate.askAll(['d']);
  t.strictSame(gate.slots, { sda: '3/1' });
  await gate.ready('a');
  await gate.ready('b');
  t.strictSame(gate.admitted, ['a', 'b', 'c']);
  await gate.ready('c');
  t.strictSame(gate.admitted, ['a', 'b', 'c', 'd']);
});

void t.test('what cannot be found or measured stops nobody', async (t) => {
  const gate = world(t, {
    limit: 2,
    more: {
      surroundings: {
        ofNode: () => Promise.reject(new Error('no table of mounts')),
        of: () => Promise.reject(new Error('no table of mounts')),
      },
      sampler: { sample: () => Promise.reject(new Error('no /proc')) },
      bytesOf: () => Promise.reject(new Error('no cgroup')),
    },
  });
  await gate.askAll(['a', 'b', 'c']);
  t.strictSame(gate.admitted, ['a', 'b']);
  t.strictSame(gate.slots, { node: '2/2' }, 'the node as a whole has slots');
  gate.permits.get('a')?.observe(gate.pod('a'), gate.clock.now());
  await gate.pass(5000);
  await gate.ready('a');
  t.strictSame(gate.admitted, ['a', 'b', 'c']);
});

void t.test('the controller is told what happens, and its limit holds', async (t) => {
  const gate = world(t, { mode: 'Adaptive', limit: 2 });
  await gate.askAll(['a', 'b', 'c', 'd', 'e', 'f']);
  t.equal(gate.admitted.length, 2);
  await gate.ready(gate.admitted[0] ?? '');
  await gate.pass(1000);
  t.equal(gate.slots['sda'], '3/3', 'a start that finished makes room for one more');
  gate.slowestCallMs = 20_000;
  await gate.pass(1000);
  t.match(gate.gate.report(false).devices, [{ isSaturated: true, limit: 2, saturation: 1 }]);
  t.ok((gate.gate.report(true).history[0]?.samples.length ?? 0) >= 2);
});

void t.test('a start that nears its deadline makes the limit fall, once for those under way', async (t) => {
  const gate = world(t, { mode: 'Adaptive', limit: 4 });
  const livenessProbe = { initialDelaySeconds: 15, periodSeconds: 1, failureThreshold: 1 };
  const spec = { containers: [{ name: 'main', image: 'i', livenessProbe }] };
  for (const name of ['a', 'b', 'c', 'd', 'e']) gate.ask(gate.pod(name, { spec }));
  await gate.settle();
  for (const name of gate.admitted)
    gate.permits.get(name)?.observe(gate.pod(name, { spec }), gate.clock.now());
  await gate.pass(7000);
  t.equal(gate.slots['sda'], '4/4');
  await gate.pass(60_000);
  t.equal(gate.slots['sda'], '4/2');
  for (const name of gate.admitted.slice(0, 4)) gate.permits.get(name)?.release('killed');
  await gate.settle();
  t.equal(gate.slots['sda'], '1/2');
  t.match(gate.admitted, { length: 5 });
});

void t.test('dependencies', async (t) => {
  const gate = world(t, { limit: 5 });
  const after = (text: string, more: Record<string, string> = {}) => ({
    metadata: { annotations: { 'startup.knarr.io/after': text, ...more } },
  });
  await gate.settle();
  await t.test('a pod waits until what it names is ready', async (t) => {
    gate.ask(gate.pod('app', after('pod/db, service/registry')));
    await gate.settle();
    t.match(gate.permits.get('app')?.verdict, {
      isAdmitted: false,
      reason: 'WaitingForDependencies',
      message: 'waits for pod/default/db and service/default/registry to be ready',
    });
    gate.ask(gate.pod('db'));
    await gate.ready('db');
    t.equal(gate.permits.get('app')?.isAdmitted, false);
    gate.readyServices.add('default/registry');
    await gate.pass(500);
    t.equal(gate.permits.get('app')?.isAdmitted, true);
    await gate.ready('app');
  });
  await t.test('it goes on after its time, with an Event', async (t) => {
    gate.ask(gate.pod('eager', after('pod/none', { 'startup.knarr.io/after-timeout': '20s' })));
    await gate.pass(19_000);
    t.equal(gate.permits.get('eager')?.isAdmitted, false);
    await gate.pass(2000);
    t.equal(gate.permits.get('eager')?.isAdmitted, true);
    t.ok(gate.events.some((event) => event.startsWith('eager StartupDependencyTimeout: Pod waits for pod/')));
    await gate.ready('eager');
  });
  await t.test('pods that wait for each other are refused, and say so once', async (t) => {
    gate.ask(gate.pod('x', after('pod/y')));
    gate.ask(gate.pod('y', after('pod/x')));
    await gate.pass(700_000);
    t.match(gate.permits.get('x')?.verdict, {
      isAdmitted: false,
      reason: 'DependencyCycle',
      message: /pod\/default\/x must come after pod\/default\/y must come after pod\/default\/x$/,
    });
    t.equal(gate.events.filter((event) => event.startsWith('x DependencyCycle')).length, 1);
    t.match(gate.gate.report(false).queue, [{ reason: 'DependencyCycle' }, { reason: 'DependencyCycle' }]);
  });
});

void t.test('what is told and counted', async (t) => {
  const gate = world(t);
  await gate.askAll(['a', 'b']);
  await gate.pass(3000);
  const text = await gate.metrics.metrics();
  t.match(text, /knarr_startup_slots_limit\{device="\/dev\/sda"\} 1/);
  t.match(text, /knarr_startup_slots_held\{device="\/dev\/sda"\} 1/);
  t.match(text, /knarr_startup_queued\{device="\/dev\/sda"\} 1/);
  await gate.ready('a');
  const later = await gate.metrics.metrics();
  t.match(later, /knarr_startup_ended_total\{outcome="ready"\} 1/);
  t.match(later, /knarr_startup_wait_seconds_count 2/);
  const report = gate.gate.report(true);
  t.match(report, { node: 'node-1', mode: 'Fixed', starts: [{ name: 'b', devices: ['sda'] }], queue: [] });
  t.match(report.history, [{ key: 'sda', about: '/dev/sda' }]);
  t.ok((report.history[0]?.samples.length ?? 0) >= 2);
});

void t.test('admissions keep the distance that the controller asks for, but for critical pods', async (t) => {
  const spaced = { limit: 4, isSaturated: false, spacingMs: 800 };
  const gate = world(t, {
    more: { controller: { name: 'Spaced', begin: () => spaced, step: (state) => state } },
  });
  await gate.askAll(['a', 'b', 'c', 'd', 'e']);
  t.strictSame(gate.admitted, ['a']);
  await gate.pass(700);
  t.strictSame(gate.admitted, ['a'], 'slots are free, but the last admission is too near');
  await gate.pass(100);
  t.strictSame(gate.admitted, ['a', 'b'], 'at the very moment, not at the next look');
  gate.ask(gate.pod('critical', { spec: { priority: 2_000_001_000 } }));
  await gate.settle();
  t.strictSame(gate.admitted, ['a', 'b', 'critical']);
  await gate.pass(800);
  t.strictSame(gate.admitted, ['a', 'b', 'critical', 'c']);
  await gate.pass(10_000);
  t.equal(gate.admitted.length, 4, 'and no more than there are slots');
  await gate.ready('a');
  t.strictSame(gate.admitted.slice(4), ['d']);
});
