/**
 * What the proxy needs of the host besides its table: the bridge, and routes that keep the addresses of pods
 * and Services on this machine, also when it has no default route or one that leads somewhere else.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { UsageError } from '../common/component.js';
import { CommandError, runCommand } from '../common/run-command.js';
import { renderRemoval } from './render-ruleset.js';

export interface HostNetworkOptions {
  readonly bridge: string;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
}

interface RouteEntry {
  readonly dst?: string;
  readonly dev?: string;
}

/**
 * Creates what is missing; repeatable. Throws UsageError when a range is already routed elsewhere, instead of
 * taking the route from whoever made it.
 */
export async function ensureHostNetwork(options: HostNetworkOptions): Promise<void> {
  if (isComplete(options)) return;
  if (!existsSync(bridgeSettings(options.bridge))) {
    try {
      await runCommand('ip', ['link', 'add', 'name', options.bridge, 'type', 'bridge']);
    } catch (error) {
      // A CNI plugin was faster.
      if (!(error instanceof CommandError) || error.result?.stderr.includes('File exists') !== true)
        throw error;
    }
  }
  await runCommand('ip', ['link', 'set', 'dev', options.bridge, 'up']);
  for (const range of [options.clusterCidr, options.serviceCidr]) await ensureRoute(range, options.bridge);
  writeSetting('/proc/sys/net/ipv4/ip_forward');
  // Node ports answer on 127.0.0.1 too; the table keeps pods from using this the other way round.
  writeSetting(`${bridgeSettings(options.bridge)}/route_localnet`);
}

/** Removes the table, the routes and the bridge. Nothing to remove is fine. */
export async function removeHostNetwork(options: HostNetworkOptions): Promise<void> {
  await runCommand('nft', ['-f', '-'], { input: renderRemoval() });
  if (!existsSync(bridgeSettings(options.bridge))) return;
  // The routes go with their device.
  await runCommand('ip', ['link', 'delete', 'dev', options.bridge]);
}

function bridgeSettings(bridge: string): string {
  return `/proc/sys/net/ipv4/conf/${bridge}`;
}

/** Cheap enough to ask again and again: reads files of the kernel and starts no process. */
export function isComplete(options: HostNetworkOptions): boolean {
  return (
    readSetting(`${bridgeSettings(options.bridge)}/route_localnet`) === '1' &&
    readSetting('/proc/sys/net/ipv4/ip_forward') === '1' &&
    [options.clusterCidr, options.serviceCidr].every((range) =>
      routesIn(readSetting('/proc/net/route') ?? '').has(`${options.bridge} ${range}`),
    )
  );
}

/** Reads /proc/net/route, whose addresses are hexadecimal in host byte order, as `device range`. */
export function routesIn(table: string): ReadonlySet<string> {
  const routes = new Set<string>();
  for (const line of table.split('\n').slice(1)) {
    const [device, destination, , , , , , mask] = line.split('\t');
    if (device === undefined || destination === undefined || mask === undefined) continue;
    const address = Buffer.from(destination, 'hex').reverse().join('.');
    const ones = Number.parseInt(mask.trim(), 16).toString(2).replaceAll('0', '').length;
    routes.add(`${device} ${address}/${ones}`);
  }
  return routes;
}

async function ensureRoute(range: string, bridge: string): Promise<void> {
  const listing = await runCommand('ip', ['-json', 'route', 'show', 'exact', range]);
  const present = (listing.trim() === '' ? [] : JSON.parse(listing)) as readonly RouteEntry[];
  const elsewhere = present.find((route) => route.dev !== bridge);
  if (elsewhere !== undefined) {
    throw new UsageError(
      `${range} is already routed to ${elsewhere.dev ?? 'another place'}: remove that route, or choose another range for the cluster`,
    );
  }
  if (present.length === 0) await runCommand('ip', ['route', 'replace', range, 'dev', bridge]);
}

function readSetting(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function writeSetting(path: string): void {
  if (readSetting(path) !== '1') writeFileSync(path, '1');
}
