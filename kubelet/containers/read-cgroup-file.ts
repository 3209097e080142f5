/** One file of a cgroup, which may go with it at any moment. */
import { readFile } from 'node:fs/promises';

/** Without the line end; undefined when the cgroup is not there. Rejects with any other error of the file system. */
export async function readCgroupFile(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    // A cgroup may go while it is read: ENODEV.
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV') return undefined;
    throw error;
  }
}
