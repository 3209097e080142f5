/** The wire format of Protocol Buffers: fields of a message, one after the other. */
import { StatusError } from '../../api/status-error.js';

export interface WireField {
  readonly number: number;
  /** A varint or fixed value; 0 for length-delimited fields. */
  readonly value: bigint;
  /** Contents of a length-delimited field. */
  readonly bytes: Uint8Array;
  readonly isBytes: boolean;
}

const noBytes = new Uint8Array();

function malformed(): StatusError {
  return new StatusError('BadRequest', 'the object provided is unrecognized: malformed protobuf');
}

/** Throws BadRequest for what is no message. */
export function* readFields(message: Uint8Array): Generator<WireField> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) throw malformed();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw malformed();
  };
  const take = (length: number): Uint8Array => {
    if (at + length > message.length) throw malformed();
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = Number(varint());
    const number = tag >>> 3;
    switch (tag & 7) {
      case 0:
        yield { number, value: varint(), bytes: noBytes, isBytes: false };
        break;
      case 1: {
        const bytes = take(8);
        yield { number, value: Buffer.from(bytes).readBigUInt64LE(), bytes, isBytes: false };
        break;
      }
      case 2:
        yield { number, value: 0n, bytes: take(Number(varint())), isBytes: true };
        break;
      case 5: {
        const bytes = take(4);
        yield { number, value: BigInt(Buffer.from(bytes).readUInt32LE()), bytes, isBytes: false };
        break;
      }
      default:
        throw malformed();
    }
  }
}

/** All varints of a field that may be packed. */
export function* readPacked(field: WireField): Generator<bigint> {
  if (!field.isBytes) {
    yield field.value;
    return;
  }
  let value = 0n;
  let shift = 0n;
  for (const byte of field.bytes) {
    value |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if (byte >= 0x80) continue;
    yield value;
    value = 0n;
    shift = 0n;
  }
}
