/**
 * Rulesets as scripts for `nft -f`: the whole table, or the way from one content to another. A script is applied
 * as one transaction: packets see the state before or the state after, and nothing between.
 */
import type { Element, Ruleset } from './ruleset.js';
import { masqueradeMark } from './compute-ruleset.js';

/** Everything that Knarr's proxy puts into nftables is in this table of the family `ip`. */
export const tableName = 'knarr-proxy';
const table = `ip ${tableName}`;

export interface TableOptions {
  readonly bridge: string;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
}

const collections: Readonly<Record<Element['collection'], string>> = {
  'service-addresses': 'map { type ipv4_addr . inet_proto . inet_service : verdict; }',
  'node-ports': 'map { type inet_proto . inet_service : verdict; }',
  'refused-addresses': 'set { type ipv4_addr . inet_proto . inet_service; }',
  'refused-node-ports': 'set { type inet_proto . inet_service; }',
  'self-connections': 'set { type ipv4_addr . ipv4_addr; }',
};

interface BaseChain {
  readonly hook?: string;
  readonly rules: readonly string[];
}

/** The chains that do not depend on Services. Those without a hook come first, as others go to them. */
function baseChains(options: TableOptions): Readonly<Record<string, BaseChain>> {
  const { bridge, clusterCidr, serviceCidr } = options;
  const unserved = [
    'ip daddr . meta l4proto . th dport @refused-addresses goto refuse',
    // A port that the Service does not have. What is served was translated before it came here.
    `ip daddr ${serviceCidr} goto refuse`,
  ];
  return {
    refuse: { rules: ['meta l4proto tcp reject with tcp reset', 'reject with icmp type port-unreachable'] },
    services: {
      rules: [
        'ip daddr . meta l4proto . th dport vmap @service-addresses',
        'fib daddr type local meta l4proto . th dport vmap @node-ports',
      ],
    },
    'raw-prerouting': {
      hook: 'type filter hook prerouting priority raw; policy accept;',
      // The bridge has route_localnet, for node ports on 127.0.0.1; pods must not reach the host's loopback by it.
      rules: [`iifname "${bridge}" ip daddr 127.0.0.0/8 drop`],
    },
    'nat-prerouting': {
      hook: 'type nat hook prerouting priority dstnat; policy accept;',
      rules: ['jump services'],
    },
    'nat-output': { hook: 'type nat hook output priority -100; policy accept;', rules: ['jump services'] },
    'nat-postrouting': {
      hook: 'type nat hook postrouting priority srcnat; policy accept;',
      rules: [
        // A client of a Service whose endpoint is elsewhere: the answer must pass here to be translated back.
        `meta mark & ${masqueradeMark} == ${masqueradeMark} oifname != { "lo", "${bridge}" } masquerade`,
        // A node port reached by 127.0.0.1: a pod cannot answer to that address.
        `ip saddr 127.0.0.0/8 oifname "${bridge}" masquerade`,
        // A pod that reaches itself by a Service: it would not send the answer to its own address out again.
        'ct status dnat ip saddr . ip daddr @self-connections masquerade',
        // Pods that leave the cluster: nobody outside has a route to them.
        `ip saddr ${clusterCidr} ip daddr != ${clusterCidr} oifname != { "lo", "${bridge}" } masquerade`,
      ],
    },
    'filter-input': {
      hook: 'type filter hook input priority filter; policy accept;',
      rules: ['fib daddr type local meta l4proto . th dport @refused-node-ports goto refuse'],
    },
    'filter-forward': { hook: 'type filter hook forward priority filter; policy accept;', rules: unserved },
    'filter-output': {
      hook: 'type filter hook output priority filter; policy accept;',
      // Pods on one bridge would be told to talk to each other directly, past connection tracking.
      rules: [`oifname "${bridge}" icmp type redirect drop`, ...unserved],
    },
  };
}

/** What is in the kernel's table now, by name. */
export interface TableInventory {
  readonly chains: readonly string[];
  readonly sets: readonly string[];
}

/**
 * Makes the table hold exactly `ruleset`, whatever it held before. Sets that are still wanted keep what the
 * kernel put into them, so a restart of the proxy forgets no client's endpoint.
 */
export function renderFull(options: TableOptions, ruleset: Ruleset, inventory: TableInventory): string {
  const lines = [`add table ${table}`];
  for (const [name, declaration] of Object.entries(collections)) {
    const [kind = '', ...body] = declaration.split(' ');
    lines.push(`add ${kind} ${table} ${name} ${body.join(' ')}`, `flush ${kind} ${table} ${name}`);
  }
  const base = baseChains(options);
  for (const [name, { hook }] of Object.entries(base)) {
    lines.push(`add chain ${table} ${name}${hook === undefined ? '' : ` { ${hook} }`}`);
  }
  for (const [name, { rules }] of Object.entries(base)) lines.push(...chainContent(name, rules));
  lines.push(...additions(ruleset.affinitySets, ruleset.chains));
  for (const [name, rules] of ruleset.chains) lines.push(...chainContent(name, rules));
  lines.push(...elementLines('add', ruleset.elements.values()));
  const staleChains = inventory.chains.filter(
    (name) => !ruleset.chains.has(name) && !Object.hasOwn(base, name),
  );
  const staleSets = inventory.sets.filter(
    (name) => !ruleset.affinitySets.has(name) && !Object.hasOwn(collections, name),
  );
  lines.push(...removals(staleChains, staleSets));
  return lines.join('\n') + '\n';
}

/** Like {@link renderFull} for a table that cannot be kept, of another version for example. */
export function renderReplacement(options: TableOptions, ruleset: Ruleset): string {
  const full = renderFull(options, ruleset, { chains: [], sets: [] });
  return `${renderRemoval()}${full}`;
}

/** Removes the table, there or not. */
export function renderRemoval(): string {
  return `add table ${table}\ndelete table ${table}\n`;
}

/**
 * The way from what was applied to what is wanted; empty when they are the same. Both may be parts of the whole,
 * as long as they are the same part.
 */
export function renderDifference(applied: Ruleset, wanted: Ruleset): string {
  const newSets = new Map([...wanted.affinitySets].filter(([name]) => !applied.affinitySets.has(name)));
  const newChains = new Map([...wanted.chains].filter(([name]) => !applied.chains.has(name)));
  const changedChains = [...wanted.chains].filter(
    ([name, rules]) => !sameRules(applied.chains.get(name), rules),
  );
  const removed: Element[] = [];
  const added: Element[] = [];
  for (const [id, element] of applied.elements) {
    if (!sameElement(wanted.elements.get(id), element)) removed.push(element);
  }
  for (const [id, element] of wanted.elements) {
    if (!sameElement(applied.elements.get(id), element)) added.push(element);
  }
  const lines = [
    ...additions(newSets, newChains),
    ...elementLines('delete', removed),
    ...changedChains.flatMap(([name, rules]) => chainContent(name, rules)),
    ...elementLines('add', added),
    ...removals(
      [...applied.chains.keys()].filter((name) => !wanted.chains.has(name)),
      [...applied.affinitySets.keys()].filter((name) => !wanted.affinitySets.has(name)),
    ),
  ];
  return lines.length === 0 ? '' : lines.join('\n') + '\n';
}

function sameRules(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a === b || (a?.length === b.length && a.every((rule, index) => rule === b[index]));
}

function sameElement(a: Element | undefined, b: Element): boolean {
  return a?.collection === b.collection && a.value === b.value;
}

/** Names first: rules and elements may refer to any of them. */
function additions(sets: ReadonlyMap<string, number>, chains: ReadonlyMap<string, unknown>): string[] {
  return [
    ...[...sets].map(
      ([name, seconds]) =>
        `add set ${table} ${name} { type ipv4_addr; flags dynamic,timeout; timeout ${seconds}s; }`,
    ),
    ...[...chains.keys()].map((name) => `add chain ${table} ${name}`),
  ];
}

function chainContent(name: string, rules: readonly string[]): string[] {
  return [`flush chain ${table} ${name}`, ...rules.map((rule) => `add rule ${table} ${name} ${rule}`)];
}

/** All chains are emptied before the first is removed: they may refer to each other. */
function removals(chains: readonly string[], sets: readonly string[]): string[] {
  return [
    ...chains.map((name) => `flush chain ${table} ${name}`),
    ...chains.map((name) => `delete chain ${table} ${name}`),
    ...sets.map((name) => `delete set ${table} ${name}`),
  ];
}

function elementLines(verb: 'add' | 'delete', elements: Iterable<Element>): string[] {
  const byCollection = new Map<string, string[]>();
  for (const { collection, key, value } of elements) {
    const text = verb === 'add' && value !== undefined ? `${key} : ${value}` : key;
    const texts = byCollection.get(collection);
    if (texts === undefined) byCollection.set(collection, [text]);
    else texts.push(text);
  }
  return [...byCollection].map(
    ([collection, texts]) => `${verb} element ${table} ${collection} { ${texts.join(', ')} }`,
  );
}
