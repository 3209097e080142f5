/** How the compaction revision is asked for when etcd fails midway. */
import { PassThrough } from 'node:stream';
import t from 'tap';
import type { EtcdClient } from '../../../apiserver/storage/backends/etcd/etcd-client.js';
import { EtcdCallError } from '../../../apiserver/storage/backends/etcd/etcd-errors.js';
import { EtcdKeys } from '../../../apiserver/storage/backends/etcd/etcd-keys.js';
import { probeCompactRevision } from '../../../apiserver/storage/backends/etcd/probe-compact-revision.js';

/** An etcd whose history is compacted, and whose watch ends like this. */
function compacted(end: (stream: PassThrough) => void): EtcdClient {
  const stream = Object.assign(new PassThrough({ objectMode: true }), { cancel: () => undefined });
  stream.write = () => {
    end(stream);
    return true;
  };
  return {
    range: () => Promise.reject(new EtcdCallError('compacted', 'planted')),
    watch: async () => ({ stream, endpoint: { url: 'http://etcd' } }),
  } as unknown as EtcdClient;
}

const keys = new EtcdKeys('/registry');

void t.test('the watch is told', async (t) => {
  const client = compacted((stream) => stream.push({ canceled: true, compactRevision: '7' }));
  t.equal(await probeCompactRevision(client, keys), 7);
});

void t.test('a connection that breaks meanwhile is an error of the call, not of the program', async (t) => {
  const client = compacted((stream) => stream.destroy(new Error('14 UNAVAILABLE: Connection dropped')));
  const error = await probeCompactRevision(client, keys).catch((reason: unknown) => reason);
  t.ok(error instanceof EtcdCallError);
  t.match(error, { kind: 'connection', message: 'etcd at http://etcd: 14 UNAVAILABLE: Connection dropped' });
});

void t.test('a watch that ends without a word', async (t) => {
  const client = compacted((stream) => stream.push(null));
  const error = await probeCompactRevision(client, keys).catch((reason: unknown) => reason);
  t.match(error, { kind: 'connection', message: /ended the watch/ });
});
