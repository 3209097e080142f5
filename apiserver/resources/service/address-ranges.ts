/** The ranges that Services draw from, cluster IPs and node ports: what is in them, and in which order they are used. */
import { isIPv4 } from 'node:net';
import IPCIDR from 'ip-cidr';
import { UsageError } from '../../../common/usage-error.js';
import { pickFree } from './pick-free.js';
import type { NumberRange } from './pick-free.js';

/** Cluster IPs of one address family. */
export class ClusterIpRange {
  readonly cidr: string;
  readonly #range: IPCIDR;
  readonly #first: bigint;
  readonly #numbers: NumberRange;
  readonly #random: () => number;

  /** Throws UsageError for a range that cannot serve. */
  constructor(cidr: string, random: () => number = Math.random) {
    if (!IPCIDR.isValidCIDR(cidr))
      throw new UsageError(`--service-cluster-ip-range: ${cidr} is not a CIDR such as 10.96.0.0/12`);
    this.cidr = cidr;
    this.#range = new IPCIDR(cidr);
    this.#random = random;
    if (!isIPv4(cidr.split('/')[0] ?? ''))
      throw new UsageError('--service-cluster-ip-range: only IPv4 ranges are supported');
    const bounds = this.#range.toRange<bigint>({ type: 'bigInteger' });
    this.#first = bounds[0];
    // Neither the network's own address nor its broadcast address are handed out.
    const size = Number(bounds[1] - bounds[0] - 1n);
    if (size < 8) throw new UsageError(`--service-cluster-ip-range: ${cidr} is too small`);
    this.#numbers = { size, reservedForRequests: Math.min(Math.max(16, Math.floor(size / 16)), 256) };
  }

  /** The address of the `kubernetes` Service: the first one. */
  get first(): string {
    return this.#addressOf(0);
  }

  contains(address: string): boolean {
    if (!IPCIDR.isValidAddress(address) || !this.#range.contains(address)) return false;
    const value = address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
    const index = Number(value - this.#first - 1n);
    return index >= 0 && index < this.#numbers.size;
  }

  /** A free address, or undefined when there is none left. */
  pick(isTaken: (address: string) => boolean): string | undefined {
    const index = pickFree(this.#numbers, (number) => isTaken(this.#addressOf(number)), this.#random);
    return index === undefined ? undefined : this.#addressOf(index);
  }

  #addressOf(index: number): string {
    const value = Number(this.#first + 1n + BigInt(index));
    return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.');
  }
}

export class NodePortRange {
  readonly first: number;
  readonly last: number;
  readonly #numbers: NumberRange;
  readonly #random: () => number;

  /** `text` is `30000-32767`. Throws UsageError. */
  constructor(text: string, random: () => number = Math.random) {
    const match = /^(\d+)-(\d+)$/.exec(text);
    const first = Number(match?.[1]);
    const last = Number(match?.[2]);
    if (match === null || first < 1 || last > 65535 || last < first)
      throw new UsageError(`--service-node-port-range: ${text} is not a range of ports such as 30000-32767`);
    this.first = first;
    this.last = last;
    this.#random = random;
    const size = last - first + 1;
    this.#numbers = {
      size,
      reservedForRequests: size < 16 ? 0 : Math.min(Math.max(16, Math.floor(size / 32)), 128),
    };
  }

  contains(port: number): boolean {
    return Number.isInteger(port) && port >= this.first && port <= this.last;
  }

  /** A free port, or undefined when there is none left. */
  pick(isTaken: (port: number) => boolean): number | undefined {
    const index = pickFree(this.#numbers, (number) => isTaken(number + this.first), this.#random);
    return index === undefined ? undefined : index + this.first;
  }
}
