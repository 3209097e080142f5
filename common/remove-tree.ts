/**
 * Removes a folder with all that is in it, and never anything behind a mount point below it.
 *
 * A recursive delete that follows a forgotten mount deletes what belongs to somebody else: a user's disk, a server's
 * share. So each folder is opened, the kernel is asked through which mount it was reached (bind mounts of the same disk
 * have the same device number, but not the same mount), and everything in it is removed through that open folder: a
 * symbolic link or mount that is put in its place meanwhile changes nothing.
 */
import { constants } from 'node:fs';
import { lstat, mkdtemp, open, readFile, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Something is mounted in the tree: nothing behind it was touched. */
export class MountedError extends Error {
  override readonly name = 'MountedError';
  readonly path: string;

  constructor(path: string) {
    super(`something is mounted at ${path}: it is not removed`);
    this.path = path;
  }
}

const openFolder = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** Folders deeper than this are moved up and removed from there: each level costs an open file. */
const deepest = 32;
/** So many files are unlinked at a time. */
const batch = 32;

/** Idempotent: what is not there is a success. Rejects with {@link MountedError} when something is mounted in it. */
export async function removeTree(path: string): Promise<void> {
  const found = await lstat(path).catch(whenMissing);
  if (found === undefined) return;
  if (!found.isDirectory()) {
    await unlink(path).catch(whenMissing);
    return;
  }
  const [parent, root] = await openBoth(path);
  try {
    const mount = await mountIdOf(root);
    if ((await mountIdOf(parent)) !== mount) throw new MountedError(path);
    await new TreeRemoval(root, mount).empty();
  } finally {
    await Promise.all([parent.close(), root.close()]);
  }
  await rmdir(path).catch(whenMissing);
}

async function openBoth(path: string): Promise<[FileHandle, FileHandle]> {
  const parent = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return [parent, await open(path, openFolder)];
  } catch (error) {
    await parent.close();
    throw error;
  }
}

class TreeRemoval {
  readonly #root: FileHandle;
  readonly #mount: string;
  #moved = 0;

  constructor(root: FileHandle, mount: string) {
    this.#root = root;
    this.#mount = mount;
  }

  async empty(): Promise<void> {
    // What was moved up is found by the next round.
    do {
      this.#moved = 0;
      await this.#emptyFolder(this.#root, 0);
    } while (this.#moved > 0);
  }

  async #emptyFolder(folder: FileHandle, depth: number): Promise<void> {
    const here = pathOf(folder);
    const entries = await readdir(here, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory());
    const files = entries.filter((entry) => !entry.isDirectory());
    for (let start = 0; start < files.length; start += batch) {
      const some = files.slice(start, start + batch);
      await Promise.all(some.map(({ name }) => this.#unlink(`${here}/${name}`)));
    }
    for (const { name } of folders) await this.#removeFolder(`${here}/${name}`, depth);
  }

  async #unlink(path: string): Promise<void> {
    try {
      await unlink(path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EBUSY') throw new MountedError(path);
      if (code !== 'ENOENT') throw error;
    }
  }

  async #removeFolder(path: string, depth: number): Promise<void> {
    const child = await open(path, openFolder);
    try {
      if ((await mountIdOf(child)) !== this.#mount) throw new MountedError(path);
      if (depth < deepest) await this.#emptyFolder(child, depth + 1);
      else if ((await readdir(pathOf(child))).length > 0) {
        const above = await mkdtemp(`${pathOf(this.#root)}/..removed-`);
        await rename(path, `${above}/${String(this.#moved++)}`);
        return;
      }
    } finally {
      await child.close();
    }
    await rmdir(path);
  }
}

function pathOf(folder: FileHandle): string {
  return `/proc/self/fd/${String(folder.fd)}`;
}

/** The kernel's number of the mount through which the file was opened. */
async function mountIdOf(file: FileHandle): Promise<string> {
  const facts = await readFile(`/proc/self/fdinfo/${String(file.fd)}`, 'utf8');
  const id = /^mnt_id:\s*(\d+)$/m.exec(facts)?.[1];
  if (id === undefined) throw new Error('the kernel does not tell the mounts of open files');
  return id;
}

function whenMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}
