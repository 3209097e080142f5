/** hostPath: a file or folder of the node itself. Nothing of it is ever removed. */
import { mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Stats } from 'node:fs';
import { VolumeError } from './volume-plugin.js';
import type { VolumePlugin } from './volume-plugin.js';

export const hostPathVolumes: VolumePlugin = {
  folderName: 'kubernetes.io~host-path',
  isPayload: false,
  isEphemeral: false,
  supports: ({ kind }) => kind === 'hostPath',
  setUp: async ({ spec }) => {
    const { path = '', type = '' } = spec.source.hostPath ?? {};
    if (!path.startsWith('/')) throw new VolumeError(`hostPath: ${path} is not an absolute path`);
    if (type !== '') await check(path, type);
    return { kind: 'filesystem', path, readOnly: spec.readOnly };
  },
  setUpDevice: async ({ spec }) => {
    const { path = '' } = spec.source.hostPath ?? {};
    await check(path, 'BlockDevice');
    return { kind: 'block', path, readOnly: spec.readOnly };
  },
};

type CheckedType =
  'DirectoryOrCreate' | 'Directory' | 'FileOrCreate' | 'File' | 'Socket' | 'CharDevice' | 'BlockDevice';

async function check(path: string, type: CheckedType): Promise<void> {
  let found = await stat(path).catch(whenMissing);
  if (found === undefined && type === 'DirectoryOrCreate') {
    // Missing parents are made for a folder, and not for a file.
    await mkdir(path, { recursive: true, mode: 0o755 });
    found = await stat(path);
  } else if (found === undefined && type === 'FileOrCreate') {
    if ((await stat(dirname(path)).catch(whenMissing)) === undefined)
      throw new VolumeError(`open ${path}: no such file or directory`);
    await (await open(path, 'a', 0o644)).close();
    found = await stat(path);
  }
  if (found === undefined || !expected[type](found))
    throw new VolumeError(`hostPath type check failed: ${path} is not a ${words[type]}`);
}

const expected: Readonly<Record<CheckedType, (found: Stats) => boolean>> = {
  DirectoryOrCreate: (found) => found.isDirectory(),
  Directory: (found) => found.isDirectory(),
  FileOrCreate: (found) => found.isFile(),
  File: (found) => found.isFile(),
  Socket: (found) => found.isSocket(),
  CharDevice: (found) => found.isCharacterDevice(),
  BlockDevice: (found) => found.isBlockDevice(),
};

const words: Readonly<Record<CheckedType, string>> = {
  DirectoryOrCreate: 'directory',
  Directory: 'directory',
  FileOrCreate: 'file',
  File: 'file',
  Socket: 'socket file',
  CharDevice: 'character device',
  BlockDevice: 'block device',
};

function whenMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}
