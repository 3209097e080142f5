/**
 * The log format of CRI, pure: `2026-01-01T00:00:00.000000000Z stdout F text`. `P` instead of `F` marks a piece of a
 * line that goes on in the next entry.
 */

export interface LogEntry {
  /** RFC 3339 with nanoseconds, as written. */
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  readonly isPartial: boolean;
  readonly content: Buffer;
}

const space = 0x20;

/** `line` without its newline. Undefined when it is not in the format. */
export function parseLogEntry(line: Buffer): LogEntry | undefined {
  const first = line.indexOf(space);
  const second = line.indexOf(space, first + 1);
  const third = line.indexOf(space, second + 1);
  if (first < 0 || second < 0) return undefined;
  const stream = line.toString('latin1', first + 1, second);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  const tags = line.toString('latin1', second + 1, third < 0 ? line.length : third);
  return {
    time: line.toString('latin1', 0, first),
    stream,
    isPartial: tags.split(':')[0] === 'P',
    content: third < 0 ? Buffer.alloc(0) : line.subarray(third + 1),
  };
}

/** Whether a line ends with this entry; its head is enough. What is not in the format counts as a line. */
export function isCompleteEntry(line: Buffer): boolean {
  return parseLogEntry(line)?.isPartial !== true;
}

export interface LogFilter {
  /** Entries before this time, in milliseconds since the epoch, are left out. */
  readonly sinceMs: number | undefined;
  readonly timestamps: boolean;
  /** At most so many bytes in all. */
  readonly limitBytes: number | undefined;
}

/** Turns entries into the text that a reader gets. Keeps what must be known from one entry to the next. */
export class LogFormatter {
  readonly #filter: LogFilter;
  #inLine = false;
  #left: number;

  constructor(filter: LogFilter) {
    this.#filter = filter;
    this.#left = filter.limitBytes ?? Infinity;
  }

  /** True once the limit is reached. */
  get isFull(): boolean {
    return this.#left <= 0;
  }

  format(line: Buffer): Buffer {
    const entry = parseLogEntry(line);
    if (entry === undefined) return Buffer.alloc(0);
    const { sinceMs, timestamps } = this.#filter;
    if (sinceMs !== undefined && Date.parse(entry.time) < sinceMs) return Buffer.alloc(0);
    const parts: Buffer[] = [];
    if (timestamps && !this.#inLine) parts.push(Buffer.from(`${entry.time} `, 'latin1'));
    parts.push(entry.content);
    if (!entry.isPartial) parts.push(newline);
    this.#inLine = entry.isPartial;
    const text = Buffer.concat(parts);
    const allowed = text.length > this.#left ? text.subarray(0, this.#left) : text;
    this.#left -= allowed.length;
    return allowed;
  }
}

const newline = Buffer.from('\n');
