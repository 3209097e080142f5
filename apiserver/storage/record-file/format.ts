/**
 * The one file format of Knarr's own store: its log and its snapshots. Numbers are little endian.
 *
 *     page 0      16 bytes `knarr records 1\n`   u32 CRC of the rest of the page   u32 length   JSON {@link FileHead}
 *     group       u32 magic   u32 ordinal in the file   u32 bytes   u32 records   u32 CRC of these, then its records
 *     record      u8 type     3 unused            u32 length of the key   u32 length of the value
 *                 f64 revision   f64 createRevision   f64 expiresAtMs (0: never)
 *                 u32 CRC of the value   u32 CRC of all before and of the key   key (UTF-8)   value
 *
 * A page is 4 KiB. A group is what was made durable as one. It begins on a page of its own, so that a write which
 * fails or is torn never touches what was acknowledged before, and it is filled up with zeros. Head and value of
 * a record have checksums of their own, so that a damaged value can still be called by its key and revision.
 * Everything here is pure.
 */
import { crc32 } from '../../../common/crc32.js';

export const pageBytes = 4096;
/** Writes of a disk are whole at least in pieces of this size. */
export const sectorBytes = 512;

export type RecordType =
  | 'put'
  | 'delete'
  /** History before `revision` was forgotten. */
  | 'compact'
  /** The last record of a snapshot; its value is the JSON of a {@link SnapshotEnd}. */
  | 'end';

export interface FileRecord {
  readonly type: RecordType;
  readonly key: string;
  readonly value: Uint8Array;
  /** Of the write; of a `compact`, the revision that history begins at. */
  readonly revision: number;
  /** Revision of the write that created the key; of a deletion, its own. */
  readonly createRevision: number;
  /** Milliseconds since the epoch after which the record is to be removed. */
  readonly expiresAtMs: number | undefined;
}

/** What the first page says; other fields may be there for people. */
export interface FileHead {
  readonly kind: 'log' | 'snapshot' | 'closed';
  /** Of a log: that of its first record or above; of a snapshot: as of which it is; of `closed`: the last one. */
  readonly revision: number;
  /** ISO 8601. */
  readonly writtenAt: string;
  /** The log before it, so that one which lost its end is noticed; absent when there is none. */
  readonly previous?: { readonly number: number; readonly bytes: number };
}

const fileMagic = Buffer.from('knarr records 1\n');
const headFixedBytes = fileMagic.length + 8;
const groupMagic = 0x6b6e7267;
export const groupHeadBytes = 20;
const recordHeadBytes = 44;
/** A head that claims more is damaged. */
const lengthLimit = 256 * 1024 * 1024;
const typeCodes: Readonly<Record<RecordType, number>> = { put: 1, delete: 2, compact: 3, end: 4 };
const typeNames: readonly (RecordType | undefined)[] = [undefined, 'put', 'delete', 'compact', 'end'];

export function roundUpToPage(bytes: number): number {
  return Math.ceil(bytes / pageBytes) * pageBytes;
}

const zeros = Buffer.alloc(pageBytes);

/** Of at most a page. */
export function isZero(bytes: Buffer): boolean {
  return bytes.equals(zeros.subarray(0, bytes.length));
}

export function encodeFileHead(head: FileHead): Buffer {
  const page = Buffer.alloc(pageBytes);
  const json = Buffer.from(JSON.stringify(head));
  fileMagic.copy(page);
  page.writeUInt32LE(json.length, fileMagic.length + 4);
  json.copy(page, headFixedBytes);
  page.writeUInt32LE(crc32(page.subarray(fileMagic.length + 4)), fileMagic.length);
  return page;
}

/** `foreign` is no file of ours, `damaged` one whose first page has changed. */
export function decodeFileHead(page: Buffer): FileHead | 'foreign' | 'damaged' {
  if (page.length < pageBytes) return 'damaged';
  const crcFits = crc32(page.subarray(fileMagic.length + 4)) === page.readUInt32LE(fileMagic.length);
  if (!page.subarray(0, fileMagic.length).equals(fileMagic)) return crcFits ? 'damaged' : 'foreign';
  if (!crcFits) return 'damaged';
  const length = page.readUInt32LE(fileMagic.length + 4);
  return JSON.parse(page.toString('utf8', headFixedBytes, headFixedBytes + length)) as FileHead;
}

/** What fills a group of `bytes` up to the end of its page. */
export function fillOf(bytes: number): Buffer {
  return zeros.subarray(0, roundUpToPage(bytes) - bytes);
}

/** The bytes of one group, without the zeros behind it. */
export function encodeGroup(ordinal: number, records: readonly FileRecord[]): Buffer {
  let bytes = groupHeadBytes;
  for (const { key, value } of records) bytes += recordHeadBytes + Buffer.byteLength(key) + value.byteLength;
  const group = Buffer.allocUnsafe(bytes);
  group.writeUInt32LE(groupMagic, 0);
  group.writeUInt32LE(ordinal, 4);
  group.writeUInt32LE(bytes, 8);
  group.writeUInt32LE(records.length, 12);
  group.writeUInt32LE(crc32(group.subarray(0, 16)), 16);
  let at = groupHeadBytes;
  for (const record of records) at = encodeRecord(group, at, record);
  return group;
}

function encodeRecord(into: Buffer, at: number, record: FileRecord): number {
  const keyBytes = into.write(record.key, at + recordHeadBytes, 'utf8');
  into.writeUInt32LE(typeCodes[record.type], at);
  into.writeUInt32LE(keyBytes, at + 4);
  into.writeUInt32LE(record.value.byteLength, at + 8);
  into.writeDoubleLE(record.revision, at + 12);
  into.writeDoubleLE(record.createRevision, at + 20);
  into.writeDoubleLE(record.expiresAtMs ?? 0, at + 28);
  into.writeUInt32LE(crc32(record.value), at + 36);
  into.writeUInt32LE(headCrc(into, at, keyBytes), at + 40);
  into.set(record.value, at + recordHeadBytes + keyBytes);
  return at + recordHeadBytes + keyBytes + record.value.byteLength;
}

function headCrc(bytes: Buffer, at: number, keyBytes: number): number {
  const keyAt = at + recordHeadBytes;
  return crc32(bytes.subarray(keyAt, keyAt + keyBytes), crc32(bytes.subarray(at, at + 40)));
}

export interface GroupHead {
  readonly ordinal: number;
  readonly bytes: number;
  readonly records: number;
}

/** undefined when there is no whole head of a group. */
export function decodeGroupHead(bytes: Buffer): GroupHead | undefined {
  if (bytes.length < groupHeadBytes || bytes.readUInt32LE(0) !== groupMagic) return undefined;
  if (crc32(bytes.subarray(0, 16)) !== bytes.readUInt32LE(16)) return undefined;
  return { ordinal: bytes.readUInt32LE(4), bytes: bytes.readUInt32LE(8), records: bytes.readUInt32LE(12) };
}

export interface DecodedRecord {
  readonly record: FileRecord;
  /** The value is not what was written. */
  readonly valueIsDamaged: boolean;
  /** Where the next record begins. */
  readonly end: number;
}

/** The record at `at`, its value a view of `bytes`; undefined when its head is damaged or cut off. */
export function decodeRecord(bytes: Buffer, at: number): DecodedRecord | undefined {
  if (at + recordHeadBytes > bytes.length) return undefined;
  const type = typeNames[bytes.readUInt32LE(at)];
  const keyBytes = bytes.readUInt32LE(at + 4);
  const valueBytes = bytes.readUInt32LE(at + 8);
  const valueAt = at + recordHeadBytes + keyBytes;
  if (type === undefined || keyBytes > lengthLimit || valueBytes > lengthLimit) return undefined;
  if (valueAt > bytes.length || headCrc(bytes, at, keyBytes) !== bytes.readUInt32LE(at + 40))
    return undefined;
  const value = bytes.subarray(valueAt, valueAt + valueBytes);
  const expiresAtMs = bytes.readDoubleLE(at + 28);
  return {
    record: {
      type,
      key: bytes.toString('utf8', at + recordHeadBytes, valueAt),
      value,
      revision: bytes.readDoubleLE(at + 12),
      createRevision: bytes.readDoubleLE(at + 20),
      expiresAtMs: expiresAtMs === 0 ? undefined : expiresAtMs,
    },
    valueIsDamaged: value.length < valueBytes || crc32(value) !== bytes.readUInt32LE(at + 36),
    end: valueAt + valueBytes,
  };
}

/**
 * Which single flipped bit makes `decode` fail: tries them all from `at`, `length` bytes far, and returns what was
 * meant. It serves to call the damage by its name, never to go on as if there were none. Changes `bytes` back.
 */
export function undoFlippedBit<T>(
  bytes: Buffer,
  at: number,
  length: number,
  decode: () => T | undefined,
): T | undefined {
  const end = Math.min(bytes.length, at + length);
  for (let byte = at; byte < end; byte++) {
    const original = bytes[byte] as number;
    for (let bit = 0; bit < 8; bit++) {
      bytes[byte] = original ^ (1 << bit);
      const meant = decode();
      bytes[byte] = original;
      if (meant !== undefined) return meant;
    }
  }
  return undefined;
}

/** Heads of records with keys as long as these are searched for a flipped bit. */
export const searchedHeadBytes = recordHeadBytes + 1024;
