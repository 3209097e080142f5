/**
 * Where the last lines of a log begin. A line that the runtime has cut into pieces counts once: only its last piece is
 * marked as complete.
 */
import type { FileHandle } from 'node:fs/promises';
import { LineBuffer } from './line-buffer.js';
import { isCompleteEntry } from './log-format.js';

const chunkBytes = 64 * 1024;
const newline = 0x0a;
/** The time, the stream and the tags of an entry are in these bytes. */
const headBytes = 64;

export interface TailInFile {
  /** Where to begin; 0 when the whole file is wanted. */
  readonly offset: number;
  /** The tail begins after so many complete lines, counted from the end of the older files; 0: at the offset. */
  readonly missing: number;
}

/** Searches from the end of a plain file: only what is wanted is read. */
export async function tailOffset(file: FileHandle, size: number, count: number): Promise<TailInFile> {
  if (count === 0) return { offset: size, missing: 0 };
  // The tail begins after the line before it: that is the one to find.
  let missing = count + 1;
  let isLast = true;
  for await (const { end, isComplete } of entriesFromEnd(file, size)) {
    // Pieces at the very end are a line of their own, that is still being written.
    if (isComplete || isLast) missing--;
    isLast = false;
    if (missing === 0) return { offset: end, missing };
  }
  return { offset: 0, missing };
}

interface EntryPlace {
  /** After the newline. */
  readonly end: number;
  readonly isComplete: boolean;
}

async function* entriesFromEnd(file: FileHandle, size: number): AsyncIterable<EntryPlace> {
  const buffer = Buffer.alloc(chunkBytes + headBytes);
  let end = size;
  let position = size;
  while (position > 0) {
    const length = Math.min(chunkBytes, position);
    position -= length;
    // A head may begin in this chunk and end in the one that was read before.
    const { bytesRead } = await file.read(buffer, 0, Math.min(length + headBytes, size - position), position);
    const chunk = buffer.subarray(0, bytesRead);
    for (let at = lastNewline(chunk, length - 1); at >= 0; at = lastNewline(chunk, at - 1)) {
      const start = position + at + 1;
      if (start < end) yield { end, isComplete: isCompleteEntry(chunk.subarray(at + 1, at + 1 + headBytes)) };
      end = start;
    }
    if (position === 0 && end > 0) yield { end, isComplete: isCompleteEntry(chunk.subarray(0, headBytes)) };
  }
}

function lastNewline(chunk: Buffer, from: number): number {
  return from < 0 ? -1 : chunk.lastIndexOf(newline, from);
}

/** Lines of a file that can only be read forwards. */
export async function countLines(chunks: AsyncIterable<Buffer>): Promise<number> {
  const lines = new LineBuffer();
  let count = 0;
  for await (const chunk of chunks) count += lines.add(chunk).filter(isCompleteEntry).length;
  return count;
}
