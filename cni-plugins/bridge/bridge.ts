/**
 * The bridge plugin: a virtual cable from the container to a bridge of the host, an address from IPAM on the
 * container's end, and a default route through the bridge.
 *
 * The container's address has the prefix /32 and its only neighbour is the gateway. So even two pods on the same
 * bridge meet through the host's routing, and the host's connection tracking, which translates the addresses of
 * Services, sees the answers too. With the usual subnet prefix the answers would be switched past it, unless
 * br_netfilter is loaded.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { families, isNetlinkError, NetlinkError, NetlinkSocket } from '../../common/netlink/socket.js';
import { formatAddress, macOf, parseAddress, parseSubnet } from '../lib/ipv4.js';
import {
  addAddress,
  addBridge,
  addVethPair,
  configureContainerLink,
  deleteLink,
  findLink,
  listAddresses,
  listLinks,
  listRoutes,
  setMacAndUp,
} from '../lib/links.js';
import type { RouteSpec } from '../lib/links.js';
import { NetworkNamespace, withNamespace } from '../lib/namespaces.js';
import { CniError, errorCodes } from '../lib/spec.js';
import type { AddResult, Attachment, AttachmentCall, NetworkConfig, Plugin, Route } from '../lib/spec.js';
import { readBridgeConfig } from './config.js';
import type { BridgeConfig } from './config.js';
import { ipam } from './ipam.js';

/**
 * Removes a host device; one that is not there is fine. The daemon has a way of its own that does not hold up
 * its other callers.
 */
export type RemoveLink = (name: string) => Promise<void>;

const removeLinkAndWait: RemoveLink = async (name) => {
  withHost((host) => {
    deleteLink(host, name);
  });
};

const hostNamePrefix = 'knv';
const hostNamePattern = /^knv[0-9a-f]{12}$/;

/** The host's end of an attachment's cable: found again from the attachment alone, also after a restart. */
export function hostLinkName(attachment: Attachment): string {
  const digest = createHash('sha256').update(`${attachment.containerId}/${attachment.interfaceName}`);
  return hostNamePrefix + digest.digest('hex').slice(0, 12);
}

export function createBridgePlugin(removeLink = removeLinkAndWait): Plugin {
  return {
    name: 'bridge',

    async add(call): Promise<AddResult> {
      const config = readBridgeConfig(call.config);
      const namespace = new NetworkNamespace(call.namespacePath);
      try {
        const lease = readLease(await ipam.add(config.ipamType, call));
        try {
          return withHost((host) => attach(host, call, config, lease, namespace));
        } catch (error) {
          await ipam.delete(config.ipamType, call);
          throw error;
        }
      } finally {
        namespace.close();
      }
    },

    async delete(call): Promise<void> {
      const config = readBridgeConfig(call.config);
      // The device first: an address may be given to somebody else as soon as it is back.
      await removeLink(hostLinkName(call));
      await ipam.delete(config.ipamType, call);
    },

    async check(call): Promise<void> {
      const config = readBridgeConfig(call.config);
      await ipam.check(config.ipamType, call);
      withHost((host) => {
        checkHost(host, call, config);
      });
      checkContainer(call);
    },

    async collectGarbage(call): Promise<void> {
      const config = readBridgeConfig(call.config);
      const valid = new Set(call.config.validAttachments.map(hostLinkName));
      withHost((host) => {
        const bridge = findLink(host, config.bridge);
        if (bridge === undefined) return;
        for (const link of listLinks(host)) {
          if (link.masterIndex !== bridge.index || !hostNamePattern.test(link.name)) continue;
          if (!valid.has(link.name)) deleteLink(host, link.name);
        }
      });
      await ipam.collectGarbage(config.ipamType, call);
    },

    async status(call): Promise<void> {
      await ipam.status(readBridgeConfig(call.config).ipamType, call);
    },
  };
}

function withHost<T>(use: (host: NetlinkSocket) => T): T {
  const host = new NetlinkSocket(families.route);
  try {
    return use(host);
  } catch (error) {
    if (error instanceof NetlinkError) {
      throw new CniError(errorCodes.networkFailure, `the kernel refused: ${error.message}`, { cause: error });
    }
    throw error;
  } finally {
    host.close();
  }
}

/** What IPAM gave, as numbers. */
interface Lease {
  readonly address: number;
  readonly gateway: number;
  readonly prefixLength: number;
  readonly routes: readonly Route[];
}

function readLease(result: AddResult): Lease {
  const [ip, ...more] = result.ips ?? [];
  const subnet = ip === undefined ? undefined : parseSubnet(ip.address);
  const address = parseAddress(ip?.address.split('/')[0] ?? '');
  if (ip === undefined || more.length > 0 || subnet === undefined || address === undefined) {
    throw new CniError(errorCodes.invalidConfiguration, 'the IPAM plugin must give exactly one IPv4 address');
  }
  const gateway = ip.gateway === undefined ? subnet.network + 1 : parseAddress(ip.gateway);
  if (gateway === undefined) {
    throw new CniError(
      errorCodes.invalidConfiguration,
      `the IPAM plugin gave the gateway ${String(ip.gateway)}`,
    );
  }
  return { address, gateway, prefixLength: subnet.prefixLength, routes: result.routes ?? [] };
}

/** Builds the attachment; on failure removes what it built of it. Synchronous, so nothing can come between. */
function attach(
  host: NetlinkSocket,
  call: AttachmentCall,
  config: BridgeConfig,
  lease: Lease,
  namespace: NetworkNamespace,
): AddResult {
  const bridgeMac = macOf(lease.gateway);
  const bridgeIndex = ensureBridge(host, config, lease, bridgeMac);
  const hostName = hostLinkName(call);
  const containerMac = macOf(lease.address);
  const hostMac = macOf(lease.address, 0x0e);
  const routes = containerRoutes(config, lease);
  // What an ADD that was killed half-way left behind.
  deleteLink(host, hostName);
  try {
    addVethPair(host, {
      hostName,
      hostMac,
      bridgeIndex,
      hairpin: config.hairpinMode,
      containerName: call.interfaceName,
      containerMac,
      containerNamespaceFd: namespace.fd,
      mtu: config.mtu,
    });
    configureContainer(namespace, call.interfaceName, lease, routes);
  } catch (error) {
    deleteLink(host, hostName);
    throw error;
  }
  return {
    interfaces: [
      { name: config.bridge, mac: bridgeMac },
      { name: hostName, mac: hostMac },
      { name: call.interfaceName, mac: containerMac, sandbox: call.namespacePath },
    ],
    ips: [
      { address: `${formatAddress(lease.address)}/32`, gateway: formatAddress(lease.gateway), interface: 2 },
    ],
    routes,
    ...(call.config.dns === undefined ? {} : { dns: call.config.dns }),
  };
}

function containerRoutes(config: BridgeConfig, lease: Lease): readonly Route[] {
  const gw = formatAddress(lease.gateway);
  if (lease.routes.length > 0) return lease.routes.map((route) => ({ dst: route.dst, gw: route.gw ?? gw }));
  return config.isGateway ? [{ dst: '0.0.0.0/0', gw }] : [];
}

function configureContainer(
  namespace: NetworkNamespace,
  interfaceName: string,
  lease: Lease,
  routes: readonly Route[],
): void {
  const netlink = namespace.openNetlink();
  try {
    const link = findLink(netlink, interfaceName);
    if (link === undefined) {
      throw new CniError(errorCodes.networkFailure, `${interfaceName} is not in ${namespace.path}`);
    }
    configureContainerLink(netlink, link.index, lease.address, [
      { destination: lease.gateway, prefixLength: 32 },
      ...routes.map((route) => routeSpec(route, lease.gateway)),
    ]);
  } finally {
    netlink.close();
  }
}

function routeSpec(route: Route, gateway: number): RouteSpec {
  const subnet = parseSubnet(route.dst);
  if (subnet === undefined) {
    throw new CniError(errorCodes.invalidConfiguration, `the route to "${route.dst}" is not an IPv4 subnet`);
  }
  return {
    destination: subnet.network,
    prefixLength: subnet.prefixLength,
    gateway: parseAddress(route.gw ?? '') ?? gateway,
  };
}

/** The bridge exists, is up, has its own MAC and, as a gateway, the gateway's address. Returns its index. */
function ensureBridge(host: NetlinkSocket, config: BridgeConfig, lease: Lease, mac: string): number {
  let bridge = findLink(host, config.bridge);
  if (bridge === undefined) {
    try {
      addBridge(host, { name: config.bridge, mac, mtu: config.mtu });
    } catch (error) {
      // The proxy, or another ADD, was faster.
      if (!isNetlinkError(error, 'EEXIST')) throw error;
    }
    bridge = findLink(host, config.bridge);
  }
  if (bridge === undefined) {
    throw new CniError(errorCodes.networkFailure, `the bridge ${config.bridge} was removed meanwhile`);
  }
  // Pinned: otherwise the bridge takes the lowest MAC of its ports and pods lose it when a port comes or goes.
  if (bridge.mac !== mac || !bridge.up) setMacAndUp(host, bridge.index, mac);
  if (config.isGateway) {
    if (!listAddresses(host, bridge.index).includes(lease.gateway)) {
      try {
        addAddress(host, bridge.index, lease.gateway, lease.prefixLength);
      } catch (error) {
        if (!isNetlinkError(error, 'EEXIST')) throw error;
      }
    }
    enableForwarding();
  }
  return bridge.index;
}

const forwardingPath = '/proc/sys/net/ipv4/ip_forward';

/** Writing the value flushes the kernel's routing caches, so it is written only when it changes. */
function enableForwarding(): void {
  if (readFileSync(forwardingPath, 'utf8').trim() !== '1') writeFileSync(forwardingPath, '1');
}

function checkHost(host: NetlinkSocket, call: AttachmentCall, config: BridgeConfig): void {
  const bridge = findLink(host, config.bridge);
  const link = findLink(host, hostLinkName(call));
  if (bridge === undefined) throw new CniError(errorCodes.checkFailed, `the bridge ${config.bridge} is gone`);
  if (link?.masterIndex !== bridge.index || !link.up) {
    throw new CniError(
      errorCodes.checkFailed,
      `${hostLinkName(call)} is not a port of ${config.bridge} that is up`,
    );
  }
}

/** The device, its address and its default route are as the previous result says. */
function checkContainer(call: AttachmentCall): void {
  const expected = expectedAddresses(call.config.prevResult);
  withNamespace(call.namespacePath, (netlink) => {
    const link = findLink(netlink, call.interfaceName);
    if (link?.up !== true) {
      throw new CniError(errorCodes.checkFailed, `${call.interfaceName} is not up in ${call.namespacePath}`);
    }
    const present = listAddresses(netlink, link.index);
    for (const address of expected) {
      if (present.includes(address)) continue;
      throw new CniError(
        errorCodes.checkFailed,
        `${call.interfaceName} has lost its address ${formatAddress(address)}`,
      );
    }
    if (!listRoutes(netlink, link.index).some((route) => route.gateway !== undefined)) {
      throw new CniError(errorCodes.checkFailed, `${call.interfaceName} has lost its route to the gateway`);
    }
  });
}

function expectedAddresses(prevResult: NetworkConfig['prevResult']): number[] {
  if (prevResult === undefined) {
    throw new CniError(
      errorCodes.invalidConfiguration,
      '"prevResult" is missing: CHECK needs the result of ADD',
    );
  }
  return (prevResult.ips ?? []).flatMap((ip) => parseAddress(ip.address.split('/')[0] ?? '') ?? []);
}
