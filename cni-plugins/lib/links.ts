/** Network devices, addresses and routes as functions over a netlink socket (rtnetlink(7)). */
import { MessageWriter, attributeText, flags, parseAttributes } from '../../common/netlink/message.js';
import type { NetlinkMessage } from '../../common/netlink/message.js';
import { createExclusive, isNetlinkError } from '../../common/netlink/socket.js';
import type { NetlinkSocket } from '../../common/netlink/socket.js';
import { addressBytes, macBytes } from './ipv4.js';

const RTM = {
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  newAddress: 20,
  getAddress: 22,
  newRoute: 24,
  getRoute: 26,
};
const IFLA = { address: 1, name: 3, mtu: 4, master: 10, linkInfo: 18, group: 27, namespaceFd: 28 };
const IFLA_INFO = { kind: 1, data: 2, slaveKind: 4, slaveData: 5 };
const VETH_INFO_PEER = 1;
const IFLA_BRPORT_MODE = 4;
const IFA_LOCAL = 2;
const IFA_ADDRESS = 1;
const RTA = { destination: 1, outputInterface: 4, gateway: 5 };
const IFF_UP = 1;
const AF_INET = 2;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE = { universe: 0, link: 253 };
const RTN_UNICAST = 1;

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly mac: string;
  readonly up: boolean;
  /** Index of the bridge that the device is a port of, or 0. */
  readonly masterIndex: number;
}

/** The fixed part of a link message. */
function linkHeader(writer: MessageWriter, index: number, up?: 'up'): MessageWriter {
  const change = up === undefined ? 0 : IFF_UP;
  return writer.u8(0).u8(0).u16(0).u32(index).u32(change).u32(change);
}

function readLink(message: NetlinkMessage): Link {
  const attributes = parseAttributes(message.payload.subarray(16));
  return {
    index: message.payload.readInt32LE(4),
    name: attributeText(attributes.get(IFLA.name)),
    mac: (attributes.get(IFLA.address)?.toString('hex') ?? '').replace(/(..)(?=.)/g, '$1:'),
    up: (message.payload.readUInt32LE(8) & IFF_UP) !== 0,
    masterIndex: attributes.get(IFLA.master)?.readUInt32LE(0) ?? 0,
  };
}

export function findLink(netlink: NetlinkSocket, name: string): Link | undefined {
  const writer = new MessageWriter(256).begin(RTM.getLink, 0);
  const question = linkHeader(writer, 0).attributeString(IFLA.name, name).finish();
  try {
    return netlink.query(question).map(readLink)[0];
  } catch (error) {
    if (isNetlinkError(error, 'ENODEV')) return undefined;
    throw error;
  }
}

export function listLinks(netlink: NetlinkSocket): Link[] {
  const writer = new MessageWriter(256).begin(RTM.getLink, flags.dump);
  return netlink.query(linkHeader(writer, 0).finish()).map(readLink);
}

/** Creates a bridge that is up, with a MAC that does not change when ports come and go. */
export function addBridge(netlink: NetlinkSocket, bridge: { name: string; mac: string; mtu: number }): void {
  const writer = new MessageWriter(512).begin(RTM.newLink, createExclusive);
  linkHeader(writer, 0, 'up')
    .attributeString(IFLA.name, bridge.name)
    .attribute(IFLA.address, macBytes(bridge.mac))
    .attributeU32(IFLA.mtu, bridge.mtu)
    .nested(IFLA.linkInfo, () => writer.attributeString(IFLA_INFO.kind, 'bridge'));
  netlink.request(writer.finish(), 1);
}

export function setMacAndUp(netlink: NetlinkSocket, index: number, mac: string): void {
  const writer = new MessageWriter(256).begin(RTM.newLink, flags.acknowledge);
  linkHeader(writer, index, 'up').attribute(IFLA.address, macBytes(mac));
  netlink.request(writer.finish(), 1);
}

export function setUp(netlink: NetlinkSocket, index: number): void {
  const writer = new MessageWriter(256).begin(RTM.newLink, flags.acknowledge);
  netlink.request(linkHeader(writer, index, 'up').finish(), 1);
}

export interface VethPair {
  readonly hostName: string;
  readonly hostMac: string;
  readonly bridgeIndex: number;
  readonly hairpin: boolean;
  readonly containerName: string;
  readonly containerMac: string;
  readonly containerNamespaceFd: number;
  readonly mtu: number;
}

/**
 * Creates both ends of a virtual cable, one a port of the bridge and up, the other in the container's
 * namespace and down: a device cannot be up before the peer's namespace is set up (ENOTCONN).
 */
export function addVethPair(netlink: NetlinkSocket, pair: VethPair): void {
  const writer = new MessageWriter().begin(RTM.newLink, createExclusive);
  linkHeader(writer, 0, 'up')
    .attributeString(IFLA.name, pair.hostName)
    .attribute(IFLA.address, macBytes(pair.hostMac))
    .attributeU32(IFLA.mtu, pair.mtu)
    .attributeU32(IFLA.master, pair.bridgeIndex)
    .nested(IFLA.linkInfo, () => {
      writer.attributeString(IFLA_INFO.kind, 'veth').nested(IFLA_INFO.data, () => {
        writer.nested(VETH_INFO_PEER, () => {
          linkHeader(writer, 0)
            .attributeString(IFLA.name, pair.containerName)
            .attribute(IFLA.address, macBytes(pair.containerMac))
            .attributeU32(IFLA.mtu, pair.mtu)
            .attributeU32(IFLA.namespaceFd, pair.containerNamespaceFd);
        });
      });
    });
  netlink.request(writer.finish(), 1);
  if (pair.hairpin) setHairpin(netlink, pair.hostName);
}

/** Lets a bridge send a frame back through the port that it came from: a pod that reaches itself by a Service. */
function setHairpin(netlink: NetlinkSocket, name: string): void {
  const writer = new MessageWriter(256).begin(RTM.newLink, flags.acknowledge);
  linkHeader(writer, 0)
    .attributeString(IFLA.name, name)
    .nested(IFLA.linkInfo, () => {
      writer
        .attributeString(IFLA_INFO.slaveKind, 'bridge')
        .nested(IFLA_INFO.slaveData, () => writer.attributeU8(IFLA_BRPORT_MODE, 1));
    });
  netlink.request(writer.finish(), 1);
}

function deletion(name: string): Buffer {
  const writer = new MessageWriter(256).begin(RTM.deleteLink, flags.acknowledge);
  return linkHeader(writer, 0).attributeString(IFLA.name, name).finish();
}

/** Removes a device and, for a veth, its peer. A device that is not there is fine. */
export function deleteLink(netlink: NetlinkSocket, name: string): void {
  try {
    netlink.request(deletion(name), 1);
  } catch (error) {
    if (!isNetlinkError(error, 'ENODEV')) throw error;
  }
}

/** Takes a device out of service at once: down, no port of a bridge any more, and a member of `group`. */
export function retireLink(netlink: NetlinkSocket, name: string, group: number): void {
  const writer = new MessageWriter(256).begin(RTM.newLink, flags.acknowledge);
  writer.u8(0).u8(0).u16(0).u32(0).u32(0).u32(IFF_UP);
  writer.attributeString(IFLA.name, name).attributeU32(IFLA.master, 0).attributeU32(IFLA.group, group);
  netlink.request(writer.finish(), 1);
}

/** Removes all devices of a group, with the kernel's wait (17 ms, an RCU grace period) on a worker thread. */
export async function deleteLinkGroup(netlink: NetlinkSocket, group: number): Promise<void> {
  const writer = new MessageWriter(256).begin(RTM.deleteLink, flags.acknowledge);
  await netlink.requestAsync(linkHeader(writer, 0).attributeU32(IFLA.group, group).finish());
}

export function addAddress(
  netlink: NetlinkSocket,
  index: number,
  address: number,
  prefixLength: number,
): void {
  const writer = new MessageWriter(256).begin(RTM.newAddress, createExclusive);
  appendAddress(writer, index, address, prefixLength);
  netlink.request(writer.finish(), 1);
}

function appendAddress(writer: MessageWriter, index: number, address: number, prefixLength: number): void {
  writer
    .u8(AF_INET)
    .u8(prefixLength)
    .u8(0)
    .u8(0)
    .u32(index)
    .attribute(IFA_LOCAL, addressBytes(address))
    .attribute(IFA_ADDRESS, addressBytes(address));
}

export interface RouteSpec {
  readonly destination: number;
  readonly prefixLength: number;
  /** Without a gateway the destination is on the link itself. */
  readonly gateway?: number;
}

/** Address, up, and routes of a container's device, in one system call. */
export function configureContainerLink(
  netlink: NetlinkSocket,
  index: number,
  address: number,
  routes: readonly RouteSpec[],
): void {
  const writer = new MessageWriter(1024 + routes.length * 64).begin(RTM.newAddress, createExclusive);
  // A whole-length prefix: no neighbour is on the link, everything goes to the gateway and through the
  // host's routing, where connection tracking sees both directions of a connection to a Service.
  appendAddress(writer, index, address, 32);
  linkHeader(writer.begin(RTM.newLink, flags.acknowledge), index, 'up');
  for (const route of routes) {
    writer
      .begin(RTM.newRoute, createExclusive)
      .u8(AF_INET)
      .u8(route.prefixLength)
      .u8(0)
      .u8(0)
      .u8(RT_TABLE_MAIN)
      .u8(RTPROT_BOOT)
      .u8(route.gateway === undefined ? RT_SCOPE.link : RT_SCOPE.universe)
      .u8(RTN_UNICAST)
      .u32(0)
      .attribute(RTA.destination, addressBytes(route.destination))
      .attributeU32(RTA.outputInterface, index);
    if (route.gateway !== undefined) writer.attribute(RTA.gateway, addressBytes(route.gateway));
  }
  const count = writer.count;
  netlink.request(writer.finish(), count);
}

/** IPv4 addresses of one device. */
export function listAddresses(netlink: NetlinkSocket, index: number): number[] {
  const writer = new MessageWriter(256).begin(RTM.getAddress, flags.dump);
  const answers = netlink.query(writer.u8(AF_INET).u8(0).u8(0).u8(0).u32(0).finish());
  return answers
    .filter((message) => message.payload.readUInt32LE(4) === index)
    .flatMap((message) => parseAttributes(message.payload.subarray(8)).get(IFA_LOCAL)?.readUInt32BE(0) ?? []);
}

/** IPv4 routes of the main table that leave through one device. */
export function listRoutes(netlink: NetlinkSocket, index: number): RouteSpec[] {
  const writer = new MessageWriter(256).begin(RTM.getRoute, flags.dump);
  writer.u8(AF_INET).u8(0).u8(0).u8(0).u8(0).u8(0).u8(0).u8(0).u32(0);
  const routes: RouteSpec[] = [];
  for (const { payload } of netlink.query(writer.finish())) {
    const attributes = parseAttributes(payload.subarray(12));
    if (payload.readUInt8(4) !== RT_TABLE_MAIN) continue;
    if (attributes.get(RTA.outputInterface)?.readUInt32LE(0) !== index) continue;
    const gateway = attributes.get(RTA.gateway)?.readUInt32BE(0);
    routes.push({
      destination: attributes.get(RTA.destination)?.readUInt32BE(0) ?? 0,
      prefixLength: payload.readUInt8(1),
      ...(gateway === undefined ? {} : { gateway }),
    });
  }
  return routes;
}
