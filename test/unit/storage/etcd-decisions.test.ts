/** What the etcd backend decides without an etcd: what an error means, which servers can be relied on, who compacts. */
import { Metadata, status } from '@grpc/grpc-js';
import t from 'tap';
import { EtcdCompaction } from '../../../apiserver/storage/backends/etcd/etcd-compaction.js';
import { callError, reasonOf, storeErrorOf } from '../../../apiserver/storage/backends/etcd/etcd-errors.js';
import type { EtcdCallError } from '../../../apiserver/storage/backends/etcd/etcd-errors.js';
import { EtcdKeys } from '../../../apiserver/storage/backends/etcd/etcd-keys.js';
import { EtcdLeases } from '../../../apiserver/storage/backends/etcd/etcd-leases.js';
import type { TxnRequest, TxnResponse } from '../../../apiserver/storage/backends/etcd/etcd-messages.js';
import { answersInOrder } from '../../../apiserver/storage/backends/etcd/etcd-progress.js';
import { StoreError } from '../../../apiserver/storage/store.js';
import { ManualClock } from '../../../common/clock.js';
import { silentLogger as log } from '../../../common/log.js';

function refused(code: status, details: string): EtcdCallError {
  const error = Object.assign(new Error(details), { code, details, metadata: new Metadata() });
  return callError('http://etcd:2379', error);
}

void t.test('what an error means: for repeating, for the store, for people', async (t) => {
  const table: [status, string, EtcdCallError['kind'], StoreError['code'], RegExp][] = [
    [status.UNAVAILABLE, 'Connection dropped', 'connection', 'unavailable', /Connection dropped/],
    [status.DEADLINE_EXCEEDED, 'Deadline exceeded after 10s', 'connection', 'unavailable', /Deadline/],
    [status.UNAVAILABLE, 'etcdserver: leader changed', 'connection', 'unavailable', /leader changed/],
    [status.UNAVAILABLE, 'etcdserver: request timed out', 'connection', 'unavailable', /timed out/],
    [status.UNAVAILABLE, 'etcdserver: no leader', 'not-begun', 'unavailable', /no leader/],
    [
      status.UNAVAILABLE,
      'No connection established. Last error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ',
      'not-begun',
      'unavailable',
      /2379: connect ECONNREFUSED 127\.0\.0\.1:1$/,
    ],
    [status.UNAUTHENTICATED, 'etcdserver: invalid auth token', 'token', 'unavailable', /token/],
    [
      status.OUT_OF_RANGE,
      'etcdserver: mvcc: required revision has been compacted',
      'compacted',
      'compacted',
      /compacted/,
    ],
    [
      status.OUT_OF_RANGE,
      'etcdserver: mvcc: required revision is a future revision',
      'future-revision',
      'future-revision',
      /future/,
    ],
    [status.INVALID_ARGUMENT, 'etcdserver: request is too large', 'too-large', 'too-large', /too large/],
    [
      status.RESOURCE_EXHAUSTED,
      'grpc: received message larger than max (3 vs. 2)',
      'too-large',
      'too-large',
      /larger/,
    ],
    [
      status.RESOURCE_EXHAUSTED,
      'etcdserver: mvcc: database space exceeded',
      'refused',
      'unavailable',
      /NOSPACE.*disarm/,
    ],
    [status.RESOURCE_EXHAUSTED, 'etcdserver: too many requests', 'refused', 'unavailable', /overloaded/],
    [status.NOT_FOUND, 'etcdserver: requested lease not found', 'lease-gone', 'unavailable', /lease/],
    [status.PERMISSION_DENIED, 'etcdserver: permission denied', 'refused', 'unavailable', /grant/],
    [status.DATA_LOSS, 'etcdserver: corrupt cluster', 'refused', 'unavailable', /corrupt cluster/],
  ];
  for (const [code, details, kind, storeCode, message] of table) {
    const error = refused(code, details);
    t.equal(error.kind, kind, details);
    t.match(error.message, message);
    t.match(error.message, 'etcd at http://etcd:2379: ', 'names the endpoint');
    t.match(storeErrorOf(error), { code: storeCode, message });
  }
  const own = new StoreError('closed', 'x');
  t.equal(storeErrorOf(own), own);
  t.match(
    reasonOf(
      'https://a',
      'No connection established. Last error: Error: wrong version number. Resolution note: ',
    ),
    /http:\/\//,
  );
  for (const last of ['read ECONNRESET', 'socket hang up'])
    t.match(
      reasonOf('https://a', `No connection established. Last error: Error: ${last}. Resolution note: `),
      /its URL begins with http:.*client certificate/,
    );
  t.match(
    reasonOf(
      'http://a',
      'No connection established. Last error: Failed to connect (2026-01-01T00:00:00.000Z). Resolution note: ',
    ),
    /^Failed to connect \(perhaps/,
  );
});

void t.test('from which version on a progress request is answered in order', async (t) => {
  const table = {
    '3.4.23': false,
    '3.4.25': true,
    '3.5.7': false,
    '3.5.8': true,
    '3.6.0': true,
    '4.0.0': true,
  };
  for (const [version, expected] of Object.entries({
    ...table,
    '': false,
    '3.5.8-rc.0': true,
    '2.3.8': false,
  }))
    t.equal(answersInOrder(version), expected, version);
});

void t.test('keys: the prefix stands for /registry, and what is our own is not shown', async (t) => {
  const keys = new EtcdKeys('two/');
  t.equal(keys.toEtcd('/registry/a').toString(), '/two/a');
  t.equal(keys.fromEtcd(Buffer.from('/two/a')), '/registry/a');
  t.throws(() => keys.toEtcd('/other/a'), RangeError);
  const { key, rangeEnd } = keys.range('/registry/a/');
  t.same([key.toString(), rangeEnd.toString()], ['/two/a/', '/two/a0']);
  const own = keys.own('x');
  const all = keys.range('/registry/');
  t.ok(Buffer.compare(own, all.key) < 0, 'a range of everything begins after it');
  t.ok(Buffer.compare(own, keys.watchRange('/registry/a/', true).key) > 0, 'a whole watch has it');
  t.equal(keys.isShown(own, '/registry/'), false);
  t.equal(keys.isShown(Buffer.from('/two/a/1'), '/registry/a/'), true);
  t.equal(keys.isShown(Buffer.from('/two/b/1'), '/registry/a/'), false);
});

/** The part of etcd that compaction needs. */
class CounterInEtcd {
  revision = 1;
  version = 0;
  readonly compactions: number[] = [];

  readonly txn = async (request: TxnRequest): Promise<TxnResponse> => {
    const [compare] = request.compare;
    const succeeded = compare?.target === 'VERSION' && compare.version === this.version;
    if (succeeded) {
      this.version++;
      this.revision++;
    }
    const kvs = [{ version: String(this.version) }];
    const responses = succeeded ? [{}] : [{ responseRange: { kvs } }];
    return { header: { revision: String(this.revision) }, succeeded, responses } as unknown as TxnResponse;
  };

  readonly compact = async (revision: number): Promise<void> => {
    this.compactions.push(revision);
  };
}

void t.test(
  'of three servers one compacts in an interval, to where the store was one interval before',
  async (t) => {
    const client = new CounterInEtcd();
    const clock = new ManualClock();
    const stop = new AbortController();
    const running = [0, 1, 2].map(async () => {
      await new EtcdCompaction({ client, clock, log, intervalMs: 300_000 }).run(stop.signal);
    });
    const revisions: number[] = [];
    for (let round = 0; round < 6; round++) {
      client.revision += 100;
      revisions.push(client.revision);
      clock.advance(300_000);
      while (clock.pendingTimers < 3) await new Promise((resolve) => setImmediate(resolve));
    }
    stop.abort();
    await Promise.all(running);
    // The first round moves the counter, the second one finds out who knows it; from then on one a round.
    t.equal(client.compactions.length, 5, 'not one for each server');
    for (const [index, revision] of client.compactions.entries()) {
      t.ok(
        revision >= (revisions[index] ?? 0) && revision < (revisions[index + 1] ?? 0),
        `round ${index}: ${revision}`,
      );
    }
  },
);

void t.test('leases: shared for a while, bounded, renewed when etcd forgot them', async (t) => {
  const granted: number[] = [];
  const clock = new ManualClock();
  const leases = new EtcdLeases(
    {
      grantLease: async (ttlSeconds) => {
        granted.push(ttlSeconds);
        return { ID: String(granted.length), error: '' };
      },
    },
    clock,
  );
  const use = (ttlSeconds: number): Promise<string> => leases.withLease(ttlSeconds, async (id) => id);
  t.same(await Promise.all([use(3600), use(3600), use(60)]), ['1', '1', '2']);
  t.same(granted, [3660, 63], 'a lease lasts as long as its last record, at least');
  clock.advance(60_001);
  t.equal(await use(3600), '3', 'after a minute another one');
  const many = await Promise.all(Array.from({ length: 1_500 }, () => use(3600)));
  t.equal(new Set(many).size, 2, 'no lease holds more than 1,000 records');

  let tries = 0;
  const gone = storeErrorOf(refused(status.NOT_FOUND, 'etcdserver: requested lease not found'));
  const written = await leases.withLease(3600, async (id) => {
    if (++tries === 1) throw gone;
    return id;
  });
  t.equal(written, String(granted.length), 'a new one');
  await t.rejects(
    leases.withLease(3600, async () => {
      throw gone;
    }),
    { code: 'unavailable' },
    'but not for ever',
  );
});
