/** One `knarr up` or `knarr down` at a time on a run folder. */
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UsageError } from '../common/usage-error.js';
import type { Layout } from './layout.js';
import { identify, isAlive } from './supervisor/process-identity.js';

/** Throws UsageError when another live process has it; the lock of a dead one is taken over. */
export async function withLock<T>(layout: Layout, work: () => Promise<T>): Promise<T> {
  const file = layout.run.lock;
  await mkdir(dirname(file), { recursive: true });
  await take(file);
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function take(file: string): Promise<void> {
  const mine = `${file}.${String(process.pid)}`;
  await writeFile(mine, JSON.stringify(identify(process.pid)));
  try {
    await takeAs(file, mine);
  } finally {
    await rm(mine, { force: true });
  }
}

async function takeAs(file: string, mine: string): Promise<void> {
  for (;;) {
    try {
      // A link appears whole or not at all, so that nobody ever reads half a lock.
      await link(mine, file);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = await readHolder(file);
    if (holder !== undefined && isAlive(holder)) {
      throw new UsageError(`another knarr (process ${String(holder.pid)}) is at work: wait for it to end`);
    }
    await rm(file, { force: true });
  }
}

async function readHolder(file: string): Promise<{ pid: number; startTicks: number } | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    const { pid, startTicks } = value as { pid?: unknown; startTicks?: unknown };
    return typeof pid === 'number' && typeof startTicks === 'number' ? { pid, startTicks } : undefined;
  } catch (error) {
    // Given back meanwhile.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
