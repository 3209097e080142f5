/**
 * The files of a data directory. The state is the snapshot, and what the logs tell after its revision, in the
 * order of their numbers.
 *
 *     snapshot-<revision>   the records as of a revision; absent in a young store
 *     log-<number>          writes, group by group; a new one when one is full, and at each start
 *     closed                as of which revision the store was closed; absent while it is open and after a crash
 *     *.partial             half written and never used: removed at the next start
 *     store.lock            held by the process that owns the directory
 *     store.sock            where the owner answers `knarr store`
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { partialSuffix } from '../../record-file/durable-file.js';

export interface StoreFiles {
  /** Oldest first. More than one after a crash between the writing of a new one and the removal of the old. */
  readonly snapshots: readonly NumberedFile[];
  readonly logs: readonly NumberedFile[];
  readonly closed: string | undefined;
  readonly partial: readonly string[];
  readonly hasOldFormat: boolean;
}

export interface NumberedFile {
  readonly path: string;
  readonly number: number;
}

const digits = 16;

export function snapshotPath(dataDir: string, revision: number): string {
  return join(dataDir, `snapshot-${String(revision).padStart(digits, '0')}`);
}

export function logPath(dataDir: string, number: number): string {
  return join(dataDir, `log-${String(number).padStart(digits, '0')}`);
}

export function closedPath(dataDir: string): string {
  return join(dataDir, 'closed');
}

/** Rejects with the error of the file system. */
export async function findStoreFiles(dataDir: string): Promise<StoreFiles> {
  const names = (await readdir(dataDir)).sort();
  const numbered = (kind: string): NumberedFile[] =>
    names.flatMap((name) => {
      const number = new RegExp(`^${kind}-(\\d{${digits}})$`).exec(name)?.[1];
      return number === undefined ? [] : [{ path: join(dataDir, name), number: Number(number) }];
    });
  return {
    snapshots: numbered('snapshot'),
    logs: numbered('log'),
    closed: names.includes('closed') ? closedPath(dataDir) : undefined,
    partial: names.filter((name) => name.endsWith(partialSuffix)).map((name) => join(dataDir, name)),
    hasOldFormat: names.includes('store.lmdb'),
  };
}
