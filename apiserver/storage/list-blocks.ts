/**
 * The objects of a list as bytes, in blocks that later lists use again.
 *
 * Of two lists of a collection, most objects are the same. So the bytes are made in blocks of some objects that follow each
 * other, and a block is kept with the first of its records. It says of which revisions it was made: a later list takes it
 * if it has just these records in this place, and makes a new one if any of them was written, removed or added since.
 * Nobody has to be told of a write, and a list of any part of the collection shares what it has in common with others.
 */
import type { EncodingCache } from './encoding-cache.js';
import type { StoredRecord } from './store.js';

/** Encodes records as they follow each other in a list; depends on nothing but the records. */
export type EncodeRecords = (records: readonly StoredRecord[]) => Buffer;

interface Block {
  readonly bytes: Buffer;
  /** A revision belongs to one write (see `store.ts`): records with the same are the same. */
  readonly revisions: readonly number[];
  /** Too little for a block, as the list ended there. */
  readonly isShort: boolean;
}

/** A block is made in one go, and anew when one of its objects changes: a fraction of a millisecond of work. */
const blockBytes = 32 * 1024;

export class ListBlocks {
  readonly #encodings: EncodingCache;
  readonly #encode: EncodeRecords;
  readonly #byFirst = new WeakMap<StoredRecord, Block>();

  constructor(encodings: EncodingCache, encode: EncodeRecords) {
    this.#encodings = encodings;
    this.#encode = encode;
  }

  /** The bytes of all records, in order. Each step makes one block at most. */
  *of(records: readonly StoredRecord[]): Generator<Buffer, undefined> {
    let isKept: boolean | undefined;
    for (let from = 0; from < records.length;) {
      let block = this.#known(records, from);
      if (block === undefined) {
        isKept ??= this.#encodings.isWorthKeeping(valueBytes(records));
        block = this.#make(records, from, isKept);
      }
      yield block.bytes;
      from += block.revisions.length;
    }
  }

  #known(records: readonly StoredRecord[], from: number): Block | undefined {
    const first = records[from];
    const block = first === undefined ? undefined : this.#byFirst.get(first);
    if (block === undefined) return undefined;
    const { revisions, isShort } = block;
    // What is short joins what was added behind it, or a collection that grows at its end would become all short blocks.
    if (isShort && from + revisions.length < records.length) return undefined;
    return revisions.every((revision, index) => records[from + index]?.modRevision === revision)
      ? block
      : undefined;
  }

  #make(records: readonly StoredRecord[], from: number, isKept: boolean): Block {
    const end = this.#endOfBlock(records, from);
    const own = records.slice(from, end);
    const block: Block = {
      bytes: this.#encode(own),
      revisions: own.map(({ modRevision }) => modRevision),
      isShort: valueBytes(own) < blockBytes * 0.5,
    };
    const [first] = own;
    if (isKept && first !== undefined) {
      this.#byFirst.set(first, block);
      this.#encodings.add(block.bytes.byteLength, () => {
        if (this.#byFirst.get(first) === block) this.#byFirst.delete(first);
      });
    }
    return block;
  }

  /**
   * Where a block that is known begins, if it begins soon enough, so that the blocks behind a change remain; else where this
   * one is full. It may have half as much as a full one, or half as much again: with a fixed size, one more object would
   * move the edges of all blocks behind it.
   */
  #endOfBlock(records: readonly StoredRecord[], from: number): number {
    let bytes = 0;
    let full: number | undefined;
    for (let at = from; at < records.length; at++) {
      if (bytes >= blockBytes * 0.5 && this.#known(records, at) !== undefined) return at;
      if (bytes >= blockBytes) full ??= at;
      if (bytes >= blockBytes * 1.5) return full ?? at;
      bytes += records[at]?.value.byteLength ?? 0;
    }
    return records.length;
  }
}

/** What the values take as they are stored, which is about what a list of them takes; counted up to `enough`. */
export function valueBytes(records: readonly StoredRecord[], enough = Infinity): number {
  let bytes = 0;
  for (const { value } of records) {
    bytes += value.byteLength;
    if (bytes > enough) break;
  }
  return bytes;
}
