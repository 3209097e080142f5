/**
 * Decides what becomes of an Event: a new object, a higher count on a known one, or nothing. Pure state.
 *
 * The same thing said again raises `count`. More than ten different messages for one reason within ten minutes are
 * combined into one Event. One source may say 25 things about an object in a burst, then one in five minutes.
 * These are the rules and numbers of client-go, so that `kubectl describe` reads as people know it.
 */
import type { Event, ObjectReference } from '../api/generated/core-v1.js';
import { timestamp } from './timestamps.js';

const combineAfter = 10;
const combineWindowMs = 600_000;
const burst = 25;
const refillMs = 300_000;
/** Keys remembered per table; the least recently used is forgotten. */
const rememberedKeys = 4096;

/** What somebody observed, before it is an Event object. */
export interface Observation {
  readonly about: ObjectReference;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly component: string;
  readonly host: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export type EventDecision =
  | { readonly kind: 'create'; readonly key: string; readonly event: EventDraft }
  | { readonly kind: 'repeat'; readonly key: string; readonly event: EventDraft; readonly name: string }
  | { readonly kind: 'drop' };

export type EventDraft = Omit<Event, 'metadata'> & { metadata: { name: string; namespace: string } };

interface Known {
  readonly name: string;
  count: number;
  readonly firstTimestamp: string;
}

export class EventCorrelator {
  readonly #known = new RecentMap<Known>();
  readonly #similar = new RecentMap<{ messages: Set<string>; lastAt: number }>();
  readonly #allowance = new RecentMap<{ tokens: number; at: number }>();
  readonly #random: () => number;
  #lastSuffix = 0n;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  decide(observation: Observation): EventDecision {
    if (!this.#allow(observation)) return { kind: 'drop' };
    const message = this.#combine(observation);
    const key = JSON.stringify([...identity(observation), message.combined ? '' : message.text]);
    const at = timestamp(observation.at);
    const known = this.#known.get(key);
    if (known === undefined) {
      const name = `${observation.about.name ?? ''}.${this.#nameSuffix(observation.at)}`;
      const fresh = { name, count: 1, firstTimestamp: at };
      this.#known.set(key, fresh);
      return { kind: 'create', key, event: draft(observation, message.text, fresh, at) };
    }
    known.count++;
    return { kind: 'repeat', key, name: known.name, event: draft(observation, message.text, known, at) };
  }

  /** The Event of a key is not on the server (expired, or never arrived): the next one is a new object. */
  forget(key: string): void {
    this.#known.delete(key);
  }

  /** A token bucket per source and object. */
  #allow({ about, component, host, at }: Observation): boolean {
    const key = JSON.stringify([component, host, about.kind, about.namespace, about.name, about.uid]);
    const bucket = this.#allowance.get(key) ?? { tokens: burst, at };
    bucket.tokens = Math.min(burst, bucket.tokens + (at - bucket.at) / refillMs);
    bucket.at = at;
    this.#allowance.set(key, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /**
   * Nanoseconds in hexadecimal, as Kubernetes names Events. The clock knows milliseconds; what is below is drawn, or the
   * scheduler and a kubelet that speak of a Pod in the same millisecond would give one name to two Events.
   */
  #nameSuffix(atMs: number): string {
    const nanoseconds =
      BigInt(Math.trunc(atMs)) * 1_000_000n + BigInt(Math.floor(this.#random() * 1_000_000));
    this.#lastSuffix = nanoseconds > this.#lastSuffix ? nanoseconds : this.#lastSuffix + 1n;
    return this.#lastSuffix.toString(16);
  }

  #combine(observation: Observation): { text: string; combined: boolean } {
    const key = JSON.stringify(identity(observation));
    let group = this.#similar.get(key);
    if (group === undefined || observation.at - group.lastAt > combineWindowMs) {
      group = { messages: new Set(), lastAt: observation.at };
    }
    group.lastAt = observation.at;
    if (group.messages.size < combineAfter) group.messages.add(observation.message);
    this.#similar.set(key, group);
    return group.messages.size < combineAfter
      ? { text: observation.message, combined: false }
      : { text: `(combined from similar events): ${observation.message}`, combined: true };
  }
}

function identity({ about, component, host, type, reason }: Observation): (string | undefined)[] {
  const { kind, namespace, name, uid, apiVersion, fieldPath } = about;
  return [component, host, kind, namespace, name, uid, apiVersion, fieldPath, type, reason];
}

function draft(observation: Observation, message: string, known: Known, lastTimestamp: string): EventDraft {
  const { about, component, host, reason, type } = observation;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    // An Event about a cluster-scoped object lives in `default`.
    metadata: { name: known.name, namespace: about.namespace ?? 'default' },
    involvedObject: about,
    reason,
    message,
    source: { component, ...(host === '' ? {} : { host }) },
    firstTimestamp: known.firstTimestamp,
    lastTimestamp,
    count: known.count,
    type,
    reportingComponent: component,
    reportingInstance: host,
  };
}

/** A map that forgets what was not used for longest. */
class RecentMap<V> {
  readonly #entries = new Map<string, V>();

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= rememberedKeys) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}
