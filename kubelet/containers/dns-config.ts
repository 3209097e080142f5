/** A Pod's resolv.conf by its DNS policy. Pure, but for reading the node's own. */
import { readFile } from 'node:fs/promises';
import type { Pod } from '../../api/generated/core-v1.js';
import type { DnsConfig } from '../cri/runtime.js';

export interface ClusterDns {
  /** Addresses of the cluster's DNS; empty while there is none. */
  readonly servers: readonly string[];
  readonly domain: string;
}

/** The C library looks no further. */
const maxServers = 3;
const maxSearches = 32;

export function dnsConfigFor(pod: Pod, cluster: ClusterDns, host: DnsConfig): DnsConfig {
  const { servers, searches, options } = merged(pod, baseConfig(pod, cluster, host));
  return { servers: servers.slice(0, maxServers), searches: searches.slice(0, maxSearches), options };
}

function merged(pod: Pod, base: DnsConfig): DnsConfig {
  const own = pod.spec.dnsConfig;
  if (own === undefined) return base;
  const options = new Map(base.options.map((option) => [option.split(':')[0] ?? option, option]));
  for (const { name = '', value } of own.options ?? [])
    options.set(name, value === undefined || value === '' ? name : `${name}:${value}`);
  return {
    servers: unique([...base.servers, ...(own.nameservers ?? [])]),
    searches: unique([...base.searches, ...(own.searches ?? [])]),
    options: [...options.values()],
  };
}

function baseConfig(pod: Pod, cluster: ClusterDns, host: DnsConfig): DnsConfig {
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'None') return { servers: [], searches: [], options: [] };
  const wantsCluster =
    policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && pod.spec.hostNetwork !== true);
  if (!wantsCluster || cluster.servers.length === 0) return host;
  const { namespace } = pod.metadata;
  const searches = [`${namespace}.svc.${cluster.domain}`, `svc.${cluster.domain}`, cluster.domain];
  return {
    servers: cluster.servers,
    searches: unique([...searches, ...host.searches]),
    options: ['ndots:5'],
  };
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}

/** The node's resolver; empty when the file is not there. */
export async function readResolvConf(path = '/etc/resolv.conf'): Promise<DnsConfig> {
  let text = '';
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return parseResolvConf(text);
}

export function parseResolvConf(text: string): DnsConfig {
  const servers: string[] = [];
  let searches: string[] = [];
  let options: string[] = [];
  for (const line of text.split('\n')) {
    const [word, ...values] = line.trim().split(/\s+/);
    if (word === 'nameserver' && values[0] !== undefined) servers.push(values[0]);
    else if (word === 'search') searches = values;
    else if (word === 'options') options = values;
  }
  return { servers, searches: searches.filter((search) => search !== '.'), options };
}
