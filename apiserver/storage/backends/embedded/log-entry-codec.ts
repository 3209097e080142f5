/**
 * How a log entry lies on the disk. All numbers little endian; the revision is the lmdb key.
 *
 *     u8  type (1 put, 2 delete)     f64 createRevision     f64 expiresAtMs (0: never)
 *     u32 length of the key          key (UTF-8)            value
 */
import { StoreError } from '../../store.js';
import type { LogEntry } from '../multiversion/journal.js';

const headerBytes = 1 + 8 + 8 + 4;
const typeCodes = { put: 1, delete: 2 } as const;

export function encodeLogEntry(entry: LogEntry): Buffer {
  const keyBytes = Buffer.byteLength(entry.key);
  const bytes = Buffer.allocUnsafe(headerBytes + keyBytes + entry.value.byteLength);
  bytes.writeUInt8(typeCodes[entry.type], 0);
  bytes.writeDoubleLE(entry.createRevision, 1);
  bytes.writeDoubleLE(entry.expiresAtMs ?? 0, 9);
  bytes.writeUInt32LE(keyBytes, 17);
  bytes.write(entry.key, headerBytes, 'utf8');
  bytes.set(entry.value, headerBytes + keyBytes);
  return bytes;
}

/** The value is a view of `bytes`, which must not change afterwards. Throws `corrupt`. */
export function decodeLogEntry(revision: number, bytes: Buffer): LogEntry {
  const code = bytes.byteLength >= headerBytes ? bytes.readUInt8(0) : 0;
  if (code !== typeCodes.put && code !== typeCodes.delete) throw malformed(revision);
  const valueStart = headerBytes + bytes.readUInt32LE(17);
  if (valueStart > bytes.byteLength) throw malformed(revision);
  const expiresAtMs = bytes.readDoubleLE(9);
  return {
    revision,
    type: code === typeCodes.put ? 'put' : 'delete',
    key: bytes.toString('utf8', headerBytes, valueStart),
    createRevision: bytes.readDoubleLE(1),
    value: bytes.subarray(valueStart),
    expiresAtMs: expiresAtMs === 0 ? undefined : expiresAtMs,
  };
}

function malformed(revision: number): StoreError {
  return new StoreError('corrupt', `the log entry of revision ${revision} is malformed`);
}
