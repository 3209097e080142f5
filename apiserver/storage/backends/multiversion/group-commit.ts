/**
 * Makes writes durable in groups: while one group is on its way to the disk, the next one gathers.
 *
 * The idea is that of DeWitt et al., "Implementation techniques for main memory database systems" (1984). A write that
 * waits is seen by the next write of its key ({@link GroupCommit.head}) and by nobody else.
 */
import type { StoreError, StoredRecord } from '../../store.js';
import type { LogEntry } from './journal.js';

/** Writes that wait for the disk. Above either limit a write is refused, to be tried again. */
export const pendingLimit = { writes: 20_000, bytes: 128 * 1024 * 1024 };
/** A group is cut here, so that one acknowledgement never waits for an endless group. */
const groupLimit = { writes: 2_000, bytes: 16 * 1024 * 1024 };

export interface GroupCommitOptions {
  /** Resolves when all are durable. One call at a time. */
  readonly write: (entries: readonly LogEntry[]) => Promise<void>;
  /** These are durable now, in the order of their revisions: called before anybody who waits for them is told. */
  readonly publish: (entries: readonly LogEntry[]) => void;
  /** The group was not written. Calls {@link GroupCommit.rejectWaiting} for what gathers behind it. */
  readonly onFailure: (error: unknown) => StoreError;
}

interface PendingWrite {
  readonly entry: LogEntry;
  readonly durable: PromiseWithResolvers;
}

/** A key as the next write will find it, which readers may not see yet. */
export interface PendingHead {
  readonly record: StoredRecord | undefined;
  readonly durable: Promise<void>;
}

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #heads = new Map<string, { record: StoredRecord | undefined; write: PendingWrite }>();
  #queue: PendingWrite[] = [];
  #pendingWrites = 0;
  #pendingBytes = 0;
  #writer: Promise<void> | undefined;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** Why no more can be taken; undefined while it can. */
  fullness(): string | undefined {
    if (this.#pendingWrites < pendingLimit.writes && this.#pendingBytes < pendingLimit.bytes)
      return undefined;
    return `${this.#pendingWrites} writes of ${this.#pendingBytes} bytes are waiting for the disk already`;
  }

  /** The last write of this key that waits; undefined when none does. */
  head(key: string): PendingHead | undefined {
    const pending = this.#heads.get(key);
    return pending && { record: pending.record, durable: pending.write.durable.promise };
  }

  /** `record` is the key as this write leaves it. Resolves when it is durable. */
  submit(entry: LogEntry, record: StoredRecord | undefined): Promise<void> {
    const write: PendingWrite = { entry, durable: withResolvers() };
    this.#heads.set(entry.key, { record, write });
    this.#queue.push(write);
    this.#pendingWrites++;
    this.#pendingBytes += entry.value.byteLength;
    this.#writer ??= this.#writeGroups();
    return write.durable.promise;
  }

  /** Gives up what is not on its way to the disk yet. */
  rejectWaiting(refusal: StoreError): void {
    this.#reject(this.#queue.splice(0), refusal);
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#writer;
  }

  /** The one writer. Runs while there is something to write; never rejects. */
  async #writeGroups(): Promise<void> {
    // Writes of the same turn of the event loop go together.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = this.#takeGroup();
      const entries = group.map((write) => write.entry);
      try {
        await this.#options.write(entries);
        this.#options.publish(entries);
      } catch (error) {
        this.#reject(group, this.#options.onFailure(error));
        continue;
      }
      for (const write of group) this.#settle(write);
      for (const write of group) write.durable.resolve();
    }
    this.#writer = undefined;
  }

  #takeGroup(): PendingWrite[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#queue.length && count < groupLimit.writes && bytes < groupLimit.bytes) {
      bytes += (this.#queue[count] as PendingWrite).entry.value.byteLength;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  #reject(writes: readonly PendingWrite[], error: StoreError): void {
    for (const write of writes) {
      this.#settle(write);
      write.durable.reject(error);
    }
  }

  #settle(write: PendingWrite): void {
    this.#pendingWrites--;
    this.#pendingBytes -= write.entry.value.byteLength;
    if (this.#heads.get(write.entry.key)?.write === write) this.#heads.delete(write.entry.key);
  }
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

/** Promise.withResolvers comes with Node 22. */
function withResolvers(): PromiseWithResolvers {
  let resolve!: () => void;
  let reject!: (reason: Error) => void;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
