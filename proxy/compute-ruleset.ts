/**
 * From a Service and its EndpointSlices to nftables: pure.
 *
 * Each port of a Service has a chain that translates the destination to one of its endpoints, and an element in
 * a map for each address and node port under which it is reached. A packet therefore costs one map lookup,
 * however many Services there are, and a change of endpoints rewrites one chain.
 *
 * Three chains are possible for a port, as the traffic policies ask: `cluster/…` sends to any endpoint,
 * `local/…` to those of this node, and `external/…` tells clients from outside (policy Local) from those inside.
 */
import type { Service, ServicePort } from '../api/generated/core-v1.js';
import type { EndpointSlice } from '../api/generated/discovery-v1.js';
import { keyOf } from '../api/objects.js';
import type { Element } from './ruleset.js';
import { selectTargets } from './select-endpoints.js';
import type { Target } from './select-endpoints.js';

export interface ComputeOptions {
  readonly nodeName: string;
  /** The addresses of all pods of the cluster. */
  readonly clusterCidr: string;
}

/** Set on packets whose source must become this node's, should they leave it: the answer must come back here. */
export const masqueradeMark = '0x4000';

/** UDP has no connections: what is remembered of a client must be forgotten by hand when an endpoint goes. */
export interface UdpPort {
  readonly addresses: readonly string[];
  readonly port: number;
  readonly nodePort: number | undefined;
  readonly targets: readonly Target[];
}

/** Everything that one Service adds to the table. */
export interface ServiceRules {
  readonly key: string;
  /** Older Services win when two claim the same address and port. */
  readonly createdAt: string;
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly affinitySets: ReadonlyMap<string, number>;
  readonly elements: readonly Element[];
  readonly udpPorts: readonly UdpPort[];
}

const defaultAffinitySeconds = 10_800;
const ipv4 = /^\d{1,3}(\.\d{1,3}){3}$/;

/** Labels by which a Service is left to another proxy, or is not meant for one. */
const ignoringLabels = ['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless'];

/** Undefined for a Service that no proxy serves: ExternalName, headless, or handed to another proxy. */
export function computeServiceRules(
  service: Service,
  slices: readonly EndpointSlice[],
  options: ComputeOptions,
): ServiceRules | undefined {
  const { spec, metadata } = service;
  if (
    spec.type === 'ExternalName' ||
    ignoringLabels.some((label) => metadata.labels?.[label] !== undefined)
  ) {
    return undefined;
  }
  const clusterIps = (spec.clusterIPs ?? [spec.clusterIP ?? '']).filter((address) => ipv4.test(address));
  if (clusterIps.length === 0) return undefined;
  const builder = new RulesBuilder(service, clusterIps, options);
  for (const port of spec.ports ?? []) builder.addPort(port, slices);
  return builder.finish();
}

type Policy = 'cluster' | 'local' | 'external';

class RulesBuilder {
  readonly #service: Service;
  readonly #clusterIps: readonly string[];
  readonly #options: ComputeOptions;
  readonly #chains = new Map<string, readonly string[]>();
  readonly #affinitySets = new Map<string, number>();
  readonly #elements: Element[] = [];
  readonly #udpPorts: UdpPort[] = [];

  constructor(service: Service, clusterIps: readonly string[], options: ComputeOptions) {
    this.#service = service;
    this.#clusterIps = clusterIps;
    this.#options = options;
  }

  addPort(port: ServicePort, slices: readonly EndpointSlice[]): void {
    const { spec } = this.#service;
    const protocol = (port.protocol ?? 'TCP').toLowerCase();
    const targets = selectTargets(port, slices, this.#options.nodeName);
    const externalIps = (spec.externalIPs ?? []).filter((address) => ipv4.test(address));
    const nodePort = port.nodePort === 0 ? undefined : port.nodePort;
    if (protocol === 'udp') {
      const addresses = [...this.#clusterIps, ...externalIps];
      this.#udpPorts.push({ addresses, port: port.port, nodePort, targets: targets.cluster });
    }
    if (targets.cluster.length === 0) {
      this.#refuse([...this.#clusterIps, ...externalIps], port.port, nodePort, protocol);
      return;
    }
    const inside: Policy = spec.internalTrafficPolicy === 'Local' ? 'local' : 'cluster';
    const outside: Policy = spec.externalTrafficPolicy === 'Local' ? 'external' : 'cluster';
    const isExposed = externalIps.length > 0 || nodePort !== undefined;
    const needed = new Set<Policy>([inside, ...(isExposed ? [outside] : [])]);
    const id = `${this.#service.metadata.namespace}/${this.#service.metadata.name}/${protocol}/${port.port}`;
    if (needed.has('external')) {
      this.#addExternalChain(id);
      needed.add('local').add('cluster');
    }
    if (needed.has('cluster')) this.#addTargetChain('cluster', id, protocol, targets.cluster);
    if (needed.has('local')) this.#addTargetChain('local', id, protocol, targets.local);
    this.#reach(this.#clusterIps, port.port, protocol, `goto ${inside}/${id}`);
    this.#reach(externalIps, port.port, protocol, `goto ${outside}/${id}`);
    if (nodePort !== undefined) {
      const key = `${protocol} . ${nodePort}`;
      this.#elements.push({ collection: 'node-ports', key, value: `goto ${outside}/${id}` });
    }
    for (const { address } of targets.cluster) {
      this.#elements.push({ collection: 'self-connections', key: `${address} . ${address}` });
    }
  }

  finish(): ServiceRules {
    return {
      key: keyOf(this.#service),
      createdAt: this.#service.metadata.creationTimestamp,
      chains: this.#chains,
      affinitySets: this.#affinitySets,
      elements: this.#elements,
      udpPorts: this.#udpPorts,
    };
  }

  #reach(addresses: readonly string[], port: number, protocol: string, value: string): void {
    for (const address of addresses) {
      const key = `${address} . ${protocol} . ${port}`;
      this.#elements.push({ collection: 'service-addresses', key, value });
    }
  }

  /** Nobody serves: an answer at once is better than silence. */
  #refuse(addresses: readonly string[], port: number, nodePort: number | undefined, protocol: string): void {
    for (const address of addresses) {
      this.#elements.push({ collection: 'refused-addresses', key: `${address} . ${protocol} . ${port}` });
    }
    if (nodePort !== undefined) {
      this.#elements.push({ collection: 'refused-node-ports', key: `${protocol} . ${nodePort}` });
    }
  }

  /** Policy Local is about clients from outside: pods and this node itself reach every endpoint. */
  #addExternalChain(id: string): void {
    this.#chains.set(`external/${id}`, [
      `ip saddr ${this.#options.clusterCidr} goto cluster/${id}`,
      `fib saddr type local goto cluster/${id}`,
      `goto local/${id}`,
    ]);
  }

  #addTargetChain(policy: Policy, id: string, protocol: string, targets: readonly Target[]): void {
    const name = `${policy}/${id}`;
    // Other nodes have endpoints and this one has none: with policy Local nobody may answer here.
    if (targets.length === 0) {
      this.#chains.set(name, ['drop']);
      return;
    }
    const mark = `ip saddr != ${this.#options.clusterCidr} meta mark set meta mark | ${masqueradeMark}`;
    if (this.#service.spec.sessionAffinity === 'ClientIP') {
      this.#chains.set(name, [mark, ...this.#affinityRules(name, protocol, targets)]);
    } else {
      this.#chains.set(name, [mark, spreadRule(protocol, targets)]);
    }
  }

  /** A chain and a set of clients for each endpoint; a known client goes to its endpoint, others anywhere. */
  #affinityRules(name: string, protocol: string, targets: readonly Target[]): string[] {
    const seconds =
      this.#service.spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds;
    const endpoints = targets.map((target) => {
      const chain = `endpoint/${name}/${target.address}/${target.port}`;
      // The timeout of a set cannot be changed, so it is part of the name.
      const clients = `clients/${seconds}/${name}/${target.address}/${target.port}`;
      this.#affinitySets.set(clients, seconds);
      this.#chains.set(chain, [`update @${clients} { ip saddr }`, spreadRule(protocol, [target])]);
      return { chain, clients };
    });
    const choices = endpoints.map(({ chain }, index) => `${index} : goto ${chain}`);
    return [
      ...endpoints.map(({ chain, clients }) => `ip saddr @${clients} goto ${chain}`),
      `numgen random mod ${choices.length} vmap { ${choices.join(', ')} }`,
    ];
  }
}

/** One rule that picks an endpoint at random and translates address and port to it. */
function spreadRule(protocol: string, targets: readonly Target[]): string {
  const [only] = targets;
  if (targets.length === 1 && only !== undefined) {
    return `meta l4proto ${protocol} dnat ip to ${only.address}:${only.port}`;
  }
  const choices = targets.map((target, index) => `${index} : ${target.address} . ${target.port}`);
  return `meta l4proto ${protocol} dnat ip to numgen random mod ${targets.length} map { ${choices.join(', ')} }`;
}
