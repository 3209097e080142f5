/** Mounts of the node: the one place of the kubelet that changes them. */
import { readFile } from 'node:fs/promises';
import { CommandError, tryCommand } from '../../common/run-command.js';
import { mountTmpfs, unmountTmpfs } from './memory-mount.js';
import { parseMountTable } from './mount-table.js';
import type { MountEntry } from './mount-table.js';

export interface MountRequest {
  /** `tmpfs`, `hugetlbfs`, `nfs`, `ext4`, …; `bind` shows a file or folder of the node at a second place. */
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly options?: readonly string[];
}

/** Rejects with MountError. May be called concurrently for different targets. */
export interface Mounter {
  /** Not idempotent: a second mount lies above the first. Look at {@link mounts} before. */
  mount(request: MountRequest, signal?: AbortSignal): Promise<void>;
  /** Unmounts; what is not mounted is a success. */
  unmount(path: string): Promise<void>;
  /** The kernel's table of mounts. */
  mounts(): Promise<readonly MountEntry[]>;
}

/** What mount(8) or umount(8) had to say, in the form in which Kubernetes shows it. */
export class MountError extends Error {
  override readonly name = 'MountError';
}

/** A server that does not answer makes mount wait; longer than this it is tried anew. */
const timeouts = { mountMs: 120_000, unmountMs: 30_000 } as const;

/** Uses mount(8) and umount(8) of the node, and for memory the system calls below them. */
export const systemMounter: Mounter = {
  mount: async ({ type, source, target, options = [] }, signal) => {
    if (type === 'tmpfs' && mountTmpfs(source, target, options)) return;
    const all = type === 'bind' ? ['bind', ...options] : options;
    const args = [
      // The source may be an open file (`/proc/PID/fd/N`): its name must stay as it is.
      ...(type === 'bind' ? ['--no-canonicalize'] : ['-t', type]),
      ...(all.length === 0 ? [] : ['-o', all.join(',')]),
      source,
      target,
    ];
    await run('mount', args, timeouts.mountMs, signal);
  },
  unmount: async (path) => {
    const topmost = async (): Promise<MountEntry | undefined> =>
      (await systemMounter.mounts()).findLast((mount) => mount.path === path);
    // One may lie above another.
    for (let mount = await topmost(); mount !== undefined; mount = await topmost()) {
      if (mount.type === 'tmpfs' && (await unmountTmpfs(path))) continue;
      try {
        await run('umount', [path], timeouts.unmountMs, undefined);
      } catch (error) {
        if ((await topmost()) !== undefined) throw error;
      }
    }
  },
  mounts: async () => parseMountTable(await readFile('/proc/self/mountinfo', 'utf8')),
};

/** Mount points at or below a path, deepest first, those that lie above others before them. */
export function mountsBelow(table: readonly MountEntry[], path: string): readonly MountEntry[] {
  const inside = table.filter((mount) => mount.path === path || mount.path.startsWith(`${path}/`));
  return [...inside].reverse().sort((a, b) => b.path.length - a.path.length);
}

export async function isMountPoint(mounter: Mounter, path: string): Promise<boolean> {
  return (await mounter.mounts()).some((mount) => mount.path === path);
}

async function run(
  program: 'mount' | 'umount',
  args: readonly string[],
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const options = { timeoutMs, ...(signal === undefined ? {} : { signal }) };
  try {
    const { exitCode, stdout, stderr } = await tryCommand(program, args, options);
    if (exitCode === 0) return;
    const words = program === 'mount' ? 'mount' : 'unmount';
    const said = `${stdout}${stderr}`.trim().replaceAll('\n', ' ');
    throw new MountError(
      `${words} failed: exit status ${String(exitCode)}, arguments: ${args.join(' ')}, output: ${said}`,
    );
  } catch (error) {
    if (error instanceof CommandError) throw new MountError(error.message, { cause: error });
    throw error;
  }
}
