/**
 * Writes a volume's files so that a container sees all of the old ones or all of the new ones.
 *
 * The files are in a folder with the time in its name; `..data` is a symbolic link to it, replaced by one rename; the
 * names that a container uses are links through `..data`. That layout is Kubernetes' own, and programs rely on it to
 * notice changes. A writer that is killed at any point leaves either the old or the new files, and what else it leaves
 * is removed by the next call.
 */
import {
  chmod,
  lchown,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { groupMode } from './volume-ownership.js';

export interface VolumeFile {
  readonly data: Uint8Array;
  /** Permission bits. */
  readonly mode: number;
  /** The user that owns the file; root when absent. */
  readonly ownerId?: number;
}

/** Relative paths, `/` as separator, without `..`. */
export type VolumeFiles = ReadonlyMap<string, VolumeFile>;

/** Makes the folder hold exactly these files. True when something changed. Not to be called twice at a time. */
export async function writeVolumeFiles(
  folder: string,
  files: VolumeFiles,
  options: { readonly groupId?: number; readonly nowMs: number },
): Promise<boolean> {
  for (const path of files.keys()) checkPath(path);
  const dataLink = join(folder, '..data');
  const current = await readlink(dataLink).catch(whenMissing);
  const isNew = current === undefined || !(await isSame(join(folder, current), files, options.groupId));
  const data = isNew ? await writeAnew(folder, files, options) : current;
  await linkNames(folder, files);
  await removeLeftovers(folder, files, data);
  return isNew;
}

/** Answers the name of the folder that `..data` now leads to. */
async function writeAnew(
  folder: string,
  files: VolumeFiles,
  options: { readonly groupId?: number; readonly nowMs: number },
): Promise<string> {
  const stamp = new Date(options.nowMs).toISOString().replace(/[-:T]/g, '_').replace(/\..*$/, '');
  const fresh = await mkdtemp(join(folder, `..${stamp}.`));
  await own(fresh, 0o755, 'folder', options.groupId);
  for (const [path, file] of files) await writeOne(fresh, path, file, options.groupId);
  const temporary = join(folder, '..data_tmp');
  await rm(temporary, { force: true });
  const name = fresh.slice(folder.length + 1);
  await symlink(name, temporary);
  await rename(temporary, join(folder, '..data'));
  return name;
}

function checkPath(path: string): void {
  const parts = path.split('/');
  if (path === '' || path.startsWith('/') || parts.includes('..') || (parts[0] ?? '').startsWith('..'))
    throw new Error(`invalid path in a volume: "${path}"`);
}

async function writeOne(
  folder: string,
  path: string,
  file: VolumeFile,
  groupId: number | undefined,
): Promise<void> {
  const full = join(folder, path);
  const parents = path
    .split('/')
    .slice(0, -1)
    .map((_part, index, parts) => parts.slice(0, index + 1).join('/'));
  await mkdir(dirname(full), { recursive: true });
  for (const parent of parents) await own(join(folder, parent), 0o755, 'folder', groupId);
  await writeFile(full, file.data);
  if (file.ownerId !== undefined) await lchown(full, file.ownerId, -1);
  await own(full, file.mode, 'file', groupId);
}

/** The mode is set last and on its own: the umask must not count, and a change of the owner takes bits away. */
async function own(
  path: string,
  mode: number,
  kind: 'file' | 'folder',
  groupId: number | undefined,
): Promise<void> {
  if (groupId !== undefined) await lchown(path, -1, groupId);
  await chmod(path, groupId === undefined ? mode : groupMode(mode, kind === 'folder', true));
}

/** Links for the first part of each path: `a/b` needs `a`. */
async function linkNames(folder: string, files: VolumeFiles): Promise<void> {
  for (const name of firstParts(files)) {
    const link = join(folder, name);
    const target = await readlink(link).catch(whenMissing);
    if (target === undefined) await symlink(join('..data', name), link);
  }
}

/** Names that are no more, and folders of writers that did not come to their end. */
async function removeLeftovers(folder: string, files: VolumeFiles, data: string): Promise<void> {
  const wanted = new Set([...firstParts(files), '..data', data]);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (wanted.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory() && entry.name.startsWith('..')) await rm(path, { recursive: true, force: true });
    else if (entry.isSymbolicLink()) await unlink(path);
  }
}

function firstParts(files: VolumeFiles): Set<string> {
  return new Set([...files.keys()].map((path) => path.split('/')[0] ?? path));
}

async function isSame(folder: string, files: VolumeFiles, groupId: number | undefined): Promise<boolean> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(whenMissing);
  const there = (entries ?? []).filter((entry) => entry.isFile());
  if (entries === undefined || there.length !== files.size) return false;
  for (const [path, file] of files) {
    const data = await readFile(join(folder, path)).catch(whenMissing);
    if (data === undefined || !data.equals(file.data)) return false;
    const mode = groupId === undefined ? file.mode : groupMode(file.mode, false, true);
    if (((await stat(join(folder, path))).mode & 0o777) !== (mode & 0o777)) return false;
  }
  return true;
}

function whenMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}
