/**
 * Looks at a file before lmdb maps it. The lmdb package does not check what it opens: a foreign file is a
 * segmentation fault and a truncated one a bus error, neither of which can be caught.
 *
 * Read are the two meta pages at the start, of which the one with the higher transaction is the newer. Offsets
 * are those of the lmdb package's data format 2 (a page header of 24 bytes, then struct MDB_meta).
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { StoreError } from '../../store.js';

const magic = 0xbeefc0de;
const dataFormat = 2;
const offsets = { magic: 24, format: 28, pageSize: 48, freeRoot: 88, mainRoot: 136, transaction: 152 };
const metaBytes = 160;
/** A tree without a page. */
const noPage = 0xffff_ffff_ffff_ffffn;

/** Returns when the file is absent, empty, or the beginning of a database; throws `corrupt` otherwise. */
export function checkLmdbFile(path: string): void {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  try {
    const sizeBytes = fstatSync(file).size;
    if (sizeBytes === 0) return;
    const first = readMeta(file, 0, path);
    const second = readMeta(file, first.pageSize, path);
    const newer = second.transaction > first.transaction ? second : first;
    for (const root of newer.roots) {
      if (root !== noPage && (root + 1n) * BigInt(newer.pageSize) > BigInt(sizeBytes)) {
        throw new StoreError('corrupt', `${path} is truncated to ${sizeBytes} bytes: restore a copy of it`);
      }
    }
  } finally {
    closeSync(file);
  }
}

interface Meta {
  readonly pageSize: number;
  readonly transaction: bigint;
  readonly roots: readonly bigint[];
}

function readMeta(file: number, at: number, path: string): Meta {
  const bytes = Buffer.alloc(metaBytes);
  const isWhole = readSync(file, bytes, 0, metaBytes, at) === metaBytes;
  if (
    !isWhole ||
    bytes.readUInt32LE(offsets.magic) !== magic ||
    bytes.readUInt32LE(offsets.format) !== dataFormat
  ) {
    throw new StoreError('corrupt', `${path} is not a store of Knarr, or of another version of lmdb`);
  }
  return {
    pageSize: bytes.readUInt32LE(offsets.pageSize),
    transaction: bytes.readBigUInt64LE(offsets.transaction),
    roots: [bytes.readBigUInt64LE(offsets.freeRoot), bytes.readBigUInt64LE(offsets.mainRoot)],
  };
}
