/**
 * The etcd backend: the layout, transactions and leases that Kubernetes uses, so that the tools of etcd work on it.
 * What a write is and what becomes of one whose answer is lost: `etcd-write.ts`.
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
import type { EtcdCredentials } from './etcd-auth.js';
import { EtcdClient } from './etcd-client.js';
import { EtcdCompaction } from './etcd-compaction.js';
import type { EtcdTls } from './etcd-endpoint.js';
import { storeErrorOf } from './etcd-errors.js';
import { EtcdKeys } from './etcd-keys.js';
import { EtcdLeases } from './etcd-leases.js';
import type { RangeRequest, RangeResponse } from './etcd-messages.js';
import { EtcdProgress } from './etcd-progress.js';
import { sendOnce } from './etcd-write.js';
import type { EtcdWrite, WriteAnswer } from './etcd-write.js';
import { probeCompactRevision } from './probe-compact-revision.js';
import { waitForEtcd } from './wait-for-etcd.js';
import { watchEtcd } from './watch-etcd.js';

export interface EtcdStoreOptions {
  readonly backend: 'etcd';
  /** Client URLs, `http://` or `https://`; the first that answers is used, the others when it fails. */
  readonly endpoints: readonly string[];
  /** What stands for `/registry` in etcd's keys, as `--etcd-prefix` of the kube-apiserver. */
  readonly prefix?: string;
  readonly tls?: EtcdTls;
  /** For an etcd that has authentication switched on. */
  readonly credentials?: EtcdCredentials;
  readonly log: Logger;
  readonly clock?: Clock;
  /**
   * History younger than this is kept, up to twice as long; 5 minutes unless told, 0 leaves compaction to others.
   * Of several servers on one cluster one compacts each time.
   */
  readonly compactionIntervalMs?: number;
  /** How long opening waits for an etcd that answers; without end unless told. */
  readonly startTimeoutMs?: number;
  /** Ends the wait of opening. */
  readonly signal?: AbortSignal;
}

/** How far the store's revisions are above etcd's; absent where they are the same. */
export const revisionOffsetRecord = 'revision-offset';

const defaultCompactionIntervalMs = 5 * 60_000;

/**
 * Waits until an endpoint answers a read, and says on one line what it is waiting for. Throws `unavailable` for
 * endpoints and certificates that cannot be used at all, and when `startTimeoutMs` has passed; the signal's reason
 * when it aborts.
 */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  const store = new EtcdStore(options);
  try {
    await waitForEtcd((signal) => store.readOwnRecord(signal), options);
    store.begin();
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

class EtcdStore implements Store {
  readonly #client: EtcdClient;
  readonly #keys: EtcdKeys;
  readonly #leases: EtcdLeases;
  readonly #progress: EtcdProgress;
  readonly #options: EtcdStoreOptions;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #underWay = new Set<Promise<unknown>>();
  /** What this process knows to be compacted; more may be, by others. */
  #compactedBefore = 0;
  /** When etcd was first seen to refuse writes; undefined when it does not. */
  #refusingSinceMs: number | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: EtcdStoreOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#client = new EtcdClient({ ...options, clock: this.#clock });
    this.#keys = new EtcdKeys(options.prefix ?? '/registry');
    this.#leases = new EtcdLeases(this.#client, this.#clock);
    this.#progress = new EtcdProgress(this.#client, this.#keys);
  }

  /** What the store keeps about itself. */
  async readOwnRecord(signal?: AbortSignal): Promise<void> {
    const [kv] = (await this.#read({ key: this.#keys.own(revisionOffsetRecord) }, signal)).kvs;
    if (kv !== undefined) this.#keys.revisionOffset = Number(kv.value.toString());
    this.#noteCompaction(this.#keys.revisionOffset);
  }

  /** Starts what goes on beside the calls; closing ends it. */
  begin(): void {
    const intervalMs = this.#options.compactionIntervalMs ?? defaultCompactionIntervalMs;
    if (intervalMs === 0) return;
    const { log } = this.#options;
    const compaction = new EtcdCompaction({
      client: this.#client,
      clock: this.#clock,
      log,
      intervalMs,
      onCompacted: (revision) => {
        this.#noteCompaction(this.#keys.fromEtcdRevision(revision));
      },
    });
    void this.#track(compaction.run(this.#closing.signal));
  }

  async get(
    key: string,
    signal?: AbortSignal,
  ): Promise<{ record: StoredRecord | undefined; revision: number }> {
    this.#mustBeOpen();
    const response = await this.#read({ key: this.#keys.toEtcd(key) }, signal);
    return { record: this.#first(response), revision: this.#keys.fromEtcdRevision(response.header.revision) };
  }

  async range(options: RangeOptions, signal?: AbortSignal): Promise<RangeResult> {
    this.#mustBeOpen();
    const { prefix, startKey, revision, limit } = options;
    const request = {
      ...this.#keys.range(prefix, startKey),
      ...(revision === undefined ? {} : { revision: this.#toPast(revision) }),
      ...(limit === undefined ? {} : { limit }),
    };
    if (Buffer.compare(request.key, request.rangeEnd) >= 0) {
      const { revision: now } = await this.get(prefix, signal);
      return { records: [], revision: revision ?? now, remaining: 0 };
    }
    const response = await this.#read(request, signal);
    return {
      records: response.kvs.map((kv) => this.#keys.record(kv)),
      revision: revision ?? this.#keys.fromEtcdRevision(response.header.revision),
      remaining: Number(response.count) - response.kvs.length,
    };
  }

  async create(key: string, value: Uint8Array, options?: { ttlSeconds?: number }): Promise<CreateResult> {
    this.#mustBeOpen();
    const answer = await this.#put(key, value, 0, options?.ttlSeconds);
    if (answer.kind === 'written') return { kind: 'created', revision: answer.revision };
    if (answer.current !== undefined) return { kind: 'exists', record: answer.current };
    // It was there when the answer got lost, and is gone since: the caller may try again.
    throw new StoreError('ambiguous', `whether ${key} was created is not known`);
  }

  async update(
    key: string,
    value: Uint8Array,
    expectedModRevision: number,
    options?: { ttlSeconds?: number },
  ): Promise<UpdateResult> {
    this.#mustBeOpen();
    const answer = await this.#put(key, value, expectedModRevision, options?.ttlSeconds);
    if (answer.kind === 'written') return { kind: 'updated', revision: answer.revision };
    return { kind: 'conflict', current: answer.current };
  }

  async delete(key: string, expectedModRevision: number): Promise<DeleteResult> {
    this.#mustBeOpen();
    const operation = { requestDeleteRange: { key: this.#keys.toEtcd(key), prevKv: true } };
    const answer = await this.#track(
      this.#sendOnce({ key, expectedModRevision, operation, value: undefined }),
    );
    if (answer.kind === 'refused') return { kind: 'conflict', current: answer.current };
    const [deleted] = answer.response.responses[0]?.responseDeleteRange?.prevKvs ?? [];
    if (deleted === undefined)
      throw new StoreError('corrupt', `etcd deleted ${key} without telling what it was`);
    return { kind: 'deleted', revision: answer.revision, record: this.#keys.record(deleted) };
  }

  async *watch(options: {
    readonly prefix: string;
    readonly afterRevision: number;
    readonly signal: AbortSignal;
  }): AsyncGenerator<WatchBatch> {
    this.#mustBeOpen();
    const stop = new AbortController();
    const onStop = (): void => {
      stop.abort();
    };
    for (const signal of [options.signal, this.#closing.signal]) {
      signal.addEventListener('abort', onStop, { once: true });
      if (signal.aborted) stop.abort();
    }
    try {
      yield* watchEtcd({
        ...options,
        signal: stop.signal,
        client: this.#client,
        keys: this.#keys,
        progress: this.#progress,
        log: this.#options.log,
        clock: this.#clock,
      });
    } finally {
      for (const signal of [options.signal, this.#closing.signal])
        signal.removeEventListener('abort', onStop);
    }
  }

  requestProgress({ mayWrite = false } = {}): boolean {
    if (this.#closing.signal.aborted) return false;
    const ordered = this.#progress.request();
    if (!ordered && mayWrite) {
      this.#track(this.#progress.write()).catch((error: unknown) => {
        // Who waits for progress asks again, or gives up and says so.
        this.#options.log.debug('etcd could not be asked for progress', { err: error });
      });
    }
    return ordered;
  }

  get compactedBefore(): number {
    return this.#compactedBefore;
  }

  async compact(revision: number): Promise<void> {
    this.#mustBeOpen();
    try {
      const etcdRevision = this.#keys.toEtcdRevision(revision);
      // Before this etcd held the cluster there is nothing to forget.
      if (etcdRevision <= 0) return;
      await this.#track(this.#client.compact(etcdRevision));
      this.#noteCompaction(revision);
    } catch (error) {
      const problem = storeErrorOf(error);
      // What is compacted already needs no more.
      if (problem.code !== 'compacted') throw problem;
    }
  }

  async status(): Promise<StoreStatus> {
    const { revision } = await this.get('/registry/');
    try {
      const [answer, compactRevision] = await this.#track(
        Promise.all([this.#client.status(), probeCompactRevision(this.#client, this.#keys)]),
      );
      this.#noteCompaction(compactRevision);
      const sizeBytes = Number(answer?.dbSize ?? 0);
      const problem = this.#problem(answer?.errors ?? []);
      return { backend: 'etcd', revision, compactRevision, sizeBytes, ...(problem && { problem }) };
    } catch (error) {
      throw storeErrorOf(error);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#underWay);
    this.#client.close();
  }

  /** Closing waits for it, the lease included. */
  #put(
    key: string,
    value: Uint8Array,
    expectedModRevision: number,
    ttlSeconds: number | undefined,
  ): Promise<WriteAnswer> {
    const put = { key: this.#keys.toEtcd(key), value };
    if (ttlSeconds === undefined)
      return this.#track(this.#sendOnce({ key, expectedModRevision, operation: { requestPut: put }, value }));
    return this.#track(
      this.#leases.withLease(ttlSeconds, (lease) =>
        this.#sendOnce({ key, expectedModRevision, operation: { requestPut: { ...put, lease } }, value }),
      ),
    );
  }

  #sendOnce(write: EtcdWrite): Promise<WriteAnswer> {
    return sendOnce(this.#client, this.#keys, write);
  }

  /** A linearizable read. Rejects with StoreError or the signal's reason. */
  async #read(request: RangeRequest, signal?: AbortSignal): Promise<RangeResponse> {
    try {
      return await this.#track(this.#client.range(request, signal));
    } catch (error) {
      signal?.throwIfAborted();
      const problem = storeErrorOf(error);
      if (problem.code !== 'compacted') throw problem;
      const compactRevision = await this.#probeCompactRevision();
      throw new StoreError(
        'compacted',
        `revision ${this.#keys.fromEtcdRevision(request.revision ?? 0)} is gone: history begins at ${compactRevision}`,
        {
          cause: error,
          compactRevision,
        },
      );
    }
  }

  /** Throws `compacted` for a revision from before this etcd held the cluster. */
  #toPast(revision: number): number {
    const etcdRevision = this.#keys.toEtcdRevision(revision);
    if (etcdRevision > 0) return etcdRevision;
    const compactRevision = this.#keys.revisionOffset + 1;
    throw new StoreError('compacted', `revision ${revision} is gone: history begins at ${compactRevision}`, {
      compactRevision,
    });
  }

  async #probeCompactRevision(): Promise<number> {
    try {
      const revision = await this.#track(probeCompactRevision(this.#client, this.#keys));
      this.#noteCompaction(revision);
      return revision;
    } catch (error) {
      throw storeErrorOf(error);
    }
  }

  #noteCompaction(revision: number): void {
    this.#compactedBefore = Math.max(this.#compactedBefore, revision);
  }

  #problem(errors: readonly string[]): StoreProblem | undefined {
    const message = refusalOfWrites(errors);
    if (message === undefined) {
      this.#refusingSinceMs = undefined;
      return undefined;
    }
    this.#refusingSinceMs ??= this.#clock.now();
    return { kind: 'refusing-writes', sinceMs: this.#refusingSinceMs, message };
  }

  async #track<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    try {
      return await work;
    } finally {
      this.#underWay.delete(work);
    }
  }

  #first(response: RangeResponse): StoredRecord | undefined {
    const [kv] = response.kvs;
    return kv && this.#keys.record(kv);
  }

  #mustBeOpen(): void {
    if (this.#closing.signal.aborted) throw new StoreError('closed', 'the store is closed');
  }
}

/** A member lists its alarms among its errors: `memberID:… alarm:NOSPACE`. */
function refusalOfWrites(errors: readonly string[]): string | undefined {
  const alarms = errors.filter((error) => error.includes('alarm:'));
  if (alarms.length === 0) return undefined;
  const advice = alarms.some((alarm) => alarm.includes('NOSPACE'))
    ? ': compact and defragment it or raise --quota-backend-bytes, then disarm the alarm (etcdctl alarm disarm)'
    : '';
  return `etcd refuses writes (${alarms.map((alarm) => alarm.trim()).join(', ')})${advice}`;
}
