/** The machine's IPv4 addresses and routes, and what they mean for a cluster. The parsing is pure. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import IPCIDR from 'ip-cidr';

export interface Route {
  readonly device: string;
  /** `192.0.2.0/24`; the default route is `0.0.0.0/0`. */
  readonly destination: string;
  readonly metric: number;
}

export interface HostAddress {
  readonly device: string;
  readonly address: string;
}

/** Reads the text of /proc/net/route: little-endian hexadecimal words. */
export function parseRoutes(text: string): Route[] {
  return text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t').map((field) => field.trim()))
    .filter((fields) => fields.length >= 8)
    .map(([device = '', destination = '', , , , , metric = '0', mask = '']) => ({
      device,
      destination: `${addressOfHex(destination)}/${String(prefixLength(mask))}`,
      metric: Number(metric),
    }));
}

function addressOfHex(hex: string): string {
  return [...Buffer.from(hex, 'hex')].reverse().join('.');
}

function prefixLength(hexMask: string): number {
  let bits = Number.parseInt(hexMask, 16);
  let length = 0;
  for (; bits !== 0; bits &= bits - 1) length += 1;
  return length;
}

export function readRoutes(): Route[] {
  return parseRoutes(readFileSync('/proc/net/route', 'utf8'));
}

export function readAddresses(): HostAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([device, addresses]) =>
    (addresses ?? []).filter(({ family }) => family === 'IPv4').map(({ address }) => ({ device, address })),
  );
}

/**
 * The address under which this node is known: that of the interface with the default route; without one, that of
 * the pod bridge, so that a laptop that is offline works the same.
 */
export function chooseNodeIp(
  routes: readonly Route[],
  addresses: readonly HostAddress[],
  clusterCidr: string,
): string {
  const defaults = routes
    .filter(({ destination }) => destination === '0.0.0.0/0')
    .sort((a, b) => a.metric - b.metric);
  for (const { device } of defaults) {
    const found = addresses.find((address) => address.device === device);
    if (found !== undefined) return found.address;
  }
  return gatewayOf(clusterCidr);
}

/** The first address of a range: the gateway of a pod network, the `kubernetes` Service of a Service range. */
export function gatewayOf(cidr: string): string {
  const [first] = new IPCIDR(cidr).toArray({ from: 1, limit: 1 });
  if (first === undefined) throw new RangeError(`the range ${cidr} has no room for an address`);
  return first;
}

export interface RangeCollision {
  readonly range: string;
  /** `address 10.96.0.5 of eth1`, `route 10.96.0.0/16 through tun0` */
  readonly with: string;
  /** False where the host's wider route still works for everything outside of the range. */
  readonly fatal: boolean;
}

/** What of the host lies in the ranges that pods and Services will use. Knarr's own bridge does not count. */
export function findRangeCollisions(
  ranges: readonly string[],
  routes: readonly Route[],
  addresses: readonly HostAddress[],
  isOwnDevice: (device: string) => boolean,
): RangeCollision[] {
  const collisions: RangeCollision[] = [];
  for (const range of ranges) {
    const cidr = new IPCIDR(range);
    for (const { device, address } of addresses) {
      if (isOwnDevice(device) || !cidr.contains(address)) continue;
      collisions.push({ range, with: `address ${address} of ${device}`, fatal: true });
    }
    for (const { device, destination } of routes) {
      if (isOwnDevice(device) || destination === '0.0.0.0/0') continue;
      const [network = ''] = destination.split('/');
      const inside = cidr.contains(network);
      if (!inside && !new IPCIDR(destination).contains(cidr.start())) continue;
      collisions.push({ range, with: `route ${destination} through ${device}`, fatal: inside });
    }
  }
  return collisions;
}
