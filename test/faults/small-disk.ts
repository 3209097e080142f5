/**
 * A disk of its own for a store: a small file system in a file, which can be filled up; and, where nbdkit and FUSE are
 * there, one that can be throttled (each read and write of it goes through a server with a rate).
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from '../../cli/checks/packages.js';
import { CommandError, runCommand, tryCommand } from '../../common/run-command.js';
import { until } from '../support/until.js';

/** Debian packages of the throttle. */
export const throttlePrograms = [
  { program: 'nbdkit', package: 'nbdkit' },
  { program: 'nbdfuse', package: 'libnbd-bin' },
];

/** Why there can be no small disk here; undefined when there can. */
export function missingForSmallDisk(): string | undefined {
  if (process.getuid?.() !== 0) return 'a loop device needs root';
  if (!existsSync('/dev/loop-control')) return 'the kernel has no loop devices';
  for (const program of ['losetup', 'mkfs.ext4', 'fallocate', 'mount'])
    if (findProgram(program) === undefined) return `${program} is not installed`;
  return undefined;
}

export function missingForThrottle(): string | undefined {
  if (!existsSync('/dev/fuse')) return 'the kernel has no FUSE';
  for (const { program, package: name } of throttlePrograms)
    if (findProgram(program) === undefined) return `${program} is not installed (package ${name})`;
  return missingForSmallDisk();
}

export interface SmallDisk {
  /** Where it is mounted. */
  readonly path: string;
  /** `/dev/loop0` */
  readonly device: string;
  /** Takes all the room that is left. */
  fill(): Promise<void>;
  free(): Promise<void>;
  /** Bytes a second for reads and for writes; undefined is as fast as it goes. Only of a disk that is throttled. */
  throttle(bytesPerSecond: number | undefined): void;
  /** Unmounts and removes it; nobody may use it any more. */
  remove(): Promise<void>;
}

/** Makes and mounts one below a folder. Whatever was done is undone when a step fails. */
export async function makeSmallDisk(
  folder: string,
  megabytes: number,
  throttled: boolean,
): Promise<SmallDisk> {
  mkdirSync(folder, { recursive: true });
  const image = join(folder, 'disk.img');
  const path = join(folder, 'mnt');
  const ballast = join(path, 'ballast');
  const undo: (() => Promise<void>)[] = [];
  const remove = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await runCommand('truncate', [`--size=${megabytes}M`, image]);
    const throttle = throttled ? await startThrottle(folder, image, undo) : undefined;
    const device = await attach(throttle?.file ?? image, throttle !== undefined, undo);
    await runCommand('mkfs.ext4', [
      '-q',
      '-m',
      '0',
      '-E',
      'lazy_itable_init=0,lazy_journal_init=0,nodiscard',
      device,
    ]);
    mkdirSync(path);
    await runCommand('mount', ['-o', 'noatime', device, path]);
    undo.push(() => unmount(path));
    return {
      path,
      device,
      fill: () => fill(path, ballast),
      free: () => rm(ballast, { force: true }),
      throttle: (rate) => {
        if (throttle === undefined) throw new Error('this disk has no throttle');
        throttle.setRate(rate);
      },
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function attach(file: string, direct: boolean, undo: (() => Promise<void>)[]): Promise<string> {
  const flags = direct ? ['--direct-io=on', '--sector-size=4096'] : [];
  const device = (await runCommand('losetup', ['--find', '--show', ...flags, file])).trim();
  undo.push(async () => {
    await runCommand('losetup', ['--detach', device]);
  });
  return device;
}

/** First most of it at once, then the last blocks one by one. */
async function fill(path: string, ballast: string): Promise<void> {
  const { bavail, bsize } = await statfs(path);
  await tryCommand('fallocate', ['--length', String(Math.max(1, bavail - 64) * bsize), ballast]);
  const file = await open(ballast, 'a');
  try {
    for (;;) await file.write(Buffer.alloc(bsize));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    await file.close();
  }
}

async function unmount(path: string): Promise<void> {
  // A process that was killed a moment ago may still hold it.
  await until(
    `${path} can be unmounted`,
    async () => (await tryCommand('umount', [path])).exitCode === 0,
    20_000,
  );
}

/** What nbdkit is told, in bits a second. */
const unlimited = '100G';

async function startThrottle(
  folder: string,
  image: string,
  undo: (() => Promise<void>)[],
): Promise<{ readonly file: string; readonly setRate: (bytesPerSecond: number | undefined) => void }> {
  const rateFile = join(folder, 'rate');
  const socket = join(folder, 'nbd.sock');
  const pidFile = join(folder, 'nbdkit.pid');
  const file = join(folder, 'fuse', 'disk');
  const setRate = (bytesPerSecond: number | undefined): void => {
    writeFileSync(`${rateFile}.new`, bytesPerSecond === undefined ? unlimited : String(bytesPerSecond * 8));
    renameSync(`${rateFile}.new`, rateFile);
  };
  setRate(undefined);
  mkdirSync(join(folder, 'fuse'));
  await runCommand('nbdkit', [
    ...['-P', pidFile, '-t', '16', '-U', socket, '--filter=blocksize', '--filter=rate', 'file', image],
    ...['cache=none', 'maxdata=64K', `rate=${unlimited}`, `rate-file=${rateFile}`, 'burstiness=0.25'],
  ]);
  undo.push(async () => {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    process.kill(pid, 'SIGTERM');
    await until('nbdkit has ended', () => !isAlive(pid), 20_000);
  });
  const child = spawnFuse(folder, file, socket);
  undo.push(async () => {
    setRate(undefined);
    await unmount(join(folder, 'fuse'));
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    }
  });
  await until(
    'the throttled disk is there',
    () => {
      if (child.exitCode !== null)
        throw new CommandError(`nbdfuse: ${readFileSync(join(folder, 'nbdfuse.log'), 'utf8')}`);
      return existsSync(file);
    },
    20_000,
  );
  return { file, setRate };
}

function spawnFuse(folder: string, file: string, socket: string): ChildProcess {
  const log = openSync(join(folder, 'nbdfuse.log'), 'w');
  const child = spawn('nbdfuse', ['-C', '4', file, `nbd+unix:///?socket=${socket}`], {
    stdio: ['ignore', log, log],
    // Its end must come from here, not from the terminal: file systems lie on it.
    detached: true,
  });
  closeSync(log);
  return child;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // ESRCH: it is ours, so nothing else can be
  }
}
