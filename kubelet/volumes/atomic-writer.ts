/**
 * Writes a volume's files so that a container sees all of the old ones or all of the new ones.
 *
 * The files are in a folder with the time in its name; `..data` is a symbolic link to it, replaced by one rename; the
 * names that a container uses are links through `..data`. That layout is Kubernetes' own, and programs rely on it to
 * notice changes.
 */
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';

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
  if (current !== undefined && (await isSame(join(folder, current), files))) {
    await linkNames(folder, files);
    return false;
  }
  const stamp = new Date(options.nowMs).toISOString().replace(/[-:T]/g, '_').replace(/\..*$/, '');
  const fresh = await mkdtemp(join(folder, `..${stamp}.`));
  await chmod(fresh, 0o755);
  for (const [path, file] of files) await writeOne(join(fresh, path), file, options.groupId);
  const temporary = join(folder, '..data_tmp');
  await rm(temporary, { force: true });
  await symlink(fresh.slice(folder.length + 1), temporary);
  await rename(temporary, dataLink);
  await linkNames(folder, files);
  await removeStaleNames(folder, files);
  if (current !== undefined) await rm(join(folder, current), { recursive: true, force: true });
  return true;
}

function checkPath(path: string): void {
  const parts = path.split('/');
  if (path === '' || path.startsWith('/') || parts.includes('..') || (parts[0] ?? '').startsWith('..'))
    throw new Error(`invalid path in a volume: "${path}"`);
}

async function writeOne(path: string, file: VolumeFile, groupId: number | undefined): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await writeFile(path, file.data);
  if (groupId !== undefined || file.ownerId !== undefined) await chown(path, file.ownerId ?? 0, groupId ?? 0);
  // Set last and on its own: the umask must not count.
  await chmod(path, groupId === undefined ? file.mode : file.mode | 0o440);
}

/** Links for the first part of each path: `a/b` needs `a`. */
async function linkNames(folder: string, files: VolumeFiles): Promise<void> {
  for (const name of firstParts(files)) {
    const link = join(folder, name);
    const target = await readlink(link).catch(whenMissing);
    if (target === undefined) await symlink(join('..data', name), link);
  }
}

async function removeStaleNames(folder: string, files: VolumeFiles): Promise<void> {
  const wanted = firstParts(files);
  for (const name of await readdir(folder)) {
    if (!name.startsWith('..') && !wanted.has(name)) await rm(join(folder, name), { force: true });
  }
}

function firstParts(files: VolumeFiles): Set<string> {
  return new Set([...files.keys()].map((path) => path.split('/')[0] ?? path));
}

async function isSame(folder: string, files: VolumeFiles): Promise<boolean> {
  const there = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  );
  if (there.length !== files.size) return false;
  for (const [path, file] of files) {
    const data = await readFile(join(folder, path)).catch(whenMissing);
    if (data === undefined || !data.equals(file.data)) return false;
    if (((await stat(join(folder, path))).mode & 0o777 & file.mode) !== file.mode) return false;
  }
  return true;
}

function whenMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}
