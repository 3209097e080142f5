/** A text of the kernel that is read many times a second: a third of what readFile costs. */
import { close, open, read } from 'node:fs';
import { promisify } from 'node:util';

const [openFile, readPart, closeFile] = [promisify(open), promisify(read), promisify(close)];

/** The kernel gives such texts page by page: less than half a page is the end of one. */
const pageBytes = 4096;

/**
 * Undefined when the file, or what it tells about, is not there: a cgroup or a process may go while it is read, and PSI
 * may be switched off. Rejects with any other error of the file system.
 */
export async function readSmallFile(path: string): Promise<string | undefined> {
  try {
    const file = await openFile(path, 'r');
    try {
      return await readAll(file);
    } finally {
      await closeFile(file);
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (['ENOENT', 'ENODEV', 'ESRCH', 'EOPNOTSUPP'].includes(code ?? '')) return undefined;
    throw error;
  }
}

async function readAll(file: number): Promise<string> {
  const parts: Buffer[] = [];
  for (;;) {
    const { buffer, bytesRead } = await readPart(file, Buffer.allocUnsafe(pageBytes), 0, pageBytes, null);
    parts.push(buffer.subarray(0, bytesRead));
    if (bytesRead < pageBytes / 2) return Buffer.concat(parts).toString();
  }
}
