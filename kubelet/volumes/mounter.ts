/** Mounts of the node: the one place of the kubelet that changes them. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface Mounter {
  /** Mounts a fresh tmpfs. `sizeBytes` 0: the kernel's default of half the memory. */
  mountTmpfs(path: string, options: { readonly sizeBytes: number; readonly mode: string }): Promise<void>;
  /** Unmounts; what is not mounted is a success. */
  unmount(path: string): Promise<void>;
  /** Mount points at or below a path, deepest first. */
  mountsBelow(path: string): Promise<readonly string[]>;
}

const run = promisify(execFile);

/** Uses mount(8) and umount(8) of the node. */
export const systemMounter: Mounter = {
  mountTmpfs: async (path, { sizeBytes, mode }) => {
    const size = sizeBytes > 0 ? `,size=${sizeBytes}` : '';
    await run('mount', ['-t', 'tmpfs', '-o', `mode=${mode}${size}`, 'tmpfs', path]);
  },
  unmount: async (path) => {
    if ((await readMountPoints()).includes(path)) await run('umount', [path]);
  },
  mountsBelow: async (path) => {
    const inside = (await readMountPoints()).filter(
      (point) => point === path || point.startsWith(`${path}/`),
    );
    return inside.sort((a, b) => b.length - a.length);
  },
};

async function readMountPoints(): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  return table
    .split('\n')
    .map((line) => line.split(' ')[4])
    .filter((point) => point !== undefined)
    .map((point) =>
      point.replace(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(parseInt(octal, 8))),
    );
}
