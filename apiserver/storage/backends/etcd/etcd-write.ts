/**
 * One write to etcd: a transaction that compares the key's modification revision. It is sent once. When its answer is
 * lost the key is read back: what is found decides, and where it cannot, the caller is told `ambiguous`.
 */
import { StoreError } from '../../store.js';
import type { StoredRecord } from '../../store.js';
import type { EtcdClient } from './etcd-client.js';
import { EtcdCallError, storeErrorOf } from './etcd-errors.js';
import type { EtcdKeys } from './etcd-keys.js';
import type { RangeResponse, RequestOp, TxnResponse } from './etcd-messages.js';

export interface EtcdWrite {
  readonly key: string;
  /** Of the store; 0 for a key that is not to be there. */
  readonly expectedModRevision: number;
  readonly operation: RequestOp;
  /** What is put; undefined for a deletion. */
  readonly value: Uint8Array | undefined;
}

export type WriteAnswer =
  | { readonly kind: 'written'; readonly revision: number; readonly response: TxnResponse }
  | { readonly kind: 'refused'; readonly current: StoredRecord | undefined };

/** Rejects with StoreError, `ambiguous` among them. */
export async function sendOnce(client: EtcdClient, keys: EtcdKeys, write: EtcdWrite): Promise<WriteAnswer> {
  const key = keys.toEtcd(write.key);
  const modRevision = keys.toEtcdExpectation(write.expectedModRevision);
  try {
    const response = await client.txn({
      compare: [{ result: 'EQUAL', target: 'MOD', key, modRevision }],
      success: [write.operation],
      failure: [{ requestRange: { key } }],
    });
    const revision = keys.fromEtcdRevision(response.header.revision);
    if (response.succeeded) return { kind: 'written', revision, response };
    const found = response.responses[0]?.responseRange;
    return { kind: 'refused', current: found && firstRecord(keys, found) };
  } catch (error) {
    if (error instanceof EtcdCallError && error.kind === 'connection')
      return readBack(client, keys, write, error);
    throw storeErrorOf(error);
  }
}

/**
 * The answer to a write was lost. The key as it is now may tell what became of it: our very bytes, written after
 * what we compared with, are our write, or the same one by somebody else, which comes to the same.
 */
async function readBack(
  client: EtcdClient,
  keys: EtcdKeys,
  { key, expectedModRevision, value }: EtcdWrite,
  cause: Error,
): Promise<WriteAnswer> {
  const ambiguous = (): StoreError =>
    new StoreError('ambiguous', `whether ${key} was written is not known: ${cause.message}`, { cause });
  let current: StoredRecord | undefined;
  try {
    current = firstRecord(keys, await client.range({ key: keys.toEtcd(key) }));
  } catch {
    // The read failed for the reason that the write did, which is reported.
    throw ambiguous();
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
  throw ambiguous();
}

function firstRecord(keys: EtcdKeys, { kvs }: RangeResponse): StoredRecord | undefined {
  const [kv] = kvs;
  return kv && keys.record(kv);
}
