/**
 * The etcd backend: the layout, transactions and leases that Kubernetes uses, so that the tools of etcd work on it.
 *
 * A write is one transaction that compares the key's modification revision. It is sent once. When its answer is
 * lost the key is read back: what is found decides, and where it cannot, the caller is told `ambiguous`.
 */
import { status as grpcStatus } from '@grpc/grpc-js';
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
  StoreStatus,
  UpdateResult,
  WatchBatch,
} from '../../store.js';
import { EtcdClient, grpcCode, isTransportError } from './etcd-client.js';
import type { EtcdTlsFiles } from './etcd-client.js';
import { EtcdKeys } from './etcd-keys.js';
import { EtcdLeases } from './etcd-leases.js';
import type { RangeRequest, RangeResponse, RequestOp, TxnResponse, WatchResponse } from './etcd-messages.js';
import { watchEtcd } from './watch-etcd.js';

export interface EtcdStoreOptions {
  readonly backend: 'etcd';
  /** Client URLs, `http://` or `https://`; the first that answers is used, the others when it fails. */
  readonly endpoints: readonly string[];
  /** What stands for `/registry` in etcd's keys, as `--etcd-prefix` of the kube-apiserver. */
  readonly prefix?: string;
  /** PEM files for https endpoints. */
  readonly tls?: EtcdTlsFiles;
  readonly log: Logger;
  readonly clock?: Clock;
  /** History younger than this is kept, up to twice as long; 5 minutes unless told, 0 leaves compaction to others. */
  readonly compactionIntervalMs?: number;
}

const defaultCompactionIntervalMs = 5 * 60_000;
const readTries = 3;
/** etcd refuses requests above 1.5 MiB by default; what of a refusal's reasons this is shows by the size. */
const largeValueBytes = 1024 * 1024;

/** Connects and makes one read. Throws `unavailable` when no endpoint answers. */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  const store = new EtcdStore(options);
  try {
    await store.get('/registry/');
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
  readonly #options: EtcdStoreOptions;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #underWay = new Set<Promise<unknown>>();
  /** What this process has compacted itself; others' compactions show when etcd is asked. */
  #compactedBefore = 0;
  #cancelCompaction: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: EtcdStoreOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#client = new EtcdClient(options.endpoints, options.tls);
    this.#keys = new EtcdKeys(options.prefix ?? '/registry');
    this.#leases = new EtcdLeases(this.#client, this.#clock);
    this.#scheduleCompaction(undefined);
  }

  async get(
    key: string,
    signal?: AbortSignal,
  ): Promise<{ record: StoredRecord | undefined; revision: number }> {
    this.#mustBeOpen();
    const response = await this.#read({ key: this.#keys.toEtcd(key) }, signal);
    return { record: this.#first(response), revision: Number(response.header.revision) };
  }

  async range(options: RangeOptions, signal?: AbortSignal): Promise<RangeResult> {
    this.#mustBeOpen();
    const { prefix, startKey, revision, limit } = options;
    const request = {
      ...this.#keys.range(prefix, startKey),
      ...(revision === undefined ? {} : { revision }),
      ...(limit === undefined ? {} : { limit }),
    };
    if (Buffer.compare(request.key, request.rangeEnd) >= 0) {
      const { revision: now } = await this.get(prefix, signal);
      return { records: [], revision: revision ?? now, remaining: 0 };
    }
    const response = await this.#read(request, signal);
    return {
      records: response.kvs.map((kv) => this.#keys.record(kv)),
      revision: revision ?? Number(response.header.revision),
      remaining: Number(response.count) - response.kvs.length,
    };
  }

  async create(key: string, value: Uint8Array, options?: { ttlSeconds?: number }): Promise<CreateResult> {
    this.#mustBeOpen();
    const answer = await this.#write(key, 0, this.#put(key, value, options?.ttlSeconds), value);
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
    const put = this.#put(key, value, options?.ttlSeconds);
    const answer = await this.#write(key, expectedModRevision, put, value);
    if (answer.kind === 'written') return { kind: 'updated', revision: answer.revision };
    return { kind: 'conflict', current: answer.current };
  }

  async delete(key: string, expectedModRevision: number): Promise<DeleteResult> {
    this.#mustBeOpen();
    const request = Promise.resolve({ requestDeleteRange: { key: this.#keys.toEtcd(key), prevKv: true } });
    const answer = await this.#write(key, expectedModRevision, request, undefined);
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
        log: this.#options.log,
        clock: this.#clock,
      });
    } finally {
      for (const signal of [options.signal, this.#closing.signal])
        signal.removeEventListener('abort', onStop);
    }
  }

  /** Progress on request may overtake events before etcd 3.4.25 and 3.5.8; nothing is asked of any version yet. */
  requestProgress(): boolean {
    return false;
  }

  get compactedBefore(): number {
    return this.#compactedBefore;
  }

  async compact(revision: number): Promise<void> {
    this.#mustBeOpen();
    try {
      await this.#track(this.#client.compact(revision));
      this.#compactedBefore = Math.max(this.#compactedBefore, revision);
    } catch (error) {
      const problem = await this.#asStoreError(error, revision);
      // What is compacted already needs no more.
      if (problem.code !== 'compacted') throw problem;
    }
  }

  async status(): Promise<StoreStatus> {
    const { revision } = await this.get('/registry/');
    const { dbSize } = await this.#call(() => this.#client.status());
    return {
      backend: 'etcd',
      revision,
      compactRevision: await this.#probeCompactRevision(),
      sizeBytes: Number(dbSize),
    };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#cancelCompaction?.();
    this.#closing.abort();
    await Promise.allSettled(this.#underWay);
    this.#client.close();
  }

  async #put(key: string, value: Uint8Array, ttlSeconds: number | undefined): Promise<RequestOp> {
    const put = { key: this.#keys.toEtcd(key), value };
    if (ttlSeconds === undefined) return { requestPut: put };
    const lease = await this.#call(() => this.#leases.leaseFor(ttlSeconds));
    return { requestPut: { ...put, lease } };
  }

  /** Sends a write once. `value` is undefined for a deletion. Closing waits for it, the lease included. */
  async #write(
    key: string,
    expectedModRevision: number,
    operation: Promise<RequestOp>,
    value: Uint8Array | undefined,
  ): Promise<WriteAnswer> {
    return this.#track(operation.then((op) => this.#sendOnce(key, expectedModRevision, op, value)));
  }

  async #sendOnce(
    key: string,
    expectedModRevision: number,
    operation: RequestOp,
    value: Uint8Array | undefined,
  ): Promise<WriteAnswer> {
    const etcdKey = this.#keys.toEtcd(key);
    try {
      const response = await this.#client.txn({
        compare: [{ result: 'EQUAL', target: 'MOD', key: etcdKey, modRevision: expectedModRevision }],
        success: [operation],
        failure: [{ requestRange: { key: etcdKey } }],
      });
      const revision = Number(response.header.revision);
      if (response.succeeded) return { kind: 'written', revision, response };
      const found = response.responses[0]?.responseRange;
      return { kind: 'refused', current: found && this.#first(found) };
    } catch (error) {
      if (isTransportError(error)) return this.#readBack(key, expectedModRevision, value, error);
      if (isRefusalOfSize(error, value)) {
        throw new StoreError('too-large', `etcd refuses the ${value?.byteLength ?? 0} bytes of ${key}`, {
          cause: error,
        });
      }
      throw await this.#asStoreError(error);
    }
  }

  /** The answer to a write was lost. The key as it is now may tell what became of it. */
  async #readBack(
    key: string,
    expectedModRevision: number,
    value: Uint8Array | undefined,
    cause: unknown,
  ): Promise<WriteAnswer> {
    let current: StoredRecord | undefined;
    try {
      current = this.#first(await this.#read({ key: this.#keys.toEtcd(key) }));
    } catch {
      // The read failed for the reason that the write did, which is reported.
      throw new StoreError('ambiguous', `whether ${key} was written is not known`, { cause });
    }
    if (
      value !== undefined &&
      current !== undefined &&
      current.modRevision > expectedModRevision &&
      Buffer.compare(current.value, value) === 0
    ) {
      const response = { header: { revision: String(current.modRevision) }, succeeded: true, responses: [] };
      return { kind: 'written', revision: current.modRevision, response };
    }
    // Overwritten by somebody: our comparison can no longer hold, but may have held before.
    // Unchanged: our write may still be on its way. Neither is an answer.
    throw new StoreError('ambiguous', `whether ${key} was written is not known`, { cause });
  }

  /** A linearizable read, tried on other endpoints when one fails. Rejects with the signal's reason. */
  async #read(request: RangeRequest, signal?: AbortSignal): Promise<RangeResponse> {
    try {
      return await this.#call(() => this.#client.range(request, signal), request.revision);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  }

  /** A call that may be repeated. `revision` is the one asked for, to explain a refusal. */
  async #call<T>(call: () => Promise<T>, revision?: number): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#track(call());
      } catch (error) {
        if (!isTransportError(error) || tries >= readTries) throw await this.#asStoreError(error, revision);
      }
    }
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

  async #asStoreError(error: unknown, revision?: number): Promise<StoreError> {
    if (error instanceof StoreError) return error;
    if (grpcCode(error) === grpcStatus.OUT_OF_RANGE && revision !== undefined) {
      // etcd has one code for both; which one it is shows the current revision.
      const now = Number(
        (await this.#client.range({ key: this.#keys.toEtcd('/registry/') })).header.revision,
      );
      if (revision > now) {
        return new StoreError('future-revision', `revision ${revision} is above ${now}`, { cause: error });
      }
      return new StoreError('compacted', `revision ${revision} is gone`, {
        cause: error,
        compactRevision: await this.#probeCompactRevision(),
      });
    }
    const reason = error instanceof Error ? error.message : String(error);
    return new StoreError('unavailable', `etcd refuses: ${reason}`, { cause: error });
  }

  /** etcd tells its compaction revision only to a watch that begins before it. 0 when nothing was compacted. */
  async #probeCompactRevision(): Promise<number> {
    const key = this.#keys.toEtcd('/registry/');
    try {
      await this.#client.range({ key, revision: 1 });
      return 0;
    } catch (error) {
      if (grpcCode(error) !== grpcStatus.OUT_OF_RANGE) throw await this.#asStoreError(error);
    }
    const stream = this.#client.watch();
    try {
      stream.write({
        createRequest: {
          key,
          rangeEnd: Buffer.concat([key, Buffer.from([0])]),
          startRevision: 1,
          progressNotify: false,
          prevKv: false,
          fragment: false,
        },
      });
      for await (const response of stream as AsyncIterable<WatchResponse>) {
        if (response.canceled) return Number(response.compactRevision);
      }
      throw new StoreError('unavailable', 'etcd ended the watch that asks for the compaction revision');
    } finally {
      stream.cancel();
    }
  }

  /** Like the kube-apiserver, every interval compacts to where the store was one interval before. */
  #scheduleCompaction(revision: number | undefined): void {
    const intervalMs = this.#options.compactionIntervalMs ?? defaultCompactionIntervalMs;
    if (intervalMs === 0) return;
    this.#cancelCompaction = this.#clock.schedule(intervalMs, () => {
      void this.#compactTo(revision);
    });
  }

  async #compactTo(revision: number | undefined): Promise<void> {
    let next: number | undefined;
    try {
      if (revision !== undefined) await this.compact(revision);
      next = (await this.get('/registry/')).revision;
    } catch (error) {
      if (!this.#closing.signal.aborted) {
        this.#options.log.warn('etcd could not be compacted; tried again later', { err: error });
      }
    }
    if (!this.#closing.signal.aborted) this.#scheduleCompaction(next);
  }

  #mustBeOpen(): void {
    if (this.#closing.signal.aborted) throw new StoreError('closed', 'the store is closed');
  }
}

type WriteAnswer =
  | { readonly kind: 'written'; readonly revision: number; readonly response: TxnResponse }
  | { readonly kind: 'refused'; readonly current: StoredRecord | undefined };

function isRefusalOfSize(error: unknown, value: Uint8Array | undefined): boolean {
  const code = grpcCode(error);
  return (
    (code === grpcStatus.INVALID_ARGUMENT || code === grpcStatus.RESOURCE_EXHAUSTED) &&
    (value?.byteLength ?? 0) >= largeValueBytes
  );
}
