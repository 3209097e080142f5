/** Files that are on the disk when a promise resolves. */
import { constants, ftruncate, fsync, open as openCallback, close as closeCallback, writev } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

const { O_CREAT, O_DSYNC, O_EXCL, O_RDWR } = constants;
const openFile = promisify(openCallback);
const closeFile = promisify(closeCallback);
const truncateFile = promisify(ftruncate);
const syncFile = promisify(fsync);

/** A file whose writes return when they are durable. One call at a time. */
export interface DurableFile {
  /** Rejects with the error of the file system; then it is not known how much was written. */
  write(pieces: readonly Uint8Array[], at: number): Promise<void>;
  /** Forgets all from `bytes` on. */
  truncate(bytes: number): Promise<void>;
  close(): Promise<void>;
}

export type OpenDurableFile = (path: string, mode: 'create' | 'existing') => Promise<DurableFile>;

/** O_DSYNC: one call instead of a write and an fdatasync, which saves a turn through the thread pool. */
export const openDurableFile: OpenDurableFile = async (path, mode) => {
  const file = await openFile(path, O_RDWR | O_DSYNC | (mode === 'create' ? O_CREAT | O_EXCL : 0), 0o600);
  return {
    write: (pieces, at) => writeAll(file, pieces, at),
    truncate: async (bytes) => {
      await truncateFile(file, bytes);
      await syncFile(file);
    },
    close: () => closeFile(file),
  };
};

function writeAll(file: number, pieces: readonly Uint8Array[], at: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const step = (rest: readonly Uint8Array[], position: number): void => {
      writev(file, rest, position, (error, written) => {
        if (error !== null) {
          reject(error);
          return;
        }
        const left = dropBytes(rest, written);
        if (left.length === 0) resolve();
        // A nearly full disk takes a part first, and then says why it takes no more.
        else step(left, position + written);
      });
    };
    step(pieces, at);
  });
}

function dropBytes(pieces: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let first = 0;
  let left = count;
  for (; first < pieces.length && left >= (pieces[first] as Uint8Array).byteLength; first++) {
    left -= (pieces[first] as Uint8Array).byteLength;
  }
  const [cut, ...rest] = pieces.slice(first);
  return cut === undefined ? [] : [cut.subarray(left), ...rest];
}

/** Makes what was created, renamed or removed in a folder last. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export const partialSuffix = '.partial';

export interface WriteWholeOptions {
  readonly signal?: AbortSignal;
  /** Looks at the file under its first name; a rejection keeps it from getting its own. */
  readonly check?: (partialPath: string) => Promise<void>;
}

/**
 * Writes a file that is there whole or not at all: under another name first, then renamed. Replaces a file of that
 * name. Rejects with the signal's reason or the error of the file system, and then leaves nothing behind. Returns
 * its size in bytes.
 */
export async function writeFileWhole(
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  { signal, check }: WriteWholeOptions = {},
): Promise<number> {
  const partial = `${path}${partialSuffix}`;
  await rm(partial, { force: true });
  const file = await openDurableFile(partial, 'create');
  let at = 0;
  try {
    try {
      for await (const piece of pieces) {
        signal?.throwIfAborted();
        await file.write([piece], at);
        at += piece.byteLength;
      }
    } finally {
      await file.close();
    }
    await check?.(partial);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
  return at;
}
