/**
 * Reads a data directory from end to end: to open the store, and to verify it. Changes nothing.
 *
 * Values of the snapshot stay views of the blocks that were read, for all of them are alive. Those of the log are
 * copied: most of them are soon superseded, and one that stays must not hold on to a whole block.
 */
import { openRecordFile } from '../../record-file/read-record-file.js';
import type { Damage } from '../../record-file/read-record-file.js';
import { pageBytes } from '../../record-file/format.js';
import type { FileHead, FileRecord } from '../../record-file/format.js';
import { openSnapshot } from '../../record-file/snapshot.js';
import type { SnapshotReader } from '../../record-file/snapshot.js';
import { StoreError } from '../../store.js';
import type { Expiry } from '../multiversion/expiry-queue.js';
import type { LogEntry } from '../multiversion/journal.js';
import { MultiVersionState } from '../multiversion/multiversion-state.js';
import type { NumberedFile, StoreFiles } from './store-files.js';

export interface LogFacts {
  readonly path: string;
  readonly number: number;
  /** To the end of the last whole group. */
  readonly usedBytes: number;
  readonly sizeBytes: number;
  /** 0 when there is no write in it. */
  readonly lastRevision: number;
}

export interface StoreContents {
  readonly state: MultiVersionState;
  /** Latest time to live of each key that has one. */
  readonly expiries: ReadonlyMap<string, Expiry>;
  readonly logs: readonly LogFacts[];
  readonly snapshot: { readonly path: string; readonly sizeBytes: number } | undefined;
}

/** Damage that a crash cannot explain is told to `onDamage`, which throws to end the reading there. */
export async function readStoreFiles(
  files: StoreFiles,
  onDamage: (damage: Damage) => void,
  onProgress: (bytesRead: number) => void = () => undefined,
): Promise<StoreContents> {
  const state = new MultiVersionState();
  const expiries = new Map<string, Expiry>();
  let bytesBefore = 0;
  let snapshot: StoreContents['snapshot'];
  const tell = (damage: Damage): void => {
    reading.isDamaged = true;
    onDamage(damage);
  };
  const reading: LogReading = { state, expiries, tell, logs: [], mayBeTorn: false, isDamaged: false };
  const newest = files.snapshots.at(-1);
  const reader = newest && (await openSnapshotToo(newest.path, tell));
  if (reader !== undefined) {
    try {
      for await (const part of reader.parts()) {
        if (part.kind === 'damage') {
          tell(part);
          continue;
        }
        for (const record of part.records) {
          state.load(record);
          noteExpiry(expiries, record.key, record.modRevision, record.expiresAtMs);
        }
        onProgress(part.end);
      }
      state.startAt(reader.head.revision);
      snapshot = { path: reader.path, sizeBytes: reader.sizeBytes };
      bytesBefore = reader.sizeBytes;
    } finally {
      await reader.close();
    }
  }
  const closed = await readClosed(files.closed, tell);
  for (const [index, file] of files.logs.entries()) {
    reading.mayBeTorn = index === files.logs.length - 1 && closed === undefined;
    const facts = await readLog(file, reading, (bytes) => {
      onProgress(bytesBefore + bytes);
    });
    reading.logs.push(facts);
    bytesBefore += facts.sizeBytes;
  }
  if (closed !== undefined) {
    tellCut(closed, reading);
    if (state.revision < closed.revision && !reading.isDamaged) {
      const message = `the store was closed at revision ${closed.revision} and its files end at ${state.revision}: a file is missing or was cut off`;
      tell({ kind: 'damage', path: files.closed as string, at: 0, message, isTorn: false });
    }
  }
  return { state, expiries, logs: reading.logs, snapshot };
}

/** The snapshot, or undefined when not even its first page can be read. */
async function openSnapshotToo(
  path: string,
  tell: (damage: Damage) => void,
): Promise<(SnapshotReader & { readonly path: string }) | undefined> {
  try {
    return { ...(await openSnapshot(path, { withDigest: false })), path };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    tell({ kind: 'damage', path, at: 0, message: error.message, isTorn: false });
    return undefined;
  }
}

/** Whoever comes after a log says how long it was. */
function tellCut({ previous }: FileHead, { logs, tell, isDamaged }: LogReading): void {
  const last = logs.at(-1);
  if (previous === undefined || previous.number !== last?.number || isDamaged) return;
  if (last.usedBytes >= previous.bytes) return;
  const message = `the log ended at byte ${previous.bytes} and was cut off`;
  tell({ kind: 'damage', path: last.path, at: last.usedBytes, message, isTorn: false });
}

async function readClosed(
  path: string | undefined,
  tell: (damage: Damage) => void,
): Promise<FileHead | undefined> {
  if (path === undefined) return undefined;
  const file = await openRecordFile(path);
  await file.close();
  if (file.head === 'unfinished') return undefined;
  if ('message' in file.head) {
    tell(file.head);
    return undefined;
  }
  return file.head;
}

interface LogReading {
  readonly state: MultiVersionState;
  readonly expiries: Map<string, Expiry>;
  mayBeTorn: boolean;
  readonly tell: (damage: Damage) => void;
  /** Those that were read. */
  readonly logs: LogFacts[];
  /** What follows from damage that was told already is not told again. */
  isDamaged: boolean;
}

async function readLog(
  { path, number }: NumberedFile,
  reading: LogReading,
  onProgress: (bytes: number) => void,
): Promise<LogFacts> {
  const file = await openRecordFile(path);
  let usedBytes = pageBytes;
  let lastRevision = 0;
  try {
    const { head, sizeBytes } = file;
    if (head === 'unfinished') return { path, number, usedBytes: 0, sizeBytes, lastRevision };
    if ('message' in head) reading.tell(head);
    else tellCut(head, reading);
    for await (const group of file.groups()) {
      if (group.kind === 'damage') {
        if (group.isTorn && reading.mayBeTorn) break;
        reading.tell(group);
        continue;
      }
      for (const record of group.records) {
        apply(path, usedBytes, record, reading);
        if (record.type !== 'compact') lastRevision = record.revision;
      }
      usedBytes = group.end;
      onProgress(usedBytes);
    }
    return { path, number, usedBytes, sizeBytes, lastRevision };
  } finally {
    await file.close();
  }
}

function apply(path: string, at: number, record: FileRecord, reading: LogReading): void {
  const { state, expiries, tell } = reading;
  // The snapshot has it already.
  if (record.revision <= state.compactRevision) return;
  // Only a check gets here after damage: it goes on with what is there.
  if (reading.isDamaged && record.revision > state.revision + 1) state.startAt(record.revision - 1);
  try {
    if (record.type === 'compact') {
      state.compact(record.revision);
      return;
    }
    const { type, key, revision, createRevision, expiresAtMs } = record;
    if (type === 'end') throw new StoreError('corrupt', 'a log has no end');
    const entry: LogEntry = { type, key, revision, createRevision, expiresAtMs, value: copy(record.value) };
    state.apply(entry);
    noteExpiry(expiries, key, revision, expiresAtMs);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const { key, revision } = record;
    if (!reading.isDamaged) {
      tell({ kind: 'damage', path, at, key, revision, message: error.message, isTorn: false });
    }
    state.startAt(revision);
  }
}

function copy(value: Uint8Array): Uint8Array {
  const own = Buffer.allocUnsafeSlow(value.byteLength);
  own.set(value);
  return own;
}

function noteExpiry(
  expiries: Map<string, Expiry>,
  key: string,
  revision: number,
  atMs: number | undefined,
): void {
  if (atMs === undefined) expiries.delete(key);
  else expiries.set(key, { key, revision, atMs });
}
