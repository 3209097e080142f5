/**
 * Reads a file of records and tells damage apart from a torn write.
 *
 * A damaged record is never handed out. It is named instead, and reading goes on behind it, so that a check finds
 * all the damage there is in one pass.
 */
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { StoreError } from '../store.js';
import {
  decodeFileHead,
  decodeGroupHead,
  decodeRecord,
  groupHeadBytes,
  isZero,
  pageBytes,
  roundUpToPage,
  searchedHeadBytes,
  sectorBytes,
  undoFlippedBit,
} from './format.js';
import type { DecodedRecord, FileHead, FileRecord, GroupHead } from './format.js';

/** Records that were made durable as one, all of them whole. */
export interface RecordGroup {
  readonly kind: 'group';
  readonly records: readonly FileRecord[];
  /** As it lies in the file, with what fills its last page. */
  readonly bytes: Buffer;
  /** Where the next group begins. */
  readonly end: number;
}

export interface Damage {
  readonly kind: 'damage';
  readonly path: string;
  /** Byte in the file. */
  readonly at: number;
  /** Of the damaged record, as far as they can be told. */
  readonly key?: string;
  readonly revision?: number;
  readonly message: string;
  /**
   * What is wrong is what a write looks like that was cut off by a crash: it is the last one of the file and a part
   * of it never reached the disk. Nothing of it was acknowledged.
   */
  readonly isTorn: boolean;
}

export interface RecordFile {
  /** `unfinished` when the file was made and its first page never written. */
  readonly head: FileHead | Damage | 'unfinished';
  readonly sizeBytes: number;
  /** To be walked once. */
  groups(): AsyncGenerator<RecordGroup | Damage>;
  close(): Promise<void>;
}

const chunkBytes = 1024 * 1024;

/** Throws `corrupt` when the file is none of ours, or the error of the file system. */
export async function openRecordFile(path: string): Promise<RecordFile> {
  const file = await open(path, 'r');
  try {
    const sizeBytes = (await file.stat()).size;
    const view = new FileView(file);
    const page = await view.read(0, pageBytes);
    const isUnfinished = sizeBytes <= pageBytes && isZero(page);
    const head = isUnfinished ? 'unfinished' : decodeFileHead(page);
    if (head === 'foreign') throw new StoreError('corrupt', `${path} is not a file of a store of Knarr`);
    return {
      head: head === 'damaged' ? damage(path, 0, 'the first page of the file is damaged') : head,
      sizeBytes,
      groups: () => readGroups(path, view, sizeBytes),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Reads ahead; what it returns stays as it is, so that values can be views of it. */
class FileView {
  readonly #file: FileHandle;
  #chunk = Buffer.alloc(0);
  #chunkAt = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Fewer bytes than asked for at the end of the file. */
  async read(at: number, length: number): Promise<Buffer> {
    const start = at - this.#chunkAt;
    if (start < 0 || start + length > this.#chunk.length) {
      const chunk = Buffer.allocUnsafeSlow(Math.max(chunkBytes, length));
      let filled = 0;
      while (filled < chunk.length) {
        const { bytesRead } = await this.#file.read(chunk, filled, chunk.length - filled, at + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      this.#chunk = chunk.subarray(0, filled);
      this.#chunkAt = at;
      return this.#chunk.subarray(0, length);
    }
    return this.#chunk.subarray(start, start + length);
  }
}

async function* readGroups(
  path: string,
  view: FileView,
  sizeBytes: number,
): AsyncGenerator<RecordGroup | Damage> {
  let at = pageBytes;
  let ordinal = 0;
  while (at < sizeBytes) {
    const page = await view.read(at, pageBytes);
    let head = decodeGroupHead(page);
    if (head === undefined) {
      head = undoFlippedBit(page, 0, groupHeadBytes, () => decodeGroupHead(page));
      if (head !== undefined) yield damage(path, at, `the head of group ${ordinal} is damaged`);
    }
    if (head === undefined) {
      const next = await findGroup(view, at + pageBytes, sizeBytes);
      if (next === undefined && (await isZeroFrom(view, at, sizeBytes))) return;
      yield {
        ...damage(path, at, `there is no whole group of records where number ${ordinal} should be`),
        isTorn: next === undefined && isZero(page.subarray(0, sectorBytes)),
      };
      if (next === undefined) return;
      at = next;
      ordinal++;
      continue;
    }
    if (head.ordinal !== ordinal) {
      yield damage(path, at, `group ${head.ordinal} stands where number ${ordinal} should be`);
    }
    const group = await view.read(at, roundUpToPage(head.bytes));
    const end = at + roundUpToPage(head.bytes);
    const { records, damages } = decodeRecords(path, at, head, group);
    if (damages.length > 0) {
      const isTorn = lacksSector(group, head) && (await findGroup(view, end, sizeBytes)) === undefined;
      for (const one of damages) yield { ...one, isTorn };
    }
    yield { kind: 'group', records, bytes: group, end };
    at = end;
    ordinal = head.ordinal + 1;
  }
}

type NamedRecord = DecodedRecord & { readonly isNamedOnly?: true };

function decodeRecords(
  path: string,
  groupAt: number,
  head: GroupHead,
  group: Buffer,
): { records: FileRecord[]; damages: Damage[] } {
  const bytes = group.subarray(0, head.bytes);
  const records: FileRecord[] = [];
  const damages: Damage[] = [];
  let at = groupHeadBytes;
  let last: FileRecord | undefined;
  for (let i = 0; i < head.records; i++) {
    const record: NamedRecord | undefined = decodeRecord(bytes, at) ?? damagedHead(bytes, at);
    if (record === undefined) {
      const after = last === undefined ? '' : ` after ${last.key} at revision ${last.revision}`;
      damages.push(
        damage(path, groupAt + at, `${head.records - i} records${after} cannot be told from each other`),
      );
      return { records, damages };
    }
    const { key, revision } = record.record;
    if (record.isNamedOnly === true || record.valueIsDamaged) {
      const what = record.isNamedOnly === true ? 'head' : 'value';
      const message = `the ${what} of ${key} at revision ${revision} is damaged`;
      damages.push({ ...damage(path, groupAt + at, message), key, revision });
    } else records.push(record.record);
    last = record.record;
    at = record.end;
  }
  if (at !== head.bytes || !isZero(group.subarray(head.bytes)) || group.length % pageBytes !== 0) {
    const after = last === undefined ? '' : ` after ${last.key} at revision ${last.revision}`;
    damages.push(damage(path, groupAt + at, `the end of the group${after} is damaged`));
  }
  return { records, damages };
}

/** The record whose head has one flipped bit: good for its name and its length, not to be used. */
function damagedHead(bytes: Buffer, at: number): NamedRecord | undefined {
  const meant = undoFlippedBit(bytes, at, searchedHeadBytes, () => decodeRecord(bytes, at));
  return meant && { ...meant, isNamedOnly: true };
}

/** A sector in the midst of the records was never written, or lies behind the end of the file. */
function lacksSector(group: Buffer, head: GroupHead): boolean {
  if (group.length < head.bytes) return true;
  for (let at = 0; at < head.bytes; at += sectorBytes) {
    if (isZero(group.subarray(at, Math.min(at + sectorBytes, head.bytes)))) return true;
  }
  return false;
}

async function findGroup(view: FileView, from: number, sizeBytes: number): Promise<number | undefined> {
  for (let at = from; at < sizeBytes; at += pageBytes) {
    if (decodeGroupHead(await view.read(at, pageBytes)) !== undefined) return at;
  }
  return undefined;
}

async function isZeroFrom(view: FileView, from: number, sizeBytes: number): Promise<boolean> {
  for (let at = from; at < sizeBytes; at += pageBytes) {
    if (!isZero(await view.read(at, pageBytes))) return false;
  }
  return true;
}

function damage(path: string, at: number, message: string): Damage {
  return { kind: 'damage', path, at, message, isTorn: false };
}
