/** Reads a container's log file, from its end where only the last lines are wanted, and follows it while it grows. */
import { watch } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { isAborted } from '../../client/is-aborted.js';
import { LogFormatter } from './log-format.js';
import type { LogFilter } from './log-format.js';

export interface LogRequest extends LogFilter {
  readonly path: string;
  /** Only the last so many lines; undefined: all. */
  readonly tailLines: number | undefined;
  readonly follow: boolean;
}

/** Tells a follower when the container's state may have changed. */
export interface LogSource {
  isRunning(): Promise<boolean>;
  /** The returned function ends the subscription. */
  onChange(listener: () => void): () => void;
}

const chunkBytes = 64 * 1024;

/**
 * Pieces of text until the end of the log: of the file, or when following, until the container has ended and everything
 * it wrote was read. Rejects with ENOENT when there is no log.
 */
export async function* readLogs(
  request: LogRequest,
  source: LogSource,
  signal: AbortSignal,
): AsyncIterable<Buffer> {
  const file = await open(request.path, 'r');
  try {
    const start = request.tailLines === undefined ? 0 : await offsetOfTail(file, request.tailLines);
    const formatter = new LogFormatter(request);
    yield* readOn(file, start, formatter, request, source, signal);
  } finally {
    await file.close();
  }
}

async function* readOn(
  file: FileHandle,
  start: number,
  formatter: LogFormatter,
  request: LogRequest,
  source: LogSource,
  signal: AbortSignal,
): AsyncIterable<Buffer> {
  const lines = new LineBuffer();
  const changes = request.follow ? new Changes(request.path, source, signal) : undefined;
  const buffer = Buffer.alloc(chunkBytes);
  let position = start;
  let hasEnded = !request.follow;
  try {
    while (!isAborted(signal) && !formatter.isFull) {
      const { bytesRead } = await file.read(buffer, 0, chunkBytes, position);
      if (bytesRead > 0) {
        position += bytesRead;
        const texts = lines.add(buffer.subarray(0, bytesRead)).map((line) => formatter.format(line));
        const text = Buffer.concat(texts);
        if (text.length > 0) yield text;
        continue;
      }
      // What was written between the last read and the end is read once more.
      if (hasEnded) return;
      hasEnded = !(await source.isRunning());
      if (!hasEnded) await changes?.next();
    }
  } finally {
    changes?.close();
  }
}

/** Splits bytes into lines without their newline; keeps what is not complete yet. */
class LineBuffer {
  #rest: Buffer = Buffer.alloc(0);

  add(bytes: Buffer): Buffer[] {
    // A copy: the caller reads into the same memory again.
    const all = Buffer.concat([this.#rest, bytes]);
    const lines: Buffer[] = [];
    let from = 0;
    for (let end = all.indexOf(0x0a); end >= 0; end = all.indexOf(0x0a, from)) {
      lines.push(all.subarray(from, end));
      from = end + 1;
    }
    this.#rest = all.subarray(from);
    return lines;
  }
}

/** Where the last `count` lines begin. */
async function offsetOfTail(file: FileHandle, count: number): Promise<number> {
  const { size } = await file.stat();
  const buffer = Buffer.alloc(chunkBytes);
  // A newline at the very end closes the last line and begins none.
  let wanted = count + 1;
  let end = size;
  while (end > 0) {
    const length = Math.min(chunkBytes, end);
    const { bytesRead } = await file.read(buffer, 0, length, end - length);
    const chunk = buffer.subarray(0, bytesRead);
    for (let at = chunk.lastIndexOf(0x0a); at >= 0; at = at === 0 ? -1 : chunk.lastIndexOf(0x0a, at - 1)) {
      wanted--;
      if (wanted === 0) return end - length + at + 1;
    }
    end -= length;
  }
  return 0;
}

/** Wakes a reader when the file grows or the container changes; changes before the wait are not lost. */
class Changes {
  readonly #watcher;
  readonly #unsubscribe: () => void;
  readonly #signal: AbortSignal;
  #pending = false;
  #wake: (() => void) | undefined;

  constructor(path: string, source: LogSource, signal: AbortSignal) {
    this.#signal = signal;
    this.#watcher = watch(path, this.#notify);
    this.#watcher.on('error', this.#notify);
    this.#unsubscribe = source.onChange(this.#notify);
    signal.addEventListener('abort', this.#notify, { once: true });
  }

  async next(): Promise<void> {
    if (!this.#pending) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#pending = false;
    this.#wake = undefined;
  }

  close(): void {
    this.#watcher.close();
    this.#unsubscribe();
    this.#signal.removeEventListener('abort', this.#notify);
  }

  readonly #notify = (): void => {
    this.#pending = true;
    this.#wake?.();
  };
}
