import t from 'tap';
import { ManualClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import type { Logger } from '../../../common/log.js';
import type { ConfigMap } from '../../../api/generated/core-v1.js';
import { configMaps } from '../../../api/resources.js';
import { StatusError } from '../../../api/status-error.js';
import { createController, keysFrom, TerminalError } from '../../../client/controller.js';
import type { ControllerOptions } from '../../../client/controller.js';
import { createInformerFactory } from '../../../client/informer.js';
import { createMemoryClient } from '../../../client/memory-client.js';
import { eventually } from './eventually.js';

type Reconcile = ControllerOptions['reconcile'];

function start(reconcile: Reconcile, options: { log?: Logger; concurrency?: number } = {}) {
  const clock = new ManualClock();
  const abort = new AbortController();
  const controller = createController({
    name: 'test',
    sources: [],
    reconcile,
    log: options.log ?? silentLogger,
    clock,
    ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
  });
  const ended = controller.run(abort.signal);
  const stop = async (): Promise<void> => {
    abort.abort();
    await ended;
  };
  return { clock, controller, stop };
}

function recordingLog(lines: string[]): Logger {
  const log: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (message) => lines.push(`warn ${message}`),
    error: (message) => lines.push(`error ${message}`),
    child: () => log,
  };
  return log;
}

void t.test('an error is tried again, later each time; success forgets it', async (t) => {
  let runs = 0;
  const lines: string[] = [];
  const reconcile: Reconcile = async () => {
    runs++;
    if (runs < 3) throw new Error('not yet');
  };
  const { clock, controller, stop } = start(reconcile, { log: recordingLog(lines) });
  controller.add('a');
  await eventually(() => runs === 1 && clock.pendingTimers === 1);
  clock.advance(4);
  t.equal(runs, 1);
  clock.advance(1);
  await eventually(() => runs === 2 && clock.pendingTimers === 1);
  clock.advance(10);
  await eventually(() => runs === 3);
  t.equal(clock.pendingTimers, 0);
  t.equal(lines.length, 2);
  await stop();
});

void t.test('a conflict and an absent server are no news', async (t) => {
  const lines: string[] = [];
  const errors = [new StatusError('Conflict', 'behind'), new StatusError('ServiceUnavailable', 'away')];
  let runs = 0;
  const reconcile: Reconcile = async () => {
    const error = errors[runs++];
    if (error !== undefined) throw error;
  };
  const { clock, controller, stop } = start(reconcile, { log: recordingLog(lines) });
  controller.add('a');
  for (const expected of [1, 2]) {
    await eventually(() => runs === expected && clock.pendingTimers === 1);
    clock.advance(1000);
  }
  await eventually(() => runs === 3);
  t.strictSame(lines, []);
  await stop();
});

void t.test('a terminal error rests until the next event', async (t) => {
  const lines: string[] = [];
  let runs = 0;
  const reconcile: Reconcile = async () => {
    runs++;
    throw new TerminalError('never');
  };
  const { clock, controller, stop } = start(reconcile, { log: recordingLog(lines) });
  controller.add('a');
  await eventually(() => lines.length === 1);
  t.equal(clock.pendingTimers, 0);
  controller.add('a');
  await eventually(() => runs === 2);
  await stop();
});

void t.test('requeueAfterMs brings the key back though nothing changed', async (t) => {
  let runs = 0;
  const { clock, controller, stop } = start(async () => ({ requeueAfterMs: runs++ === 0 ? 500 : 60_000 }));
  controller.add('a');
  await eventually(() => clock.pendingTimers === 1);
  clock.advance(500);
  await eventually(() => runs === 2);
  t.pass('came back');
  await stop();
});

void t.test('never the same key twice at once; different keys side by side', async (t) => {
  const running = new Set<string>();
  let most = 0;
  let overlaps = 0;
  let finished = 0;
  const reconcile: Reconcile = async (key) => {
    if (running.has(key)) overlaps++;
    running.add(key);
    most = Math.max(most, running.size);
    await new Promise((resolve) => setImmediate(resolve));
    running.delete(key);
    finished++;
  };
  const { controller, stop } = start(reconcile, { concurrency: 3 });
  for (let round = 0; round < 5; round++) {
    for (const key of ['a', 'b', 'c', 'd', 'e']) controller.add(key);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually(() => finished >= 5 && running.size === 0);
  t.equal(overlaps, 0);
  t.equal(most, 3);
  await stop();
});

void t.test('run ends only when the work under way has ended', async (t) => {
  let release: (() => void) | undefined;
  let aborted = false;
  const { controller, stop } = start(async (_, signal) => {
    await new Promise<void>((resolve) => (release = resolve));
    aborted = signal.aborted;
  });
  controller.add('a');
  await eventually(() => release !== undefined);
  const stopped = stop();
  release?.();
  await stopped;
  t.equal(aborted, true);
});

void t.test(
  'keys come from informers, those of the state before included, and wait for the first list',
  async (t) => {
    const client = createMemoryClient();
    const informers = createInformerFactory({ client, log: silentLogger });
    const abort = new AbortController();
    const seen: string[] = [];
    const owner = ({ data }: ConfigMap): string[] => [data?.['owner'] ?? ''];
    const created = await client.resource(configMaps).create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a', namespace: 'n' },
      data: { owner: 'x' },
    });
    const controller = createController({
      name: 'test',
      sources: [keysFrom(informers.informer(configMaps), owner)],
      reconcile: async (key) => {
        seen.push(key);
      },
      log: silentLogger,
    });
    const ended = Promise.all([controller.run(abort.signal), informers.run(abort.signal)]);
    await eventually(() => seen.length === 1);
    await client.resource(configMaps).update({ ...created, data: { owner: 'y' } });
    await eventually(() => seen.length === 3);
    t.strictSame(seen, ['x', 'y', 'x']);
    abort.abort();
    await ended;
  },
);
