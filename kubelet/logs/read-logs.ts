/**
 * Reads a container's log, all of its files from the oldest to the one that is written to, or its last lines; and
 * follows it while it grows, also when it is rotated meanwhile.
 */
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { isAborted } from '../../client/is-aborted.js';
import { sleep, systemClock } from '../../common/clock.js';
import { LineBuffer } from './line-buffer.js';
import { LogChanges } from './log-changes.js';
import type { LogSource } from './log-changes.js';
import { isCompleteEntry, LogFormatter } from './log-format.js';
import type { LogFilter } from './log-format.js';
import { countLines, tailOffset } from './log-tail.js';
import { isCompressed, rotatedAfter, rotatedFiles } from './rotated-files.js';

export interface LogRequest extends LogFilter {
  readonly path: string;
  /** Only the last so many lines; undefined: all. */
  readonly tailLines: number | undefined;
  readonly follow: boolean;
}

const chunkBytes = 64 * 1024;
/** After a rotation the runtime may write what it had in hand to the old file: that is over when it rests so long. */
const lastWordsMs = 100;

/**
 * Pieces of text until the end of the log: of the file, or when following, until the container has ended and everything
 * it wrote was read. Rejects with ENOENT when there is no log.
 */
export async function* readLogs(
  request: LogRequest,
  source: LogSource,
  signal: AbortSignal,
): AsyncIterable<Buffer> {
  const { path, tailLines, follow } = request;
  const changes = follow ? new LogChanges(path, source, signal) : undefined;
  let file = await openLog(path);
  try {
    const older = await olderFiles(path, file);
    const tail =
      tailLines === undefined ? undefined : await tailOffset(file, (await file.stat()).size, tailLines);
    const formatter = new LogFormatter(request);
    const reading = { request, formatter, source, signal, changes };
    if (tail === undefined) for (const name of older) yield* readRotated(name, 0, reading);
    else yield* readOlderTail(older, tail.missing, reading);
    let after = older.at(-1);
    let offset = tail?.offset ?? 0;
    for (;;) {
      yield* readGrowing(file, offset, after, reading);
      if (formatter.isFull || isAborted(signal) || !follow) return;
      const next = await nextFile(after, reading);
      if (next === undefined) return;
      for (const name of next.between) yield* readRotated(name, 0, reading);
      await file.close();
      [file, after, offset] = [next.file, next.after, 0];
    }
  } finally {
    changes?.close();
    await file.close();
  }
}

/** The file that is written to: for a moment of a rotation, that is the one that was renamed. */
async function openLog(path: string): Promise<FileHandle> {
  const file = await openIfThere(path);
  return file ?? open((await rotatedFiles(path)).at(-1) ?? path, 'r');
}

interface Reading {
  readonly request: LogRequest;
  readonly formatter: LogFormatter;
  readonly source: LogSource;
  readonly signal: AbortSignal;
  /** Undefined when the log is not followed. */
  readonly changes: LogChanges | undefined;
}

/** The rotated files before this one, oldest first: it may have been rotated itself since it was opened. */
async function olderFiles(path: string, file: FileHandle): Promise<string[]> {
  const rotated = await rotatedFiles(path);
  const { ino } = await file.stat();
  for (const [index, name] of rotated.entries())
    if ((await inodeOf(name)) === ino) return rotated.slice(0, index);
  return rotated;
}

async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** What comes after the complete line number `missing` from the end, in files that do not grow any more. */
async function* readOlderTail(
  older: readonly string[],
  missing: number,
  reading: Reading,
): AsyncIterable<Buffer> {
  let left = missing;
  const parts: { readonly name: string; readonly skipLines: number }[] = [];
  for (const name of [...older].reverse()) {
    if (left <= 0) break;
    const count = await countLines(openRotated(name));
    parts.unshift({ name, skipLines: Math.max(0, count - left + 1) });
    left -= count;
  }
  for (const { name, skipLines } of parts) yield* readRotated(name, skipLines, reading);
}

/** A file that does not grow any more. */
async function* readRotated(
  name: string,
  skipLines: number,
  { formatter, signal }: Reading,
): AsyncIterable<Buffer> {
  let left = skipLines;
  const lines = new LineBuffer();
  for await (const chunk of openRotated(name)) {
    const texts = lines.add(chunk).map((line) => {
      if (left === 0) return formatter.format(line);
      if (isCompleteEntry(line)) left--;
      return Buffer.alloc(0);
    });
    const text = Buffer.concat(texts);
    if (text.length > 0) yield text;
    if (formatter.isFull || isAborted(signal)) return;
  }
}

/** Bytes of a rotated file, decompressed; nothing when it is gone, as the oldest one is when a newer one is rotated. */
async function* openRotated(name: string): AsyncIterable<Buffer> {
  const path = (await inodeOf(name)) === undefined && !isCompressed(name) ? `${name}.gz` : name;
  const source = createReadStream(path, { highWaterMark: chunkBytes });
  try {
    if (!isCompressed(path)) {
      yield* source;
      return;
    }
    const text = createGunzip();
    source.once('error', (error) => text.destroy(error));
    yield* source.pipe(text) as AsyncIterable<Buffer>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  } finally {
    source.destroy();
  }
}

/** To the end of the file; when following, until the container has ended or the file was rotated. */
async function* readGrowing(
  file: FileHandle,
  start: number,
  after: string | undefined,
  { request, formatter, source, signal, changes }: Reading,
): AsyncIterable<Buffer> {
  const lines = new LineBuffer();
  const buffer = Buffer.alloc(chunkBytes);
  let position = start;
  let hasEnded = changes === undefined;
  let isRotated = false;
  let restedAt: number | undefined;
  while (!isAborted(signal) && !formatter.isFull) {
    const { bytesRead } = await file.read(buffer, 0, chunkBytes, position);
    if (bytesRead > 0) {
      position += bytesRead;
      const text = Buffer.concat(
        lines.add(buffer.subarray(0, bytesRead)).map((line) => formatter.format(line)),
      );
      if (text.length > 0) yield text;
      continue;
    }
    if (!isRotated && changes?.takeRenamed() === true)
      isRotated = rotatedAfter(after, await rotatedFiles(request.path)).length > 0;
    if (isRotated) {
      if (restedAt === position) return;
      restedAt = position;
      await sleep(systemClock, lastWordsMs, signal);
      continue;
    }
    // What was written between the last read and the end is read once more.
    if (hasEnded) return;
    hasEnded = !(await source.isRunning());
    if (!hasEnded) await changes?.next();
  }
}

interface NextFile {
  /** Files that were rotated before this one was opened, and are not read yet. */
  readonly between: readonly string[];
  readonly file: FileHandle;
  readonly after: string | undefined;
}

/** After the file that was read was rotated: the one that is written to now. Undefined when there will be none. */
async function nextFile(
  after: string | undefined,
  { request: { path }, source, signal, changes }: Reading,
): Promise<NextFile | undefined> {
  if (rotatedAfter(after, await rotatedFiles(path)).length === 0) return undefined;
  while (!isAborted(signal)) {
    const isLastLook = !(await source.isRunning());
    const file = await openIfThere(path);
    if (file !== undefined) {
      const older = rotatedAfter(after, await olderFiles(path, file));
      // The first one is what was read.
      const [, ...between] = older;
      return { between, file, after: older.at(-1) };
    }
    // Renamed, and the runtime has not opened it anew yet.
    if (isLastLook) return undefined;
    await changes?.next();
  }
  return undefined;
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
