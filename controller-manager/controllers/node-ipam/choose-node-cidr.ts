/** Cuts the cluster's pod range into equal parts and finds one that no node has. Pure. */
import IPCIDR from 'ip-cidr';
import { UsageError } from '../../../common/usage-error.js';

/** The cluster's pod range and how it is cut. */
export interface NodeCidrRange {
  readonly firstAddress: bigint;
  /** Addresses of one part. */
  readonly partSize: bigint;
  readonly parts: bigint;
  readonly maskSize: number;
  readonly isIpv6: boolean;
}

/** Throws UsageError when the parts would be larger than the whole, or the mask is impossible. */
export function nodeCidrRange(clusterCidr: string, maskSize: number): NodeCidrRange {
  const whole = new IPCIDR(clusterCidr);
  const isIpv6 = clusterCidr.includes(':');
  const bits = isIpv6 ? 128 : 32;
  const clusterMask = Number(clusterCidr.split('/')[1]);
  if (maskSize < clusterMask || maskSize > bits) {
    throw new UsageError(
      `--node-cidr-mask-size: ${maskSize} must lie between the mask of --cluster-cidr (${clusterMask}) and ${bits}`,
    );
  }
  return {
    firstAddress: whole.start<bigint>({ type: 'bigInteger' }),
    partSize: 1n << BigInt(bits - maskSize),
    parts: 1n << BigInt(maskSize - clusterMask),
    maskSize,
    isIpv6,
  };
}

/**
 * The lowest part that overlaps with none of the ranges in use (in CIDR notation; those outside of the cluster's
 * range do not count), or undefined when there is none.
 */
export function chooseNodeCidr(range: NodeCidrRange, inUse: Iterable<string>): string | undefined {
  const taken = new Set<bigint>();
  for (const cidr of inUse) for (const part of partsOf(range, cidr)) taken.add(part);
  for (let part = 0n; part < range.parts; part++) {
    if (!taken.has(part)) return formatPart(range, part);
  }
  return undefined;
}

/** The numbers of the parts that a range touches. A node may have been given a range of another size. */
function* partsOf(range: NodeCidrRange, cidr: string): Generator<bigint> {
  if (!IPCIDR.isValidCIDR(cidr) || cidr.includes(':') !== range.isIpv6) return;
  const used = new IPCIDR(cidr);
  const first = (used.start<bigint>({ type: 'bigInteger' }) - range.firstAddress) / range.partSize;
  const last = (used.end<bigint>({ type: 'bigInteger' }) - range.firstAddress) / range.partSize;
  for (let part = first < 0n ? 0n : first; part <= last && part < range.parts; part++) yield part;
}

function formatPart(range: NodeCidrRange, part: bigint): string {
  const address = range.firstAddress + part * range.partSize;
  return `${range.isIpv6 ? formatIpv6(address) : formatIpv4(address)}/${range.maskSize}`;
}

function formatIpv4(address: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((address >> shift) & 0xffn)).join('.');
}

/** In the shortened form of RFC 5952, which is how every other tool will write it. */
function formatIpv6(address: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((address >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
