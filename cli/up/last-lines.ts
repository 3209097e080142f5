/** The end of a log, for messages about a process that failed. */
import { open } from 'node:fs/promises';

const tailBytes = 64 * 1024;

export async function lastLines(file: string, count: number): Promise<string> {
  try {
    await using handle = await open(file);
    const { size } = await handle.stat();
    const length = Math.min(size, tailBytes);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer
      .toString()
      .trimEnd()
      .split('\n')
      .slice(-count)
      .map((line) => `  ${line}`)
      .join('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '  (there is no such file)';
    throw error;
  }
}
