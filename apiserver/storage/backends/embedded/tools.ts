/**
 * What `knarr store` does with a data directory. Each works on a directory whose store runs, through its socket or
 * beside it, and on one whose store does not run.
 */
import { mkdir } from 'node:fs/promises';
import { writeFileWhole } from '../../record-file/durable-file.js';
import type { Damage } from '../../record-file/read-record-file.js';
import { UsageError } from '../../../../common/usage-error.js';
import { encodeSnapshot, openSnapshot, wholeParts } from '../../record-file/snapshot.js';
import type { SnapshotReader } from '../../record-file/snapshot.js';
import { StoreError } from '../../store.js';
import type { StoredRecord, StoreStatus } from '../../store.js';
import type { MultiVersionState } from '../multiversion/multiversion-state.js';
import { askSnapshot, askStatus } from './admin-socket.js';
import { lockDataDir } from './lock-data-dir.js';
import { readStoreFiles } from './read-store-files.js';
import { findStoreFiles, snapshotPath } from './store-files.js';

export interface ToolOptions {
  readonly signal: AbortSignal;
  /** Bytes read or written so far. */
  readonly onProgress: (bytes: number) => void;
}

export interface SnapshotFacts {
  readonly revision: number;
  readonly keys: number;
  readonly valueBytes: number;
  readonly fileBytes: number;
}

export interface Verification extends SnapshotFacts {
  /** 0 for a snapshot: it has no history. */
  readonly compactRevision: number;
  readonly damages: readonly Damage[];
}

/**
 * Writes all that is in the store as of one revision into a file, which is there whole and checked or not at all.
 * Rejects with `locked` when the owner does not answer, `corrupt` when the files of the store are.
 */
export async function takeSnapshot(
  dataDir: string,
  file: string,
  options: ToolOptions,
): Promise<SnapshotFacts> {
  const running = await askSnapshot(dataDir, options.signal);
  if (running !== undefined) return writeSnapshot(file, running, options);
  const unlock = lockDataDir(dataDir);
  try {
    const state = await readWhole(dataDir, options);
    const { records, revision } = state.range({ prefix: '' });
    return await writeSnapshot(file, encodeSnapshot({ revision, records, writtenAt: new Date() }), options);
  } finally {
    unlock();
  }
}

async function writeSnapshot(
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  { signal, onProgress }: ToolOptions,
): Promise<SnapshotFacts> {
  let facts: SnapshotFacts | undefined;
  let written = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      yield piece;
      written += piece.byteLength;
      onProgress(written);
    }
  };
  await writeFileWhole(path, counted(), {
    signal,
    check: async (partial) => {
      const { damages, ...found } = await verifySnapshot(partial, { signal, onProgress: () => undefined });
      const [first] = damages;
      if (first !== undefined)
        throw new StoreError('corrupt', `what was written is not whole: ${first.message}`);
      facts = found;
    },
  });
  return facts as SnapshotFacts;
}

/**
 * Fills an empty directory from a snapshot. Its revision is raised by `bumpRevision`, above every revision that a
 * client can have seen after the snapshot was taken, and all history is gone: so each watch and each list from
 * before is told to begin anew. Rejects with `locked` when the directory is owned, `corrupt` when the snapshot is not
 * whole, with UsageError when there is a store in the directory, and then brings nothing into it.
 */
export async function restoreSnapshot(
  file: string,
  dataDir: string,
  bumpRevision: number,
  { signal, onProgress }: ToolOptions,
): Promise<SnapshotFacts> {
  let reader: SnapshotReader | undefined;
  const open = async (): Promise<SnapshotReader> =>
    (reader ??= await openSnapshot(file, { withDigest: true }));
  const records = async function* (): AsyncGenerator<StoredRecord> {
    for await (const part of wholeParts(file, await open())) {
      yield* part.records;
      onProgress(part.end);
    }
  };
  const raised = async (): Promise<number> => (await open()).head.revision + bumpRevision;
  try {
    return await fillEmptyDir(dataDir, raised, records(), signal);
  } finally {
    await reader?.close();
  }
}

/**
 * Makes a store of these records, which come in the order of their keys. Rejects with `locked` when the directory is
 * owned, with UsageError when there is a store in it. It is there whole in the end, or not at all.
 */
export async function fillEmptyDir(
  dataDir: string,
  revisionOf: () => Promise<number>,
  records: AsyncIterable<StoredRecord>,
  signal: AbortSignal,
): Promise<SnapshotFacts> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const unlock = lockDataDir(dataDir);
  try {
    if (await hasStore(dataDir)) {
      throw new UsageError(
        `there is a store in ${dataDir}, and what is restored or moved goes into an empty folder only: mv ${dataDir} ${dataDir}.old`,
      );
    }
    const revision = await revisionOf();
    let keys = 0;
    let valueBytes = 0;
    const counted = async function* (): AsyncGenerator<StoredRecord> {
      for await (const record of records) {
        keys++;
        valueBytes += record.value.byteLength;
        yield record;
      }
    };
    const contents = { revision, records: counted(), writtenAt: new Date() };
    const fileBytes = await writeFileWhole(snapshotPath(dataDir, revision), encodeSnapshot(contents), {
      signal,
    });
    return { revision, keys, valueBytes, fileBytes };
  } finally {
    unlock();
  }
}

export interface DirContents {
  readonly revision: number;
  /** In the order of their keys. */
  readonly records: readonly StoredRecord[];
  /** Nobody else opens the directory before that. */
  readonly close: () => void;
}

/** All records of a store that does not run. Rejects with `locked` when it does, `corrupt` when its files are. */
export async function openDirContents(dataDir: string, options: ToolOptions): Promise<DirContents> {
  const unlock = lockDataDir(dataDir);
  try {
    const state = await readWhole(dataDir, options);
    const { records, revision } = state.range({ prefix: '' });
    return { revision, records, close: unlock };
  } catch (error) {
    unlock();
    throw error;
  }
}

/** Whether a directory holds a store, or something of one. */
async function hasStore(dataDir: string): Promise<boolean> {
  const { snapshots, logs, closed, hasOldFormat } = await findStoreFiles(dataDir);
  return snapshots.length + logs.length > 0 || closed !== undefined || hasOldFormat;
}

/** Reads a snapshot from end to end. Rejects with `corrupt` only when it is none. */
export async function verifySnapshot(
  file: string,
  { signal, onProgress }: ToolOptions,
): Promise<Verification> {
  const reader = await openSnapshot(file, { withDigest: true });
  const damages: Damage[] = [];
  let keys = 0;
  let valueBytes = 0;
  try {
    for await (const part of reader.parts()) {
      signal.throwIfAborted();
      if (part.kind === 'damage') {
        damages.push(part);
        continue;
      }
      keys += part.records.length;
      for (const record of part.records) valueBytes += record.value.byteLength;
      onProgress(part.end);
    }
  } finally {
    await reader.close();
  }
  const { revision } = reader.head;
  return { revision, compactRevision: 0, keys, valueBytes, fileBytes: reader.sizeBytes, damages };
}

/** How often a store that runs may change its files under a check before that gives up. */
const attempts = 5;

/** Reads all files of a directory from end to end, also while a store runs on it. Changes nothing. */
export async function verifyDataDir(dataDir: string, options: ToolOptions): Promise<Verification> {
  const first = await verifyOnce(dataDir, options);
  if (first.damages.length === 0 || (await askStatus(dataDir)) === undefined) return first;
  // A write that was under way looks like damage. What is damaged is so at the second look as well.
  const second = await verifyOnce(dataDir, options);
  const isThere = (one: Damage): boolean =>
    first.damages.some(({ path, at }) => path === one.path && at === one.at);
  return { ...second, damages: second.damages.filter(isThere) };
}

async function verifyOnce(dataDir: string, { signal, onProgress }: ToolOptions): Promise<Verification> {
  for (let attempt = 1; ; attempt++) {
    try {
      const damages: Damage[] = [];
      const { state, logs, snapshot } = await readStoreFiles(
        await findStoreFiles(dataDir),
        (damage) => damages.push(damage),
        (bytes) => {
          signal.throwIfAborted();
          onProgress(bytes);
        },
      );
      return {
        ...factsOf(state),
        fileBytes: logs.reduce((sum, log) => sum + log.sizeBytes, snapshot?.sizeBytes ?? 0),
        damages,
      };
    } catch (error) {
      // The store that runs here has replaced a log meanwhile.
      const isGone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!isGone || attempt === attempts) throw error;
    }
  }
}

/** Of a store that runs, or does not. Rejects with `corrupt` when its files are damaged. */
export async function readStatus(
  dataDir: string,
  options: ToolOptions,
): Promise<StoreStatus & { readonly running: boolean }> {
  const running = await askStatus(dataDir);
  if (running !== undefined) return { ...running, running: true };
  const { fileBytes, damages, ...found } = await verifyDataDir(dataDir, options);
  const [first] = damages;
  if (first !== undefined) throw corrupt(first);
  const { revision, compactRevision, keys, valueBytes } = found;
  return {
    backend: 'embedded',
    revision,
    compactRevision,
    sizeBytes: fileBytes,
    keys,
    liveBytes: valueBytes,
    running: false,
  };
}

async function readWhole(dataDir: string, { signal, onProgress }: ToolOptions): Promise<MultiVersionState> {
  const { state } = await readStoreFiles(
    await findStoreFiles(dataDir),
    (damage) => {
      throw corrupt(damage);
    },
    (bytes) => {
      signal.throwIfAborted();
      onProgress(bytes);
    },
  );
  return state;
}

function factsOf(state: MultiVersionState): Omit<Verification, 'fileBytes' | 'damages'> {
  const { revision, compactRevision, keys, liveBytes } = state;
  return { revision, compactRevision, keys, valueBytes: liveBytes };
}

function corrupt({ path, at, message }: Damage): StoreError {
  return new StoreError('corrupt', `${path} is damaged at byte ${at}: ${message}`);
}
