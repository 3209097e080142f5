/** What happens to an etcd of three members. */
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../support/until.js';
import type { EtcdCluster, RunningEtcd } from '../support/etcd.js';
import { below, between, pick } from './choose.js';
import type { Random } from './choose.js';
import type { Fault, Observed } from './fault.js';

const compactEveryMs = [100, 700] as const;
const callTimeoutMs = 2_000;
const healDeadlineMs = 60_000;

export function etcdFaults(cluster: EtcdCluster): readonly Fault[] {
  const { members } = cluster;
  return [
    {
      name: 'compact',
      inflict: async (random, observed) => compactAgainAndAgain(members, random, observed),
    },
    {
      name: 'move-leader',
      inflict: async (random) => {
        const leader = await oftenTheLeader(cluster, random);
        const others = [0, 1, 2].filter((index) => index !== leader);
        await moveLeader(cluster, leader, pick(random, others));
        return async () => undefined;
      },
    },
    {
      name: 'partition-member',
      inflict: async (random) => {
        await cluster.partition(await oftenTheLeader(cluster, random));
        return async () => {
          cluster.heal();
        };
      },
    },
    {
      name: 'freeze-member',
      inflict: async (random) => {
        const member = members[await oftenTheLeader(cluster, random)];
        member?.freeze();
        return async () => {
          member?.thaw();
        };
      },
    },
    {
      name: 'kill-member',
      inflict: async (random) => {
        const member = members[await oftenTheLeader(cluster, random)];
        await member?.kill();
        return async () => {
          await member?.start();
        };
      },
    },
    {
      name: 'kill-all-members',
      inflict: async (random) => {
        await Promise.all(members.map((member) => member.kill()));
        await delay(between(random, [0, 500]));
        return async () => {
          await Promise.all(members.map((member) => member.start()));
        };
      },
    },
    {
      // To end it takes a majority of the members.
      name: 'out-of-space',
      inflict: async (random) => {
        const isSet = await setAlarm(pick(random, members), 'ACTIVATE');
        return async () => {
          if (isSet)
            await until(
              'etcd takes writes again',
              () => setAlarm(pick(random, members), 'DEACTIVATE'),
              healDeadlineMs,
            );
        };
      },
    },
  ];
}

/** The leader in half of the cases, else any. */
async function oftenTheLeader(cluster: EtcdCluster, random: Random): Promise<number> {
  const any = below(random, cluster.members.length);
  return random() < 0.5 ? cluster.leader().catch(() => any) : any;
}

/** Somebody else compacts etcd, up to what the farthest follower has seen: the others may be told 410. */
function compactAgainAndAgain(
  members: readonly RunningEtcd[],
  random: Random,
  observed: Observed,
): () => Promise<void> {
  const stopping = new AbortController();
  const compacting = (async () => {
    while (!stopping.signal.aborted) {
      try {
        const member = pick(random, members);
        const revision = observed() - below(random, 200);
        await call(member, 'kv/compaction', { revision: String(Math.max(1, revision)) });
      } catch (error) {
        if (!isCallError(error)) throw error;
        // Another fault is in the way, or that much is compacted already: the next time.
      }
      await delay(between(random, compactEveryMs), undefined, { signal: stopping.signal }).catch(
        () => undefined,
      );
    }
  })();
  return async () => {
    stopping.abort();
    await compacting;
  };
}

/** Only the leader can, and not while a majority is missing: etcd then keeps the one that it has. */
async function moveLeader({ members }: EtcdCluster, from: number, to: number): Promise<void> {
  const [leader, other] = [members[from], members[to]];
  if (leader === undefined || other === undefined) throw new Error(`there are no members ${from} and ${to}`);
  try {
    const { header } = await call<{ header: { member_id: string } }>(other, 'maintenance/status', {});
    await call(leader, 'maintenance/transfer-leadership', { targetID: header.member_id });
  } catch (error) {
    if (!isCallError(error)) throw error;
  }
}

/**
 * As etcd does when its file has become too large: it takes no more writes. Member 0 means all. False when etcd could not
 * be told, because of another fault.
 */
async function setAlarm(member: RunningEtcd, action: 'ACTIVATE' | 'DEACTIVATE'): Promise<boolean> {
  try {
    await call(member, 'maintenance/alarm', { action, memberID: '0', alarm: 'NOSPACE' });
    return true;
  } catch (error) {
    if (isCallError(error)) return false;
    throw error;
  }
}

class EtcdAnswerError extends Error {}

/** No answer, or one that says no. */
function isCallError(error: unknown): boolean {
  return (
    error instanceof EtcdAnswerError ||
    (error instanceof Error && ['TypeError', 'TimeoutError', 'AbortError'].includes(error.name))
  );
}

/** Through etcd's JSON gateway. */
async function call<T>(member: RunningEtcd, what: string, body: object): Promise<T> {
  const response = await fetch(`${member.endpoint}/v3/${what}`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(callTimeoutMs),
  });
  const text = await response.text();
  if (!response.ok) throw new EtcdAnswerError(`etcd answered ${what} with ${response.status}: ${text}`);
  return JSON.parse(text) as T;
}
