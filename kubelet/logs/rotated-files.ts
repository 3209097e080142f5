/**
 * The files of one container's log, by name: `0.log` is written to, `0.log.20260131-235959` was, and older ones are
 * compressed, `0.log.20260131-225959.gz`. The times are those of the rotation, in UTC: names sort by age. Pure, but for
 * the listing.
 */
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const stamp = /^\.\d{8}-\d{6}(\.gz)?$/;

/** The name that the file gets when it is rotated at this time. */
export function rotatedName(path: string, nowMs: number): string {
  const [date = '', time = ''] = new Date(nowMs).toISOString().slice(0, 19).split('T');
  return `${path}.${date.replaceAll('-', '')}-${time.replaceAll(':', '')}`;
}

export function isCompressed(path: string): boolean {
  return path.endsWith('.gz');
}

/** Without `.gz`: the same file has the same key before and after its compression. */
function rotationKey(path: string): string {
  return isCompressed(path) ? path.slice(0, -'.gz'.length) : path;
}

/** Pure: those of `names` that were rotated away from `path`, oldest first. A file that is there in both forms counts once. */
export function rotatedAmong(path: string, names: readonly string[]): string[] {
  const own = basename(path);
  const rotated = names.filter((name) => name.startsWith(own) && stamp.test(name.slice(own.length)));
  const byKey = new Map(rotated.sort().map((name) => [rotationKey(name), name]));
  return [...byKey.values()].map((name) => join(dirname(path), name));
}

/** Rotated files, oldest first; none when the folder is gone. */
export async function rotatedFiles(path: string): Promise<string[]> {
  try {
    return rotatedAmong(path, await readdir(dirname(path)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Pure: those that were rotated after `after` was; all of them when that is undefined. */
export function rotatedAfter(after: string | undefined, rotated: readonly string[]): string[] {
  return rotated.filter((name) => after === undefined || rotationKey(name) > rotationKey(after));
}

/** Removes a log with all of its files. */
export async function removeLog(path: string): Promise<void> {
  for (const file of [...(await rotatedFiles(path)), path]) await rm(file, { force: true });
}
