import t from 'tap';
import { ManualClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import type { KubernetesObject } from '../../../api/objects.js';
import { events } from '../../../api/resources.js';
import { EventCorrelator } from '../../../client/event-correlator.js';
import type { Observation } from '../../../client/event-correlator.js';
import { createEventBroadcaster } from '../../../client/event-recorder.js';
import { createMemoryClient } from '../../../client/memory-client.js';
import { eventually } from './eventually.js';

const start = Date.UTC(2026, 0, 1);

function observation(message: string, at = start, name = 'web'): Observation {
  const about = { kind: 'Pod', namespace: 'demo', name, uid: name, apiVersion: 'v1' };
  return { about, type: 'Normal', reason: 'Pulled', message, component: 'kubelet', host: 'n1', at };
}

void t.test('the same again raises the count', (t) => {
  const correlator = new EventCorrelator();
  const first = correlator.decide(observation('hello'));
  const second = correlator.decide(observation('hello', start + 5_000));
  t.equal(first.kind, 'create');
  t.equal(second.kind, 'repeat');
  if (first.kind === 'create' && second.kind === 'repeat') {
    t.equal(second.name, first.event.metadata.name);
    t.match(first.event.metadata.name, /^web\.[0-9a-f]{16}$/);
    t.match(second.event, {
      count: 2,
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:05Z',
    });
    t.match(first.event, { source: { component: 'kubelet', host: 'n1' }, reportingComponent: 'kubelet' });
  }
  t.end();
});

void t.test('two processes that speak in the same millisecond write two Events', (t) => {
  const names = [0.1, 0.2].map((draw) => {
    const decision = new EventCorrelator(() => draw).decide(observation('hello'));
    return decision.kind === 'create' ? decision.event.metadata.name : decision.kind;
  });
  t.match(names, [/^web\.[0-9a-f]{16}$/, /^web\.[0-9a-f]{16}$/]);
  t.not(names[0], names[1]);
  t.end();
});

void t.test('after ten different messages they are combined into one', (t) => {
  const correlator = new EventCorrelator();
  const messages = Array.from({ length: 14 }, (_, index) =>
    correlator.decide(observation(`message ${index}`)),
  );
  t.strictSame(
    messages.map(({ kind }) => kind),
    [...Array<string>(10).fill('create'), ...Array<string>(4).fill('repeat')],
  );
  const last = messages.at(-1);
  t.match(last, { event: { message: '(combined from similar events): message 13', count: 5 } });
  const later = correlator.decide(observation('message 14', start + 700_000));
  t.match(later, { kind: 'create', event: { message: 'message 14' } }, 'ten minutes later it starts anew');
  t.end();
});

void t.test('one source may say 25 things about an object, then one in five minutes', (t) => {
  const correlator = new EventCorrelator();
  const kinds = Array.from({ length: 30 }, () => correlator.decide(observation('again')).kind);
  t.equal(kinds.filter((kind) => kind === 'drop').length, 5);
  t.equal(correlator.decide(observation('again', start, 'other')).kind, 'create', 'others are not concerned');
  t.equal(correlator.decide(observation('again', start + 300_000)).kind, 'repeat');
  t.equal(correlator.decide(observation('again', start + 300_001)).kind, 'drop');
  t.end();
});

void t.test('Events arrive on the server, counted, in the right namespace', async (t) => {
  const clock = new ManualClock();
  const client = createMemoryClient({ clock });
  const broadcaster = createEventBroadcaster({ client, log: silentLogger, clock });
  const abort = new AbortController();
  const recorder = broadcaster.recorder('scheduler', 'host-1');
  const metadata = { uid: 'u', resourceVersion: '7', creationTimestamp: '' };
  const pod: KubernetesObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name: 'a', namespace: 'demo' },
  };
  const node: KubernetesObject = { apiVersion: 'v1', kind: 'Node', metadata: { ...metadata, name: 'n1' } };
  recorder.event(pod, 'Warning', 'FailedScheduling', 'no node');
  recorder.event(pod, 'Warning', 'FailedScheduling', 'no node');
  recorder.event(node, 'Normal', 'Starting', 'hello');
  const running = broadcaster.run(abort.signal);
  const list = async () => (await client.resource(events).list()).items;
  await eventually(
    async () => (await list()).length === 2 && (await list()).some(({ count }) => count === 2),
  );
  t.match(await list(), [
    { metadata: { namespace: 'default' }, involvedObject: { kind: 'Node', name: 'n1' } },
    {
      metadata: { namespace: 'demo' },
      type: 'Warning',
      reason: 'FailedScheduling',
      count: 2,
      involvedObject: { kind: 'Pod', name: 'a', uid: 'u', resourceVersion: '7' },
      source: { component: 'scheduler', host: 'host-1' },
    },
  ]);
  for (const { metadata } of await list()) await client.resource(events).delete(metadata);
  recorder.event(pod, 'Warning', 'FailedScheduling', 'no node');
  await eventually(async () => (await list()).length === 1);
  t.match(await list(), [{ count: 3 }], 'one that has expired is made again');
  abort.abort();
  await running;
});
