/** The devices, the pressure and the progress of readers on a real disk that is throttled, beside one that is not used. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, rmdirSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import type { Test } from 'tap';
import { systemClock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import { runCommand } from '../../common/run-command.js';
import { createDeviceFinder } from '../../kubelet/startup/devices/device-finder.js';
import { systemMachine } from '../../kubelet/startup/devices/machine-view.js';
import { createProgressReader } from '../../kubelet/startup/pressure/progress-reader.js';
import { createSampler, systemTexts } from '../../kubelet/startup/pressure/sampler.js';
import { makeSmallDisk, missingForThrottle } from '../faults/small-disk.js';
import { until } from '../support/until.js';

const missing = missingForThrottle();
if (missing === undefined) await testDisks();
else t.pass(`skipped: ${missing}`, { skip: missing });

async function testDisks(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-devices-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const slow = await makeSmallDisk(join(folder, 'slow'), 64, true);
  t.teardown(() => slow.remove());
  const unused = await makeSmallDisk(join(folder, 'unused'), 16, true);
  t.teardown(() => unused.remove());
  const finder = createDeviceFinder({
    machine: systemMachine,
    backends: [],
    clock: systemClock,
    log: silentLogger,
  });
  const file = join(slow.path, 'data');
  await runCommand('dd', ['if=/dev/zero', `of=${file}`, 'bs=1M', 'count=32', 'conv=fsync']);

  await t.test('a filesystem in a file on FUSE', async (t) => {
    const [device, ...others] = await finder.find(join(slow.path, 'not/there/yet'));
    t.strictSame(others, []);
    t.match(device?.key, /^fuse 0:\d+$/);
    t.match(device?.diskstats, [/^7:\d+$/]);
    symlinkSync(slow.path, join(folder, 'link'));
    t.strictSame(await finder.find(join(folder, 'link/data')), [device]);
    t.strictSame(await finder.findBlockDevice(device?.diskstats[0] ?? ''), [device]);
    const [ofFuse] = await finder.find(join(folder, 'slow/fuse/disk'));
    t.equal(ofFuse?.key, device?.key, 'what it lies on');
    t.strictSame(ofFuse?.diskstats, []);
    const [idle] = await finder.find(unused.path);
    t.not(idle?.key, device?.key);
  });

  await t.test('a saturated disk, and one beside it', async (t) => {
    const [busy, idle] = [(await finder.find(slow.path))[0], (await finder.find(unused.path))[0]];
    const sampler = createSampler({ texts: systemTexts, finder, clock: systemClock });
    slow.throttle(4 * 1024 * 1024);
    const readers = await startReaders(t, file, 8);
    await sampler.sample();
    const samples = await until(
      'the disk is saturated',
      async () => {
        await pause(300);
        const found = await sampler.sample();
        const sample = found.get(busy?.key ?? '');
        if (sample?.awaitMs === undefined || sample.requestsInFlight === undefined) return undefined;
        const isWaitedFor = sample.pressure === undefined || sample.pressure > 0.2;
        const isFull = (sample.utilization ?? 0) > 0.8 && sample.requestsInFlight >= 4;
        return isFull && isWaitedFor && sample.awaitMs > 50 && found;
      },
      30_000,
    );
    const beside = samples.get(idle?.key ?? '');
    t.ok((beside?.utilization ?? 0) < 0.5, 'not used');
    t.ok((beside?.pressure ?? 0) < 0.5, 'so nobody waits for it');
    await testProgress(t, readers);
  });
}

interface Readers {
  readonly cgroup: string;
  stop(): Promise<void>;
}

/** Processes that read around the page cache, in a cgroup of their own. */
async function startReaders(t: Test, file: string, count: number): Promise<Readers> {
  const isV2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
  const cgroup = `/knarr-readers-${String(process.pid)}`;
  const folder = join('/sys/fs/cgroup', isV2 ? '' : 'cpu', cgroup);
  mkdirSync(folder);
  const script = `echo $$ >${folder}/cgroup.procs; while :; do dd if=${file} of=/dev/null bs=256k iflag=direct 2>&1; done`;
  const children = Array.from({ length: count }, () =>
    spawn('sh', ['-c', script], { stdio: 'ignore', detached: true }),
  );
  const stop = async (): Promise<void> => {
    for (const { pid, exitCode, signalCode } of children)
      if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
    await until('they have ended', () => children.every((one) => one.signalCode !== null), 30_000);
    // What they had asked the disk for ends with the kernel's patience, not ours.
    await until('their cgroup is empty', () => removes(folder), 30_000);
  };
  t.teardown(stop);
  await Promise.all(children.map((child) => once(child, 'spawn')));
  return { cgroup, stop };
}

function removes(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw error;
  }
}

async function testProgress(t: Test, readers: Readers): Promise<void> {
  const version = existsSync('/sys/fs/cgroup/cgroup.controllers') ? 2 : 1;
  const reader = createProgressReader({ version });
  const first = await reader.bytesOf(readers.cgroup);
  t.ok(first !== undefined);
  await until(
    'they get on',
    async () => ((await reader.bytesOf(readers.cgroup)) ?? 0) > (first ?? 0),
    30_000,
  );
  await readers.stop();
  await until('they are gone', async () => (await reader.bytesOf(readers.cgroup)) === undefined, 10_000);
}
