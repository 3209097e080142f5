/** The part of the nftables table that changes with Services, as data: computed, compared and then written. */

/** One element of a named map or set of the table. */
export interface Element {
  readonly collection:
    'service-addresses' | 'node-ports' | 'refused-addresses' | 'refused-node-ports' | 'self-connections';
  readonly key: string;
  /** A verdict, for the collections that are maps. */
  readonly value?: string;
}

export interface Ruleset {
  /** Rules by chain, in order. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Sets that remember which client talked to which endpoint: seconds by name. The kernel fills them. */
  readonly affinitySets: ReadonlyMap<string, number>;
  /** Elements by {@link claimOf}. */
  readonly elements: ReadonlyMap<string, Element>;
}

/** What an element stakes out: being served and being refused are claims to the same address and port. */
export function claimOf(element: Element): string {
  return `${element.collection.replace('service-', '').replace('refused-', '')} ${element.key}`;
}
