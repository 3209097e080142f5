/**
 * A snapshot: all records of a store as of one revision, in the order of their keys, in a file of its own.
 *
 * It knows no engine. The embedded store keeps its state in one, `knarr store snapshot` writes one, and any store
 * can be filled from one. The last record tells how many there were and the SHA-256 of all groups before, so that
 * a file which was cut off, or put together from two, is noticed.
 */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { StoreError } from '../store.js';
import type { StoredRecord } from '../store.js';
import { encodeFileHead, encodeGroup, fillOf } from './format.js';
import type { FileHead, FileRecord } from './format.js';
import { openRecordFile } from './read-record-file.js';
import type { Damage } from './read-record-file.js';

export interface SnapshotEnd {
  readonly records: number;
  /** Of all groups but the last, as they lie in the file; hexadecimal. */
  readonly sha256: string;
}

export interface SnapshotContents {
  /** As of which the records are. */
  readonly revision: number;
  /** In the order of their keys. */
  readonly records: Iterable<StoredRecord> | AsyncIterable<StoredRecord>;
  readonly writtenAt: Date;
}

/** Records are gathered to about this size, which bounds how long the event loop is held up. */
const groupBytes = 256 * 1024;

/** The pieces of a snapshot's file, one after the other: for a file, or for a connection. */
export async function* encodeSnapshot(contents: SnapshotContents): AsyncGenerator<Buffer> {
  const { revision, writtenAt } = contents;
  yield encodeFileHead({ kind: 'snapshot', revision, writtenAt: writtenAt.toISOString() });
  const hash = createHash('sha256');
  let ordinal = 0;
  let count = 0;
  const encode = (records: readonly FileRecord[]): Buffer => {
    const group = encodeGroup(ordinal++, records);
    return Buffer.concat([group, fillOf(group.length)]);
  };
  let gathered: FileRecord[] = [];
  let bytes = 0;
  for await (const record of contents.records) {
    gathered.push(toFileRecord(record));
    bytes += record.value.byteLength;
    count++;
    if (bytes < groupBytes) continue;
    const group = encode(gathered);
    hash.update(group);
    yield group;
    await setImmediate();
    gathered = [];
    bytes = 0;
  }
  if (gathered.length > 0) {
    const group = encode(gathered);
    hash.update(group);
    yield group;
  }
  const end: SnapshotEnd = { records: count, sha256: hash.digest('hex') };
  yield encode([
    {
      type: 'end',
      key: '',
      value: Buffer.from(JSON.stringify(end)),
      revision,
      createRevision: revision,
      expiresAtMs: undefined,
    },
  ]);
}

function toFileRecord({ key, value, createRevision, modRevision, expiresAtMs }: StoredRecord): FileRecord {
  return { type: 'put', key, value, revision: modRevision, createRevision, expiresAtMs };
}

export interface SnapshotPart {
  readonly kind: 'records';
  readonly records: readonly StoredRecord[];
  /** How far in the file this is. */
  readonly end: number;
}

export interface SnapshotReader {
  readonly head: FileHead;
  readonly sizeBytes: number;
  /** To be walked once, to its end. What is damaged is named and left out. */
  parts(): AsyncGenerator<SnapshotPart | Damage>;
  close(): Promise<void>;
}

/** Throws `corrupt` when the file is no snapshot, or its first page is damaged. */
export async function openSnapshot(
  path: string,
  options: { readonly withDigest: boolean },
): Promise<SnapshotReader> {
  const file = await openRecordFile(path);
  const { head } = file;
  if (head === 'unfinished' || head.kind !== 'snapshot') {
    await file.close();
    const why = head !== 'unfinished' && head.kind === 'damage' ? `: ${head.message}` : '';
    throw new StoreError('corrupt', `${path} is no snapshot of a store${why}`);
  }
  return {
    head,
    sizeBytes: file.sizeBytes,
    close: () => file.close(),
    parts: () => readParts(path, head, file.groups(), file.sizeBytes, options.withDigest),
  };
}

async function* readParts(
  path: string,
  head: FileHead,
  groups: ReturnType<Awaited<ReturnType<typeof openRecordFile>>['groups']>,
  sizeBytes: number,
  withDigest: boolean,
): AsyncGenerator<SnapshotPart | Damage> {
  const hash = createHash('sha256');
  let count = 0;
  let lastKey = '';
  let end: SnapshotEnd | undefined;
  const damage = (message: string): Damage => ({
    kind: 'damage',
    path,
    at: sizeBytes,
    message,
    isTorn: false,
  });
  for await (const group of groups) {
    if (group.kind === 'damage') {
      yield group;
      continue;
    }
    if (end !== undefined) yield damage('there is more behind the end of the snapshot');
    const [first] = group.records;
    if (first?.type === 'end') {
      end = JSON.parse(Buffer.from(first.value).toString()) as SnapshotEnd;
      continue;
    }
    if (withDigest) hash.update(group.bytes);
    const records: StoredRecord[] = [];
    for (const record of group.records) {
      if (record.type !== 'put' || record.key <= lastKey || record.revision > head.revision) {
        const { key, revision } = record;
        yield { ...damage(`${key} at revision ${revision} does not belong here`), key, revision };
      }
      lastKey = record.key;
      records.push(toStoredRecord(record));
    }
    count += records.length;
    yield { kind: 'records', records, end: group.end };
  }
  if (end === undefined) yield damage('the snapshot is cut off: its end is missing');
  else if (end.records !== count) yield damage(`${end.records} records were written, ${count} are there`);
  else if (withDigest && end.sha256 !== hash.digest('hex')) yield damage('the SHA-256 of the file is wrong');
}

function toStoredRecord({ key, value, createRevision, revision, expiresAtMs }: FileRecord): StoredRecord {
  const record = { key, value, createRevision, modRevision: revision };
  return expiresAtMs === undefined ? record : { ...record, expiresAtMs };
}

/** Reads a snapshot that has to be whole: throws `corrupt` at the first damage. */
export async function* wholeParts(path: string, reader: SnapshotReader): AsyncGenerator<SnapshotPart> {
  for await (const part of reader.parts()) {
    if (part.kind === 'damage') {
      throw new StoreError('corrupt', `${path} is damaged at byte ${part.at}: ${part.message}`);
    }
    yield part;
  }
}
