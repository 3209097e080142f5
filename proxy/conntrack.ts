/**
 * Forgets UDP flows that go where they should not any more.
 *
 * The kernel translates the first packet of a flow and treats the rest like it, for as long as packets come. A
 * TCP connection ends with its endpoint; a DNS client that keeps one port would talk to a dead address forever.
 */
import { MessageWriter, flags, parseAttributes } from '../common/netlink/message.js';
import { NetlinkSocket, families, isNetlinkError } from '../common/netlink/socket.js';
import type { UdpPort } from './compute-ruleset.js';

const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_GET = 1;
const IPCTNL_MSG_CT_DELETE = 2;
const AF_INET = 2;
const IPPROTO_UDP = 17;
const CTA = { tupleOriginal: 1, tupleReply: 2, id: 12 };
const CTA_TUPLE = { ip: 1, protocol: 2 };
const CTA_IP = { source: 1, destination: 2 };
const CTA_PROTO = { number: 1, sourcePort: 2, destinationPort: 3 };

/** Where a flow was sent, and who answers it. They differ when the destination was translated. */
export interface UdpFlow {
  readonly destination: string;
  readonly destinationPort: number;
  readonly responder: string;
  readonly responderPort: number;
}

/** True for a flow to one of the ports whose responder is none of the port's targets. Pure. */
export function isStale(flow: UdpFlow, ports: readonly UdpPort[]): boolean {
  const translated = flow.responder !== flow.destination;
  return ports.some((port) => {
    const toAddress = flow.destinationPort === port.port && port.addresses.includes(flow.destination);
    // A node port is on any address of this node; a flow to such a port elsewhere is not translated.
    const toNodePort = translated && port.nodePort !== undefined && flow.destinationPort === port.nodePort;
    if (!toAddress && !toNodePort) return false;
    return !port.targets.some(
      (target) => target.address === flow.responder && target.port === flow.responderPort,
    );
  });
}

/** Removes stale flows to the ports; returns how many there were. */
export function forgetStaleFlows(ports: readonly UdpPort[]): number {
  const netlink = new NetlinkSocket(families.netfilter);
  try {
    let forgotten = 0;
    const question = new MessageWriter(64)
      .begin((NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET, flags.dump)
      .u8(AF_INET)
      .u8(0)
      .u16(0);
    for (const { payload } of netlink.query(question.finish())) {
      const attributes = parseAttributes(payload.subarray(4));
      const original = attributes.get(CTA.tupleOriginal);
      const reply = attributes.get(CTA.tupleReply);
      if (original === undefined || reply === undefined) continue;
      const flow = readFlow(original, reply);
      if (flow === undefined || !isStale(flow, ports)) continue;
      if (remove(netlink, original, attributes.get(CTA.id))) forgotten++;
    }
    return forgotten;
  } finally {
    netlink.close();
  }
}

function readFlow(original: Buffer, reply: Buffer): UdpFlow | undefined {
  const there = readTuple(original);
  const back = readTuple(reply);
  if (there?.protocol !== IPPROTO_UDP || back === undefined) return undefined;
  return {
    destination: there.destination,
    destinationPort: there.destinationPort,
    responder: back.source,
    responderPort: back.sourcePort,
  };
}

interface Tuple {
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

function readTuple(bytes: Buffer): Tuple | undefined {
  const parts = parseAttributes(bytes);
  const ip = parseAttributes(parts.get(CTA_TUPLE.ip) ?? Buffer.alloc(0));
  const protocol = parseAttributes(parts.get(CTA_TUPLE.protocol) ?? Buffer.alloc(0));
  const source = ip.get(CTA_IP.source);
  const destination = ip.get(CTA_IP.destination);
  if (source === undefined || destination === undefined) return undefined;
  return {
    protocol: protocol.get(CTA_PROTO.number)?.readUInt8(0) ?? 0,
    source: source.join('.'),
    destination: destination.join('.'),
    sourcePort: protocol.get(CTA_PROTO.sourcePort)?.readUInt16BE(0) ?? 0,
    destinationPort: protocol.get(CTA_PROTO.destinationPort)?.readUInt16BE(0) ?? 0,
  };
}

/** The id keeps this from hitting a new flow with the same addresses. */
function remove(netlink: NetlinkSocket, original: Buffer, id: Buffer | undefined): boolean {
  const type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE;
  const request = new MessageWriter(512).begin(type, flags.acknowledge).u8(AF_INET).u8(0).u16(0);
  request.nested(CTA.tupleOriginal, () => request.raw(original), true);
  if (id !== undefined) request.attribute(CTA.id, id);
  try {
    netlink.request(request.finish(), 1);
    return true;
  } catch (error) {
    // It ended by itself meanwhile.
    if (isNetlinkError(error, 'ENOENT')) return false;
    throw error;
  }
}
