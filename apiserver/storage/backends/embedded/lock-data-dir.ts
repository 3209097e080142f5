/**
 * One process owns a data directory at a time. The lock is flock(2), which the kernel releases when the owner
 * dies, however it dies; Node has no call for it, so that flock(1) of util-linux takes the lock on a file that
 * this process holds open and that the two share.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { StoreError } from '../../store.js';

/** Takes the lock or throws `locked`, naming the owner. The returned function releases it. */
export function lockDataDir(dataDir: string): () => void {
  const path = join(dataDir, 'store.lock');
  const file = openSync(path, 'a+', 0o600);
  try {
    const flock = spawnSync('flock', ['--exclusive', '--nonblock', '3'], {
      stdio: ['ignore', 'ignore', 'pipe', file],
      encoding: 'utf8',
    });
    if (flock.error !== undefined) {
      throw new StoreError('unavailable', 'flock(1) of util-linux is needed to lock the store', {
        cause: flock.error,
      });
    }
    if (flock.status === 1 && flock.stderr === '') {
      const owner = readFileSync(path, 'utf8').trim();
      throw new StoreError(
        'locked',
        `${dataDir} is in use by process ${owner === '' ? '(unknown)' : owner}: end it, or choose another data directory`,
      );
    }
    if (flock.status !== 0) {
      throw new StoreError('unavailable', `${path} cannot be locked: ${flock.stderr.trim()}`);
    }
    writeOwner(file);
  } catch (error) {
    closeSync(file);
    throw error;
  }
  return () => {
    closeSync(file);
  };
}

/** Another machine or container may share the folder: a number alone would name the wrong process there. */
function writeOwner(file: number): void {
  const command = readFileSync('/proc/self/cmdline', 'utf8').replaceAll('\0', ' ').trim();
  try {
    ftruncateSync(file);
    writeSync(file, `${process.pid} on ${hostname()} (${command})\n`);
  } catch (error) {
    // On a full disk the lock holds without its name, and reads must stay possible.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
}
