/** The supervisor with real processes: restart with backoff, adoption, logs. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { askSupervisor, serveControl, tellSupervisor } from '../../../cli/supervisor/control.js';
import { identify, PidFolder } from '../../../cli/supervisor/process-identity.js';
import { rotateLog } from '../../../cli/supervisor/rotate-log.js';
import { Supervisor } from '../../../cli/supervisor/supervise.js';
import type { ProcessDefinition } from '../../../cli/supervisor/supervise.js';
import { until } from '../../support/until.js';

function definition(folder: string, script: string): ProcessDefinition {
  return {
    name: 'worker',
    program: '/bin/sh',
    args: ['-c', script],
    environment: { PATH: '/usr/bin:/bin' },
    logFile: join(folder, 'worker.log'),
  };
}

void t.test('a process that dies is started again, and one that runs is taken over', async (t) => {
  const folder = t.testdir();
  const pids = new PidFolder(join(folder, 'pids'));
  const dependencies = { clock: systemClock, log: silentLogger, pids };
  const definitions = [definition(folder, 'echo started; exec sleep 1000')];

  const first = new AbortController();
  const supervisor = new Supervisor(definitions, dependencies);
  const running = supervisor.run(first.signal);
  const log = (): string => readFileSync(join(folder, 'worker.log'), 'utf8');
  const born = await until('it runs', () => pids.readLive('worker'));
  await until('it wrote into the log', () => log() === 'started\n');
  process.kill(born.pid, 'SIGKILL');
  const again = await until('it runs again', () => {
    const record = pids.readLive('worker');
    return record !== undefined && record.pid !== born.pid ? record : undefined;
  });
  t.equal(again.restarts, 1);
  t.match(supervisor.status(), [{ state: 'running', restarts: 1, lastEnd: 'signal SIGKILL' }]);
  await until('both wrote into the log', () => log() === 'started\nstarted\n');

  first.abort();
  await running;
  t.ok(pids.readLive('worker'), 'the process outlives its supervisor');

  const second = new AbortController();
  const successor = new Supervisor(definitions, dependencies);
  const runningOn = successor.run(second.signal);
  t.equal(successor.status()[0]?.pid, again.pid, 'the successor took it over');
  process.kill(again.pid, 'SIGKILL');
  const third = await until('it was started anew', () => {
    const record = pids.readLive('worker');
    return record !== undefined && record.pid !== again.pid ? record : undefined;
  });
  second.abort();
  await runningOn;
  process.kill(third.pid, 'SIGKILL');
});

void t.test(
  'a process that is held back is started when it is released, and one that runs is not held',
  async (t) => {
    const folder = t.testdir();
    const pids = new PidFolder(join(folder, 'pids'));
    const dependencies = { clock: systemClock, log: silentLogger, pids };
    const free = { ...definition(folder, 'exec sleep 1000'), name: 'free' };
    const definitions = [definition(folder, 'exec sleep 1000'), free];
    const first = new AbortController();
    const supervisor = new Supervisor(definitions, dependencies, ['worker']);
    const running = supervisor.run(first.signal);
    const other = await until('the other one runs', () => pids.readLive('free'));
    t.match(supervisor.status(), [{ name: 'worker', state: 'waiting', restarts: 0 }, { state: 'running' }]);
    supervisor.release();
    const worker = await until('it runs', () => pids.readLive('worker'));
    first.abort();
    await running;
    const second = new AbortController();
    const successor = new Supervisor(definitions, dependencies, ['worker']);
    const runningOn = successor.run(second.signal);
    await until('both are taken over', () => successor.status().every(({ pid }) => pid !== undefined));
    t.same(
      successor.status().map(({ pid }) => pid),
      [worker.pid, other.pid],
    );
    second.abort();
    await runningOn;
    for (const { pid } of [worker, other]) process.kill(pid, 'SIGKILL');
  },
);

void t.test('a process that cannot be started says why and is tried again', async (t) => {
  const folder = t.testdir();
  const pids = new PidFolder(join(folder, 'pids'));
  const abort = new AbortController();
  const supervisor = new Supervisor([{ ...definition(folder, ''), program: '/nonexistent' }], {
    clock: systemClock,
    log: silentLogger,
    pids,
  });
  const running = supervisor.run(abort.signal);
  await until('it was tried twice', () => (supervisor.status()[0]?.restarts ?? 0) >= 2);
  t.match(supervisor.status()[0]?.lastEnd, /cannot be started: .*ENOENT/);
  abort.abort();
  await running;
});

void t.test('a pid file of a process that is gone, or of another one, counts for nothing', async (t) => {
  const folder = t.testdir();
  const pids = new PidFolder(folder);
  const self = identify(process.pid);
  if (self === undefined) throw new Error('this process does not run');
  const record = { ...self, name: 'me', startedAt: 1, restarts: 0 };
  pids.write(record);
  t.same(pids.readLive('me'), record);
  pids.write({ ...record, startTicks: self.startTicks + 1 });
  t.equal(pids.readLive('me'), undefined, 'the same pid, started at another time');
  writeFileSync(join(folder, 'odd.pid'), 'rubbish');
  t.equal(pids.readLive('odd'), undefined);
});

void t.test('one supervisor to a socket', async (t) => {
  const socket = join(t.testdir(), 's');
  t.equal(await askSupervisor(socket), undefined);
  let left = 0;
  const actions = {
    status: () => ({ pid: 1, startedAt: 2, processes: [] }),
    retryNow: () => undefined,
    release: () => undefined,
    leave: () => {
      left += 1;
    },
  };
  const server = await serveControl(socket, actions);
  t.same(await askSupervisor(socket), { pid: 1, startedAt: 2, processes: [] });
  await t.rejects(serveControl(socket, actions), { message: /a supervisor already listens/ });
  t.equal(await tellSupervisor(socket, 'leave'), true);
  await until('it was told', () => left === 1);
  server.close();
  server.closeAllConnections();
});

void t.test('logs are rotated by size', async (t) => {
  const file = join(t.testdir(), 'x.log');
  const limits = { maxBytes: 4, keep: 2 };
  t.equal(await rotateLog(file, limits), false, 'no file, nothing to do');
  for (const text of ['first', 'second', 'third']) {
    writeFileSync(file, text, { flag: 'a' });
    t.equal(await rotateLog(file, limits), true);
  }
  t.equal(readFileSync(file, 'utf8'), '');
  t.equal(readFileSync(`${file}.1`, 'utf8'), 'third');
  t.equal(readFileSync(`${file}.2`, 'utf8'), 'second');
});
