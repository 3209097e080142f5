/**
 * A Store over a Journal: compare-and-swap and revisions are decided in memory, one writer makes groups of
 * writes durable, and only then do reads, watches and the caller learn of them.
 */
import { systemClock } from '../../../../common/clock.js';
import type { Clock } from '../../../../common/clock.js';
import type { Logger } from '../../../../common/log.js';
import { StoreError } from '../../store.js';
import type {
  CreateResult,
  DeleteResult,
  RangeOptions,
  RangeResult,
  Store,
  StoredRecord,
  StoreProblem,
  StoreStatus,
  UpdateResult,
  WatchBatch,
} from '../../store.js';
import { CommitWatch } from './commit-watch.js';
import { ExpiryQueue } from './expiry-queue.js';
import type { Expiry } from './expiry-queue.js';
import { GroupCommit, pendingLimit } from './group-commit.js';
import { HistoryKeeper } from './history-keeper.js';
import type { RetentionLimits } from './history-retention.js';
import type { Journal, LogEntry } from './journal.js';
import type { MultiVersionState } from './multiversion-state.js';

export interface MultiVersionStoreOptions {
  /** `memory` or `embedded`, for {@link StoreStatus}. */
  readonly backend: string;
  readonly journal: Journal;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly retention?: Partial<RetentionLimits>;
  /** Records of `state` that expire: key and time. */
  readonly expiries?: Iterable<Expiry>;
}

/** etcd's default is 1.5 MiB a request; a value above this would stall the group behind it. */
const valueLimitBytes = 8 * 1024 * 1024;
/** One batch of a watch; more follows in the next. */
const watchBatchBytes = 1024 * 1024;
const expiryIntervalMs = 1_000;
/** How often a store that refuses writes looks whether its disk takes them again. */
const recoveryIntervalMs = 1_000;

/** A key as the next write will find it, which readers may not see yet. */
interface Head {
  readonly record: StoredRecord | undefined;
  /** Resolves once the head is durable; undefined when it is. */
  readonly durable: Promise<void> | undefined;
}

export class MultiVersionStore implements Store {
  readonly #state: MultiVersionState;
  readonly #options: MultiVersionStoreOptions;
  readonly #clock: Clock;
  readonly #writes: GroupCommit;
  readonly #history: HistoryKeeper;

  /** Revision given to the last write accepted; the state's is that of the last durable one. */
  #lastRevision: number;
  /** Why writes are refused. */
  #failure: StoreProblem | undefined;
  #cancelRecovery: (() => void) | undefined;
  #recovering: Promise<void> | undefined;
  readonly #commits = new CommitWatch();

  /** Each is called when there is something new to see, or at the end. */
  readonly #idleWatches = new Set<() => void>();
  readonly #expiries = new ExpiryQueue();
  #cancelExpiry: (() => void) | undefined;
  #compacting: Promise<void> = Promise.resolve();
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;

  constructor(state: MultiVersionState, options: MultiVersionStoreOptions) {
    this.#state = state;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#lastRevision = state.revision;
    this.#writes = new GroupCommit({
      write: (entries) => this.#write(entries),
      publish: (entries) => {
        this.#publish(entries);
      },
      onFailure: (error) => this.#fail(error),
    });
    this.#history = new HistoryKeeper({
      clock: this.#clock,
      log: options.log,
      limits: options.retention,
      size: () => ({ revision: state.revision, length: state.historyLength, bytes: state.historyBytes }),
      canCompact: () => this.#failure === undefined,
      compact: (revision) => this.compact(revision),
    });
    for (const expiry of options.expiries ?? []) this.#expiries.add(expiry);
    this.#scheduleExpiry();
  }

  async get(key: string): Promise<{ record: StoredRecord | undefined; revision: number }> {
    this.#mustBeOpen();
    return { record: this.#state.get(key), revision: this.#state.revision };
  }

  async range(options: RangeOptions): Promise<RangeResult> {
    this.#mustBeOpen();
    return this.#state.range(options);
  }

  async create(key: string, value: Uint8Array, options?: { ttlSeconds?: number }): Promise<CreateResult> {
    this.#mustBeWritable(value);
    const head = this.#head(key);
    if (head.record !== undefined) {
      await head.durable;
      return { kind: 'exists', record: head.record };
    }
    return { kind: 'created', revision: await this.#put(key, value, undefined, options?.ttlSeconds) };
  }

  async update(
    key: string,
    value: Uint8Array,
    expectedModRevision: number,
    options?: { ttlSeconds?: number },
  ): Promise<UpdateResult> {
    this.#mustBeWritable(value);
    const head = this.#head(key);
    if (head.record?.modRevision !== expectedModRevision) {
      await head.durable;
      return { kind: 'conflict', current: head.record };
    }
    return { kind: 'updated', revision: await this.#put(key, value, head.record, options?.ttlSeconds) };
  }

  async delete(key: string, expectedModRevision: number): Promise<DeleteResult> {
    this.#mustBeWritable();
    const head = this.#head(key);
    if (head.record?.modRevision !== expectedModRevision) {
      await head.durable;
      return { kind: 'conflict', current: head.record };
    }
    const revision = await this.#remove(key);
    return { kind: 'deleted', revision, record: head.record };
  }

  async *watch(options: {
    readonly prefix: string;
    readonly afterRevision: number;
    readonly signal: AbortSignal;
  }): AsyncGenerator<WatchBatch> {
    this.#mustBeOpen();
    const { prefix, signal } = options;
    let wake = (): void => undefined;
    const onAbort = (): void => {
      wake();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      let seen = options.afterRevision;
      while (!signal.aborted && !this.#closing.signal.aborted) {
        const batch = this.#state.eventsAfter(seen, prefix, watchBatchBytes);
        if (batch.revision > seen) {
          seen = batch.revision;
          yield batch;
          continue;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
          this.#idleWatches.add(resolve);
        });
        this.#idleWatches.delete(wake);
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#idleWatches.delete(wake);
    }
  }

  /** Watches here report every revision by themselves. */
  requestProgress(): boolean {
    return true;
  }

  get compactedBefore(): number {
    return this.#state.compactRevision;
  }

  async compact(revision: number): Promise<void> {
    this.#mustBeWritable();
    if (revision > this.#state.revision) {
      throw new StoreError('future-revision', `revision ${revision} is above ${this.#state.revision}`);
    }
    // One after the other: each drops what the one before left.
    const turn = this.#compacting.then(() => this.#compactNow(revision));
    this.#compacting = turn.then(
      () => undefined,
      () => undefined, // handed to the caller of this turn, not to the next one
    );
    await turn;
  }

  async #compactNow(revision: number): Promise<void> {
    if (revision <= this.#state.compactRevision) return;
    try {
      await this.#options.journal.compact(
        revision,
        () => this.#state.range({ prefix: '', revision }).records,
      );
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    this.#state.compact(revision);
  }

  async status(): Promise<StoreStatus> {
    this.#mustBeOpen();
    const problem = this.#problem();
    return {
      backend: this.#options.backend,
      revision: this.#state.revision,
      compactRevision: this.#state.compactRevision,
      sizeBytes: Math.max(this.#options.journal.sizeBytes(), this.#state.liveBytes),
      keys: this.#state.keys,
      liveBytes: this.#state.liveBytes,
      ...(problem === undefined ? {} : { problem }),
    };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#cancelExpiry?.();
    this.#history.stop();
    this.#closing.abort();
    this.#wakeWatches();
    await this.#writes.idle();
    await this.#compacting;
    this.#cancelRecovery?.();
    await this.#recovering;
    await this.#options.journal.close();
  }

  #head(key: string): Head {
    const pending = this.#writes.head(key);
    if (pending !== undefined) return pending;
    return { record: this.#state.get(key), durable: undefined };
  }

  async #put(
    key: string,
    value: Uint8Array,
    previous: StoredRecord | undefined,
    ttlSeconds: number | undefined,
  ): Promise<number> {
    const revision = this.#lastRevision + 1;
    const createRevision = previous?.createRevision ?? revision;
    const expiresAtMs = ttlSeconds === undefined ? undefined : this.#clock.now() + ttlSeconds * 1000;
    const entry: LogEntry = { revision, type: 'put', key, createRevision, value, expiresAtMs };
    await this.#submit(entry, { key, value, createRevision, modRevision: revision });
    return revision;
  }

  async #remove(key: string): Promise<number> {
    const revision = this.#lastRevision + 1;
    const value = new Uint8Array(0);
    await this.#submit(
      { revision, type: 'delete', key, createRevision: revision, value, expiresAtMs: undefined },
      undefined,
    );
    return revision;
  }

  #submit(entry: LogEntry, record: StoredRecord | undefined): Promise<void> {
    this.#lastRevision = entry.revision;
    return this.#writes.submit(entry, record);
  }

  async #write(entries: readonly LogEntry[]): Promise<void> {
    this.#commits.started(this.#clock.monotonicMs());
    try {
      await this.#options.journal.append(entries);
    } finally {
      this.#noteSpeed();
    }
  }

  #publish(entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      this.#state.apply(entry);
      if (entry.expiresAtMs !== undefined) {
        this.#expiries.add({ key: entry.key, revision: entry.revision, atMs: entry.expiresAtMs });
      }
    }
    this.#wakeWatches();
    this.#scheduleExpiry();
    this.#history.written();
  }

  #wakeWatches(): void {
    for (const wake of this.#idleWatches) wake();
  }

  #noteSpeed(): void {
    const change = this.#commits.ended(this.#clock.monotonicMs());
    const { log } = this.#options;
    if (change === 'slow') log.warn('the disk of the store is slow', { problem: this.#problem()?.message });
    else if (change === 'fast') log.info('the disk of the store is fast again');
  }

  #problem(): StoreProblem | undefined {
    if (this.#failure !== undefined) return this.#failure;
    const found = this.#commits.problem(this.#clock.monotonicMs());
    if (found === undefined) return undefined;
    const { kind, forMs, message } = found;
    return { kind, sinceMs: this.#clock.now() - forMs, message };
  }

  /**
   * Refuses all writes that wait, and then everything until the journal has recovered; returns what those are told
   * that were being written. The revisions given to them are given out again: the journal sees to it that none of
   * them is on the disk by then.
   */
  #fail(error: unknown): StoreError {
    const failure = toStoreError(error);
    this.#failure ??= { kind: 'refusing-writes', sinceMs: this.#clock.now(), message: failure.message };
    this.#options.log.error('a commit failed; writes are refused until the disk takes them again', {
      err: failure,
    });
    this.#writes.rejectWaiting(this.#refusal(this.#failure));
    this.#lastRevision = this.#state.revision;
    this.#scheduleRecovery();
    return failure;
  }

  #refusal(problem: StoreProblem): StoreError {
    return new StoreError('unavailable', `${problem.message}; reads go on`);
  }

  #scheduleRecovery(): void {
    if (this.#closing.signal.aborted) return;
    this.#cancelRecovery ??= this.#clock.schedule(recoveryIntervalMs, () => {
      this.#cancelRecovery = undefined;
      this.#recovering = this.#recover();
    });
  }

  /** Never rejects. */
  async #recover(): Promise<void> {
    try {
      await this.#options.journal.recover();
      const sinceMs = this.#failure?.sinceMs ?? 0;
      this.#failure = undefined;
      this.#options.log.info('the store takes writes again', { afterMs: this.#clock.now() - sinceMs });
      this.#scheduleExpiry();
    } catch (error) {
      this.#options.log.debug('the disk does not take writes yet', { err: error });
      this.#scheduleRecovery();
    }
  }

  #scheduleExpiry(): void {
    const nextAtMs = this.#expiries.nextAtMs;
    if (nextAtMs === undefined || this.#cancelExpiry !== undefined || this.#closing.signal.aborted) return;
    if (this.#failure !== undefined) return;
    // The timer waits longer than a day in steps, and is set again when it was too early.
    const delayMs = Math.min(Math.max(expiryIntervalMs, nextAtMs - this.#clock.now()), 86_400_000);
    this.#cancelExpiry = this.#clock.schedule(delayMs, () => {
      this.#expire();
      this.#cancelExpiry = undefined;
      this.#scheduleExpiry();
    });
  }

  #expire(): void {
    if (this.#failure !== undefined) return;
    for (const due of this.#expiries.takeDue(this.#clock.now(), pendingLimit.writes)) {
      if (this.#head(due.key).record?.modRevision !== due.revision) continue;
      this.#remove(due.key).catch((error: unknown) => {
        // The failed commit itself was logged.
        this.#options.log.debug('an expired record could not be removed yet', { key: due.key, err: error });
        this.#expiries.add(due);
      });
    }
  }

  #mustBeOpen(): void {
    if (this.#closing.signal.aborted) throw new StoreError('closed', 'the store is closed');
  }

  #mustBeWritable(value?: Uint8Array): void {
    this.#mustBeOpen();
    const problem = this.#problem();
    if (problem?.kind === 'refusing-writes') throw this.#refusal(problem);
    if (value !== undefined && value.byteLength > valueLimitBytes) {
      throw new StoreError('too-large', `a value of ${value.byteLength} bytes is above ${valueLimitBytes}`);
    }
    const fullness = this.#writes.fullness();
    if (fullness !== undefined) throw new StoreError('unavailable', fullness);
  }
}

function toStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  return new StoreError('ambiguous', 'a commit failed in an unexpected way', { cause: error });
}
