/** etcd tells its compaction revision only to a watch that begins before it. */
import type { EtcdClient } from './etcd-client.js';
import { EtcdCallError } from './etcd-errors.js';
import type { EtcdKeys } from './etcd-keys.js';
import type { WatchResponse } from './etcd-messages.js';

/** In the store's revisions; 0 when nothing was compacted. Rejects with EtcdCallError, StoreError. */
export async function probeCompactRevision(client: EtcdClient, keys: EtcdKeys): Promise<number> {
  const key = keys.toEtcd('/registry/');
  try {
    await client.range({ key, revision: 1 });
    return keys.revisionOffset === 0 ? 0 : keys.revisionOffset + 1;
  } catch (error) {
    if (!(error instanceof EtcdCallError) || error.kind !== 'compacted') throw error;
  }
  const { stream, endpoint } = await client.watch();
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
      if (response.canceled) return keys.fromEtcdRevision(response.compactRevision);
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EtcdCallError('connection', `etcd at ${endpoint.url}: ${reason}`, { cause });
  } finally {
    stream.cancel();
  }
  throw new EtcdCallError(
    'connection',
    `etcd at ${endpoint.url} ended the watch that asks for the compaction revision`,
  );
}
