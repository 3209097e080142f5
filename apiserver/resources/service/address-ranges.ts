/** The ranges that Services draw from: cluster IPs and node ports, as numbers of an {@link IndexAllocator}. */
import { isIPv4 } from 'node:net';
import IPCIDR from 'ip-cidr';
import { UsageError } from '../../../common/usage-error.js';
import { IndexAllocator } from './index-allocator.js';

/** Cluster IPs of one address family. */
export class ClusterIpRange {
  readonly cidr: string;
  readonly #range: IPCIDR;
  readonly #first: bigint;
  readonly #allocator: IndexAllocator;

  /** Throws UsageError for a range that cannot serve. */
  constructor(cidr: string, random?: () => number) {
    if (!IPCIDR.isValidCIDR(cidr))
      throw new UsageError(`--service-cluster-ip-range: ${cidr} is not a CIDR such as 10.96.0.0/12`);
    this.cidr = cidr;
    this.#range = new IPCIDR(cidr);
    if (!isIPv4(cidr.split('/')[0] ?? ''))
      throw new UsageError('--service-cluster-ip-range: only IPv4 ranges are supported');
    const bounds = this.#range.toRange<bigint>({ type: 'bigInteger' });
    this.#first = bounds[0];
    // Neither the network's own address nor its broadcast address are handed out.
    const size = Number(bounds[1] - bounds[0] - 1n);
    if (size < 8) throw new UsageError(`--service-cluster-ip-range: ${cidr} is too small`);
    this.#allocator = new IndexAllocator({
      size,
      reservedForRequests: Math.min(Math.max(16, Math.floor(size / 16)), 256),
      ...(random === undefined ? {} : { random }),
    });
  }

  /** The address of the `kubernetes` Service: the first one. */
  get first(): string {
    return this.#addressOf(0);
  }

  contains(address: string): boolean {
    const index = this.#indexOf(address);
    return index !== undefined && this.#allocator.contains(index);
  }

  take(address: string): boolean {
    const index = this.#indexOf(address);
    return index !== undefined && this.#allocator.take(index);
  }

  takeNext(): string | undefined {
    const index = this.#allocator.takeNext();
    return index === undefined ? undefined : this.#addressOf(index);
  }

  release(address: string): void {
    const index = this.#indexOf(address);
    if (index !== undefined) this.#allocator.release(index);
  }

  #addressOf(index: number): string {
    const value = Number(this.#first + 1n + BigInt(index));
    return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.');
  }

  #indexOf(address: string): number | undefined {
    if (!IPCIDR.isValidAddress(address) || !this.#range.contains(address)) return undefined;
    const value = address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
    return Number(value - this.#first - 1n);
  }
}

export class NodePortRange {
  readonly first: number;
  readonly last: number;
  readonly #allocator: IndexAllocator;

  /** `text` is `30000-32767`. Throws UsageError. */
  constructor(text: string, random?: () => number) {
    const match = /^(\d+)-(\d+)$/.exec(text);
    const first = Number(match?.[1]);
    const last = Number(match?.[2]);
    if (match === null || first < 1 || last > 65535 || last < first)
      throw new UsageError(`--service-node-port-range: ${text} is not a range of ports such as 30000-32767`);
    this.first = first;
    this.last = last;
    const size = last - first + 1;
    this.#allocator = new IndexAllocator({
      size,
      reservedForRequests: size < 16 ? 0 : Math.min(Math.max(16, Math.floor(size / 32)), 128),
      ...(random === undefined ? {} : { random }),
    });
  }

  contains(port: number): boolean {
    return this.#allocator.contains(port - this.first);
  }

  take(port: number): boolean {
    return this.#allocator.take(port - this.first);
  }

  takeNext(): number | undefined {
    const index = this.#allocator.takeNext();
    return index === undefined ? undefined : index + this.first;
  }

  release(port: number): void {
    this.#allocator.release(port - this.first);
  }
}
