/**
 * The whole table's content from that of all Services, kept up to date Service by Service: the cost of a change
 * does not grow with the number of Services. In memory only; not for concurrent use.
 */
import type { ServiceRules } from './compute-ruleset.js';
import { claimOf } from './ruleset.js';
import type { Element, Ruleset } from './ruleset.js';

/** Two Services claim the same address and port: the older one has it. */
export interface Conflict {
  readonly claim: string;
  readonly winner: string;
  readonly loser: string;
}

interface Claimant {
  readonly service: string;
  readonly createdAt: string;
  readonly element: Element;
}

/** A map that remembers what it held before, for the keys that changed since it was last asked. */
class TrackedMap<V> {
  readonly current = new Map<string, V>();
  #before = new Map<string, V | undefined>();

  put(key: string, value: V | undefined): void {
    if (!this.#before.has(key)) this.#before.set(key, this.current.get(key));
    if (value === undefined) this.current.delete(key);
    else this.current.set(key, value);
  }

  /** Changed keys with what they held, and with what they hold. Forgets them. */
  takeChanges(): { readonly before: Map<string, V>; readonly after: Map<string, V> } {
    const before = new Map<string, V>();
    const after = new Map<string, V>();
    for (const [key, old] of this.#before) {
      const now = this.current.get(key);
      if (old !== undefined) before.set(key, old);
      if (now !== undefined) after.set(key, now);
    }
    this.#before = new Map();
    return { before, after };
  }
}

export class RulesetIndex {
  readonly #services = new Map<string, ServiceRules>();
  /** Who claims what, with an entry only for claims that somebody makes. */
  readonly #claims = new Map<string, Claimant[]>();
  readonly #chains = new TrackedMap<readonly string[]>();
  readonly #affinitySets = new TrackedMap<number>();
  readonly #elements = new TrackedMap<Element>();
  readonly #contested = new Set<string>();

  get(service: string): ServiceRules | undefined {
    return this.#services.get(service);
  }

  get size(): number {
    return this.#services.size;
  }

  /** Replaces what a Service adds; undefined for a Service that adds nothing any more. */
  set(service: string, rules: ServiceRules | undefined): void {
    const before = this.#services.get(service);
    if (rules === undefined) this.#services.delete(service);
    else this.#services.set(service, rules);
    replaceNames(this.#chains, before?.chains, rules?.chains);
    replaceNames(this.#affinitySets, before?.affinitySets, rules?.affinitySets);
    const touched = new Set<string>();
    for (const element of before?.elements ?? []) touched.add(this.#withdraw(element, service));
    for (const element of rules?.elements ?? []) {
      touched.add(this.#claim(element, service, rules?.createdAt ?? ''));
    }
    for (const claim of touched) this.#decide(claim);
  }

  /** Everything, for a full synchronisation. A view that changes with the index. */
  all(): Ruleset {
    return {
      chains: this.#chains.current,
      affinitySets: this.#affinitySets.current,
      elements: this.#elements.current,
    };
  }

  /** What changed since the last call: the parts before and after, for the difference between them. */
  takeChanges(): { readonly before: Ruleset; readonly after: Ruleset } {
    const chains = this.#chains.takeChanges();
    const affinitySets = this.#affinitySets.takeChanges();
    const elements = this.#elements.takeChanges();
    return {
      before: { chains: chains.before, affinitySets: affinitySets.before, elements: elements.before },
      after: { chains: chains.after, affinitySets: affinitySets.after, elements: elements.after },
    };
  }

  conflicts(): Conflict[] {
    return [...this.#contested].flatMap((claim) => {
      const [winner, ...losers] = this.#claims.get(claim) ?? [];
      return losers.map((loser) => ({ claim, winner: winner?.service ?? '', loser: loser.service }));
    });
  }

  #withdraw(element: Element, service: string): string {
    const claim = claimOf(element);
    const others = (this.#claims.get(claim) ?? []).filter((claimant) => claimant.service !== service);
    if (others.length === 0) this.#claims.delete(claim);
    else this.#claims.set(claim, others);
    return claim;
  }

  #claim(element: Element, service: string, createdAt: string): string {
    const claim = claimOf(element);
    const claimants = this.#claims.get(claim) ?? [];
    if (claimants.some((claimant) => claimant.service === service)) return claim;
    this.#claims.set(claim, [...claimants, { service, createdAt, element }].sort(olderFirst));
    return claim;
  }

  #decide(claim: string): void {
    const claimants = this.#claims.get(claim) ?? [];
    const [winner] = claimants;
    this.#elements.put(claim, winner?.element);
    // Endpoints may be shared; an address and port may not.
    if (claimants.length > 1 && winner?.element.collection !== 'self-connections') this.#contested.add(claim);
    else this.#contested.delete(claim);
  }
}

function olderFirst(a: Claimant, b: Claimant): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  return a.service < b.service ? -1 : 1;
}

/** Chains and sets carry the Service in their names, so no two Services have the same. */
function replaceNames<V>(
  map: TrackedMap<V>,
  before: ReadonlyMap<string, V> | undefined,
  after: ReadonlyMap<string, V> | undefined,
): void {
  for (const name of before?.keys() ?? []) if (after?.has(name) !== true) map.put(name, undefined);
  for (const [name, value] of after ?? []) map.put(name, value);
}
