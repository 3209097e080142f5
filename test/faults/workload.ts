/**
 * 32 clients on some twenty ConfigMaps of one namespace. Each does one operation after the other and has a watch besides;
 * what they do is chosen by the seed, when they get to it is not. Every fourth speaks HTTP/1.1.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { FinalView, Version } from '../support/history/history.js';
import { seededRandom } from '../support/seeded-random.js';
import { below, between, pick } from './choose.js';
import type { Random } from './choose.js';
import { Client } from './client.js';
import type { Counts } from './client.js';
import { groups } from './config-maps.js';
import { Follower } from './follower.js';
import type { Recorder } from './recorder.js';
import { http1Transport, http2Transport } from './transport.js';
import type { Identity } from './transport.js';
import { watchFrom, watchWithInitialEvents } from './watching.js';
import type { WatchContext } from './watching.js';

export const keyNames = Array.from({ length: 20 }, (_, index) => `k${String(index).padStart(2, '0')}`);
export const clientCount = 32;

/** A request that takes longer has no known outcome. */
const deadlineMs = 3_000;
/** Between two operations of a client. */
const thinkMs = [30, 170] as const;
/** How long a watch is kept that could go on. */
const watchMs = [200, 2_500] as const;
const pauseMs = [20, 200] as const;

export interface WorkloadOptions {
  readonly seed: number;
  /** The servers, which the clients share out among themselves. */
  readonly servers: readonly Identity[];
  readonly namespace: string;
  readonly recorder: Recorder;
  readonly counts: Counts;
  readonly unexpected: string[];
}

interface Member {
  readonly index: number;
  readonly client: Client;
  readonly context: WatchContext;
  readonly follower: Follower | undefined;
}

export class Workload {
  readonly #options: WorkloadOptions;
  readonly #members: readonly Member[];
  readonly #stopping = new AbortController();
  readonly #following: Promise<unknown>;
  #values = 0;

  constructor(options: WorkloadOptions) {
    this.#options = options;
    setMaxListeners(0, this.#stopping.signal);
    this.#members = Array.from({ length: clientCount }, (_, index) => this.#member(index));
    this.#following = Promise.all(
      this.#members.flatMap(({ index, follower }) => {
        const { signal } = this.#stopping;
        const wait = this.#pauseOf(seededRandom(options.seed + index), signal);
        return follower === undefined ? [] : [follower.run(signal, wait)];
      }),
    );
  }

  /** Operations and short watches until the signal aborts; then whatever is under way comes to its end. */
  async run(round: number, signal: AbortSignal): Promise<void> {
    setMaxListeners(0, signal); // of each client's pauses and watches
    await Promise.all(
      this.#members.flatMap((member) => {
        const randomOf = (use: number): Random =>
          seededRandom(this.#options.seed * 1_000_003 + round * 1_009 + member.index * 7 + use);
        const operating = this.#operate(member, randomOf(0), signal);
        return member.follower === undefined
          ? [operating, this.#watch(member, randomOf(1), signal)]
          : [operating];
      }),
    );
  }

  /** What those who follow hold once they have come so far. */
  views(revision: number, signal: AbortSignal): Promise<FinalView[]> {
    return Promise.all(
      this.#members.flatMap(({ follower }) =>
        follower === undefined ? [] : [follower.viewAt(revision, signal)],
      ),
    );
  }

  /** A client for each server, for what the rounds themselves need. */
  get probes(): readonly Client[] {
    return this.#members.slice(0, this.#options.servers.length).map(({ client }) => client);
  }

  /** Where the farthest of those who follow is, and goes on after a break. */
  get farthest(): number {
    return Math.max(0, ...this.#members.map(({ follower }) => follower?.revision ?? 0));
  }

  nextValue(client: Client): string {
    const number = this.#values++;
    return `${client.name}-${number}.${groups[number % groups.length] ?? ''}`;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const { client } of this.#members) client.transport.close();
    await this.#following;
  }

  #member(index: number): Member {
    const { servers, namespace, recorder, counts, unexpected } = this.#options;
    const serverIndex = index % servers.length;
    const identity = servers[serverIndex];
    if (identity === undefined) throw new Error('a workload needs a server');
    const transport = index % 4 === 3 ? http1Transport(identity) : http2Transport(identity);
    const name = `c${String(index).padStart(2, '0')}@${serverIndex}`;
    const shared = { transport, namespace, recorder, counts, unexpected, deadlineMs };
    const client = new Client({ name, ...shared });
    const context = { client: name, ...shared };
    const isFollower = index % 8 < 2;
    return {
      index,
      client,
      context,
      follower: isFollower ? new Follower(client, context, index % 16 < 8) : undefined,
    };
  }

  async #operate({ client }: Member, random: Random, signal: AbortSignal): Promise<void> {
    const known = new Map<string, Version>();
    const seen = { lastRevision: this.#options.recorder.startRevision };
    while (!signal.aborted) {
      const wasSent = await this.#operateOnce(client, random, known, seen);
      await pause(between(random, wasSent ? thinkMs : pauseMs), signal);
    }
  }

  /** False when there was no connection. */
  async #operateOnce(
    client: Client,
    random: Random,
    known: Map<string, Version>,
    seen: { lastRevision: number },
  ): Promise<boolean> {
    const key = pick(random, keyNames);
    const choice = random();
    if (choice < 0.2) {
      const listed = await client.list(this.#listOptions(random, seen.lastRevision));
      if (listed.kind !== 'listed') return listed.kind !== 'failed';
      seen.lastRevision = Math.max(seen.lastRevision, listed.revision);
      for (const [name, version] of listed.items) known.set(name, version);
      return true;
    }
    // Often enough from what was known a while ago: such a comparison must fail.
    const current = random() < 0.8 ? await client.get(key) : known.get(key);
    if (current === 'failed') return false;
    if (current === undefined) {
      if (choice < 0.3)
        return (await client.patch(key, this.nextValue(client), below(random, 3))) !== undefined;
      const value = this.nextValue(client);
      const created = await client.create(key, value);
      if (created?.kind === 'written') known.set(key, { value, revision: created.revision });
      return created !== undefined;
    }
    known.set(key, current);
    if (choice < 0.35) return true;
    if (choice < 0.5) return (await client.delete(key, current)) !== undefined;
    const value = this.nextValue(client);
    const outcome =
      choice < 0.75
        ? await client.update(key, value, current)
        : await client.patch(key, value, below(random, 3));
    if (outcome?.kind === 'written') known.set(key, { value, revision: outcome.revision });
    return outcome !== undefined;
  }

  #listOptions(random: Random, lastRevision: number): Parameters<Client['list']>[0] {
    const group = random() < 0.3 ? { group: pick(random, groups) } : {};
    const limit = random() < 0.4 ? { limit: 1 + below(random, 8) } : {};
    switch (below(random, 4)) {
      case 0:
        return { ...group, ...limit, asked: { match: 'not older', revision: lastRevision } };
      case 1:
        return { ...group, ...limit, asked: { match: 'exact', revision: aWhileAgo(lastRevision, random) } };
      default:
        return { ...group, ...limit };
    }
  }

  /** One short watch after the other, of each kind. */
  async #watch({ index, client, context }: Member, random: Random, signal: AbortSignal): Promise<void> {
    const wait = this.#pauseOf(random, signal);
    while (!signal.aborted) {
      const some = AbortSignal.any([signal, AbortSignal.timeout(Math.round(between(random, watchMs)))]);
      if (index % 8 < 4) await watchWithInitialEvents(context, some);
      else {
        const group = index % 8 >= 6 ? pick(random, groups) : undefined;
        const afterRevision = await this.#whereToBegin(client, random, group);
        if (afterRevision !== undefined)
          await watchFrom(
            context,
            { afterRevision, bookmarks: random() < 0.5, ...(group === undefined ? {} : { group }) },
            some,
          );
      }
      await wait();
    }
  }

  /** Now, or a while ago: some of that is forgotten by then, which is told by 410. */
  async #whereToBegin(
    client: Client,
    random: Random,
    group: string | undefined,
  ): Promise<number | undefined> {
    const listed = await client.list();
    if (listed.kind !== 'listed') return undefined;
    if (group !== undefined || random() < 0.3) return listed.revision;
    return aWhileAgo(listed.revision, random);
  }

  #pauseOf(random: Random, signal: AbortSignal): () => Promise<void> {
    return () => pause(between(random, pauseMs), signal);
  }
}

/** So long ago at times that nobody knows it any more. */
function aWhileAgo(revision: number, random: Random): number {
  return Math.max(1, revision - below(random, pick(random, [5, 50, 500, 20_000])));
}

/** Clients have pauses: not a wait for anything, but part of what they do. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal }).catch(() => undefined);
}
