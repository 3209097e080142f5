import t from 'tap';
import { ManualClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import type { Lease } from '../../../api/generated/coordination-v1.js';
import { leases } from '../../../api/resources.js';
import { decideOnLease, runAsLeader } from '../../../client/leader-election.js';
import { createMemoryClient } from '../../../client/memory-client.js';
import type { MemoryClient } from '../../../client/memory-client.js';
import { settle } from './eventually.js';

const at = { namespace: 'kube-system', name: 'test' };

function candidate(client: MemoryClient, clock: ManualClock, identity: string) {
  const abort = new AbortController();
  const state = { leading: false, failure: undefined as unknown };
  const ended = runAsLeader(
    { client, lease: at, identity, log: silentLogger, clock, random: () => 0 },
    async (signal) => {
      state.leading = true;
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve, { once: true });
      });
      state.leading = false;
    },
    abort.signal,
  ).catch((error: unknown) => {
    state.failure = error;
  });
  const stop = async (): Promise<void> => {
    abort.abort();
    await ended;
  };
  return { state, stop };
}

async function pass(clock: ManualClock, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    clock.advance(1_000);
    await settle(10);
  }
}

void t.test('what a candidate does about a lease', (t) => {
  const held = (holderIdentity: string) => ({ spec: { holderIdentity, leaseDurationSeconds: 15 } }) as Lease;
  t.equal(decideOnLease(undefined, 'a', 0), 'create');
  t.equal(decideOnLease(held('a'), 'a', 60_000), 'renew');
  t.equal(decideOnLease(held(''), 'a', 0), 'take-over');
  t.equal(decideOnLease(held('b'), 'a', 15_000), 'wait');
  t.equal(decideOnLease(held('b'), 'a', 15_001), 'take-over');
  t.end();
});

void t.test('one leads, the other follows when the first stops', async (t) => {
  const clock = new ManualClock();
  const client = createMemoryClient({ clock });
  const first = candidate(client, clock, 'first');
  await settle();
  const second = candidate(client, clock, 'second');
  await pass(clock, 60);
  t.strictSame([first.state.leading, second.state.leading], [true, false]);
  await first.stop();
  t.equal(first.state.failure, undefined);
  await pass(clock, 3);
  t.equal(second.state.leading, true, 'at once, because the lease was given back');
  const lease = await client.resource(leases).get(at);
  t.match(lease.spec, { holderIdentity: 'second', leaseTransitions: 1, leaseDurationSeconds: 15 });
  t.match(lease.spec.renewTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  await second.stop();
});

void t.test('a leader whose lease was taken stops working and says so', async (t) => {
  const clock = new ManualClock();
  const client = createMemoryClient({ clock });
  const first = candidate(client, clock, 'first');
  await settle();
  t.equal(first.state.leading, true);
  await client.resource(leases).patch(at, 'merge', { spec: { holderIdentity: 'somebody' } });
  await pass(clock, 12);
  t.equal(first.state.leading, false);
  t.match(first.state.failure, /leadership of test was lost/);
  await first.stop();
});

void t.test('a leader that vanished is followed after its lease has run out', async (t) => {
  const clock = new ManualClock();
  const client = createMemoryClient({ clock });
  await client.resource(leases).create({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: at,
    spec: { holderIdentity: 'vanished', leaseDurationSeconds: 15, renewTime: '2099-01-01T00:00:00.000000Z' },
  });
  const second = candidate(client, clock, 'second');
  await pass(clock, 14);
  t.equal(second.state.leading, false);
  await pass(clock, 4);
  t.equal(second.state.leading, true, 'whatever its clock said');
  await second.stop();
});
