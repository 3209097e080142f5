/** What `knarr store migrate` does with an etcd: reads all that a cluster has there, or fills it. */
import { UsageError } from '../../../../common/usage-error.js';
import { systemClock } from '../../../../common/clock.js';
import { StoreError } from '../../store.js';
import type { Store, StoredRecord } from '../../store.js';
import { EtcdClient } from './etcd-client.js';
import { EtcdKeys } from './etcd-keys.js';
import { openEtcdStore, revisionOffsetRecord } from './etcd-store.js';
import type { EtcdStoreOptions } from './etcd-store.js';

/** Where servers say that they are there, with a life of seconds; see `bootstrap/server-presence.ts`. */
const presenceFolder = '/registry/masterleases/';
const pageRecords = 500;
const writesAtATime = 64;
/** Records of one minute share a lease: thousands of Events would take thousands otherwise. */
const expiryGranularitySeconds = 60;

export interface EtcdContents {
  readonly revision: number;
  /** In the order of their keys, as of the revision, with the time at which they expire. */
  records(): AsyncGenerator<StoredRecord>;
  close(): Promise<void>;
}

/** Rejects with `locked` while a server is on it, with `unavailable` when it cannot be reached. */
export async function openEtcdContents(options: EtcdStoreOptions): Promise<EtcdContents> {
  const store = await openEtcdStore({ ...options, compactionIntervalMs: 0, startTimeoutMs: 0 });
  try {
    await mustBeUnused(store, options);
    const { revision } = await store.get('/registry/');
    const client = new EtcdClient({ ...options, clock: systemClock });
    return {
      revision,
      records: () => readRecords(store, client, options, revision),
      close: async () => {
        client.close();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/**
 * Writes all records into an etcd that has none below the prefix. Its revisions then go on above `afterRevision`, and
 * everything before is gone for watches and lists. Returns the revision at the end.
 */
export async function fillEtcd(
  options: EtcdStoreOptions,
  afterRevision: number,
  records: AsyncIterable<StoredRecord>,
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (bytes: number) => void },
): Promise<number> {
  await beginAbove(options, afterRevision);
  // Opened now: it reads the offset when it is opened.
  const store = await openEtcdStore({ ...options, compactionIntervalMs: 0, startTimeoutMs: 0 });
  try {
    const source = records[Symbol.asyncIterator]();
    let written = 0;
    const worker = async (): Promise<void> => {
      for (let next = await source.next(); next.done !== true; next = await source.next()) {
        signal.throwIfAborted();
        await writeOnce(store, next.value);
        written += next.value.value.byteLength;
        onProgress(written);
      }
    };
    await Promise.all(Array.from({ length: writesAtATime }, worker));
    const { revision } = await store.get('/registry/');
    await store.compact(revision);
    return revision;
  } finally {
    await store.close();
  }
}

/** Refuses an etcd in use or not empty; raises the offset of its revisions as far as needed. */
async function beginAbove(options: EtcdStoreOptions, afterRevision: number): Promise<void> {
  const store = await openEtcdStore({ ...options, compactionIntervalMs: 0, startTimeoutMs: 0 });
  try {
    await mustBeUnused(store, options);
    const prefix = options.prefix ?? '/registry';
    const { records } = await store.range({ prefix: '/registry/', limit: 1 });
    if (records.length > 0) {
      throw new UsageError(
        `there is something in etcd below ${prefix} (${records[0]?.key ?? ''}), and only an empty one is filled: ` +
          `choose another --etcd-prefix, or, if nobody needs it, etcdctl del --prefix ${prefix}/`,
      );
    }
    const { revision } = await store.get('/registry/');
    if (revision >= afterRevision) return;
    const keys = new EtcdKeys(prefix);
    const client = new EtcdClient({ ...options, clock: systemClock });
    try {
      const [kv] = (await client.range({ key: keys.own(revisionOffsetRecord) })).kvs;
      const offset = Number(kv?.value.toString() ?? 0) + afterRevision - revision;
      const put = { key: keys.own(revisionOffsetRecord), value: Buffer.from(String(offset)) };
      await client.txn({ compare: [], success: [{ requestPut: put }], failure: [] });
    } finally {
      client.close();
    }
  } finally {
    await store.close();
  }
}

async function mustBeUnused(store: Store, { endpoints }: EtcdStoreOptions): Promise<void> {
  const { records } = await store.range({ prefix: presenceFolder, limit: 1 });
  const [owner] = records;
  if (owner === undefined) return;
  throw new StoreError(
    'locked',
    `an apiserver (${owner.key.slice(presenceFolder.length)}) uses the etcd at ${endpoints.join(', ')}: ` +
      'stop the cluster first; a server that was killed is forgotten after 15 s',
  );
}

async function* readRecords(
  store: Store,
  client: EtcdClient,
  { prefix = '/registry' }: EtcdStoreOptions,
  revision: number,
): AsyncGenerator<StoredRecord> {
  const keys = new EtcdKeys(prefix);
  const expiries = new Map<string, Promise<number>>();
  let startKey = '';
  for (;;) {
    const page = await store.range({ prefix: '/registry/', startKey, limit: pageRecords, revision });
    const leases = await leasesOf(client, keys, page.records);
    for (const record of page.records) {
      const lease = leases.get(record.key);
      if (lease === undefined) {
        yield record;
        continue;
      }
      let expiry = expiries.get(lease);
      if (expiry === undefined) {
        expiry = client.leaseSecondsLeft(lease).then((seconds) => Date.now() + seconds * 1000);
        expiries.set(lease, expiry);
      }
      yield { ...record, expiresAtMs: await expiry };
    }
    const last = page.records.at(-1);
    if (page.remaining === 0 || last === undefined) return;
    startKey = `${last.key}\0`;
  }
}

/** By key, of the records that have one: the store does not tell of leases. */
async function leasesOf(
  client: EtcdClient,
  keys: EtcdKeys,
  records: readonly StoredRecord[],
): Promise<ReadonlyMap<string, string>> {
  const [first, last] = [records.at(0), records.at(-1)];
  if (first === undefined || last === undefined) return new Map();
  const rangeEnd = Buffer.concat([keys.toEtcd(last.key), Buffer.from([0])]);
  const { kvs } = await client.range({ key: keys.toEtcd(first.key), rangeEnd, keysOnly: true });
  return new Map(kvs.filter(({ lease }) => lease !== '0').map((kv) => [keys.fromEtcd(kv.key), kv.lease]));
}

/** An answer that is lost is no failure: what is there then is ours, nobody else writes here. */
async function writeOnce(store: Store, { key, value, expiresAtMs }: StoredRecord): Promise<void> {
  const options = expiresAtMs === undefined ? {} : { ttlSeconds: ttlUntil(expiresAtMs) };
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await store.create(key, value, options);
      if (answer.kind === 'exists' && Buffer.compare(answer.record.value, value) !== 0)
        throw new StoreError('locked', `somebody else writes into this etcd: ${key}`);
      return;
    } catch (error) {
      const mayTryAgain = error instanceof StoreError && ['ambiguous', 'unavailable'].includes(error.code);
      if (!mayTryAgain || attempt === 5) throw error;
    }
  }
}

function ttlUntil(expiresAtMs: number): number {
  const seconds = Math.max(1, Math.ceil((expiresAtMs - Date.now()) / 1000));
  return Math.ceil(seconds / expiryGranularitySeconds) * expiryGranularitySeconds;
}
