/**
 * The containerd shims of Knarr's containerd, told from those of others by the socket on their command line, and
 * the processes of their containers.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { identify } from '../supervisor/process-identity.js';
import type { ProcessIdentity } from '../supervisor/process-identity.js';

export interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  /** Arguments, the program first. */
  readonly command: readonly string[];
}

/** Shims that serve this socket, each followed by all processes below it. Pure. */
export function shimsWithChildren(
  entries: readonly ProcessEntry[],
  containerdSocket: string,
): ProcessEntry[] {
  const found = entries.filter(({ command }) => {
    const at = command.indexOf('-address');
    return command[0]?.includes('containerd-shim') === true && at > 0 && command[at + 1] === containerdSocket;
  });
  // The list grows while it is walked: children of children are found too.
  for (const parent of found) {
    found.push(...entries.filter((entry) => entry.parentPid === parent.pid && !found.includes(entry)));
  }
  return found;
}

export function readProcesses(): ProcessEntry[] {
  const entries: ProcessEntry[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      entries.push({
        pid: Number(name),
        parentPid: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]),
        command: readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').slice(0, -1),
      });
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'ENOENT' && code !== 'ESRCH') throw error;
    }
  }
  return entries;
}

export function findOwnShims(containerdSocket: string): ProcessIdentity[] {
  return shimsWithChildren(readProcesses(), containerdSocket)
    .map(({ pid }) => identify(pid))
    .filter((identity) => identity !== undefined);
}
